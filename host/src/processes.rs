//! Stored scripts: what a person may do with them, checked.
//!
//! The HTTP interface and the command line both come here. Reads go to the store directly.

use crate::auth::FieldErrors;
use crate::clock::SharedClock;
use crate::domain::id::ProcessId;
use crate::domain::process::{Process, ProcessWrite, wrong_code, wrong_name, wrong_script};
use crate::store::{SharedStore, StoreError};

/// Most scripts in one write: one transaction must not hold the writer long.
pub const MAX_WRITES: usize = 500;

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// Fields are wrong.
    #[error("{0}")]
    Invalid(FieldErrors),
    /// Another process has the code.
    #[error("a process with the code `{0}` already exists")]
    Taken(String),
    /// There is no such process.
    #[error("there is no process `{0}`")]
    Missing(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A script about to be stored.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Draft {
    pub code: String,
    pub name: String,
    pub script: String,
}

impl Draft {
    /// Everything that is wrong with it.
    fn check(&self) -> Result<(), ProcessError> {
        let mut errors = FieldErrors::default();
        let checks = [
            ("code", wrong_code(&self.code)),
            ("name", wrong_name(&self.name)),
            ("script", wrong_script(&self.script)),
        ];
        for (field, wrong) in checks {
            if let Some(why) = wrong {
                errors.add(field, why);
            }
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(ProcessError::Invalid(errors))
        }
    }
}

/// Changes stored scripts.
#[derive(Clone)]
pub struct Processes {
    store: SharedStore,
    clock: SharedClock,
}

impl Processes {
    /// Over this store, by this clock.
    #[must_use]
    pub fn new(store: SharedStore, clock: SharedClock) -> Self {
        Self { store, clock }
    }

    /// Stores a script whose code is new.
    ///
    /// # Errors
    /// Wrong fields, a code that is taken, a database that does not answer.
    pub async fn create(&self, draft: Draft, by: &str) -> Result<Process, ProcessError> {
        draft.check()?;
        let process = self.made_of(draft);
        if self.store.create_process(&process, by).await? {
            Ok(process)
        } else {
            Err(ProcessError::Taken(process.code))
        }
    }

    /// Changes the name, the script or both.
    ///
    /// # Errors
    /// Wrong fields, no such process, a database that does not answer.
    pub async fn change(
        &self,
        code: &str,
        name: Option<String>,
        script: Option<String>,
        by: &str,
    ) -> Result<Process, ProcessError> {
        let missing = || ProcessError::Missing(code.to_owned());
        let known = self.store.process(code).await?.ok_or_else(missing)?;
        let draft = Draft {
            code: known.code,
            name: name.unwrap_or(known.name),
            script: script.unwrap_or(known.script),
        };
        draft.check()?;
        self.store.put_processes(&[self.made_of(draft)], by).await?;
        self.store.process(code).await?.ok_or_else(missing)
    }

    /// Stores scripts by their codes, new or changed, all or none; what came of each.
    ///
    /// # Errors
    /// A wrong field of any (then none is stored), a database that does not answer.
    pub async fn put(&self, drafts: Vec<Draft>, by: &str) -> Result<Vec<ProcessWrite>, ProcessError> {
        for draft in &drafts {
            draft.check()?;
        }
        let processes: Vec<Process> = drafts.into_iter().map(|draft| self.made_of(draft)).collect();
        Ok(self.store.put_processes(&processes, by).await?)
    }

    /// Removes a script; its versions stay.
    ///
    /// # Errors
    /// No such process, a database that does not answer.
    pub async fn remove(&self, code: &str, by: &str) -> Result<(), ProcessError> {
        if self.store.remove_process(code, self.clock.now(), by).await? {
            Ok(())
        } else {
            Err(ProcessError::Missing(code.to_owned()))
        }
    }

    fn made_of(&self, draft: Draft) -> Process {
        let now = self.clock.now();
        Process {
            id: ProcessId::generate(),
            code: draft.code,
            name: draft.name,
            script: draft.script,
            created_at: now,
            updated_at: now,
        }
    }
}
