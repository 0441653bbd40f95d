//! How large a request gets.

use std::io;

use serde::Serialize;

/// Bytes of one request's body. Google has no hard limit and recommends 2 MB, because larger ones
/// take longer: <https://developers.google.com/workspace/sheets/api/limits>. One request that is
/// applied as a whole is worth the wait; more than this goes in several.
pub(crate) const MAX_BODY: usize = 7_500_000;

/// Bytes of all requests of a table: what the shipped `request-bytes` (64 MiB, of all requests of a run) has room for,
/// with what stands round the cells. A larger one is refused before anything is written.
pub(crate) const MAX_TABLE: usize = 60_000_000;

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

/// How many of the items, from the first on, go into one body; at least one. `size` is that of one as it is sent.
pub(crate) fn fitting<T>(items: &[T], room: usize, size_of: impl Fn(&T) -> usize) -> usize {
    let mut size = 0_usize;
    let fits = items.iter().take_while(|item| {
        size = size.saturating_add(size_of(item)).saturating_add(1);
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
        assert_eq!(fitting(&[1, 2, 3], 4, json_size), 2);
        assert_eq!(fitting(&[1, 2, 3], 0, json_size), 1);
        assert_eq!(fitting::<u8>(&[], 10, json_size), 0);
    }
}
