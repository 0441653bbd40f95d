//! Names in paths of URLs; octocrab puts them in as they are.

/// Escapes all but unreserved characters and `/` (RFC 3986, 2.3).
pub(super) fn escape(path: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut escaped = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b'/') {
            escaped.push(char::from(byte));
        } else {
            escaped.push('%');
            escaped.push(char::from(HEX[usize::from(byte >> 4)]));
            escaped.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_what_must_be_is_escaped() {
        assert_eq!(super::escape("a/b-c_d.py"), "a/b-c_d.py");
        assert_eq!(super::escape("é #%?"), "%C3%A9%20%23%25%3F");
    }
}
