//! The forgetful disk catches a liar: without these, a green durability test would prove nothing.

use std::process::{Command, Output};

use faults::power_cut::PowerCut;

fn python(script: &str) -> Command {
    let mut command = Command::new("python3");
    command.args(["-c", script]);
    command
}

fn run(command: &mut Command) -> Output {
    command
        .output()
        .expect("python3 is needed (Debian: apt-get install python3)")
}

/// Write under the shim, die, and tell what the named file holds after the cut.
fn write_and_cut(script: &str, name: &str) -> Option<Vec<u8>> {
    let disk = PowerCut::new();
    let mut writer = python(&format!("import os\n{script}\nos.kill(os.getpid(), 9)"));
    let output = run(disk.watch(writer.current_dir(disk.directory())));
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let written = std::fs::read(disk.directory().join(name)).expect("a kill alone loses nothing");
    assert!(!written.is_empty());
    std::fs::read(disk.what_remains().join(name)).ok()
}

const SYNC_DIRECTORY: &str = "os.fsync(os.open('.', os.O_RDONLY))";

#[test]
fn a_writer_that_never_syncs_loses_its_bytes() {
    let write = "f = os.open('a', os.O_WRONLY | os.O_CREAT); os.write(f, b'promised')";
    assert_eq!(write_and_cut(write, "a"), None);
    let name_only = format!("{write}; {SYNC_DIRECTORY}");
    assert_eq!(write_and_cut(&name_only, "a").as_deref(), Some(&b""[..]));
}

#[test]
fn a_synced_file_without_a_synced_name_is_lost_too() {
    let write = "f = os.open('a', os.O_WRONLY | os.O_CREAT); os.write(f, b'promised'); os.fsync(f)";
    assert_eq!(write_and_cut(write, "a"), None);
    let both = format!("{write}; {SYNC_DIRECTORY}; os.write(f, b' and more')");
    assert_eq!(write_and_cut(&both, "a").as_deref(), Some(&b"promised"[..]));
}

#[test]
fn a_rename_is_durable_with_its_directory() {
    let old = format!(
        "f = os.open('a', os.O_WRONLY | os.O_CREAT); os.write(f, b'old'); os.fsync(f); {SYNC_DIRECTORY}
g = os.open('b', os.O_WRONLY | os.O_CREAT); os.write(g, b'new'); os.fdatasync(g); os.rename('b', 'a')"
    );
    assert_eq!(write_and_cut(&old, "a").as_deref(), Some(&b"old"[..]));
    let new = format!("{old}; {SYNC_DIRECTORY}");
    assert_eq!(write_and_cut(&new, "a").as_deref(), Some(&b"new"[..]));
}

/// Rows that SQLite acknowledged before the process died, and how many of them are there after the cut.
fn sqlite_rows(synchronous: &str) -> (usize, usize) {
    let disk = PowerCut::new();
    let script = format!(
        "import os, sqlite3
db = sqlite3.connect('rows.db', isolation_level=None)
db.execute('PRAGMA journal_mode=WAL')
db.execute('PRAGMA synchronous=FULL')
db.execute('CREATE TABLE rows (n INTEGER)')
db.execute('PRAGMA synchronous={synchronous}')
for n in range(50):
    db.execute('INSERT INTO rows VALUES (?)', (n,))
    print(n, flush=True)
os.kill(os.getpid(), 9)"
    );
    let output = run(disk.watch(python(&script).current_dir(disk.directory())));
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let acknowledged = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .count();
    let count = "import sqlite3; print(sqlite3.connect('rows.db').execute('SELECT count(*) FROM rows').fetchone()[0])";
    let read = run(python(count).current_dir(disk.what_remains()));
    let kept = String::from_utf8_lossy(&read.stdout).trim().parse();
    let kept = kept.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&read.stderr)));
    (acknowledged, kept)
}

#[test]
fn sqlite_that_syncs_every_commit_keeps_what_it_acknowledged() {
    assert_eq!(sqlite_rows("FULL"), (50, 50));
}

#[test]
fn sqlite_that_does_not_sync_commits_is_caught() {
    assert_eq!(sqlite_rows("OFF"), (50, 0));
    assert_eq!(
        sqlite_rows("NORMAL"),
        (50, 0),
        "WAL with NORMAL syncs at checkpoints only"
    );
}
