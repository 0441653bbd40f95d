//! Takes over what the Django service kept: users with their passwords, webhook events, processes.
//!
//! The command line calls it. It reads one database and writes another, in small transactions, with ids that follow
//! from the old ones. So it may be stopped and run again at any time: what is there already is passed over, and what
//! changed there since is taken, unless it changed here too. It owns the digests of the rows as they were taken over,
//! which tell the two apart. What cannot be taken over is told row by row, and stops nothing.

mod accounts;
mod convert;
mod events;
mod processes;
mod report;
mod since;

pub use report::{Report, RowRefusal, TableReport};

use self::convert::{EVENTS, PROCESSES, USERS};
use crate::domain::route::RouteTable;
use crate::secret::Secret;
use crate::store::django::{OldDatabase, OldError, Table};
use crate::store::{SharedStore, StoreError};

/// Why an import ended early.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error(transparent)]
    Old(#[from] OldError),
    #[error(
        "the old database has none of the tables auth_user, webhooks_webhookevent and integrations_process: is it that \
         of the Django service?"
    )]
    NothingThere,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What to do.
pub struct Import {
    /// Where the old service's data is.
    pub database: Secret,
    /// Only count.
    pub dry_run: bool,
    /// Deliver the events that the old service had not processed, to the plugins that want them.
    pub deliver: Option<RouteTable>,
}

/// Told now and then: the table, the rows done, the rows in all.
pub type Progress<'a> = &'a (dyn Fn(&str, u64, u64) + Sync);

/// Takes everything over.
///
/// # Errors
/// When a database does not answer or is not the old service's. What was imported until then stays, and the next
/// run goes on.
pub async fn run(
    store: &SharedStore,
    import: &Import,
    progress: Progress<'_>,
) -> Result<Report, ImportError> {
    let old = OldDatabase::open(&import.database).await?;
    let mut importer = Importer {
        store,
        import,
        old,
        progress,
        report: Report {
            dry_run: import.dry_run,
            ..Report::default()
        },
    };
    importer.all().await?;
    Ok(importer.report)
}

struct Importer<'a> {
    store: &'a SharedStore,
    import: &'a Import,
    old: OldDatabase,
    progress: Progress<'a>,
    report: Report,
}

impl Importer<'_> {
    async fn all(&mut self) -> Result<(), ImportError> {
        let mut found = false;
        for table in [USERS, EVENTS, PROCESSES] {
            let Some(rows) = self.old.count(table).await? else {
                continue;
            };
            found = true;
            self.report_of(table).found = true;
            self.table(table, rows).await?;
        }
        if found {
            Ok(())
        } else {
            Err(ImportError::NothingThere)
        }
    }

    fn report_of(&mut self, table: Table) -> &mut TableReport {
        match table.name {
            name if name == USERS.name => &mut self.report.users,
            name if name == EVENTS.name => &mut self.report.events,
            _ => &mut self.report.processes,
        }
    }

    async fn table(&mut self, table: Table, rows: u64) -> Result<(), ImportError> {
        let mut after: Option<String> = None;
        loop {
            let page = self.old.page(table, after.as_deref()).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.text(0).to_owned());
            let became = match table.name {
                name if name == USERS.name => self.users(&page).await?,
                name if name == EVENTS.name => self.events(&page).await?,
                _ => self.processes(&page).await?,
            };
            let report = self.report_of(table);
            for (row, became) in page.iter().zip(became) {
                report.add(row, became);
            }
            let read = report.read;
            (self.progress)(table.name, read, rows);
        }
    }
}
