//! Domain values as the columns' types hold them.

use std::borrow::Cow;

/// Text that both databases can hold: PostgreSQL's has no U+0000, which becomes U+FFFD.
pub fn clean(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        Cow::Owned(text.replace('\0', "\u{FFFD}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// [`clean`] of a text that may be missing.
pub fn clean_opt(text: Option<&str>) -> Option<Cow<'_, str>> {
    text.map(clean)
}

/// A count as the databases' signed integer, held at its end.
pub fn int(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

/// The pattern of LIKE (with `ESCAPE '\'`) for "contains this", whatever it holds.
pub fn contains(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{text}%")
}
