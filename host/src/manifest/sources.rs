//! The entries `[sources.NAME]`.

use std::borrow::Cow;
use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use toml::Spanned;

use super::raw::source::{RawDedupe, RawPick, RawSource};
use super::{Place, PluginsFileError};
use crate::domain::source::pick::{Pick, check_pointer};
use crate::domain::source::scheme::{
    KeyForm, Layout, MessageScheme, Part, Scheme, SignedScheme, Stamp, StampFormat, Template, TokenScheme,
    is_token,
};
use crate::domain::source::{
    DEFAULT_TOLERANCE, DEFAULT_WINDOW, Dedupe, Format, MAX_SECRETS, SourceName, SourceSpec, Verifier, vendors,
};

/// Longest time a signature may be away from ours: a window of days would be none.
const MAX_TOLERANCE: Duration = Duration::from_hours(24);
/// Most components and origins of a list: past it a mistake is likelier than a wish.
const MAX_LISTED: usize = 50;

/// Checks a source.
pub(super) fn spec(
    name: SourceName,
    raw: RawSource,
    base: &Path,
    place: Place<'_>,
) -> Result<SourceSpec, PluginsFileError> {
    let verifier = *raw.verify.get_ref();
    refuse_foreign_keys(&raw, verifier, place)?;
    let scheme = match vendors::scheme(verifier) {
        Some(scheme) => scheme,
        None if verifier == Verifier::Hmac => hmac(&raw, place)?,
        None if verifier == Verifier::HttpSignature => message(&raw, place)?,
        None => Scheme::Token(TokenScheme::Header(header(
            needed(raw.header.as_ref(), "header", &raw, place)?,
            place,
        )?)),
    };
    let tolerance = match &raw.tolerance {
        None => DEFAULT_TOLERANCE,
        Some(time) if time.get_ref().0 > MAX_TOLERANCE => {
            return Err(place.wrong(time, "`tolerance` must be at most 24h".to_owned()));
        }
        Some(time) => time.get_ref().0,
    };
    let format = raw.format.unwrap_or(vendors::format(verifier));
    Ok(SourceSpec {
        origins: origins(&raw, format, place)?,
        dedupe: dedupe(raw.dedupe.as_ref(), scheme.is_dated().then_some(tolerance), place)?,
        event_type: raw.event_type.map(|pick| event_type(&pick, place)).transpose()?,
        secrets: secrets(raw.secret, &raw.verify, base, place)?,
        facts: vendors::facts(verifier),
        name,
        verifier,
        scheme,
        format,
        tolerance,
    })
}

/// Refuses keys that would have no effect with this verifier.
fn refuse_foreign_keys(
    raw: &RawSource,
    verifier: Verifier,
    place: Place<'_>,
) -> Result<(), PluginsFileError> {
    use Verifier::{ApiKey, Hmac, HttpSignature};
    /// A key, where it is written, and the verifiers that it goes with.
    type Key = (&'static str, Option<Spanned<()>>, &'static [Verifier]);
    fn span<T>(value: Option<&Spanned<T>>) -> Option<Spanned<()>> {
        value.map(|value| Spanned::new(value.span(), ()))
    }
    let keys: [Key; 8] = [
        ("algorithm", span(raw.algorithm.as_ref()), &[Hmac, HttpSignature]),
        ("encoding", span(raw.encoding.as_ref()), &[Hmac]),
        ("header", span(raw.header.as_ref()), &[Hmac, ApiKey]),
        ("prefix", span(raw.prefix.as_ref()), &[Hmac]),
        ("signed", span(raw.signed.as_ref()), &[Hmac]),
        ("timestamp-header", span(raw.timestamp_header.as_ref()), &[Hmac]),
        ("components", span(raw.components.as_ref()), &[HttpSignature]),
        ("tag", span(raw.tag.as_ref()), &[HttpSignature]),
    ];
    for (key, written, verifiers) in keys {
        if let Some(written) = written
            && !verifiers.contains(&verifier)
        {
            let words: Vec<_> = verifiers.iter().map(|word| format!("\"{word}\"")).collect();
            let words = words.join(" or ");
            let message = format!("`{key}` means nothing with verify = \"{verifier}\"; it goes with {words}");
            return Err(place.wrong(&written, message));
        }
    }
    match (&raw.timestamp_format, &raw.timestamp_header) {
        (Some(format), None) => Err(place.wrong(
            format,
            "`timestamp-format` needs `timestamp-header` beside it".to_owned(),
        )),
        _ => Ok(()),
    }
}

