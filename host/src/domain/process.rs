//! Processes: scripts stored in Hookyard, which `github-backup` keeps in a repository.

use super::id::ProcessId;
use super::time::Timestamp;

/// A stored script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    pub id: ProcessId,
    /// Unique.
    pub code: String,
    pub name: String,
    pub script: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}
