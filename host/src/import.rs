//! Takes over what the Django service kept: users with their passwords, webhook events, processes.
//!
//! The command line calls it. It owns nothing: it reads one database and writes another, in small transactions,
//! with ids that follow from the old ones. So it may be stopped and run again at any time; what is there already is
//! passed over. What cannot be taken over is told row by row, and stops nothing.

mod convert;

use serde::Serialize;

use self::convert::{EVENTS, PROCESSES, Refusal, USERS};
use crate::domain::delivery::NewDelivery;
use crate::domain::event::{EventKind, NewEvent, PastEvent};
use crate::domain::id::DeliveryId;
use crate::domain::route::RouteTable;
use crate::domain::user::CreatedUser;
use crate::secret::Secret;
use crate::store::django::{OldDatabase, OldError, Row, Table};
use crate::store::{SharedStore, StoreError};

/// Who changed a process, in its history.
const BY: &str = "import-django";

/// Most refused rows that are told one by one; the rest are counted.
const MAX_REFUSALS: usize = 1_000;

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

/// What became of one table's rows.
#[derive(Debug, Default, Serialize)]
pub struct TableReport {
    /// Whether the table is there.
    pub found: bool,
    pub read: u64,
    pub imported: u64,
    pub already_there: u64,
    pub refused: u64,
    /// The first refused rows.
    pub refusals: Vec<RowRefusal>,
}

/// A row that was not taken over.
#[derive(Debug, Serialize)]
pub struct RowRefusal {
    /// The old id.
    pub id: String,
    pub why: String,
}

/// What became of everything.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    pub dry_run: bool,
    pub users: TableReport,
    /// Users whose password was kept in a form that cannot be checked: they need a new one.
    pub passwords_to_set: Vec<String>,
    pub events: TableReport,
    /// Events that the old service had not processed: delivered now, or kept as failed.
    pub not_processed: u64,
    pub processes: TableReport,
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

/// What became of a row.
enum Became {
    Imported,
    Known,
    Refused(Refusal),
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

    async fn users(&mut self, page: &[Row]) -> Result<Vec<Became>, ImportError> {
        let mut became = Vec::with_capacity(page.len());
        for row in page {
            let (new, locked) = match convert::user(row) {
                Ok(user) => user,
                Err(why) => {
                    became.push(Became::Refused(why));
                    continue;
                }
            };
            let taken = || {
                Became::Refused(format!(
                    "the username {} is taken here by another account, which stays as it is",
                    new.user.username
                ))
            };
            let what = if self.store.user(new.user.id).await?.is_some() {
                Became::Known
            } else if self.store.user_by_name(&new.user.username).await?.is_some() {
                taken()
            } else if self.import.dry_run {
                Became::Imported
            } else {
                match self.store.create_user(&new).await? {
                    CreatedUser::Created => Became::Imported,
                    CreatedUser::UsernameTaken => taken(),
                }
            };
            if locked && matches!(what, Became::Imported) {
                self.report.passwords_to_set.push(new.user.username.clone());
            }
            became.push(what);
        }
        Ok(became)
    }

    async fn events(&mut self, page: &[Row]) -> Result<Vec<Became>, ImportError> {
        let mut became = Vec::with_capacity(page.len());
        let (mut past, mut open) = (Vec::new(), Vec::new());
        for row in page {
            match convert::event(row) {
                Err(why) => became.push(Became::Refused(why)),
                Ok((event, _)) if self.store.event(event.id).await?.is_some() => became.push(Became::Known),
                Ok((event, not_processed)) => {
                    became.push(Became::Imported);
                    self.report.not_processed += u64::from(not_processed);
                    match &self.import.deliver {
                        Some(routes) if not_processed => open.push(anew(event, routes)),
                        _ => past.push(event),
                    }
                }
            }
        }
        if !self.import.dry_run {
            self.store.import_events(&past).await?;
            self.store.accept_events(&open).await?;
        }
        Ok(became)
    }

    async fn processes(&mut self, page: &[Row]) -> Result<Vec<Became>, ImportError> {
        let mut became = Vec::with_capacity(page.len());
        for row in page {
            let process = match convert::process(row) {
                Ok(process) => process,
                Err(why) => {
                    became.push(Became::Refused(why));
                    continue;
                }
            };
            let taken = || {
                Became::Refused(format!(
                    "there is a process with the code {} already",
                    process.code
                ))
            };
            became.push(match self.store.process(&process.code).await? {
                Some(known) if known.id == process.id => Became::Known,
                None if self.import.dry_run => Became::Imported,
                None if self.store.create_process(&process, BY).await? => Became::Imported,
                Some(_) | None => taken(),
            });
        }
        Ok(became)
    }
}

impl TableReport {
    fn add(&mut self, row: &Row, became: Became) {
        self.read += 1;
        match became {
            Became::Imported => self.imported += 1,
            Became::Known => self.already_there += 1,
            Became::Refused(why) => {
                self.refused += 1;
                if self.refusals.len() < MAX_REFUSALS {
                    let id = row.text(0).to_owned();
                    self.refusals.push(RowRefusal { id, why });
                }
            }
        }
    }
}

/// The event as if it came now, with a delivery for each plugin that wants it; it keeps its id and its time.
fn anew(event: PastEvent, routes: &RouteTable) -> NewEvent {
    let plugins = routes.plugins_for(&event.source, &event.event_type);
    NewEvent {
        id: event.id,
        kind: EventKind::Webhook,
        source: event.source,
        event_type: event.event_type,
        headers: Vec::new(),
        content_type: event.content_type,
        body: event.body,
        payload: None,
        received_at: event.received_at,
        owner: None,
        deliveries: plugins
            .into_iter()
            .map(|plugin| NewDelivery {
                id: DeliveryId::generate(),
                plugin,
            })
            .collect(),
    }
}
