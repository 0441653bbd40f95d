//! Text that comes from plugins, made fit to store and show.

/// `text` cut at `max` bytes (on a character, with a mark) and without NUL, which PostgreSQL's
/// TEXT cannot hold.
pub(super) fn tidy(text: &str, max: usize) -> String {
    let clean = text.replace('\0', "\u{fffd}");
    if clean.len() <= max {
        return clean;
    }
    let mark = " … (cut)";
    let mut end = max.saturating_sub(mark.len());
    while !clean.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{mark}", &clean[..end])
}

/// Bytes for people: `64 MiB`, `16 KiB`, `100 bytes`.
pub(super) fn bytes(count: u64) -> String {
    const MIB: u64 = 1 << 20;
    const KIB: u64 = 1 << 10;
    if count >= MIB && count.is_multiple_of(MIB) {
        format!("{} MiB", count / MIB)
    } else if count >= KIB && count.is_multiple_of(KIB) {
        format!("{} KiB", count / KIB)
    } else {
        format!("{count} bytes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut_on_a_character() {
        let cut = tidy(&"é".repeat(100), 50);
        assert!(cut.len() <= 50);
        assert!(cut.ends_with("(cut)"));
        assert_eq!(tidy("a\0b", 50), "a\u{fffd}b");
    }

    #[test]
    fn sizes_read_as_people_write_them() {
        assert_eq!(bytes(64 << 20), "64 MiB");
        assert_eq!(bytes(16 << 10), "16 KiB");
        assert_eq!(bytes(1_000), "1000 bytes");
    }
}
