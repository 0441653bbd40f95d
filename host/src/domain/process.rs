//! Processes: scripts stored in Hookyard, which `github-backup` keeps in a repository.

use super::id::ProcessId;
use super::time::Timestamp;

/// Longest code and longest name, in characters: the old service's columns had as many.
pub const MAX_LABEL_CHARS: usize = 255;

/// Largest script, in bytes: a page of scripts that a plugin reads holds 4 MiB.
pub const MAX_SCRIPT_BYTES: usize = 2 << 20;

/// A stored script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    pub id: ProcessId,
    /// Unique, and never changed.
    pub code: String,
    pub name: String,
    pub script: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A stored script in a list: without its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessSummary {
    pub id: ProcessId,
    pub code: String,
    pub name: String,
    /// Bytes of the script.
    pub size: u64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A script to be written by its code, new or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessPut {
    /// The id, if it is new; a known one keeps its own.
    pub id: ProcessId,
    pub code: String,
    /// `None` keeps the name of a known one, and calls a new one by its code.
    pub name: Option<String>,
    pub script: String,
    /// When it is written.
    pub at: Timestamp,
}

/// Whether a write is kept, or only says what it would come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutMode {
    Keep,
    /// Nothing is changed.
    Try,
}

/// What of a script changes; `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessChange {
    pub name: Option<String>,
    pub script: Option<String>,
}

/// What a write of a process came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessWrite {
    Created,
    Updated,
    /// It was the same already; nothing was written.
    Unchanged,
}

/// What a process was at one time. Versions outlive their process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessVersion {
    /// 1 for the first of its process; a process made anew after a removal begins again.
    pub version: u64,
    pub name: String,
    /// `None`: with this version it was removed.
    pub script: Option<String>,
    pub changed_at: Timestamp,
    /// Who changed it: a username, or `command line`.
    pub changed_by: String,
}

/// What is wrong with a code, for the person who wrote it.
#[must_use]
pub fn wrong_code(code: &str) -> Option<&'static str> {
    match code {
        "" => Some("This field may not be blank."),
        _ if code.chars().count() > MAX_LABEL_CHARS => {
            Some("Ensure this field has no more than 255 characters.")
        }
        _ if code.trim() != code => Some("It must not begin or end with a space."),
        _ if code.chars().any(char::is_control) => Some("It must not hold control characters."),
        _ => None,
    }
}

/// What is wrong with a name.
#[must_use]
pub fn wrong_name(name: &str) -> Option<&'static str> {
    match name {
        "" => Some("This field may not be blank."),
        _ if name.chars().count() > MAX_LABEL_CHARS => {
            Some("Ensure this field has no more than 255 characters.")
        }
        _ if name.contains('\0') => Some("It must not hold NUL characters."),
        _ => None,
    }
}

/// What is wrong with a script.
#[must_use]
pub fn wrong_script(script: &str) -> Option<&'static str> {
    match script {
        _ if script.len() > MAX_SCRIPT_BYTES => Some("Ensure this field has no more than 2 MiB."),
        _ if script.contains('\0') => Some("It must not hold NUL characters."),
        _ => None,
    }
}
