//! A signature in a header over a text that is made from the request.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use super::super::presented::{Address, Digest, Presented};
use super::keys::{self, Key};
use super::{MAX_SIGNATURES, Terms, check_time, malformed};
use crate::domain::rejected::{Check, Rejection};
use crate::domain::source::scheme::{KeyForm, Layout, Part, SignedScheme, Stamp, StampFormat};
use crate::domain::time::Timestamp;
use crate::secret::Secret;

/// What the request says is signed, and its signatures.
pub(super) struct Claim<'a> {
    scheme: &'a SignedScheme,
    request: &'a Presented,
    offered: Offered<'a>,
    pieces: Vec<Piece<'a>>,
    /// Each way in which the sender may have spelled its address; one that nobody uses where it is not signed.
    urls: BTreeSet<String>,
}

/// A piece of the text that is signed. The text is never put together where that can be helped: a body is large, and
/// addresses have several spellings.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Piece<'a> {
    Bytes(&'a [u8]),
    Url,
    /// The fields of the form, in order of their names.
    Form,
}

/// What the header of the signature holds.
#[derive(Default)]
struct Offered<'a> {
    hmacs: Vec<Vec<u8>>,
    /// Ed25519 signatures.
    asymmetric: Vec<Vec<u8>>,
    timestamp: Option<&'a str>,
}

pub(super) fn prepare<'a>(
    scheme: &'a SignedScheme,
    request: &'a Presented,
    terms: Terms<'_>,
) -> Result<Claim<'a>, Rejection> {
    let offered = offered(scheme, request)?;
    let timestamp = match &scheme.timestamp {
        None => "",
        Some(Stamp::Header(name, format)) => {
            let text = request.needed(name)?;
            check_time(moment(name, text, *format)?, terms)?;
            text
        }
        Some(Stamp::Beside) => {
            let none = || malformed(format!("the header {} has no time", scheme.header));
            let text = offered.timestamp.ok_or_else(none)?;
            check_time(moment(&scheme.header, text, StampFormat::Unix)?, terms)?;
            text
        }
    };
    let pieces = scheme.signed.iter().map(|part| piece(part, request, timestamp));
    let pieces = pieces.collect::<Result<Vec<_>, _>>()?;
    let urls = if pieces.contains(&Piece::Url) {
        let addresses = request.addresses(terms.public_url);
        addresses.iter().flat_map(Address::spellings).collect()
    } else {
        BTreeSet::from([String::new()])
    };
    Ok(Claim {
        scheme,
        request,
        offered,
        pieces,
        urls,
    })
}

fn moment(header: &str, text: &str, format: StampFormat) -> Result<Timestamp, Rejection> {
    let number = || text.parse::<i64>().ok();
    let moment = match format {
        StampFormat::Unix => number()
            .and_then(|seconds| seconds.checked_mul(1000))
            .map(Timestamp::from_millis),
        StampFormat::UnixMs => number().map(Timestamp::from_millis),
        StampFormat::Rfc3339 => Timestamp::parse(text).ok(),
    };
    moment.ok_or_else(|| malformed(format!("the time in the header {header} cannot be read")))
}

/// The header's signatures.
fn offered<'a>(scheme: &SignedScheme, request: &'a Presented) -> Result<Offered<'a>, Rejection> {
    let name = &*scheme.header;
    let value = request.needed(name)?;
    let decode = |text: &str| keys::decode(text, scheme.encoding);
    let mut offered = Offered::default();
    match &scheme.layout {
        Layout::Prefixed(prefix) => {
            let text = value.strip_prefix(&**prefix);
            let text =
                text.ok_or_else(|| malformed(format!("the header {name} does not begin with `{prefix}`")))?;
            offered.hmacs.extend(decode(text.trim()));
        }
        Layout::Fields { timestamp, signature } => {
            for (key, text) in value.split(',').filter_map(|part| part.split_once('=')) {
                let (key, text) = (key.trim(), text.trim());
                if key == *timestamp && offered.timestamp.replace(text).is_some() {
                    return Err(malformed(format!("the header {name} has more than one time")));
                }
                if key == *signature {
                    offered.hmacs.extend(decode(text));
                }
            }
        }
        Layout::Versions => {
            for (version, text) in value.split(' ').filter_map(|part| part.split_once(',')) {
                match version {
                    "v1" => offered.hmacs.extend(decode(text)),
                    "v1a" => offered.asymmetric.extend(decode(text)),
                    _ => {}
                }
            }
        }
    }
    match offered.hmacs.len() + offered.asymmetric.len() {
        0 => Err(malformed(format!(
            "the header {name} has no signature that can be read"
        ))),
        count if count > MAX_SIGNATURES => Err(malformed(format!(
            "the header {name} has more than {MAX_SIGNATURES} signatures"
        ))),
        _ => Ok(offered),
    }
}

