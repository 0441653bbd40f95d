//! HTTP Message Signatures (RFC 9421), with Content-Digest (RFC 9530).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use ring::digest;
use subtle::ConstantTimeEq as _;

use super::super::presented::{Address, Digest, Presented};
use super::fields::{self, Bare, Item, List, Value};
use super::keys::Key;
use super::signed::no_match;
use super::{Terms, check_time, malformed};
use crate::domain::rejected::{Check, Rejection};
use crate::domain::source::scheme::MessageScheme;
use crate::domain::time::Timestamp;
use crate::secret::Secret;

const INPUT: &str = "signature-input";
const SIGNATURE: &str = "signature";
const CONTENT_DIGEST: &str = "content-digest";

/// Most signatures of one request: the sender's, two while it changes keys, and those of proxies on the way.
const MAX_MESSAGE_SIGNATURES: usize = 4;
/// Longest signature base, in bytes: each of a request's headers once, and its address a few times. Nobody
/// has proven anything when the first one is built.
const MAX_BASE_BYTES: usize = 128 << 10;

/// Signatures that may prove the request.
pub(super) struct Claim<'a> {
    scheme: &'a MessageScheme,
    reading: Reading<'a>,
    signatures: Vec<Signature>,
}

struct Signature {
    bytes: Vec<u8>,
    covered: Covered,
}

/// What a signature covers.
struct Covered {
    components: Vec<Component>,
    /// The list as it was written, which is signed too.
    raw: String,
}

struct Component {
    /// As it was written, parameters and all.
    raw: String,
    name: String,
    /// Of `@query-param` the parameter's name, decoded.
    parameter: Option<String>,
}

/// Where the values of components come from.
struct Reading<'a> {
    request: &'a Presented,
    /// Where the sender may have called.
    addresses: Vec<Address>,
    /// Of the query's parameters those that are covered: the values of each, two at most.
    query: BTreeMap<String, Vec<Cow<'a, str>>>,
}

