//! What would become of a request to a source, step by step: for whoever sets a source up and wonders why it refuses.
//!
//! The steps are those of the real way in, by its own code, and the verdict is the real one. Nothing is stored, kept or
//! counted. What it tells of a secret is whether it can be read and whether it proves the request.

mod expected;

use super::arrival::Arrival;
use super::late::{Foreseen, LateError};
use super::presented::Presented;
use super::sources::{SourceError, Sources};
use super::trial::Trial;
use super::verify::Terms;
use crate::domain::rejected::Rejection;
use crate::domain::source::SourceSpec;

pub use expected::expected;

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepEnd {
    Passed,
    Failed,
    /// An earlier one failed, or there is nothing to do.
    Skipped,
}

impl StepEnd {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub what: &'static str,
    pub end: StepEnd,
    /// For people.
    pub text: String,
}

/// All steps of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rehearsal {
    pub steps: Vec<Step>,
    /// Why it would be refused; `None` when it would be taken.
    pub rejection: Option<Rejection>,
    /// What it would become.
    pub events: Vec<Foreseen>,
}

/// The names of the steps.
const PROOF: &str = "The proof can be read";
const SECRETS: &str = "The secrets can be read";
const MATCH: &str = "A secret proves it";
const BODY: &str = "The body can be taken";

/// Why it cannot be rehearsed.
#[derive(Debug, thiserror::Error)]
pub enum RehearsalError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Late(#[from] LateError),
}

impl Sources {
    /// What would become of this request.
    ///
    /// # Errors
    /// When there is no such source, or the database does not answer.
    pub async fn rehearse(&self, name: &str, request: &Presented) -> Result<Rehearsal, RehearsalError> {
        let found = self.table.load().get(name).cloned();
        let spec = found.ok_or(SourceError::Unknown)?;
        let mut steps = self.proof_steps(&spec, request).await;
        // The verdict is that of the way in itself, which goes through the same steps.
        match self.judge(&spec, request, None).await {
            Ok(arrival) => {
                steps.push(step(BODY, StepEnd::Passed, brings(&arrival)));
                Ok(Rehearsal {
                    steps,
                    rejection: None,
                    events: self.foresee(arrival).await?,
                })
            }
            Err(rejection) => {
                let proven = steps.iter().all(|step| step.end != StepEnd::Failed);
                steps.push(if proven {
                    step(BODY, StepEnd::Failed, rejection.why.clone())
                } else {
                    step(BODY, StepEnd::Skipped, "It is not looked at before.")
                });
                Ok(Rehearsal {
                    steps,
                    rejection: Some(rejection),
                    events: Vec::new(),
                })
            }
        }
    }

    async fn proof_steps(&self, spec: &SourceSpec, request: &Presented) -> Vec<Step> {
        let terms = Terms {
            now: request.received_at,
            tolerance: spec.tolerance,
            public_url: self.public_url.as_deref(),
        };
        let claim = match Trial::prepare(&spec.scheme, request, terms, &self.intake.looks).await {
            Ok(claim) => claim,
            Err(rejection) => {
                return vec![
                    step(PROOF, StepEnd::Failed, rejection.why),
                    step(SECRETS, StepEnd::Skipped, "They are not asked for before."),
                    step(MATCH, StepEnd::Skipped, ""),
                ];
            }
        };
        let mut steps = vec![step(PROOF, StepEnd::Passed, expected(&spec.scheme))];
        if claim.needs_secrets() {
            steps.extend(self.secret_steps(spec, &claim).await);
        } else {
            let text = "The source takes what anybody sends (verify = \"none\").";
            steps.push(step(SECRETS, StepEnd::Skipped, text));
            steps.push(step(MATCH, StepEnd::Skipped, ""));
        }
        steps
    }

    async fn secret_steps(&self, spec: &SourceSpec, claim: &Trial<'_>) -> [Step; 2] {
        let (mut secrets, mut told, mut proving) = (Vec::new(), Vec::new(), Vec::new());
        for source in &spec.secrets {
            match self.secrets.get(source).await {
                Ok(secret) => {
                    told.push(format!("{source} can be read"));
                    if claim.check(std::slice::from_ref(&secret)).await.is_ok() {
                        proving.push(source.to_string());
                    }
                    secrets.push(secret);
                }
                Err(why) => told.push(format!("{source} cannot: {why}")),
            }
        }
        let told = told.join("; ");
        if secrets.is_empty() {
            return [
                step(SECRETS, StepEnd::Failed, told),
                step(MATCH, StepEnd::Skipped, "There is none to try."),
            ];
        }
        let matched = match claim.check(&secrets).await {
            Ok(_) => step(MATCH, StepEnd::Passed, format!("By {}.", proving.join(" and "))),
            Err(rejection) => step(MATCH, StepEnd::Failed, rejection.why),
        };
        [step(SECRETS, StepEnd::Passed, told), matched]
    }
}

fn step(what: &'static str, end: StepEnd, text: impl Into<String>) -> Step {
    Step {
        what,
        end,
        text: text.into(),
    }
}

fn brings(arrival: &Arrival) -> String {
    match arrival {
        Arrival::Challenge(_) => "It only asks whether the address answers; it would be told so.".to_owned(),
        Arrival::Event(_) => "It brings one event.".to_owned(),
        Arrival::Batch(events) => format!("It brings {} events.", events.len()),
    }
}
