//! How the databases go about what a backlog must not make dearer. The texts are the store's own, short of their columns.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

/// The databases' clocks, as the store reads them.
const SQLITE_NOW: &str = "CAST(round(unixepoch('subsec') * 1000) AS INTEGER)";
const POSTGRES_NOW: &str = "CAST(floor(extract(epoch FROM statement_timestamp()) * 1000) AS BIGINT)";

/// The condition of the indexes of what is in trouble.
const DEAD: &str = "d.state IN ('retrying', 'deferred', 'dead', 'cancelled', 'unknown') AND d.state = 'dead'";

/// Deliveries and their events.
const JOINED: &str = "FROM deliveries d JOIN events e ON e.id = d.event_id WHERE";

/// Prints the plan of each statement, on the filled database.
pub(super) async fn tell(database: &str, url: &str) -> anyhow::Result<()> {
    if url.starts_with("sqlite:") {
        let mut db = SqliteConnection::connect(url).await?;
        for (what, statement) in statements(SQLITE_NOW, "") {
            let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
            let steps: Vec<(i64, i64, i64, String)> = sqlx::query_as(explain).fetch_all(&mut db).await?;
            print(database, what, steps.into_iter().map(|step| step.3));
        }
        db.close().await?;
    } else {
        let mut db = PgConnection::connect(url).await?;
        for (what, statement) in statements(POSTGRES_NOW, " FOR UPDATE OF d SKIP LOCKED") {
            let explain = AssertSqlSafe(format!("EXPLAIN {statement}"));
            let steps: Vec<(String,)> = sqlx::query_as(explain).fetch_all(&mut db).await?;
            print(database, what, steps.into_iter().map(|step| step.0));
        }
        db.close().await?;
    }
    Ok(())
}

fn print(database: &str, what: &str, steps: impl Iterator<Item = String>) {
    println!("plan of {what} on {database}:");
    for step in steps {
        println!("    {step}");
    }
}

/// What is measured, each as one statement.
fn statements(now: &str, lock: &str) -> [(&'static str, String); 7] {
    let claim = |condition: &str| {
        format!(
            "SELECT d.id, e.body {JOINED} {condition} AND d.plugin = 'bench' AND d.due_at <= {now} \
             ORDER BY d.due_at, d.id LIMIT 4{lock}"
        )
    };
    let page = |condition: &str| {
        format!("SELECT d.id, e.source {JOINED} {condition} ORDER BY d.id DESC LIMIT 20 OFFSET 0")
    };
    let count = |rows: &str| format!("SELECT COUNT(*) FROM (SELECT 1 {rows} LIMIT 10001) AS found");
    [
        (
            "a claim of first tries",
            claim("d.state = 'pending' AND NOT d.waits_turn"),
        ),
        (
            "a claim of later tries",
            claim("d.state IN ('retrying', 'deferred')"),
        ),
        (
            "a page of events",
            "SELECT e.id FROM events e WHERE 1 = 1 ORDER BY e.received_at DESC, e.id DESC LIMIT 20 OFFSET 0"
                .to_owned(),
        ),
        ("a page of deliveries", page("1 = 1")),
        ("a page of dead letters", page(&format!("1 = 1 AND {DEAD}"))),
        (
            "a count of dead letters in a window",
            count(&format!(
                "FROM deliveries d WHERE 1 = 1 AND {DEAD} AND d.created_at >= 0"
            )),
        ),
        (
            "a count of a source, up to 10,000",
            count(&format!("{JOINED} 1 = 1 AND e.source = 'bench'")),
        ),
    ]
}
