//! Stored scripts: what a person may do with them, checked.
//!
//! The HTTP interface and the command line both come here. Reads go to the store directly.

use crate::auth::FieldErrors;
use crate::clock::SharedClock;
use crate::domain::id::ProcessId;
use crate::domain::process::{
    Process, ProcessChange, ProcessPut, ProcessWrite, PutMode, wrong_code, wrong_name, wrong_script,
};
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
    /// `None` keeps the name of a known one, and calls a new one by its code.
    pub name: Option<String>,
    pub script: String,
}

impl Draft {
    /// Everything that is wrong with it.
    ///
    /// # Errors
    /// Wrong fields.
    pub fn check(&self) -> Result<(), ProcessError> {
        let mut errors = FieldErrors::default();
        if let Some(why) = wrong_code(&self.code) {
            errors.add("code", why);
        }
        check_content(&mut errors, self.name.as_deref(), Some(&self.script));
        ended(errors)
    }
}

fn check_content(errors: &mut FieldErrors, name: Option<&str>, script: Option<&str>) {
    if let Some(why) = name.and_then(wrong_name) {
        errors.add("name", why);
    }
    if let Some(why) = script.and_then(wrong_script) {
        errors.add("script", why);
    }
}

fn ended(errors: FieldErrors) -> Result<(), ProcessError> {
    if errors.is_empty() {
        Ok(())
    } else {
        Err(ProcessError::Invalid(errors))
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
        let now = self.clock.now();
        let process = Process {
            id: ProcessId::generate(),
            name: draft.name.unwrap_or_else(|| draft.code.clone()),
            code: draft.code,
            script: draft.script,
            created_at: now,
            updated_at: now,
        };
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
    pub async fn change(&self, code: &str, change: ProcessChange, by: &str) -> Result<Process, ProcessError> {
        let mut errors = FieldErrors::default();
        check_content(&mut errors, change.name.as_deref(), change.script.as_deref());
        ended(errors)?;
        let changed = self
            .store
            .change_process(code, &change, self.clock.now(), by)
            .await?;
        changed.ok_or_else(|| ProcessError::Missing(code.to_owned()))
    }

    /// Stores scripts by their codes, new or changed, all or none; what came of each.
    ///
    /// # Errors
    /// A wrong field of any (then none is stored), a database that does not answer.
    pub async fn put(
        &self,
        drafts: Vec<Draft>,
        mode: PutMode,
        by: &str,
    ) -> Result<Vec<ProcessWrite>, ProcessError> {
        for draft in &drafts {
            draft.check()?;
        }
        let at = self.clock.now();
        let put = |draft: Draft| ProcessPut {
            id: ProcessId::generate(),
            code: draft.code,
            name: draft.name,
            script: draft.script,
            at,
        };
        let puts: Vec<_> = drafts.into_iter().map(put).collect();
        Ok(self.store.put_processes(&puts, mode, by).await?)
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
}
