//! File names for processes: safe on every file system, and no two that one could take for one.

use std::collections::HashSet;

use sha1::{Digest as _, Sha1};
use unicode_normalization::UnicodeNormalization as _;

/// Bytes of a name without its ending. File systems take 255 for a whole name; the rest is for a
/// suffix and the ending.
const MAX_STEM: usize = 200;

/// Windows keeps these for devices, with any ending.
/// <https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file>
const RESERVED: &[&str] = &[
    "con", "prn", "aux", "nul", "conin$", "conout$", "com0", "com1", "com2", "com3", "com4", "com5", "com6",
    "com7", "com8", "com9", "com¹", "com²", "com³", "lpt0", "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6",
    "lpt7", "lpt8", "lpt9", "lpt¹", "lpt²", "lpt³",
];

/// Gives each code a name, in the order they come: the first keeps the plain name, a later one
/// whose name would fall together with it gets a suffix made of its code.
#[derive(Default)]
pub(crate) struct Names {
    taken: HashSet<String>,
}

impl Names {
    /// The file name for a code, with its ending.
    pub(crate) fn give(&mut self, code: &str) -> String {
        let stem = stem(code);
        if self.taken.insert(folded(&stem)) {
            return format!("{stem}.py");
        }
        let digest = hex(&Sha1::digest(code.as_bytes()));
        // The whole digest is different for each code, so the last length is free.
        let suffixed = (8..=digest.len())
            .step_by(8)
            .map(|length| format!("{stem}-{}", &digest[..length]))
            .find(|name| !self.taken.contains(&folded(name)))
            .unwrap_or_else(|| format!("{stem}-{digest}"));
        self.taken.insert(folded(&suffixed));
        format!("{suffixed}.py")
    }
}

/// The code as a name: composed (NFC), without what is a separator, a command or invisible.
fn stem(code: &str) -> String {
    let mut name: String = code.nfc().map(|c| if is_safe(c) { c } else { '_' }).collect();
    if name.is_empty() {
        name.push('_');
    }
    // A leading dot hides the file, a leading dash looks like an option.
    if name.starts_with(['.', '-', '~']) {
        name.insert(0, '_');
    }
    let device = name
        .split('.')
        .next()
        .unwrap_or_default()
        .trim_end()
        .to_lowercase();
    if RESERVED.contains(&&*device) {
        name.insert(0, '_');
    }
    let mut end = name.len().min(MAX_STEM);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.truncate(end);
    name
}

fn is_safe(c: char) -> bool {
    let separator = c.is_control() || c.is_whitespace() || "/\\:*?\"<>|".contains(c);
    // Invisible characters and those that turn the writing round: two names that look the same.
    let invisible = matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{fff9}'..='\u{fffd}' | '\u{e0000}'..='\u{e0fff}');
    !separator && !invisible
}

/// What a file system that ignores case and composition compares; coarser than any of them.
fn folded(name: &str) -> String {
    name.nfkc()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .nfkc()
        .collect()
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]])
        .map(char::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(code: &str) -> String {
        Names::default().give(code)
    }

    #[test]
    fn ordinary_codes_keep_their_name() {
        for code in [
            "daily-report",
            "PROC_001",
            "a.b",
            "données",
            "日本語",
            "🚀",
            "import (2)".replace(' ', "_").as_str(),
        ] {
            assert_eq!(one(code), format!("{code}.py"));
        }
    }

    #[test]
    fn nothing_leaves_the_folder_or_hides() {
        for (code, name) in [
            ("../../etc/passwd", "_.._.._etc_passwd.py"),
            ("a/b\\c", "a_b_c.py"),
            ("..", "_...py"),
            (".git", "_.git.py"),
            ("-rf", "_-rf.py"),
            ("", "_.py"),
            ("C:x", "C_x.py"),
            ("a\0b\nc d", "a_b_c_d.py"),
            ("CON", "_CON.py"),
            ("nul.txt", "_nul.txt.py"),
            ("com1", "_com1.py"),
            ("console", "console.py"),
            ("a\u{200b}b\u{202e}c", "a_b_c.py"),
        ] {
            assert_eq!(one(code), name, "{code:?}");
        }
        let long = one(&"é".repeat(500));
        assert!(long.len() <= 255 && long.ends_with("é.py"), "{long}");
    }

    #[test]
    fn names_that_fall_together_are_told_apart_and_stay_so() {
        let codes = [
            "Report", "report", "a/b", "a_b", "e\u{301}", "é", "straße", "STRASSE", "ﬁle", "file",
        ];
        let all = |codes: &[&str]| {
            let mut names = Names::default();
            codes.iter().map(|code| names.give(code)).collect::<Vec<_>>()
        };
        let given = all(&codes);
        assert_eq!(given[0], "Report.py");
        assert!(
            given[1].starts_with("report-") && given[1].len() == "report-12345678.py".len(),
            "{given:?}"
        );
        let folded: HashSet<_> = given.iter().map(|name| super::folded(name)).collect();
        assert_eq!(folded.len(), codes.len(), "{given:?}");
        assert_eq!(all(&codes), given, "the same every time");
        assert_eq!(all(&codes[..4]), given[..4], "a later one changes none before it");
    }

    #[test]
    fn a_suffix_that_is_taken_becomes_longer() {
        let digest = hex(&Sha1::digest(b"A"));
        let mut names = Names::default();
        for code in ["a", &format!("a-{}", &digest[..8])] {
            names.give(code);
        }
        assert_eq!(names.give("A"), format!("A-{}.py", &digest[..16]));
    }
}
