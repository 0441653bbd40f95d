//! The ways in which a vendor may write a secret that it sends back. Pure.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::{Position, Url};
use zeroize::Zeroizing;

use crate::wasm::egress::request::PATH_UNSAFE;

/// Shorter texts are not searched for: they would be found everywhere.
pub(super) const MIN_BYTES: usize = 6;
/// Shortest segment of a URL's path that is searched for alone. Slack's and Discord's secret ones have 24
/// bytes and more; the words of an API (`messages`, `workflows`) have fewer, and are no secret.
const MIN_SEGMENT_BYTES: usize = 16;
/// Parts of one URL that are searched for alone: vendors' webhook URLs have up to ten. The whole is
/// searched for in any case.
const MAX_PARTS: usize = 32;

/// RFC 3986, section 2.3: all but `unreserved` is encoded, as most libraries do.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// What `encodeURIComponent` encodes (ECMA-262, section 19.2.6.4).
const COMPONENT: &AsciiSet = &UNRESERVED
    .remove(b'!')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// One way of writing a secret.
pub(super) type Form = Zeroizing<Vec<u8>>;

/// All ways of writing one; the value itself comes first.
pub(in crate::wasm::egress) type Forms = Arc<Vec<Form>>;

/// The ways of writing this value, and of the parts of it that are secret alone.
pub(in crate::wasm::egress) fn forms(value: &str) -> Forms {
    let mut forms = vec![Zeroizing::new(value.as_bytes().to_vec())];
    for part in parts(value) {
        write_all(&part, &mut |form| {
            let form = Zeroizing::new(form.into_bytes());
            if form.len() >= MIN_BYTES && !forms.contains(&form) {
                forms.push(form);
            }
        });
    }
    Arc::new(forms)
}

/// The value, and where it is a URL what in it may be a secret: all behind the host, the path, each value
/// of the query, each long segment of the path, a password; as written and decoded.
fn parts(value: &str) -> Vec<Zeroizing<String>> {
    let mut parts = vec![Zeroizing::new(value.to_owned())];
    let Some(url) = Url::parse(value).ok().filter(Url::has_host) else {
        return parts;
    };
    let mut add = |text: &str| {
        for text in [Zeroizing::new(text.to_owned()), decoded(text)] {
            if !parts.contains(&text) {
                parts.push(text);
            }
        }
    };
    add(url.as_str());
    add(&url[Position::BeforePath..Position::AfterQuery]);
    add(url.path());
    for pair in url.query().unwrap_or_default().split('&') {
        add(pair.split_once('=').map_or(pair, |(_name, value)| value));
    }
    let segments = url.path().split('/');
    segments
        .filter(|segment| segment.len() >= MIN_SEGMENT_BYTES)
        .for_each(&mut add);
    add(url.password().unwrap_or_default());
    parts.retain(|part| part.len() >= MIN_BYTES);
    parts.truncate(MAX_PARTS);
    parts
}

fn decoded(text: &str) -> Zeroizing<String> {
    Zeroizing::new(percent_decode_str(text).decode_utf8_lossy().into_owned())
}

fn write_all(text: &str, put: &mut impl FnMut(String)) {
    put(text.to_owned());
    in_json(text, put);
    for set in [NON_ALPHANUMERIC, UNRESERVED, COMPONENT, PATH_UNSAFE] {
        percent(utf8_percent_encode(text, set).to_string(), put);
    }
    percent(
        url::form_urlencoded::byte_serialize(text.as_bytes()).collect(),
        put,
    );
    put(STANDARD.encode(text));
    for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
        put(engine.encode(text));
        (0..3).for_each(|offset| put(amid(&engine, text.as_bytes(), offset)));
    }
}

/// As JSON texts have it (RFC 8259, section 7): with the fewest escapes, with slashes escaped as PHP does,
/// and with the escapes that Go and Gson add so that the text may stand in a page.
fn in_json(text: &str, put: &mut impl FnMut(String)) {
    let quoted = Zeroizing::new(serde_json::Value::from(text).to_string());
    let json = &quoted[1..quoted.len() - 1];
    put(json.to_owned());
    put(json.replace('/', "\\/"));
    let escaped = |wide: &[char]| {
        let escape = |c: char| {
            if wide.contains(&c) {
                format!("\\u{:04x}", u32::from(c))
            } else {
                c.to_string()
            }
        };
        json.chars().map(escape).collect::<String>()
    };
    put(escaped(&['<', '>', '&']));
    put(escaped(&['<', '>', '&', '=', '\'']));
}