pub(super) fn prepare<'a>(
    scheme: &'a MessageScheme,
    request: &'a Presented,
    terms: Terms<'_>,
) -> Result<Claim<'a>, Rejection> {
    let inputs = field(request, INPUT)?.ok_or_else(|| missing(INPUT))?;
    let values = field(request, SIGNATURE)?.ok_or_else(|| missing(SIGNATURE))?;
    let inputs = dictionary(INPUT, &inputs)?;
    let values = dictionary(SIGNATURE, &values)?;
    if inputs.len() > MAX_MESSAGE_SIGNATURES {
        return Err(malformed(format!(
            "more than {MAX_MESSAGE_SIGNATURES} signatures"
        )));
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
        match covered(scheme, list, request, terms) {
            Ok(covered) => signatures.push(Signature { bytes, covered }),
            Err(rejection) => refused = Some(rejection),
        }
    }
    let reading = Reading::of(request, terms, &signatures);
    signatures.retain(|signature| match reading.check(&signature.covered) {
        Ok(()) => true,
        Err(rejection) => {
            refused = Some(rejection);
            false
        }
    });
    if signatures.is_empty() {
        let none = || malformed(format!("{INPUT} and {SIGNATURE} name no signature together"));
        return Err(refused.unwrap_or_else(none));
    }
    check_digest(request)?;
    Ok(Claim {
        scheme,
        reading,
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

/// What an input covers that may count; a rejection when it may not.
fn covered(
    scheme: &MessageScheme,
    list: &List<'_>,
    request: &Presented,
    terms: Terms<'_>,
) -> Result<Covered, Rejection> {
    check_parameters(scheme, list, terms)?;
    check_coverage(scheme, list, request)?;
    let components = list.items.iter().map(component);
    Ok(Covered {
        components: components.collect::<Result<_, _>>()?,
        raw: list.raw.to_owned(),
    })
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
    let is_upper = |item: &&Item<'_>| item.text.bytes().any(|byte| byte.is_ascii_uppercase());
    if let Some(item) = list.items.iter().find(is_upper) {
        let why = format!("the signature covers {}, which is not in lower case", item.raw);
        return Err(malformed(why));
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

/// An item as a component, with no parameter that changes what its value is.
fn component(item: &Item<'_>) -> Result<Component, Rejection> {
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
    let parameter = match item.parameter("name") {
        Some(Bare::Text(name)) => Some(percent_encoding::percent_decode_str(name).decode_utf8_lossy()),
        _ if is_parameter => return Err(malformed("the signature covers @query-param without `name`")),
        _ => None,
    };
    Ok(Component {
        raw: item.raw.to_owned(),
        name: item.text.clone(),
        parameter: parameter.map(Cow::into_owned),
    })
}

impl<'a> Reading<'a> {
    /// Walks over the query once, whatever the signatures cover.
    fn of(request: &'a Presented, terms: Terms<'_>, signatures: &[Signature]) -> Self {
        let components = signatures
            .iter()
            .flat_map(|signature| &signature.covered.components);
        let wanted = components.filter_map(|component| component.parameter.clone());
        let mut query: BTreeMap<_, Vec<_>> = wanted.map(|name| (name, Vec::new())).collect();
        if !query.is_empty() {
            for (name, value) in url::form_urlencoded::parse(request.query().as_bytes()) {
                if let Some(values) = query.get_mut(&*name)
                    && values.len() < 2
                {
                    values.push(value);
                }
            }
        }
        Self {
            request,
            addresses: request.addresses(terms.public_url),
            query,
        }
    }

    /// Whether there is a base for each address. None is kept: secrets are read before they are needed, and
    /// many requests may wait for that.
    fn check(&self, covered: &Covered) -> Result<(), Rejection> {
        for address in &self.addresses {
            self.base(covered, address)?;
        }
        Ok(())
    }

    /// The text that is signed (section 2.5).
    fn base(&self, covered: &Covered, address: &Address) -> Result<String, Rejection> {
        let mut base = String::new();
        for component in &covered.components {
            let value = self.value(component, address)?;
            append(&mut base, &[&component.raw, ": ", &value, "\n"])?;
        }
        append(&mut base, &["\"@signature-params\": ", &covered.raw])?;
        Ok(base)
    }

    /// A component's value (sections 2.1 and 2.2).
    fn value(&self, component: &Component, address: &Address) -> Result<String, Rejection> {
        Ok(match component.name.as_str() {
            "@method" => self.request.method.to_string(),
            "@target-uri" => address.url(),
            "@authority" => address.plain_authority().to_ascii_lowercase(),
            "@scheme" => address.scheme.clone(),
            "@request-target" => address.target.clone(),
            "@path" => address.path().to_owned(),
            "@query" => format!("?{}", self.request.query()),
            "@query-param" => self.query_parameter(component.parameter.as_deref())?,
            derived if derived.starts_with('@') => {
                return Err(malformed(format!(
                    "the signature covers {derived}, which requests do not have"
                )));
            }
            header => field(self.request, header)?.ok_or_else(|| missing(header))?,
        })
    }

    /// Section 2.2.8: decoded, and encoded anew.
    fn query_parameter(&self, name: Option<&str>) -> Result<String, Rejection> {
        match name.and_then(|name| self.query.get(name)).map(Vec::as_slice) {
            Some([value]) => {
                let encoded = percent_encoding::utf8_percent_encode(value, QUERY_VALUE);
                Ok(encoded.to_string())
            }
            _ => Err(malformed(
                "a parameter that the signature covers is not in the query once",
            )),
        }
    }
}

fn append(base: &mut String, parts: &[&str]) -> Result<(), Rejection> {
    let bytes: usize = parts.iter().map(|part| part.len()).sum();
    if base.len() + bytes > MAX_BASE_BYTES {
        let why = format!("what the signature covers has more than {MAX_BASE_BYTES} bytes");
        return Err(malformed(why));
    }
    base.extend(parts.iter().copied());
    Ok(())
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

impl Claim<'_> {
    pub fn check(&self, secrets: &[Secret]) -> Result<Digest, Rejection> {
        let (mut keys, mut unusable) = (Vec::new(), Vec::new());
        for (at, secret) in secrets.iter().enumerate() {
            match Key::message(secret, self.scheme.algorithm) {
                Ok(key) => keys.push(key),
                Err(why) => unusable.push(format!("secret {}: {why}", at + 1)),
            }
        }
        self.proof_by(&keys)
            .ok_or_else(|| no_match(&unusable, secrets.len()))
    }

    /// One base is there at a time.
    fn proof_by(&self, keys: &[Key]) -> Option<Digest> {
        self.signatures.iter().find_map(|signature| {
            let bases = self.reading.addresses.iter();
            let mut bases = bases.filter_map(|address| self.reading.base(&signature.covered, address).ok());
            bases.find_map(|base| {
                let mut keys = keys.iter();
                keys.find_map(|key| key.proof(&[base.as_bytes()], [signature.bytes.as_slice()]))
            })
        })
    }
}
