//! How large a request gets.

use std::io;

use serde::Serialize;

/// Bytes of one request's body: below the host's default `request-bytes` (8 MiB), with room for
/// what stands round the cells. Google has no hard limit and recommends 2 MB, because larger ones
/// take longer: <https://developers.google.com/workspace/sheets/api/limits>. One request that is
/// applied as a whole is worth the wait; more than this goes in several.
pub(crate) const MAX_BODY: usize = 7_500_000;

/// Bytes that a value takes as JSON.
pub(crate) fn json_size<T: Serialize>(value: &T) -> usize {
    let mut counter = Counter(0);
    // Counting does not fail, and a cell always goes into JSON.
    let _ = serde_json::to_writer(&mut counter, value);
    counter.0
}

struct Counter(usize);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How many of the items, from the first on, go into one body; at least one.
pub(crate) fn fitting<T: Serialize>(items: &[T], room: usize) -> usize {
    let mut size = 0_usize;
    let fits = items.iter().take_while(|item| {
        size = size.saturating_add(json_size(item)).saturating_add(1);
        size <= room
    });
    fits.count().max(1).min(items.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_fits() {
        assert_eq!(json_size(&["é", "a"]), r#"["é","a"]"#.len());
        assert_eq!(fitting(&[1, 2, 3], 4), 2);
        assert_eq!(fitting(&[1, 2, 3], 0), 1);
        assert_eq!(fitting::<u8>(&[], 10), 0);
    }
}
