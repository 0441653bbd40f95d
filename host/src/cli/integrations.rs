//! The old service's commands, each one action of a plugin: `write-to-gsheet`, `send-slack-welcome`,
//! `backup-processes`.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::output::Output;
use super::plugins::run_action;
use crate::control::Caller;

/// Largest table file, in bytes: 100,000 cells and some.
const MAX_TABLE_BYTES: u64 = 8 << 20;

/// What a welcome says when nobody says otherwise, in Slack's mrkdwn.
const WELCOME: &str = ":wave: *Welcome!* Hookyard can reach you here.";

#[derive(Args)]
pub struct TableArgs {
    /// A .csv or .json file (a list of objects, or a list of lists with the headings first), - for JSON from
    /// standard input; without it a sample table
    file: Option<PathBuf>,
    /// Id, address or title of the spreadsheet; the configured one when not given
    #[arg(long)]
    spreadsheet: Option<String>,
    /// The sheet (tab); the configured one when not given
    #[arg(long)]
    sheet: Option<String>,
    /// The plugin's name in plugins.toml
    #[arg(long, default_value = "gsheets")]
    plugin: String,
}

/// Writes a table.
pub async fn write_table(caller: &Caller, args: TableArgs, output: Output) -> anyhow::Result<ExitCode> {
    let mut input = match &args.file {
        Some(file) => table_of(file)?,
        None => sample_table(),
    };
    for (key, value) in [("spreadsheet", args.spreadsheet), ("sheet", args.sheet)] {
        if let Some(value) = value {
            input.insert(key.to_owned(), value.into());
        }
    }
    run_action(caller, &args.plugin, "write-table", input.into(), output).await
}

fn table_of(path: &Path) -> anyhow::Result<Map<String, Value>> {
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin()
            .take(MAX_TABLE_BYTES + 1)
            .read_to_end(&mut bytes)?;
    } else {
        let file = std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        file.take(MAX_TABLE_BYTES + 1).read_to_end(&mut bytes)?;
    }
    if bytes.len() as u64 > MAX_TABLE_BYTES {
        bail!("{} is larger than 8 MiB; write it in parts", path.display());
    }
    let table = match path.extension().and_then(|extension| extension.to_str()) {
        Some("csv") => csv_table(&bytes),
        _ => json_table(&bytes),
    };
    table.with_context(|| format!("{} is no table", path.display()))
}

/// The first record has the headings; every cell is text, but numbers as JSON writes them.
fn csv_table(bytes: &[u8]) -> anyhow::Result<Map<String, Value>> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
    let columns: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
    if columns.is_empty() {
        bail!("it has no line of headings");
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        rows.push(record?.iter().map(cell_of).collect::<Value>());
    }
    Ok(table(columns.into(), rows))
}

fn cell_of(text: &str) -> Value {
    match serde_json::from_str::<Value>(text) {
        Ok(number @ Value::Number(_)) => number,
        _ => Value::from(text),
    }
}

fn json_table(bytes: &[u8]) -> anyhow::Result<Map<String, Value>> {
    let value: Value = serde_json::from_slice(bytes)?;
    let Value::Array(mut rows) = value else {
        bail!("it must be a list of objects, or a list of lists with the headings first");
    };
    if rows.first().is_some_and(Value::is_array) {
        let columns = rows.remove(0);
        return Ok(table(columns, rows));
    }
    let mut input = Map::new();
    input.insert("rows".to_owned(), rows.into());
    Ok(input)
}

fn table(columns: Value, rows: Vec<Value>) -> Map<String, Value> {
    let mut input = Map::new();
    input.insert("columns".to_owned(), columns);
    input.insert("rows".to_owned(), rows.into());
    input
}

fn sample_table() -> Map<String, Value> {
    let columns = json!(["Name", "Role", "Started", "Score"]);
    let rows = vec![
        json!(["Ada Lovelace", "Analyst", "2024-12-10", 98]),
        json!(["Grace Hopper", "Compiler", "2025-01-09", 95]),
        json!(["Alan Turing", "Research", "2025-06-23", 97]),
        json!(["Katherine Johnson", "Navigation", "2025-08-26", 99]),
    ];
    table(columns, rows)
}

#[derive(Clone, Copy, ValueEnum)]
enum Method {
    /// The Web API, by the plugin slack-sdk
    Sdk,
    /// The incoming webhook, by the plugin slack-webhook
    Webhook,
}

#[derive(Args)]
pub struct WelcomeArgs {
    #[arg(long, value_enum, default_value = "sdk")]
    method: Method,
    /// Member id or e-mail address, with --method sdk; the configured destination when not given
    #[arg(long)]
    user: Option<String>,
    /// What it says, in Slack's mrkdwn
    #[arg(long, default_value = WELCOME)]
    text: String,
    /// The plugin's name in plugins.toml, when it is not that of the method
    #[arg(long)]
    plugin: Option<String>,
}

/// Sends a welcome.
pub async fn send_welcome(caller: &Caller, args: WelcomeArgs, output: Output) -> anyhow::Result<ExitCode> {
    let mut input = json!({ "text": args.text });
    let plugin = match (args.method, args.user) {
        (Method::Webhook, Some(_)) => {
            bail!("an incoming webhook posts to its one channel; --user goes with --method sdk")
        }
        (Method::Webhook, None) => "slack-webhook",
        (Method::Sdk, user) => {
            if let Some(user) = user {
                input["user"] = user.into();
            }
            "slack-sdk"
        }
    };
    let plugin = args.plugin.as_deref().unwrap_or(plugin);
    run_action(caller, plugin, "send-message", input, output).await
}

#[derive(Args)]
pub struct BackupArgs {
    /// Only say what would change
    #[arg(long, alias = "dry_run")]
    dry_run: bool,
    /// Remove the files of processes that are gone
    #[arg(long, alias = "delete_removed")]
    delete_removed: bool,
    /// The plugin's name in plugins.toml
    #[arg(long, default_value = "github-backup")]
    plugin: String,
}

/// Backs every process up.
pub async fn back_up(caller: &Caller, args: BackupArgs, output: Output) -> anyhow::Result<ExitCode> {
    let mut input = Map::new();
    for (key, given) in [("dry-run", args.dry_run), ("delete-removed", args.delete_removed)] {
        if given {
            input.insert(key.to_owned(), true.into());
        }
    }
    run_action(caller, &args.plugin, "backup", input.into(), output).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_becomes_headings_and_cells() {
        let table = csv_table("n,text\n1,=1+1\n2.50,\"a,\"\"b\"\"\"\n".as_bytes()).expect("a table");
        assert_eq!(table["columns"], json!(["n", "text"]));
        assert_eq!(table["rows"], json!([[1, "=1+1"], [2.50, "a,\"b\""]]));
    }

    #[test]
    fn json_is_objects_or_lists() {
        let objects = json_table(br#"[{"a":1},{"b":2}]"#).expect("a table");
        assert_eq!(Value::from(objects), json!({"rows": [{"a": 1}, {"b": 2}]}));
        let lists = json_table(br#"[["a","b"],[1,2]]"#).expect("a table");
        assert_eq!(
            Value::from(lists),
            json!({"columns": ["a", "b"], "rows": [[1, 2]]})
        );
        assert!(json_table(b"{}").is_err());
    }
}
