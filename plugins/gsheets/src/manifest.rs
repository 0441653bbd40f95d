//! What the plugin asks for and offers.

use hookyard_plugin_sdk::Manifest;
use serde_json::{Value, json};

use crate::config::{DEFAULT_API_BASE, DEFAULT_DRIVE_BASE, DEFAULT_SHEET};

/// Reads and writes every spreadsheet that is shared with the account; finds them by title, makes one in a shared
/// drive's folder, and shares one. `drive.file` would do so for files alone that the plugin itself has made.
/// <https://developers.google.com/identity/protocols/oauth2/scopes>
const SCOPES: &[&str] = &[
    "https://www.googleapis.com/auth/spreadsheets",
    "https://www.googleapis.com/auth/drive",
];

/// Longest title of a sheet, in characters (Google's own limit).
const MAX_SHEET_TITLE: u32 = 100;

pub(crate) fn manifest() -> Manifest {
    Manifest::new(
        "gsheets",
        env!("CARGO_PKG_VERSION"),
        "Writes tables and rows to Google Sheets",
    )
    .config(&config_schema())
    .google_service_account(
        "service-account",
        SCOPES,
        "JSON key file of a Google Cloud service account with which the spreadsheet is shared",
    )
    .http("POST {config:api-base}/spreadsheets")
    .http("GET {config:api-base}/spreadsheets/*")
    .http("POST {config:api-base}/spreadsheets/*")
    .http("GET {config:drive-base}/files")
    .http("POST {config:drive-base}/files")
    .http("POST {config:drive-base}/files/*/permissions")
    .action(
        "write-table",
        "Puts a formatted table in the place of what a sheet has",
        &write_table_schema(),
    )
    .action(
        "append-row",
        "Adds one row at the end of a sheet",
        &append_row_schema(),
    )
    .action(
        "check",
        "Opens the spreadsheet without writing and says what it found",
        &object(json!({}), &[]),
    )
    .batches()
}

fn config_schema() -> Value {
    object(
        json!({
            "api-base": url(DEFAULT_API_BASE, "Address of the Sheets API"),
            "drive-base": url(DEFAULT_DRIVE_BASE, "Address of the Drive API"),
            "token-url": {"type": "string", "pattern": "^https?://",
                "description": "Token endpoint; without it the key file's token_uri"},
            "spreadsheet": text("Id, address (https://docs.google.com/spreadsheets/d/…) or title"),
            "sheet": sheet(),
            "folder": text("Id of the shared drive, or of a folder in one, where a new spreadsheet is made"),
            "subject": text("User to act for, where the domain's administrator delegated that"),
            "share-with": {"type": "array", "items": {"type": "string", "pattern": "^[^@\\s]+@[^@\\s]+$"},
                "description": "E-mail addresses that may write to a spreadsheet named by its title"},
            "mode": {"enum": ["append", "write"], "default": "append",
                "description": "append: one row for each event; write: an event is a whole table"},
            "columns": {"type": "array", "items": column(), "description": "What goes into which column"},
        }),
        &[],
    )
}

fn column() -> Value {
    object(
        json!({
            "title": text("The column's heading; existing columns are found by it"),
            "value": {"type": "string", "pattern": "^/|\\{\\{|\\{%",
                "description": "JSON pointer into the payload (/customer/name) or template ({{ event.id }})"},
            "type": column_type(),
        }),
        &["title", "value"],
    )
}

fn column_type() -> Value {
    json!({
        "enum": ["auto", "text", "number", "boolean", "date", "datetime", "formula"],
        "default": "auto",
        "description": "auto: as JSON has it. Only `formula` ever makes a formula",
    })
}

fn write_table_schema() -> Value {
    let cell = json!({"type": ["string", "number", "boolean", "null", "object", "array"]});
    object(
        json!({
            "spreadsheet": text("Id, address or title; without it the configured one"),
            "sheet": text("The sheet (tab); without it the configured one"),
            "columns": {"type": "array", "minItems": 1, "items": {"anyOf": [
                text("The column's heading"),
                object(json!({"title": text("The column's heading"), "type": column_type()}), &["title"]),
            ]}, "description": "Headings; without them the keys of the rows, in order of appearance"},
            "rows": {"type": "array", "items": {"anyOf": [
                {"type": "array", "items": cell},
                {"type": "object"},
            ]}, "description": "Lists of cells, or objects whose keys are the headings"},
        }),
        &["rows"],
    )
}

fn append_row_schema() -> Value {
    object(
        json!({
            "spreadsheet": text("Id, address or title; without it the configured one"),
            "sheet": text("The sheet (tab); without it the configured one"),
            "row": {"type": "object", "minProperties": 1,
                "description": "Cells by heading; headings that the sheet has not are added at its end"},
        }),
        &["row"],
    )
}

fn sheet() -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": MAX_SHEET_TITLE, "default": DEFAULT_SHEET,
        "description": "The sheet (tab), made when it is missing"})
}

fn url(default: &str, description: &str) -> Value {
    json!({"type": "string", "pattern": "^https?://", "default": default, "description": description})
}

fn text(description: &str) -> Value {
    json!({"type": "string", "minLength": 1, "description": description})
}

fn object(properties: Value, required: &[&str]) -> Value {
    let mut schema = json!({"type": "object", "additionalProperties": false, "required": required});
    schema["properties"] = properties;
    schema
}
