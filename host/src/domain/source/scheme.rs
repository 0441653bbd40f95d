//! Ways to prove who sent a request, as data.

use std::borrow::Cow;
use std::str::FromStr;

use crate::domain::words::words;

/// What proves the sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// A signature over parts of the request.
    Signed(SignedScheme),
    /// HTTP Message Signatures (RFC 9421).
    Message(MessageScheme),
    /// The secret itself comes with the request.
    Token(TokenScheme),
    /// Nothing.
    Open,
}

impl Scheme {
    /// Whether a signature's time is signed too, so that it counts for a while only.
    #[must_use]
    pub const fn is_dated(&self) -> bool {
        match self {
            Self::Signed(scheme) => scheme.timestamp.is_some(),
            Self::Message(_) => true,
            Self::Token(_) | Self::Open => false,
        }
    }

    /// Whether every signature covers this header, its name in lower case.
    #[must_use]
    pub fn signs(&self, header: &str) -> bool {
        let is_part = |part: &Part| matches!(part, Part::Header(name) if name == header);
        match self {
            Self::Signed(scheme) => scheme.signed.iter().any(is_part),
            Self::Message(scheme) => scheme.components.iter().any(|name| name == header),
            Self::Token(_) | Self::Open => false,
        }
    }
}

/// A signature in a header over a text that is made from the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedScheme {
    /// The header of the signature, in lower case.
    pub header: Cow<'static, str>,
    pub layout: Layout,
    pub algorithm: Algorithm,
    pub encoding: Encoding,
    pub timestamp: Option<Stamp>,
    /// What is signed: these, one after the other.
    pub signed: Cow<'static, [Part]>,
    pub keys: KeyForm,
}

/// How the header holds its signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layout {
    /// One, after this prefix.
    Prefixed(Cow<'static, str>),
    /// `t=TIME,v1=SIGNATURE,v1=SIGNATURE`: Stripe's.
    Fields {
        timestamp: &'static str,
        signature: &'static str,
    },
    /// `v1,SIGNATURE v1a,SIGNATURE`: Standard Webhooks'. `v1` is an HMAC, `v1a` is Ed25519.
    Versions,
}

/// How an HMAC is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    Sha1,
    #[default]
    Sha256,
    Sha512,
}

words!(Algorithm, "algorithm" {
    Sha1 = "sha1",
    Sha256 = "sha256",
    Sha512 = "sha512",
});

/// How a signature is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    #[default]
    Hex,
    /// With or without padding, in either alphabet (RFC 4648, 4 and 5).
    Base64,
}

words!(Encoding, "encoding" {
    Hex = "hex",
    Base64 = "base64",
});

/// What a secret's text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyForm {
    /// Its bytes are the key.
    Text,
    /// The same, unless it begins with `base64:`: then the rest is the key in Base64.
    TextOrBase64,
    /// `whsec_` and a key in Base64, or `whpk_` and an Ed25519 public key in Base64.
    StandardWebhooks,
}

/// Where the time of a signature stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stamp {
    /// In a header, its name in lower case.
    Header(Cow<'static, str>, StampFormat),
    /// In the signature's own header, as [`Layout::Fields`] says, in seconds.
    Beside,
}

/// How a moment is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StampFormat {
    /// Seconds since 1970.
    #[default]
    Unix,
    /// Milliseconds since 1970.
    UnixMs,
    /// RFC 3339.
    Rfc3339,
}

words!(StampFormat, "format of a timestamp" {
    Unix = "unix",
    UnixMs = "unix-ms",
    Rfc3339 = "rfc3339",
});

/// A piece of the text that is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// These characters.
    Text(Cow<'static, str>),
    /// The time as the header has it.
    Timestamp,
    /// The body, byte for byte.
    Body,
    /// A header's value, its name in lower case.
    Header(Cow<'static, str>),
    Method,
    /// The address as the sender called it.
    Url,
    /// Twilio's: the fields of a form by name, each name followed by its value. Nothing where the body is
    /// no form: then the address has the body's digest in `bodySHA256`.
    SortedForm,
}

/// The secret as it comes with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenScheme {
    /// `Authorization: Bearer SECRET`; `query` permits `?access_token=SECRET` in its place.
    Bearer { query: bool },
    /// A header whose value is the secret, its name in lower case.
    Header(Cow<'static, str>),
    /// `Authorization: Basic …`; the secret is `USER:PASSWORD`.
    Basic,
}

/// HTTP Message Signatures as a source uses them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageScheme {
    pub algorithm: MessageAlgorithm,
    /// What a signature must cover at least; `content-digest` too, whenever there is a body.
    pub components: Vec<String>,
    /// The `tag` of signatures that count; `None` for any.
    pub tag: Option<String>,
}

/// Algorithms of the registry of RFC 9421, section 6.2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MessageAlgorithm {
    #[default]
    HmacSha256,
    Ed25519,
    EcdsaP256Sha256,
    EcdsaP384Sha384,
    RsaPssSha512,
    RsaV15Sha256,
}

words!(MessageAlgorithm, "algorithm" {
    HmacSha256 = "hmac-sha256",
    Ed25519 = "ed25519",
    EcdsaP256Sha256 = "ecdsa-p256-sha256",
    EcdsaP384Sha384 = "ecdsa-p384-sha384",
    RsaPssSha512 = "rsa-pss-sha512",
    RsaV15Sha256 = "rsa-v1_5-sha256",
});

/// A template such as `{timestamp}.{body}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(pub Vec<Part>);

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTemplate {
    #[error("`{{{0}}}` is unknown; use {{timestamp}}, {{body}}, {{method}}, {{url}} or {{header:NAME}}")]
    Unknown(String),
    #[error("a `{{` has no `}}`")]
    Unclosed,
    #[error("`{{body}}` is missing: without it anybody could change what is sent")]
    NoBody,
}

impl FromStr for Template {
    type Err = InvalidTemplate;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned().into()));
            }
            let (name, after) = after.split_once('}').ok_or(InvalidTemplate::Unclosed)?;
            parts.push(part(name).ok_or_else(|| InvalidTemplate::Unknown(name.to_owned()))?);
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned().into()));
        }
        if parts.contains(&Part::Body) {
            Ok(Self(parts))
        } else {
            Err(InvalidTemplate::NoBody)
        }
    }
}

fn part(name: &str) -> Option<Part> {
    Some(match name {
        "timestamp" => Part::Timestamp,
        "body" => Part::Body,
        "method" => Part::Method,
        "url" => Part::Url,
        other => {
            let header = other.strip_prefix("header:").filter(|name| is_token(name))?;
            Part::Header(header.to_ascii_lowercase().into())
        }
    })
}

/// Whether a text can be the name of a header (`token` of RFC 9110, section 5.6.2).
#[must_use]
pub fn is_token(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(fits)
}
