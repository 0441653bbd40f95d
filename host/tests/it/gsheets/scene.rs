//! A running application with the plugin, and a running Google.

use std::path::{Path, PathBuf};

use hookyard::environment::Environment;
use serde_json::{Value, json};
use standins::fault::{Fault, FaultKind};
use standins::google::{Entered, Google, Options, Sheet};

use crate::support::pipeline::Pipeline;

/// The sheet that everything is written to.
pub const SHEET: &str = "Orders";

/// Where a read, a write and a token are counted.
pub const GET: &str = "sheets.spreadsheets.get";
pub const BATCH: &str = "sheets.spreadsheets.batchUpdate";

/// Both, and a spreadsheet that is shared with the account.
pub struct Scene {
    pub google: Google,
    pub pipeline: Pipeline,
    pub book: String,
    section: String,
    dir: tempfile::TempDir,
}

/// The component that is shipped.
fn component() -> PathBuf {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/dist/gsheets.wasm");
    assert!(
        file.is_file(),
        "{} is missing: build it with `cargo xtask plugins`",
        file.display()
    );
    file.canonicalize().expect("the plugin's path")
}

/// The plugin's section; `more` goes into its configuration.
fn section(google: &Google, key: &Path, config: &Value) -> String {
    let config: Vec<String> = config
        .as_object()
        .expect("an object")
        .iter()
        .map(|(name, value)| format!("{name} = {}", toml_of(value)))
        .collect();
    format!(
        r#"
[plugins.gsheets]
component = "{component}"
routes = [{{ source = "shop" }}]
[plugins.gsheets.grants]
http = ["GET {base}/**", "POST {base}/**"]
secrets = {{ service-account = "file:{key}" }}
private-network = true
[plugins.gsheets.config]
api-base = "{api}"
drive-base = "{drive}"
sheet = "{SHEET}"
{config}
[plugins.gsheets.limits]
memory = "256MiB"
timeout = "2m"
cpu = "20s"
response-bytes = "32MiB"
[plugins.gsheets.retry]
schedule = ["20ms", "20ms", "20ms", "20ms", "20ms", "20ms", "20ms", "20ms"]
"#,
        component = component().display(),
        base = google.base_url(),
        key = key.display(),
        api = google.api_base(),
        drive = google.drive_base(),
        config = config.join("\n"),
    )
}

/// JSON as it is written in TOML, on one line.
fn toml_of(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(toml_of).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|(name, value)| format!("{name} = {}", toml_of(value)))
                .collect();
            format!("{{ {} }}", fields.join(", "))
        }
        other => other.to_string(),
    }
}

/// The columns of an order.
pub fn columns() -> Value {
    json!([
        {"title": "Order", "value": "/id"},
        {"title": "Customer", "value": "/customer"},
        {"title": "Total", "value": "/total", "type": "number"},
        {"title": "Paid", "value": "/paid", "type": "boolean"},
        {"title": "At", "value": "/at", "type": "datetime"},
        {"title": "Line", "value": "{{ event.source }} {{ body.id }}"},
    ])
}

impl Scene {
    /// A spreadsheet named by its id.
    pub async fn new(config: Value) -> Self {
        Self::with(Options::default(), |_, book| {
            let mut config = config;
            config["spreadsheet"] = json!(book);
            config
        })
        .await
    }

    /// Rows of orders, one for each event.
    pub async fn appending() -> Self {
        Self::new(json!({"columns": columns()})).await
    }

    /// The configuration follows from what Google has.
    pub async fn with(options: Options, config: impl FnOnce(&Google, &str) -> Value) -> Self {
        let google = Google::start(options).await.expect("a stand-in");
        let book = google.add_spreadsheet("Shop", "ada@example.com");
        assert!(google.share(&book, &google.service_account_email()));
        let dir = tempfile::tempdir().expect("a directory");
        let key = dir.path().join("key.json");
        std::fs::write(&key, google.service_account_json()).expect("a key file");
        let text = section(&google, &key, &config(&google, &book));
        let pipeline = Pipeline::start_in(dir.path(), &text, Environment::default()).await;
        Self {
            google,
            pipeline,
            book,
            section: text,
            dir,
        }
    }

