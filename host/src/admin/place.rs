//! Where the pages of things with free names lie: their names are percent-encoded whole.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::domain::id::ReplayId;

/// A name as one piece of a path.
#[must_use]
pub fn piece(name: &str) -> String {
    utf8_percent_encode(name, NON_ALPHANUMERIC).to_string()
}

/// The page of a process.
#[must_use]
pub fn process(code: &str) -> String {
    format!("/admin/processes/{}/", piece(code))
}

/// The page of a plugin.
#[must_use]
pub fn plugin(name: &str) -> String {
    format!("/admin/plugins/{}/", piece(name))
}

/// The page of a schedule.
#[must_use]
pub fn schedule(plugin: &str, name: &str) -> String {
    format!("/admin/schedules/{}/{}/", piece(plugin), piece(name))
}

/// The page of an order to replay.
#[must_use]
pub fn order(id: ReplayId) -> String {
    format!("/admin/replays/{id}/")
}

/// The page of a source.
#[must_use]
pub fn source(name: &str) -> String {
    format!("/admin/sources/{}/", piece(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_one_piece() {
        assert_eq!(process("a/../é?"), "/admin/processes/a%2F%2E%2E%2F%C3%A9%3F/");
        assert_eq!(schedule("a", "*/5 *"), "/admin/schedules/a/%2A%2F5%20%2A/");
    }
}
