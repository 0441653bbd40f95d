//! Files and bodies of a place.

use std::path::Path;
use std::time::Duration;

/// How long a look at a database waits for whoever writes it.
const BUSY: Duration = Duration::from_secs(5);

/// The SQLite file of a server that may run, to be read.
///
/// # Errors
/// When it is not there.
pub fn open_to_read(file: &Path) -> anyhow::Result<rusqlite::Connection> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY | rusqlite::OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = rusqlite::Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(BUSY)?;
    Ok(connection)
}

/// Puts a new file in the place of one, whole.
///
/// # Errors
/// When it cannot be written.
pub fn replace(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let new = file.with_extension("new");
    std::fs::write(&new, bytes)?;
    Ok(std::fs::rename(new, file)?)
}

/// A build of a component that differs from every other by a custom section.
pub fn build(component: &[u8], number: u32) -> Vec<u8> {
    // Section 0, 6 bytes: a name of one byte and four of content (Core Specification, 5.5.3).
    let mut bytes = [component, &[0, 6, 1, b'r']].concat();
    bytes.extend_from_slice(&number.to_le_bytes());
    bytes
}

/// A JSON body of about so many KiB: an object with texts, numbers and a list, as webhooks have.
pub fn body(kib: usize) -> Vec<u8> {
    let mut items = Vec::new();
    let line = |number: usize| format!("{{\"sku\":\"item-{number:06}\",\"count\":{number},\"price\":12.5}}");
    let frame =
        "{\"action\":\"opened\",\"number\":42,\"sender\":{\"login\":\"somebody\"},\"items\":[]}".len();
    let mut bytes = frame;
    while bytes < kib * 1024 {
        let line = line(items.len());
        bytes += line.len() + 1;
        items.push(line);
    }
    format!(
        "{{\"action\":\"opened\",\"number\":42,\"sender\":{{\"login\":\"somebody\"}},\"items\":[{}]}}",
        items.join(",")
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_json_of_their_size() {
        for kib in [1, 20, 100] {
            let body = body(kib);
            serde_json::from_slice::<serde_json::Value>(&body).expect("JSON");
            assert!(
                body.len() >= kib * 1024 - 64 && body.len() < kib * 1024 + 128,
                "{}",
                body.len()
            );
        }
    }
}
