//! `import-django`.

use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::bail;
use clap::Args;
use serde_json::{Value, json};

use super::output::{Output, cell};
use crate::app::master_keys;
use crate::audit::Audit;
use crate::clock::{SharedClock, SystemClock};
use crate::config::Settings;
use crate::control::{Answer, actor_here};
use crate::data_dir::{DataDir, Ownership};
use crate::domain::audit::Action;
use crate::domain::route::RouteTable;
use crate::environment::Environment;
use crate::import::{Import, Report, TableReport, run};
use crate::manifest::PluginsFile;
use crate::secret::Secret;
use crate::store;
use crate::vault::Vault;

/// How often a person is told how far it is.
const TELL_EVERY: Duration = Duration::from_secs(1);

#[derive(Args)]
pub struct ImportArgs {
    #[arg(
        long,
        help = "The old database, which is only read: the path of a SQLite file, \
                postgres://user:password@host/database, or env:NAME for a variable that holds it"
    )]
    database: String,
    /// Only say what would be taken over
    #[arg(long)]
    dry_run: bool,
    /// Deliver the events that the old service has not processed; only once it is stopped, since it would deliver
    /// them too. Without it they are kept as failed
    #[arg(long)]
    deliver_pending: bool,
}

/// Takes the old service's data over.
pub async fn import(
    settings: Settings,
    env: &Environment,
    args: ImportArgs,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let sqlite = settings.database_url.expose().starts_with("sqlite:");
    let owned = DataDir::own(&settings.data_dir)?;
    if sqlite && matches!(owned, Ownership::Taken) {
        bail!(
            "a server runs on {}; stop it for the import",
            settings.data_dir.display()
        );
    }
    let deliver = if args.deliver_pending {
        let file = PluginsFile::read(&settings.plugins_file)?;
        Some(RouteTable::new(&file.plugins))
    } else {
        None
    };
    let import = Import {
        database: database(env, args.database)?,
        dry_run: args.dry_run,
        deliver,
    };
    let store = store::open(settings.database_url.expose()).await?;
    let clock: SharedClock = Arc::new(SystemClock);
    let vault = Vault::new(store.clone(), clock.clone(), master_keys(&settings)?);
    store.seal_with(Arc::new(vault.event_sealer(settings.encrypt_events)?));
    let audit = Audit::new(store.clone(), clock);
    let told = Mutex::new(Instant::now());
    let progress = |table: &str, read: u64, rows: u64| {
        let Ok(mut told) = told.lock() else { return };
        if told.elapsed() >= TELL_EVERY {
            *told = Instant::now();
            eprintln!("{table}: {read} of {rows}");
        }
    };
    let report = run(&store, &import, &progress).await;
    if !import.dry_run {
        let detail = json!({ "finished": report.is_ok() });
        let by = actor_here();
        let noted = audit.record(&by, Action::ImportDjango, "all", detail);
        noted.await?;
    }
    store.close().await;
    let report = report?;
    output.print(&Answer::of(&report)?, |_| show(&report, args.deliver_pending));
    Ok(if report.refused() == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The address itself, or the variable's: other users of the machine see arguments, and there may be a password in it.
fn database(env: &Environment, given: String) -> anyhow::Result<Secret> {
    match given.strip_prefix("env:") {
        None => Ok(given.into()),
        Some(name) => match env.get(name) {
            Some(value) => Ok(value.to_owned().into()),
            None => bail!("--database names the variable {name}, which is not set"),
        },
    }
}

fn show(report: &Report, deliver: bool) {
    let tables = [
        ("users", &report.users),
        ("events", &report.events),
        ("processes", &report.processes),
    ];
    for (name, table) in tables {
        show_table(name, table, report.dry_run);
    }
    if report.not_processed > 0 {
        let became = match (deliver, report.dry_run) {
            (true, false) => "delivered when the server runs",
            (true, true) => "would be delivered when the server runs",
            (false, _) => {
                "kept as failed, until the old service processes them or --deliver-pending delivers them"
            }
        };
        println!(
            "{} events are not processed by the old service: {became}",
            report.not_processed
        );
    }
    if report.not_wanted > 0 {
        println!(
            "  {} of them go nowhere: no plugin has a route for their source and the type `unknown`",
            report.not_wanted
        );
    }
    if !report.passwords_to_set.is_empty() {
        println!("these users need a new password (`hookyard user password NAME`):");
        for username in &report.passwords_to_set {
            println!("  {}", cell(&Value::from(username.as_str())));
        }
    }
}

fn show_table(name: &str, table: &TableReport, dry_run: bool) {
    if !table.found {
        println!("{name:<10} the old database has no such table");
        return;
    }
    let done = if dry_run { "would be imported" } else { "imported" };
    println!(
        "{name:<10} {} read, {} {done}, {} updated, {} already there, {} refused",
        table.read, table.imported, table.updated, table.already_there, table.refused
    );
    for refusal in &table.refusals {
        let (id, why) = (&refusal.id, &refusal.why);
        println!("  row {}: {}", cell(&json!(id)), cell(&json!(why)));
    }
}
