//! Stored scripts.

use std::collections::HashMap;

use serde_json::json;
use uuid::Uuid;

use super::report::Became;
use super::since::{BOTH, Since, digest};
use super::{ImportError, Importer, convert};
use crate::domain::process::{Process, ProcessPut, PutMode};
use crate::store::django::Row;

/// Who changed a process, in its history.
const BY: &str = "import-django";

impl Importer<'_> {
    pub(super) async fn processes(&mut self, page: &[Row]) -> Result<Vec<Became>, ImportError> {
        let processes: Vec<_> = page.iter().map(convert::process).collect();
        let ids: Vec<_> = processes
            .iter()
            .flatten()
            .map(|process| process.id.as_uuid())
            .collect();
        let noted = self.store.imported_digests(&ids).await?;
        let mut became = Vec::with_capacity(page.len());
        for process in processes {
            became.push(match process {
                Err(why) => Became::Refused(why),
                Ok(process) => self.process(&process, &noted).await?,
            });
        }
        Ok(became)
    }

    async fn process(&self, process: &Process, noted: &HashMap<Uuid, String>) -> Result<Became, ImportError> {
        let id = process.id.as_uuid();
        let noted = noted.get(&id).map(String::as_str);
        let there = process_digest(process);
        let became = match self.store.process_by_id(process.id).await? {
            // Removed here.
            None if noted == Some(&there) => Became::Known,
            None => self.new_process(process).await?,
            Some(here) => match Since::of(noted, &there, &process_digest(&here)) {
                Since::NotThere => Became::Known,
                _ if here.code != process.code => renamed(&here.code, &process.code),
                Since::Both => Became::Refused(format!("{}: {BOTH}", here.code)),
                Since::ThereOnly => self.changed_process(process).await?,
            },
        };
        let refused = matches!(became, Became::Refused(_));
        if !self.import.dry_run && !refused && noted != Some(&there) {
            self.store.note_imported(id, &there).await?;
        }
        Ok(became)
    }

    async fn new_process(&self, process: &Process) -> Result<Became, ImportError> {
        let is_free = self.store.process(&process.code).await?.is_none();
        if is_free && (self.import.dry_run || self.store.create_process(process, BY).await?) {
            return Ok(Became::Imported);
        }
        Ok(Became::Refused(format!(
            "there is a process with the code {} already",
            process.code
        )))
    }

    async fn changed_process(&self, process: &Process) -> Result<Became, ImportError> {
        if !self.import.dry_run {
            let put = ProcessPut {
                id: process.id,
                code: process.code.clone(),
                name: Some(process.name.clone()),
                script: process.script.clone(),
                at: process.updated_at,
            };
            self.store.put_processes(&[put], PutMode::Keep, BY).await?;
        }
        Ok(Became::Updated)
    }
}

fn renamed(here: &str, there: &str) -> Became {
    Became::Refused(format!(
        "its code is {there} there by now and {here} here, where codes do not change: `hookyard processes remove \
         {here}`, and import again"
    ))
}

fn process_digest(process: &Process) -> String {
    digest(&json!([process.code, process.name, process.script]))
}
