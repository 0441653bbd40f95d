//! The words that stand for secrets in a guest, and their values in a run.

use super::host::RunContext;
use super::manifest::SecretKind;
use crate::domain::grant::SecretSource;
use crate::secret::Secret;
use crate::vault::resolve;

/// The secret `name` as a run uses it. Where a tape answers nobody looks at it, so that it need not be
/// there.
pub(super) async fn of_run(
    run: &RunContext,
    name: &str,
    kind: SecretKind,
    source: &SecretSource,
) -> Result<Secret, String> {
    let Some(tape) = run.deps.wire.replayed() else {
        return resolve(source, &run.deps.environment, &run.deps.vault).await;
    };
    match kind {
        SecretKind::Url => tape
            .origin_of(name)
            .map(|origin| Secret::new(format!("{origin}/{}", placeholder())))
            .ok_or_else(|| "the tape does not know its origin".to_owned()),
        _ => Ok(Secret::new(placeholder())),
    }
}

/// A word that stands for a secret during one run. 128 random bits: it cannot be guessed, and a
/// word from another run means nothing.
pub(super) fn placeholder() -> String {
    format!("hookyard-secret-{}", hex::encode(rand::random::<[u8; 16]>()))
}
