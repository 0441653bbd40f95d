//! Real GitHub payloads through the front door and what became of them, and the commands of the integrations.

use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use crate::api::Api;
use crate::process::Interrupt;
use crate::stage::{Host, random_word};
use crate::standins::Standins;
use crate::workspace::Workspace;

/// How long an event may take to be processed: a first run compiles nothing any more, but machines are slow.
const PROCESSED_WITHIN: Duration = Duration::from_mins(1);

/// The payload whose whole way is shown.
const FIRST: &str = "push";

/// Longest line of a message that is shown, in characters.
const SHOWN_LINE: usize = 100;

/// The sender that the demo signs in as; its password stays in the data directory, beside the signing key.
struct Account {
    username: String,
    password: String,
}

/// The old service's commands, one for each integration, as a person types them.
const COMMANDS: [&[&str]; 5] = [
    &["write-to-gsheet", "--sheet", "Sample"],
    &["send-slack-welcome"],
    &["send-slack-welcome", "--method", "webhook"],
    &["create-sample-processes"],
    &["backup-processes"],
];

/// Post, wait, show; then the commands.
///
/// # Errors
/// When an event is refused, not processed in time, no message arrived, or a command fails.
pub fn run(
    workspace: &Workspace,
    host: &Host,
    standins: &Standins,
    data_dir: &Path,
    interrupt: &Interrupt,
) -> anyhow::Result<String> {
    let token = sign_in(&host.url, data_dir)?;
    let api = Api::new(&host.url).with_token(&token);
    let before = standins.messages()?.len();
    show_events(&api, workspace, interrupt)?;
    show_messages(standins, before)?;
    for command in COMMANDS {
        println!("\n$ hookyard {}", command.join(" "));
        for line in host.hookyard(command)?.lines() {
            println!("{line}");
        }
    }
    Ok(token)
}

/// Posts the payloads one by one, and shows what became of each.
fn show_events(api: &Api, workspace: &Workspace, interrupt: &Interrupt) -> anyhow::Result<()> {
    for (number, file) in payloads(workspace)?.iter().enumerate() {
        let event = post(api, file, interrupt)?;
        if number == 0 {
            show_event(&event);
        } else {
            println!(
                "  {:<16} {}",
                event["type"].as_str().unwrap_or("?"),
                summary(&event)
            );
        }
        if event["status"] != "processed" {
            bail!(
                "the event {} ended as {}: {}",
                event["id"],
                event["status"],
                event["error_message"]
            );
        }
    }
    Ok(())
}

/// Shows the first of the messages that arrived since `before`.
fn show_messages(standins: &Standins, before: usize) -> anyhow::Result<()> {
    let arrived = standins.messages()?;
    if arrived.len() <= before {
        bail!("the events are processed, but no message arrived in the stand-in");
    }
    println!(
        "\n{} messages in the stand-in, the first:",
        arrived.len() - before
    );
    for message in arrived.iter().skip(before).take(2) {
        println!(
            "  via {} in {}:",
            word(&message["via"]),
            word(&message["channel_name"])
        );
        for line in word(&message["text"]).lines() {
            println!("    {}", line.chars().take(SHOWN_LINE).collect::<String>());
        }
    }
    Ok(())
}

/// The payloads of the contracts, the first one first.
fn payloads(workspace: &Workspace) -> anyhow::Result<Vec<PathBuf>> {
    let folder = workspace.path("contracts/github/webhooks");
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort_by_key(|path| (path.file_stem().is_none_or(|stem| stem != FIRST), path.clone()));
    if files.is_empty() {
        bail!("no payload in {}", folder.display());
    }
    Ok(files)
}

/// Through the front door, and then until it is processed.
fn post(api: &Api, file: &Path, interrupt: &Interrupt) -> anyhow::Result<Value> {
    let body = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let kind = file
        .file_stem()
        .and_then(|stem| stem.to_str())
        .context("a payload without a name")?;
    let delivery = random_word();
    let headers = [("X-GitHub-Event", kind), ("X-GitHub-Delivery", delivery.as_str())];
    let path = "/api/webhooks/receive/?source=github";
    let received = api
        .post(path, &body, &headers)?
        .success("POST /api/webhooks/receive/")?;
    let id = received["id"]
        .as_str()
        .context("the answer has no id")?
        .to_owned();
    interrupt.wait_for(&format!("the processing of event {id}"), PROCESSED_WITHIN, || {
        let event = api
            .get(&format!("/api/webhooks/{id}/"))?
            .success("GET /api/webhooks/{id}/")?;
        let done = matches!(event["status"].as_str(), Some("processed" | "failed"));
        Ok(done.then_some(event))
    })
}

fn show_event(event: &Value) {
    println!("\nevent {}", word(&event["id"]));
    println!(
        "  {} {} received {}",
        word(&event["source"]),
        word(&event["type"]),
        word(&event["received_at"])
    );
    println!("  {} {}", word(&event["status"]), word(&event["processed_at"]));
    for delivery in event["deliveries"].as_array().into_iter().flatten() {
        println!(
            "  delivery to {}: {}",
            word(&delivery["plugin"]),
            word(&delivery["state"])
        );
        for attempt in delivery["attempts"].as_array().into_iter().flatten() {
            let told = attempt["error"]
                .as_str()
                .or(attempt["summary"].as_str())
                .unwrap_or_default();
            println!(
                "    attempt {}: {} in {} ms  {told}",
                attempt["number"],
                word(&attempt["outcome"]),
                attempt["duration_ms"]
            );
        }
    }
    println!("\nand the others:");
}

fn summary(event: &Value) -> String {
    let deliveries = event["deliveries"].as_array().map_or(&[][..], Vec::as_slice);
    let told: Vec<String> = deliveries
        .iter()
        .map(|one| format!("{} {}", word(&one["plugin"]), word(&one["state"])))
        .collect();
    format!("{} ({})", word(&event["status"]), told.join(", "))
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A token of the demo's sender, who registers where the data directory does not know it yet.
pub fn sign_in(host: &str, data_dir: &Path) -> anyhow::Result<String> {
    let api = Api::new(host);
    let file = data_dir.join("demo-account.json");
    if let Some(account) = read_account(&file)
        && let Some(token) = api.sign_in(&account.username, &account.password)?
    {
        return Ok(token);
    }
    let account = Account {
        username: format!("demo-{}", &random_word()[..8]),
        password: random_word(),
    };
    let known = json!({"username": account.username, "password": account.password});
    let mut body = known.clone();
    body["email"] = json!(format!("{}@localhost.localdomain", account.username));
    api.post("/api/auth/register/", &body.to_string(), &[])?
        .success("POST /api/auth/register/")?;
    write_private(&file, &known.to_string()).with_context(|| format!("cannot write {}", file.display()))?;
    let token = api.sign_in(&account.username, &account.password)?;
    token.context("the host refuses the account it has just registered")
}

fn read_account(file: &Path) -> Option<Account> {
    let known: Value = serde_json::from_str(&fs::read_to_string(file).ok()?).ok()?;
    Some(Account {
        username: known["username"].as_str()?.to_owned(),
        password: known["password"].as_str()?.to_owned(),
    })
}

fn write_private(file: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(file)?.write_all(text.as_bytes())
}