    /// Lets events wait, or lets them go.
    pub async fn pause(&self, paused: bool) {
        let header = "[plugins.gsheets]\n";
        let text = self
            .section
            .replace(header, &format!("{header}paused = {paused}\n"));
        self.pipeline.write_plugins(&text);
        self.pipeline
            .wait_plugin("gsheets", if paused { "paused" } else { "ready" })
            .await;
    }

    /// Adds a line to the plugin's limits.
    pub async fn limit(&mut self, line: &str) {
        let header = "[plugins.gsheets.limits]\n";
        self.section = self.section.replace(header, &format!("{header}{line}\n"));
        // Paused and ready again tells that the line is in force.
        self.pause(true).await;
        self.pause(false).await;
    }

    /// Lets the operator grant the account's key with these scopes instead of those that the plugin asks for.
    pub fn grant_scopes(&self, scopes: &[&str]) {
        let key = format!("\"file:{}\"", self.dir.path().join("key.json").display());
        let grant = format!("{{ from = {key}, scopes = {} }}", json!(scopes));
        assert!(self.section.contains(&key), "{}", self.section);
        self.pipeline.write_plugins(&self.section.replace(&key, &grant));
    }

    /// Adds a row by the action, whose first attempt must succeed.
    pub async fn add(&self, row: &Value) {
        let path = "/api/plugins/gsheets/actions/append-row/?wait=25";
        let (status, answer) = self.pipeline.post(path, &json!({ "row": row })).await;
        assert_eq!(status, 200, "{answer:#}");
        assert_eq!(answer["delivery"]["state"], "succeeded", "{answer:#}");
    }

    /// Sends an order; its event's id.
    pub async fn send(&self, body: &Value) -> String {
        self.pipeline.send("shop", "order", body).await
    }

    /// Sends an order and waits until its row is there.
    pub async fn done(&self, body: &Value) -> Value {
        let id = self.send(body).await;
        self.pipeline.wait_status(&id, "processed").await
    }

    /// Sends an order that must end as a dead letter, and gives what a person reads there.
    pub async fn refused(&self, body: &Value) -> String {
        let id = self.send(body).await;
        let event = self.pipeline.wait_status(&id, "failed").await;
        let error = &event["deliveries"][0]["attempts"].as_array().expect("attempts");
        let error = error.last().expect("an attempt")["error"].as_str();
        error.expect("an error").to_owned()
    }

    /// Lets faults meet the next requests of a method.
    pub fn fault(&self, target: &str, kind: FaultKind, times: u32) {
        let target = target.to_owned();
        self.google
            .inject(Fault { target, kind, times })
            .expect("a fault");
    }

    /// What was called since the last look, without the token.
    pub fn called(&self) -> Vec<String> {
        let requests = self.google.requests();
        self.google.clear_requests();
        let targets = requests.into_iter().map(|request| request.target);
        targets.filter(|target| target != "token").collect()
    }

    /// The sheet as it is now.
    pub fn sheet(&self) -> Sheet {
        self.google.grid(&self.book, SHEET).expect("the sheet")
    }

    /// Ends all; fails when a part of the application died.
    pub async fn end(self) {
        self.pipeline.stop().await;
        drop(self.dir);
    }
}

/// What was entered into a cell, as JSON.
pub fn entered(sheet: &Sheet, row: usize, column: usize) -> Value {
    match &sheet.cell(row, column).entered {
        None => Value::Null,
        Some(Entered::Number(number)) => json!(number),
        Some(Entered::Text(text)) => json!(text),
        Some(Entered::Bool(value)) => json!(value),
        Some(Entered::Formula(text)) => json!({"formula": text}),
    }
}

/// What was entered into a row's first cells.
pub fn row(sheet: &Sheet, at: usize, width: usize) -> Vec<Value> {
    (0..width).map(|column| entered(sheet, at, column)).collect()
}

/// The texts of a column from the second row to the first empty one.
pub fn below(sheet: &Sheet, column: usize) -> Vec<Value> {
    (1..sheet.row_count)
        .map(|row| entered(sheet, row, column))
        .take_while(|value| !value.is_null())
        .collect()
}
