//! What is copied: one list of columns per table. A test compares it with the schema of both databases.

use std::sync::LazyLock;

/// The type of a column, the same in both databases but for its name there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// `INTEGER`, `BIGINT`.
    Number,
    /// `BOOLEAN`.
    Flag,
    /// `BLOB`, `BYTEA`.
    Bytes,
}

/// A column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub name: &'static str,
    pub kind: Kind,
}

/// A table.
#[derive(Debug)]
pub(super) struct Table {
    pub name: &'static str,
    /// How many of the columns, from the first, are the primary key.
    pub key: usize,
    /// The column that refers to another row of this table by its first column.
    pub own_reference: Option<&'static str>,
    pub columns: Vec<Column>,
}

impl Table {
    /// The names of these columns, as a statement lists them.
    pub fn names(columns: &[Column]) -> String {
        columns
            .iter()
            .map(|column| column.name)
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// The columns of the primary key.
    pub fn key_columns(&self) -> &[Column] {
        &self.columns[..self.key]
    }

    /// Where the column that refers to this table stands.
    pub fn own_reference_at(&self) -> Option<usize> {
        let name = self.own_reference?;
        self.columns.iter().position(|column| column.name == name)
    }
}

/// A table by its columns: their types, each before the names it is of.
fn table(
    name: &'static str,
    key: usize,
    own_reference: Option<&'static str>,
    columns: &'static str,
) -> Table {
    let of_one_kind = |group: &'static str| {
        let mut words = group.split_whitespace();
        let kind = match words.next() {
            Some("text") => Kind::Text,
            Some("number") => Kind::Number,
            Some("flag") => Kind::Flag,
            _ => Kind::Bytes,
        };
        words.map(move |name| Column { name, kind })
    };
    Table {
        name,
        key,
        own_reference,
        columns: columns.split(';').flat_map(of_one_kind).collect(),
    }
}

/// Tables whose rows are not copied: nodes and sessions are of the moment, counters follow from what is copied by the
/// target's own triggers, and the last is about the copy itself.
pub const NOT_COPIED: &[&str] = &[
    "copy_progress",
    "delivery_counts",
    "event_counts",
    "nodes",
    "sessions",
    "tallies",
];

/// Every table that is copied, those that others refer to first. The columns of the key come first.
pub(super) static TABLES: LazyLock<Vec<Table>> = LazyLock::new(|| {
    vec![
        table(
            "users",
            1,
            None,
            "text id username username_key email first_name last_name password_hash role; flag is_active; \
         number date_joined last_login signed_out_at",
        ),
        table(
            "refresh_tokens",
            1,
            None,
            "text id family user_id; number issued_at expires_at used_at revoked_at",
        ),
        table(
            "api_keys",
            1,
            None,
            "text id; bytes digest; text name owner_id sources rate; number created_at; text created_by; \
         number expires_at revoked_at; text revoked_by; number last_used_at",
        ),
        table("sources", 1, None, "text name; number first_seen_at"),
        table(
            "events",
            1,
            Some("edited_from"),
            "text id kind source event_type headers content_type; bytes body; number payload_start \
         payload_end received_at processed_at; text status error_message owner_id; number open_deliveries \
         failed_deliveries; text redacted redact_rule key_id edited_from trace_parent",
        ),
        table(
            "replays",
            1,
            None,
            "text id kind filter to_plugin note; number rate_per_minute; text state; number total; flag \
         total_exact; number made skipped; text cursor_id; number next_at created_at; text created_by; \
         number finished_at; text cancelled_by",
        ),
        table("order_keys", 2, None, "text plugin order_key; number last_seq"),
        table(
            "deliveries",
            1,
            Some("replay_of"),
            "text id event_id plugin state; number attempts due_at created_at started_at finished_at; text \
         last_error lease_token; number lease_until; text lease_node replay_of; flag alone; text \
         order_key; number order_seq; flag waits_turn; text replay_job",
        ),
        table(
            "attempts",
            1,
            None,
            "text id delivery_id; number number started_at duration_ms; text outcome summary output error \
         logs calls; number generation; text digest batch_id; number batch_size; text key_id; flag mapped",
        ),
        table(
            "delivery_acts",
            1,
            None,
            "text id delivery_id kind actor; number at; text note",
        ),
        table(
            "once_keys",
            2,
            None,
            "text scope once_key event_id status digest; number seen_at expires_at",
        ),
        table(
            "processes",
            1,
            None,
            "text id code name script; number created_at updated_at",
        ),
        table(
            "process_versions",
            2,
            None,
            "text process_id; number version; text code name script; number changed_at; text changed_by",
        ),
        table("imported_rows", 1, None, "text id digest"),
        table("schedules", 2, None, "text plugin schedule rule; number since"),
        table(
            "schedule_runs",
            3,
            None,
            "text plugin schedule; number planned_at recorded_at; text outcome event_id",
        ),
        table(
            "plugin_state",
            2,
            None,
            "text plugin; bytes key value; number version",
        ),
        table("plugin_state_usage", 1, None, "text plugin; number keys bytes"),
        table(
            "stored_secrets",
            1,
            None,
            "text name key_id; bytes sealed; number created_at updated_at",
        ),
        table(
            "rejected_requests",
            1,
            None,
            "text id; number received_at; text source remote_address; number http_status; text reason \
         headers; number body_bytes; text check_failed method target content_type credential; bytes body; \
         number kept_bytes; text key_id accepted_event_id; number accepted_at; text accepted_by",
        ),
        table(
            "audit_log",
            1,
            None,
            "text id; number at; text actor role via address action target detail request_id",
        ),
    ]
});

/// Every table that is copied with its columns, for who compares them with the schema.
pub fn copied_columns() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    TABLES.iter().map(|table| {
        let names = table.columns.iter().map(|column| column.name);
        (table.name, names.collect())
    })
}
