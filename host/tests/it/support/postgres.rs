//! PostgreSQL for tests: the server that `TEST_DATABASE_URL` names, or a private one from Debian's
//! binaries, one for the whole test binary. Each test gets a database of its own.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::OnceLock;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

/// Runs the private server for as long as standard input is open. However the test process ends,
/// the kernel closes the pipe, and the server and its files go.
const SCRIPT: &str = r#"
set -e
dir=$(mktemp -d /tmp/hookyard-pg.XXXXXX)
"$1/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$dir/initdb.log" 2>&1
"$1/pg_ctl" -D "$dir/data" -l "$dir/log" -w -t 60 -o "-k $dir -c listen_addresses='' -c fsync=off -c max_connections=400" start >/dev/null 2>&1
echo "$dir"
cat >/dev/null || true
"$1/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1 || true
rm -rf "$dir"
"#;

/// Where databases can be made.
enum Server {
    Given(url::Url),
    /// The socket's directory, and the pipe that keeps the server alive.
    Private(
        String,
        #[expect(dead_code, reason = "held open: closing it stops the server")] ChildStdin,
    ),
    Missing(String),
}

/// The URL of a fresh, empty database, or `None` (with a word on standard error) where there is no
/// PostgreSQL. Under `CI` that is a failure.
pub async fn fresh_database() -> Option<String> {
    static SERVER: OnceLock<Server> = OnceLock::new();
    let server = tokio::task::spawn_blocking(|| SERVER.get_or_init(find_server))
        .await
        .expect("the server's start does not panic");
    let url = |database: &str| match server {
        Server::Given(url) => {
            let mut url = url.clone();
            url.set_path(database);
            url.to_string()
        }
        Server::Private(dir, _) => format!("postgres://postgres@localhost/{database}?host={dir}"),
        Server::Missing(_) => String::new(),
    };
    if let Server::Missing(why) = server {
        assert!(
            std::env::var_os("CI").is_none(),
            "CI must test on PostgreSQL: {why}"
        );
        eprintln!("skipped: {why}");
        return None;
    }
    let admin = match server {
        Server::Given(url) => url.to_string(),
        _ => url("postgres"),
    };
    let name = format!("hookyard_test_{}", uuid::Uuid::new_v4().simple());
    let mut connection = PgConnection::connect(&admin)
        .await
        .expect("the PostgreSQL for tests answers");
    sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .execute(&mut connection)
        .await
        .expect("a database can be made");
    Some(url(&name))
}

/// Removes a database made by [`fresh_database`].
pub async fn drop_database(url: &str) {
    let mut admin = url::Url::parse(url).expect("our own URL");
    let name = admin.path().trim_start_matches('/').to_owned();
    admin.set_path("postgres");
    let mut connection = PgConnection::connect(admin.as_str())
        .await
        .expect("the server still answers");
    sqlx::query(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)")))
        .execute(&mut connection)
        .await
        .expect("the test's database can be removed");
}

fn find_server() -> Server {
    if let Some(url) = std::env::var_os("TEST_DATABASE_URL") {
        let url = url.to_string_lossy();
        return match url::Url::parse(&url) {
            Ok(url) => Server::Given(url),
            Err(e) => Server::Missing(format!("TEST_DATABASE_URL is not a URL: {e}")),
        };
    }
    let Some(bin) = binaries() else {
        return Server::Missing(
            "no TEST_DATABASE_URL, and no PostgreSQL under /usr/lib/postgresql (apt-get install postgresql)"
                .to_owned(),
        );
    };
    start(&bin).unwrap_or_else(|why| Server::Missing(format!("PostgreSQL did not start: {why}")))
}

/// The newest of Debian's PostgreSQL binaries.
fn binaries() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let version = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    versions
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join("bin/initdb").is_file())
        .max_by_key(|path| version(path))
        .map(|path| path.join("bin"))
}

fn start(bin: &Path) -> Result<Server, String> {
    use std::os::unix::fs::MetadataExt as _;
    // PostgreSQL refuses to run as root.
    let root = std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0);
    let mut command = if root {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "sh"]);
        command
    } else {
        Command::new("sh")
    };
    let mut child = command
        .args(["-c", SCRIPT, "sh"])
        .arg(bin)
        .current_dir("/")
        // A Ctrl-C at the terminal must not end the script before it has cleaned up.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| e.to_string())?;
    let input = child.stdin.take().ok_or("no standard input")?;
    let output = child.stdout.take().ok_or("no standard output")?;
    let mut line = String::new();
    BufReader::new(output)
        .read_line(&mut line)
        .map_err(|e| e.to_string())?;
    match line.trim() {
        "" => Err("initdb or pg_ctl failed; look at /tmp/hookyard-pg.*/log".to_owned()),
        dir => Ok(Server::Private(dir.to_owned(), input)),
    }
}
