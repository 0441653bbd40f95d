//! HTTP Message Signatures (RFC 9421), with Content-Digest (RFC 9530).

use std::collections::BTreeSet;

use ring::digest;
use subtle::ConstantTimeEq as _;

use super::super::presented::{Address, Presented};
use super::fields::{self, Bare, Item, List, Value};
use super::keys::Key;
use super::signed::no_match;
use super::{MAX_SIGNATURES, Terms, check_time, malformed};
use crate::domain::rejected::{Check, Rejection};
use crate::domain::source::scheme::MessageScheme;
use crate::domain::time::Timestamp;
use crate::secret::Secret;

const INPUT: &str = "signature-input";
const SIGNATURE: &str = "signature";
const CONTENT_DIGEST: &str = "content-digest";

/// Signatures that may prove the request.
pub(super) struct Claim {
    scheme: MessageScheme,
    signatures: Vec<Signature>,
}

struct Signature {
    bytes: Vec<u8>,
    /// The signature base (section 2.5), one for each address the sender may have called.
    bases: Vec<String>,
}

pub(super) fn prepare(
    scheme: &MessageScheme,
    request: &Presented,
    terms: Terms<'_>,
) -> Result<Claim, Rejection> {
    let inputs = field(request, INPUT)?.ok_or_else(|| missing(INPUT))?;
    let values = field(request, SIGNATURE)?.ok_or_else(|| missing(SIGNATURE))?;
    let inputs = dictionary(INPUT, &inputs)?;
    let values = dictionary(SIGNATURE, &values)?;
    if inputs.len() > MAX_SIGNATURES {
        return Err(malformed(format!("more than {MAX_SIGNATURES} signatures")));
    }
    let mut signatures = Vec::new();
    let mut refused = None;
    for input in &inputs {
        let Value::List(list) = &input.value else { continue };
        let bytes = values.iter().find_map(|member| match &member.value {
            Value::Bytes(bytes) if member.key == input.key => Some(bytes.clone()),
            _ => None,
        });
        let Some(bytes) = bytes else { continue };
        match bases(scheme, list, request, terms) {
            Ok(bases) => signatures.push(Signature { bytes, bases }),
            Err(rejection) => refused = Some(rejection),
        }
    }
    if signatures.is_empty() {
        let none = || malformed(format!("{INPUT} and {SIGNATURE} name no signature together"));
        return Err(refused.unwrap_or_else(none));
    }
    check_digest(request)?;
    Ok(Claim {
        scheme: scheme.clone(),
        signatures,
    })
}

fn missing(header: &str) -> Rejection {
    Rejection::new(Check::Missing, format!("the header {header} is missing"))
}

fn dictionary<'a>(header: &str, text: &'a str) -> Result<Vec<fields::Member<'a>>, Rejection> {
    fields::dictionary(text).map_err(|why| malformed(format!("the header {header} cannot be read: {why}")))
}

/// A field's values, joined as section 2.1 says.
fn field(request: &Presented, name: &str) -> Result<Option<String>, Rejection> {
    let mut joined = None::<String>;
    for value in request.headers.get_all(name) {
        let text = value
            .to_str()
            .map_err(|_| malformed(format!("the header {name} is no text")))?;
        match &mut joined {
            None => joined = Some(text.trim().to_owned()),
            Some(joined) => {
                joined.push_str(", ");
                joined.push_str(text.trim());
            }
        }
    }
    Ok(joined)
}

/// The signature bases of an input that may count; a rejection when it may not.
fn bases(
    scheme: &MessageScheme,
    list: &List<'_>,
    request: &Presented,
    terms: Terms<'_>,
) -> Result<Vec<String>, Rejection> {
    check_parameters(scheme, list, terms)?;
    check_coverage(scheme, list, request)?;
    let addresses = request.addresses(terms.public_url);
    let bases = addresses.iter().map(|address| base(list, request, address));
    bases.collect()
}

fn check_parameters(scheme: &MessageScheme, list: &List<'_>, terms: Terms<'_>) -> Result<(), Rejection> {
    let moment = |name| {
        let seconds = list.integer(name)?;
        Some(Timestamp::from_millis(seconds.checked_mul(1000)?))
    };
    let created = moment("created").ok_or_else(|| malformed("the signature has no time (`created`)"))?;
    check_time(created, terms)?;
    if moment("expires").is_some_and(|expires| expires <= terms.now) {
        return Err(Rejection::new(
            Check::Timestamp,
            "the signature has expired (`expires`)",
        ));
    }
    if let Some(alg) = list.text("alg")
        && alg != scheme.algorithm.as_str()
    {
        let why = format!(
            "the signature is made with {alg}; the source takes {}",
            scheme.algorithm
        );
        return Err(Rejection::new(Check::Signature, why));
    }
    match &scheme.tag {
        Some(tag) if list.text("tag") != Some(tag.as_str()) => {
            let why = format!("the signature's tag is not `{tag}`");
            Err(Rejection::new(Check::Coverage, why))
        }
        _ => Ok(()),
    }
}