/// With the hexadecimal digits in upper and in lower case (RFC 3986, section 2.1: they mean the same).
fn percent(upper: String, put: &mut impl FnMut(String)) {
    let upper = Zeroizing::new(upper);
    let mut digits = 0;
    let lower = upper.chars().map(|c| {
        if c == '%' {
            digits = 2;
            return c;
        }
        let digit = digits > 0;
        digits -= usize::from(digit);
        if digit { c.to_ascii_lowercase() } else { c }
    });
    let lower = Zeroizing::new(lower.collect::<String>());
    for text in [upper, lower] {
        // A form writes a blank so (WHATWG URL, section 5.2).
        put(text.replace("%20", "+"));
        put(text.to_string());
    }
}

/// The middle of a Base64 text in which `bytes` stand after `offset` others, modulo three: the characters
/// that depend on nothing else (RFC 4648, section 4: three bytes are four characters).
fn amid(engine: &GeneralPurpose, bytes: &[u8], offset: usize) -> String {
    let shifted = Zeroizing::new([&[0; 2][..offset], bytes].concat());
    let text = Zeroizing::new(engine.encode(&*shifted));
    let (first, end) = ((offset * 8).div_ceil(6), shifted.len() * 8 / 6);
    text.get(first..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether some form of `value` stands in `text`; checked against texts that other programs wrote.
    fn found(value: &str, text: &str) -> bool {
        let forms = forms(value);
        forms
            .iter()
            .any(|form| memchr::memmem::find(text.as_bytes(), form).is_some())
    }

    #[test]
    fn the_usual_ways_of_encoding_it_for_urls_are_found() {
        // By Python's quote(safe=''), JavaScript's encodeURIComponent, Python's quote_plus, and Go's
        // PathEscape with its hexadecimal in lower case.
        for text in [
            "k%2Fe-y._~%20%27%3A%28x%29",
            "k%2Fe-y._~%20'%3A(x)",
            "k%2Fe-y._~+%27%3A%28x%29",
            "k%2fe-y._~%20%27%3a%28x%29",
            "k%2Fe%2Dy%2E%5F%7E%20%27%3A%28x%29",
            "k%2Fe-y._~%20%27:%28x%29",
        ] {
            let text = format!("?q={text}&");
            assert!(found("k/e-y._~ ':(x)", &text), "{text}");
        }
    }

    #[test]
    fn base64_is_found_wherever_the_secret_begins_in_it() {
        // echo -n 'user:token-value' | base64, and with one and two characters more before.
        for text in [
            "dG9rZW4tdmFsdWU=",
            "dXNlcjp0b2tlbi12YWx1ZQ==",
            "eHVzZXI6dG9rZW4tdmFsdWU6eA==",
            "eHh1c2VyOnRva2VuLXZhbHVlOng=",
        ] {
            assert!(found("token-value", text), "{text}");
        }
        // '>>>???' has both characters in which the two alphabets differ.
        assert!(found("key>>>???key", "a2V5Pj4-Pz8_a2V5"));
        assert!(found("key>>>???key", "a2V5Pj4+Pz8/a2V5"));
    }

    #[test]
    fn json_is_found_with_each_librarys_escapes() {
        for text in [
            r#"ab\"c/d&e=f<g"#,
            r#"ab\"c\/d&e=f<g"#,
            r#"ab\"c/d\u0026e=f\u003cg"#,
            r#"ab\"c/d\u0026e\u003df\u003cg"#,
        ] {
            assert!(found(r#"ab"c/d&e=f<g"#, text), "{text}");
        }
    }

    #[test]
    fn of_a_url_each_part_that_is_secret_alone_is_found() {
        let chat = "https://chat.test/v1/spaces/AAAA/messages?key=AIza-key_1&token=T%2Ftoken%3D";
        for text in [
            "token=T%2Ftoken%3D",
            "token is T/token=",
            "{\"key\":\"AIza-key_1\"}",
            "/v1/spaces/AAAA/messages?key=AIza-key_1&token=T%2Ftoken%3D",
            "/v1/spaces/AAAA/messages?key=AIza-key_1\\u0026token=T%2Ftoken%3D",
        ] {
            assert!(found(chat, text), "{text}");
        }
        assert!(!found(chat, "three messages in spaces"), "words are let be");
        let slack = "https://hooks.test/services/T0/B0/abcdefghijklmnopqrstuvwx";
        assert!(found(slack, "no service abcdefghijklmnopqrstuvwx"));
        assert!(found(slack, "/services/T0/B0/abcdefghijklmnopqrstuvwx"));
        assert!(found("https://u:pass-word@hooks.test/", "pass-word"));
    }
}
