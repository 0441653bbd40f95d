//! The command line: parse and hand over.

mod ageing;
mod audit;
mod db;
mod deliveries;
mod doctor;
mod events;
mod import;
mod integrations;
mod keys;
mod man;
mod nodes;
mod outcome;
mod output;
mod plugins;
mod processes;
mod ready;
mod rejected;
mod replay;
mod routes;
mod schedules;
mod secrets;
mod serve;
mod setup;
mod state;
mod top;
mod users;

use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::config::{Settings, SettingsArgs};
use crate::control::Caller;
use crate::domain::access::Role;
use crate::environment::Environment;
use output::Output;

/// Takes webhooks in, makes each durable before it answers, and delivers it to sandboxed
/// WebAssembly plugins that plugins.toml switches on.
///
/// Start with `hookyard serve`. Commands that change or run something talk to the running server
/// through its data directory, and do the work themselves when none runs.
#[derive(Parser)]
#[command(
    name = "hookyard",
    version,
    max_term_width = 100,
    arg_required_else_help = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    settings: SettingsArgs,
    /// Print data as JSON, for programs
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Serve: take webhooks in and deliver them until SIGTERM
    Serve,
    /// Ask the server of this machine whether it takes requests; fails when it does not
    Ready,
    /// Check settings, plugins.toml, components and database without serving
    Check,
    /// Examine settings, files, clock, database, plugins, secrets, network, disk and limits, and say what to do
    Doctor(doctor::DoctorArgs),
    /// Bring the database to the schema of this version
    Migrate,
    /// Make an admin; asks for the password, or reads it with --password-stdin
    Createsuperuser(users::CreateArgs),
    /// Users: list, create, change, role
    #[command(subcommand)]
    User(users::UserCommand),
    /// API keys that programs send with: create, list, revoke
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// What people changed: list
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Events: list, show, send, purge, export, reseal
    #[command(subcommand)]
    Events(events::EventsCommand),
    /// Deliveries: list, show, counts
    #[command(subcommand)]
    Deliveries(deliveries::DeliveriesCommand),
    /// Deliveries that were given up and not dealt with: list, show
    #[command(subcommand)]
    DeadLetters(deliveries::DeadLettersCommand),
    /// Deliver again: deliveries by their ids, an event, or all that a filter finds
    Replay(replay::ReplayArgs),
    /// Orders to replay or discard many deliveries: list, show, cancel
    #[command(subcommand)]
    Replays(replay::ReplaysCommand),
    /// Give deliveries up for good: by their ids, or all that a filter finds
    Discard(replay::DiscardArgs),
    /// Settle a delivery whose outcome nobody knows
    Resolve(replay::ResolveArgs),
    /// Plugins: list, enable, disable, history, rollback, inspect, run
    #[command(subcommand)]
    Plugins(plugins::PluginsCommand),
    /// List the nodes that share the database: which plugins.toml and which builds each has
    Nodes,
    /// Watch what waits, runs and fails, per plugin, with rates and nodes, until q; as text where nobody looks on
    Top(top::TopArgs),
    /// Requests to sources that were refused: list, show, verify, accept
    #[command(subcommand)]
    Rejected(rejected::RejectedCommand),
    /// Stored scripts: list, show, history, add, edit, import, export, remove
    #[command(subcommand)]
    Processes(processes::ProcessesCommand),
    /// Store three sample processes
    #[command(alias = "create_sample_processes")]
    CreateSampleProcesses,
    /// Write a table to a Google sheet
    #[command(alias = "write_to_gsheet")]
    WriteToGsheet(integrations::TableArgs),
    /// Send a welcome message through Slack
    #[command(alias = "send_slack_welcome")]
    SendSlackWelcome(integrations::WelcomeArgs),
    /// Back every process up to GitHub
    #[command(alias = "backup_processes")]
    BackupProcesses(integrations::BackupArgs),
    /// Schedules: list, run, history
    #[command(subcommand)]
    Schedules(schedules::SchedulesCommand),
    /// Routes: explain where an event goes
    #[command(subcommand)]
    Routes(routes::RoutesCommand),
    /// Secrets in the database: set, list, remove, reseal
    #[command(subcommand)]
    Secrets(secrets::SecretsCommand),
    /// What plugins keep: list, get, delete, clear
    #[command(subcommand)]
    State(state::StateCommand),
    /// Take over the users, events and processes of the Django service that Hookyard replaces
    #[command(alias = "import_django")]
    ImportDjango(import::ImportArgs),
    /// The database: vacuum, backup, restore, copy
    #[command(subcommand)]
    Db(db::DbCommand),
    /// Add a key that signs tokens to those kept in the data directory; in force at the next start
    RotateKey,
    /// Print shell completions, for example: hookyard completions bash > /`etc/bash_completion.d/hookyard`
    Completions { shell: clap_complete::Shell },
    /// Write the manual's pages into a directory, for packages
    #[command(hide = true)]
    Man { dir: std::path::PathBuf },
}