fn needed<'a, T>(
    value: Option<&'a Spanned<T>>,
    key: &str,
    raw: &RawSource,
    place: Place<'_>,
) -> Result<&'a Spanned<T>, PluginsFileError> {
    value.ok_or_else(|| {
        let message = format!("verify = \"{}\" needs `{key}`", raw.verify.get_ref());
        place.wrong(&raw.verify, message)
    })
}

fn header(name: &Spanned<String>, place: Place<'_>) -> Result<Cow<'static, str>, PluginsFileError> {
    if is_token(name.get_ref()) {
        Ok(name.get_ref().to_ascii_lowercase().into())
    } else {
        Err(place.wrong(
            name,
            format!("`{}` cannot be the name of a header", name.get_ref()),
        ))
    }
}

fn parsed<T>(text: &Spanned<String>, place: Place<'_>) -> Result<T, PluginsFileError>
where
    T: FromStr<Err: Display>,
{
    let read = text.get_ref().parse::<T>();
    read.map_err(|e| place.wrong(text, e.to_string()))
}

/// A shared secret over a text that the operator describes.
fn hmac(raw: &RawSource, place: Place<'_>) -> Result<Scheme, PluginsFileError> {
    let name = needed(raw.header.as_ref(), "header", raw, place)?;
    let template = match &raw.signed {
        Some(text) => parsed::<Template>(text, place)?,
        None => Template(vec![Part::Body]),
    };
    let timestamp = match &raw.timestamp_header {
        None => None,
        Some(name) => Some(Stamp::Header(
            header(name, place)?,
            raw.timestamp_format
                .as_ref()
                .map_or_else(StampFormat::default, |format| *format.get_ref()),
        )),
    };
    let signs_time = template.0.contains(&Part::Timestamp);
    if signs_time && timestamp.is_none() {
        let message = "`{timestamp}` is signed, so `timestamp-header` must say where it stands";
        return Err(place.wrong(raw.signed.as_ref().unwrap_or(name), message.to_owned()));
    }
    if let (Some(name), false) = (&raw.timestamp_header, signs_time) {
        let message = "a time that is not signed protects nothing: put `{timestamp}` into `signed`";
        return Err(place.wrong(name, message.to_owned()));
    }
    let prefix = raw.prefix.as_ref().map(|prefix| prefix.get_ref().clone());
    Ok(Scheme::Signed(SignedScheme {
        header: header(name, place)?,
        layout: Layout::Prefixed(prefix.unwrap_or_default().into()),
        algorithm: word(raw.algorithm.as_ref(), place)?,
        encoding: raw
            .encoding
            .as_ref()
            .map(|word| *word.get_ref())
            .unwrap_or_default(),
        timestamp,
        signed: template.0.into(),
        keys: KeyForm::TextOrBase64,
    }))
}

fn word<T>(text: Option<&Spanned<String>>, place: Place<'_>) -> Result<T, PluginsFileError>
where
    T: FromStr<Err: Display> + Default,
{
    text.map_or_else(|| Ok(T::default()), |text| parsed(text, place))
}

fn message(raw: &RawSource, place: Place<'_>) -> Result<Scheme, PluginsFileError> {
    let components = match &raw.components {
        None => Vec::new(),
        Some(list) => {
            let known = |name: &String| name.starts_with('@') && name.len() > 1 || is_token(name);
            if list.get_ref().len() > MAX_LISTED || !list.get_ref().iter().all(known) {
                let message = "`components` are names of headers and derived ones such as \"@method\"";
                return Err(place.wrong(list, message.to_owned()));
            }
            list.get_ref()
                .iter()
                .map(|name| name.to_ascii_lowercase())
                .collect()
        }
    };
    Ok(Scheme::Message(MessageScheme {
        algorithm: word(raw.algorithm.as_ref(), place)?,
        components,
        tag: raw.tag.as_ref().map(|tag| tag.get_ref().clone()),
    }))
}

fn secrets(
    raw: Option<Spanned<super::raw::source::RawSecrets>>,
    verify: &Spanned<Verifier>,
    base: &Path,
    place: Place<'_>,
) -> Result<Vec<crate::domain::grant::SecretSource>, PluginsFileError> {
    let open = *verify.get_ref() == Verifier::None;
    match raw {
        None if open => Ok(Vec::new()),
        None => {
            let message = format!(
                "verify = \"{}\" needs `secret = \"env:NAME\"` (or file:, stored:, or a list of them)",
                verify.get_ref()
            );
            Err(place.wrong(verify, message))
        }
        Some(list) if open => {
            let message = "`secret` means nothing with verify = \"none\"; name a verifier, or leave it out";
            Err(place.wrong(&list, message.to_owned()))
        }
        Some(list) if list.get_ref().0.is_empty() || list.get_ref().0.len() > MAX_SECRETS => {
            let message = format!("`secret` names 1 to {MAX_SECRETS} of them");
            Err(place.wrong(&list, message))
        }
        Some(list) => {
            let names = list.into_inner().0.into_iter();
            Ok(names.map(|name| name.into_source(base)).collect())
        }
    }
}

/// The one of two places that is given.
fn pick<T>(
    of: &Spanned<T>,
    header: Option<&String>,
    pointer: Option<&String>,
    place: Place<'_>,
) -> Result<Option<Pick>, PluginsFileError> {
    match (header, pointer) {
        (Some(_), Some(_)) => Err(place.wrong(of, "keep one of `header` and `pointer`".to_owned())),
        (None, None) => Ok(None),
        (Some(name), None) if is_token(name) => Ok(Some(Pick::Header(name.to_ascii_lowercase()))),
        (Some(name), None) => Err(place.wrong(of, format!("`{name}` cannot be the name of a header"))),
        (None, Some(pointer)) => {
            check_pointer(pointer).map_err(|e| place.wrong(of, e.to_string()))?;
            Ok(Some(Pick::Pointer(pointer.clone())))
        }
    }
}

fn event_type(raw: &Spanned<RawPick>, place: Place<'_>) -> Result<Pick, PluginsFileError> {
    let RawPick { header, pointer } = raw.get_ref();
    let picked = pick(raw, header.as_ref(), pointer.as_ref(), place)?;
    picked.ok_or_else(|| place.wrong(raw, "`type` needs `header` or `pointer`".to_owned()))
}

/// `tolerance` is that of a scheme that signs a time: as long as a signature may be old or early, the same
/// request may come again.
fn dedupe(
    raw: Option<&Spanned<RawDedupe>>,
    tolerance: Option<Duration>,
    place: Place<'_>,
) -> Result<Dedupe, PluginsFileError> {
    let table = match raw {
        None => {
            return Ok(Dedupe::On {
                window: DEFAULT_WINDOW,
                key: None,
            });
        }
        Some(raw) => match raw.get_ref() {
            RawDedupe::Off => return Ok(Dedupe::Off),
            RawDedupe::On(table) => (raw, table),
        },
    };
    let (raw, table) = table;
    let window = table.window.map_or(DEFAULT_WINDOW, |time| time.0);
    let least = tolerance.unwrap_or_default() * 2;
    if window < least {
        let message = format!(
            "`window` must be at least twice `tolerance`, {}: a signature counts for so long",
            humantime::format_duration(least)
        );
        return Err(place.wrong(raw, message));
    }
    Ok(Dedupe::On {
        window,
        key: pick(raw, table.header.as_ref(), table.pointer.as_ref(), place)?,
    })
}

fn origins(
    raw: &RawSource,
    format: Format,
    place: Place<'_>,
) -> Result<Option<Vec<String>>, PluginsFileError> {
    match &raw.origins {
        None => Ok(None),
        Some(list) if format != Format::CloudEvents => {
            let message = "`origins` are senders of CloudEvents; it goes with format = \"cloudevents\"";
            Err(place.wrong(list, message.to_owned()))
        }
        Some(list) if list.get_ref().len() > MAX_LISTED => {
            Err(place.wrong(list, format!("`origins` has at most {MAX_LISTED}")))
        }
        Some(list) => {
            let lower = list.get_ref().iter().map(|origin| origin.to_ascii_lowercase());
            Ok(Some(lower.collect()))
        }
    }
}