fn piece<'a>(part: &'a Part, request: &'a Presented, timestamp: &'a str) -> Result<Piece<'a>, Rejection> {
    Ok(Piece::Bytes(match part {
        Part::Text(words) => words.as_bytes(),
        Part::Timestamp => timestamp.as_bytes(),
        Part::Body => &request.body[..],
        Part::Header(name) => request.needed(name)?.as_bytes(),
        Part::Method => request.method.as_str().as_bytes(),
        Part::Url => return Ok(Piece::Url),
        Part::SortedForm => return form(request),
    }))
}

/// Twilio's: what `RequestValidator` of its libraries does.
fn form(request: &Presented) -> Result<Piece<'_>, Rejection> {
    if let Some(digest) = request.parameter("bodySHA256") {
        return if hex::encode(Sha256::digest(&request.body)).eq_ignore_ascii_case(&digest) {
            Ok(Piece::Bytes(&[]))
        } else {
            let why = "the body is not the one whose digest the address has (bodySHA256)";
            Err(Rejection::new(Check::Signature, why))
        };
    }
    if !request.is_form() && !request.body.is_empty() {
        let why = "the signature does not cover the body: it is no form, and the address has no bodySHA256";
        return Err(Rejection::new(Check::Coverage, why));
    }
    Ok(Piece::Form)
}

/// A form's fields in order of their names, each name followed by its value.
fn sorted(request: &Presented) -> Vec<u8> {
    let fields: BTreeSet<_> = request.fields().collect();
    let mut text = Vec::with_capacity(request.body.len());
    for (name, value) in fields {
        text.extend_from_slice(name.as_bytes());
        text.extend_from_slice(value.as_bytes());
    }
    text
}

impl Claim<'_> {
    pub fn check(&self, secrets: &[Secret]) -> Result<Digest, Rejection> {
        let mut unusable = Vec::new();
        // Once, whatever the number of secrets and spellings.
        let form = if self.pieces.contains(&Piece::Form) {
            sorted(self.request)
        } else {
            Vec::new()
        };
        for (at, secret) in secrets.iter().enumerate() {
            match key(self.scheme, secret).map(|key| self.proof_by(&key, &form)) {
                Ok(Some(proof)) => return Ok(proof),
                Ok(None) => {}
                Err(why) => unusable.push(format!("secret {}: {why}", at + 1)),
            }
        }
        Err(no_match(&unusable, secrets.len()))
    }

    fn proof_by(&self, key: &Key, form: &[u8]) -> Option<Digest> {
        let signatures = match key {
            Key::Hmac(_) => &self.offered.hmacs,
            Key::Public(..) => &self.offered.asymmetric,
        };
        let signatures = || signatures.iter().map(Vec::as_slice);
        self.urls.iter().find_map(|url| {
            let parts = self.pieces.iter().map(|piece| match piece {
                Piece::Bytes(bytes) => *bytes,
                Piece::Url => url.as_bytes(),
                Piece::Form => form,
            });
            key.proof(&parts.collect::<Vec<_>>(), signatures())
        })
    }
}

/// A secret as this scheme's key.
pub(super) fn key(scheme: &SignedScheme, secret: &Secret) -> Result<Key, &'static str> {
    match scheme.keys {
        KeyForm::Text => Key::text(secret, scheme.algorithm),
        KeyForm::TextOrBase64 => Key::text_or_base64(secret, scheme.algorithm),
        KeyForm::StandardWebhooks => Key::standard_webhooks(secret),
    }
}

/// Why no secret proved it. Where some cannot be used, one of them may be the right one, mistyped.
pub(super) fn no_match(unusable: &[String], secrets: usize) -> Rejection {
    let unusable_all = unusable.len() == secrets;
    let unusable = unusable.join("; ");
    if unusable_all {
        let why = format!("no secret of the source can be used: {unusable}");
        return Rejection::new(Check::NoSecret, why);
    }
    let why = "the signature is not that of this request under any secret of the source: \
               another secret, or something was changed on the way";
    if unusable.is_empty() {
        Rejection::new(Check::Signature, why)
    } else {
        Rejection::new(Check::NoSecret, format!("{why} ({unusable})"))
    }
}
