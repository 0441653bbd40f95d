//! The scripts stored in Hookyard, for a plugin that was granted `read-processes`.

use crate::{Failure, host};

pub use crate::bindings::hookyard::plugin::processes::{Process, ProcessError};

/// How many processes [`all`] asks for at once.
const PAGE: u32 = 100;

/// The processes whose code comes after `after` (exclusive), in order of their codes; at most
/// `limit`. An empty list is the end.
pub fn page(after: Option<&str>, limit: u32) -> Result<Vec<Process>, ProcessError> {
    host::processes(after, limit)
}

/// Every process, page by page. Ends after the first error.
pub fn all() -> impl Iterator<Item = Result<Process, ProcessError>> {
    let mut after: Option<String> = None;
    let mut buffer = Vec::new().into_iter();
    let mut done = false;
    std::iter::from_fn(move || {
        if let Some(process) = buffer.next() {
            return Some(Ok(process));
        }
        if done {
            return None;
        }
        match page(after.as_deref(), PAGE) {
            Ok(list) => {
                done = list.is_empty();
                after = list.last().map(|process: &Process| process.code.clone());
                buffer = list.into_iter();
                buffer.next().map(Ok)
            }
            Err(error) => {
                done = true;
                Some(Err(error))
            }
        }
    })
}

impl From<ProcessError> for Failure {
    fn from(error: ProcessError) -> Self {
        match error {
            ProcessError::NotGranted(text) => Self::reject(text),
            ProcessError::Unavailable(text) => Self::retry(text),
        }
    }
}
