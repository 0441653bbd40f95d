//! Credentials that the plugin may use and never sees.

use crate::{Failure, host};

pub use crate::bindings::hookyard::plugin::secrets::SecretError;

/// A stand-in for the secret `name` of the manifest. For kind `url` send the request to it; for
/// every other kind put it in a header's value. The host puts the secret in its place when the request
/// leaves.
pub fn reference(name: &str) -> Result<String, SecretError> {
    host::secret(name)
}

impl From<SecretError> for Failure {
    fn from(error: SecretError) -> Self {
        match error {
            SecretError::NotAskedFor(text) | SecretError::NotGranted(text) | SecretError::Refused(text) => {
                Self::reject(text)
            }
            // The operator may be about to put the file or variable in place.
            SecretError::Unavailable(text) => Self::retry(text),
        }
    }
}