/// Parses the command line, runs the command, prints what went wrong.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    if let Command::Completions { shell } = cli.command {
        clap_complete::generate(shell, &mut Cli::command(), "hookyard", &mut std::io::stdout());
        return ExitCode::SUCCESS;
    }
    let done = match &cli.command {
        Command::Man { dir } => man::write(Cli::command(), dir).map(|()| ExitCode::SUCCESS),
        _ => run_command(cli),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run_command(cli: Cli) -> anyhow::Result<ExitCode> {
    let env = Environment::load(Path::new("."))?;
    let settings = Settings::resolve(&cli.settings, &env);
    let output = Output { json: cli.json };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // Wrong settings are one of its findings.
    if let Command::Doctor(args) = &cli.command {
        let code = runtime.block_on(doctor::doctor(settings, &env, args, output));
        runtime.shutdown_background();
        return code;
    }
    let settings = settings?;
    let code = runtime.block_on(async {
        match cli.command {
            Command::Serve => {
                let telemetry = crate::telemetry::start(&settings, &env)?;
                let code = serve::serve(settings, env).await;
                telemetry.stop().await;
                code
            }
            Command::Check => setup::check(settings, env, output).await,
            Command::ImportDjango(args) => import::import(settings, &env, args, output).await,
            Command::RotateKey => setup::rotate_key(&settings, output),
            Command::Migrate => setup::migrate(settings, output).await,
            Command::Createsuperuser(args) => {
                users::create(&Caller::new(settings, env), args, Role::Admin, output).await
            }
            Command::User(command) => users::run(&Caller::new(settings, env), command, output).await,
            Command::Db(command) => db::run(settings, env, command, output).await,
            Command::Keys(command) => keys::run(&Caller::new(settings, env), command, output).await,
            Command::Audit(command) => audit::run(&Caller::new(settings, env), command, output).await,
            Command::Events(command) => events::run(&Caller::new(settings, env), command, output).await,
            Command::Deliveries(command) => {
                deliveries::run(&Caller::new(settings, env), command, output).await
            }
            Command::DeadLetters(command) => {
                deliveries::dead_letters(&Caller::new(settings, env), command, output).await
            }
            Command::Replay(args) => replay::replay(&Caller::new(settings, env), args, output).await,
            Command::Replays(command) => replay::orders(&Caller::new(settings, env), command, output).await,
            Command::Discard(args) => replay::discard(&Caller::new(settings, env), args, output).await,
            Command::Resolve(args) => replay::resolve(&Caller::new(settings, env), args, output).await,
            Command::Plugins(command) => plugins::run(settings, env, command, output).await,
            Command::Nodes => nodes::run(&Caller::new(settings, env), output).await,
            Command::Top(args) => top::top(&Caller::new(settings, env), args, output).await,
            Command::Processes(command) => processes::run(&Caller::new(settings, env), command, output).await,
            Command::CreateSampleProcesses => {
                processes::create_samples(&Caller::new(settings, env), output).await
            }
            Command::WriteToGsheet(args) => {
                integrations::write_table(&Caller::new(settings, env), args, output).await
            }
            Command::SendSlackWelcome(args) => {
                integrations::send_welcome(&Caller::new(settings, env), args, output).await
            }
            Command::BackupProcesses(args) => {
                integrations::back_up(&Caller::new(settings, env), args, output).await
            }
            Command::Schedules(command) => schedules::run(&Caller::new(settings, env), command, output).await,
            Command::Routes(command) => routes::run(&Caller::new(settings, env), command, output).await,
            Command::Secrets(command) => secrets::run(&Caller::new(settings, env), command, output).await,
            Command::Rejected(command) => rejected::run(&Caller::new(settings, env), command, output).await,
            Command::State(command) => state::run(&Caller::new(settings, env), command, output).await,
            Command::Ready => ready::ready(&settings, output).await,
            // Done above.
            Command::Doctor(_) | Command::Completions { .. } | Command::Man { .. } => Ok(ExitCode::SUCCESS),
        }
    });
    // A blocking read of a terminal must not hold the exit up.
    runtime.shutdown_background();
    code
}
