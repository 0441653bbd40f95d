//! What a source wants to see of a request, in words.

use crate::domain::source::scheme::{Layout, Part, Scheme, SignedScheme, Stamp, TokenScheme};

/// What proves a sender by this scheme.
#[must_use]
pub fn expected(scheme: &Scheme) -> String {
    match scheme {
        Scheme::Open => "Nothing: whoever reaches the address may send.".to_owned(),
        Scheme::Signed(scheme) => signed(scheme),
        Scheme::Message(scheme) => {
            let covered: Vec<_> = scheme
                .components
                .iter()
                .map(|name| format!("\"{name}\""))
                .collect();
            format!(
                "A signature by {} in the headers signature-input and signature (RFC 9421) that covers {}, and \
                 content-digest where there is a body.",
                scheme.algorithm,
                if covered.is_empty() {
                    "nothing in particular".to_owned()
                } else {
                    covered.join(", ")
                }
            )
        }
        Scheme::Token(TokenScheme::Bearer { query: false }) => {
            "The secret itself, as `Authorization: Bearer SECRET`.".to_owned()
        }
        Scheme::Token(TokenScheme::Bearer { query: true }) => {
            "The secret itself, as `Authorization: Bearer SECRET` or `?access_token=SECRET`.".to_owned()
        }
        Scheme::Token(TokenScheme::Header(name)) => format!("The secret itself, in the header {name}."),
        Scheme::Token(TokenScheme::Basic) => "USER:PASSWORD, as `Authorization: Basic …`.".to_owned(),
    }
}

fn signed(scheme: &SignedScheme) -> String {
    let parts: Vec<_> = scheme.signed.iter().map(part).collect();
    let time = match &scheme.timestamp {
        None => String::new(),
        Some(Stamp::Header(name, format)) => format!("; its time in the header {name} ({format})"),
        Some(Stamp::Beside) => "; its time beside it".to_owned(),
    };
    format!(
        "An HMAC ({}, {}) in the header {}{}, of {}{time}.",
        scheme.algorithm,
        scheme.encoding,
        scheme.header,
        layout(&scheme.layout),
        parts.join(" + ")
    )
}

fn layout(layout: &Layout) -> String {
    match layout {
        Layout::Prefixed(prefix) if prefix.is_empty() => String::new(),
        Layout::Prefixed(prefix) => format!(" after `{prefix}`"),
        Layout::Fields { timestamp, signature } => format!(" as `{timestamp}=TIME,{signature}=SIGNATURE`"),
        Layout::Versions => " as `v1,SIGNATURE`".to_owned(),
    }
}

fn part(part: &Part) -> String {
    match part {
        Part::Text(words) => format!("`{words}`"),
        Part::Timestamp => "its time".to_owned(),
        Part::Body => "the body".to_owned(),
        Part::Header(name) => format!("the header {name}"),
        Part::Method => "the method".to_owned(),
        Part::Url => "the address".to_owned(),
        Part::SortedForm => "the form's fields in order".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::source::scheme::{Algorithm, Encoding, KeyForm, StampFormat};

    #[test]
    fn a_scheme_is_told_in_words() {
        let scheme = Scheme::Signed(SignedScheme {
            header: "x-signature".into(),
            layout: Layout::Prefixed("v0=".into()),
            algorithm: Algorithm::Sha256,
            encoding: Encoding::Hex,
            timestamp: Some(Stamp::Header("x-time".into(), StampFormat::Unix)),
            signed: vec![Part::Text("v0:".into()), Part::Timestamp, Part::Body].into(),
            keys: KeyForm::Text,
        });
        assert_eq!(
            expected(&scheme),
            "An HMAC (sha256, hex) in the header x-signature after `v0=`, of `v0:` + its time + the body; its time in \
             the header x-time (unix)."
        );
        assert!(expected(&Scheme::Token(TokenScheme::Header("x-key".into()))).contains("x-key"));
        assert!(expected(&Scheme::Open).starts_with("Nothing"));
    }
}