fn check_coverage(scheme: &MessageScheme, list: &List<'_>, request: &Presented) -> Result<(), Rejection> {
    let mut seen = BTreeSet::new();
    if let Some(twice) = list.items.iter().find(|item| !seen.insert(item.raw)) {
        return Err(malformed(format!("the signature covers {} twice", twice.raw)));
    }
    let of_body = (!request.body.is_empty()).then_some(CONTENT_DIGEST);
    let wanted = scheme.components.iter().map(String::as_str).chain(of_body);
    for name in wanted {
        if !list.items.iter().any(|item| item.text == name) {
            let why = format!("the signature does not cover \"{name}\"");
            return Err(Rejection::new(Check::Coverage, why));
        }
    }
    Ok(())
}

/// The text that is signed (section 2.5).
fn base(list: &List<'_>, request: &Presented, address: &Address) -> Result<String, Rejection> {
    let mut base = String::new();
    for item in &list.items {
        let value = component(item, request, address)?;
        base.push_str(item.raw);
        base.push_str(": ");
        base.push_str(&value);
        base.push('\n');
    }
    base.push_str("\"@signature-params\": ");
    base.push_str(list.raw);
    Ok(base)
}

/// A component's value (sections 2.1 and 2.2).
fn component(item: &Item<'_>, request: &Presented, address: &Address) -> Result<String, Rejection> {
    let is_parameter = item.text == "@query-param";
    if let Some((name, _)) = item
        .parameters
        .iter()
        .find(|(name, _)| !is_parameter || *name != "name")
    {
        return Err(malformed(format!(
            "the signature covers {} with `{name}`, which is not supported",
            item.text
        )));
    }
    Ok(match item.text.as_str() {
        "@method" => request.method.to_string(),
        "@target-uri" => address.url(),
        "@authority" => address.plain_authority().to_ascii_lowercase(),
        "@scheme" => address.scheme.clone(),
        "@request-target" => address.target.clone(),
        "@path" => address.path().to_owned(),
        "@query" => format!("?{}", request.query()),
        "@query-param" => query_parameter(item, request)?,
        derived if derived.starts_with('@') => {
            return Err(malformed(format!(
                "the signature covers {derived}, which requests do not have"
            )));
        }
        header => field(request, &header.to_ascii_lowercase())?.ok_or_else(|| missing(header))?,
    })
}

/// Section 2.2.8: decoded, and encoded anew.
fn query_parameter(item: &Item<'_>, request: &Presented) -> Result<String, Rejection> {
    let Some(Bare::Text(name)) = item.parameter("name") else {
        return Err(malformed("the signature covers @query-param without `name`"));
    };
    let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
    let pairs = url::form_urlencoded::parse(request.query().as_bytes());
    let mut values = pairs.filter(|(key, _)| *key == name).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (Some(value), None) => {
            let encoded = percent_encoding::utf8_percent_encode(&value, QUERY_VALUE);
            Ok(encoded.to_string())
        }
        _ => Err(malformed(
            "a parameter that the signature covers is not in the query once",
        )),
    }
}

/// What the "application/x-www-form-urlencoded percent-encode set" leaves alone.
const QUERY_VALUE: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
    .remove(b'*')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_');

/// Whether the body is the one whose digest the header has.
fn check_digest(request: &Presented) -> Result<(), Rejection> {
    let Some(text) = field(request, CONTENT_DIGEST)? else {
        return Ok(());
    };
    let mut known = 0;
    for member in dictionary(CONTENT_DIGEST, &text)? {
        let algorithm = match member.key {
            "sha-256" => &digest::SHA256,
            "sha-512" => &digest::SHA512,
            _ => continue,
        };
        known += 1;
        let ours = digest::digest(algorithm, &request.body);
        let same = matches!(&member.value, Value::Bytes(bytes) if bool::from(ours.as_ref().ct_eq(bytes)));
        if !same {
            let why = format!("the body is not the one whose digest {CONTENT_DIGEST} has");
            return Err(Rejection::new(Check::Signature, why));
        }
    }
    if known == 0 {
        return Err(malformed(format!(
            "{CONTENT_DIGEST} has neither sha-256 nor sha-512"
        )));
    }
    Ok(())
}

impl Claim {
    pub fn check(&self, secrets: &[Secret]) -> Result<(), Rejection> {
        let mut unusable = Vec::new();
        for (at, secret) in secrets.iter().enumerate() {
            match Key::message(secret, self.scheme.algorithm) {
                Ok(key) if self.is_proven_by(&key) => return Ok(()),
                Ok(_) => {}
                Err(why) => unusable.push(format!("secret {}: {why}", at + 1)),
            }
        }
        Err(no_match(&unusable, secrets.len()))
    }

    fn is_proven_by(&self, key: &Key) -> bool {
        self.signatures.iter().any(|signature| {
            let mut bases = signature.bases.iter();
            bases.any(|base| key.signed(base.as_bytes(), [signature.bytes.as_slice()]))
        })
    }
}
