//! Line ends of scripts that go through a form.

/// The text of a form with the line ends that the stored script has: browsers make all of them alike, and a script
/// must not change in every line because one was changed.
#[must_use]
pub fn as_before(text: String, before: &str) -> String {
    if before.contains("\r\n") {
        text.replace('\n', "\r\n")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::as_before;

    #[test]
    fn line_ends_stay_what_they_were() {
        let text = || "a\nb\n".to_owned();
        assert_eq!(as_before(text(), "a\r\n"), "a\r\nb\r\n");
        assert_eq!(as_before(text(), "a\n"), "a\nb\n");
        assert_eq!(as_before(text(), ""), "a\nb\n");
    }
}
