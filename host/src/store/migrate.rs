//! The schema's steps, compiled in.

use sqlx::SqlStr;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};

use super::StoreError;

/// One step: its number, its name, and its text for each database.
struct Step {
    version: i64,
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

macro_rules! step {
    ($version:literal, $name:literal, $file:literal) => {
        Step {
            version: $version,
            name: $name,
            sqlite: include_str!(concat!("../../../migrations/sqlite/", $file)),
            postgres: include_str!(concat!("../../../migrations/postgres/", $file)),
        }
    };
}

/// All steps in order. A released step never changes: a new one follows it.
const STEPS: &[Step] = &[
    step!(1, "init", "0001_init.sql"),
    step!(2, "access", "0002_access.sql"),
    step!(3, "retention", "0003_retention.sql"),
    step!(4, "dispatch", "0004_dispatch.sql"),
    step!(5, "replay", "0005_replay.sql"),
    step!(6, "sources", "0006_sources.sql"),
    step!(7, "admin", "0007_admin.sql"),
];

/// The steps for SQLite.
pub fn sqlite() -> Migrator {
    migrator(|step| step.sqlite)
}

/// The steps for PostgreSQL.
pub fn postgres() -> Migrator {
    migrator(|step| step.postgres)
}

fn migrator(text: impl Fn(&Step) -> &'static str) -> Migrator {
    let migration = |step: &Step| {
        Migration::new(
            step.version,
            step.name.into(),
            MigrationType::Simple,
            SqlStr::from_static(text(step)),
            false,
        )
    };
    Migrator::with_migrations(STEPS.iter().map(migration).collect())
}

/// Tells a schema that does not fit from a database that does not answer.
pub fn schema_error(error: MigrateError) -> StoreError {
    match error {
        MigrateError::VersionMissing(version) => StoreError::Schema(format!(
            "it holds migration {version}, which this version does not know; \
             a newer Hookyard has used it: start that one, or restore the backup made before the upgrade"
        )),
        MigrateError::VersionMismatch(version) => StoreError::Schema(format!(
            "migration {version} was applied with another text than this version's; \
             start the Hookyard that applied it, or restore a backup"
        )),
        MigrateError::Execute(error) => StoreError::Unavailable(Box::new(error)),
        other => StoreError::Schema(other.to_string()),
    }
}
