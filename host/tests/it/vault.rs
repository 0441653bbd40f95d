//! Secrets and state from the command line; what the vault keeps from whom.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use hookyard::clock::{SharedClock, SystemClock};
use hookyard::domain::grant::StoredName;
use hookyard::secret::Secret;
use hookyard::store::{self, SharedStore};
use hookyard::vault::{MasterKeys, Vault, VaultError};

use crate::support::command::{Ran, Yard, hookyard};
use crate::support::plugins::{component, secret_value};

fn name(text: &str) -> StoredName {
    text.parse().expect("a name")
}

fn key(digit: char) -> Secret {
    Secret::new(digit.to_string().repeat(64))
}

async fn store(dir: &tempfile::TempDir) -> SharedStore {
    let url = format!("sqlite://{}", dir.path().join("test.db").display());
    store::open(&url).await.expect("a store")
}

fn vault(store: &SharedStore, keys: MasterKeys) -> Vault {
    let clock: SharedClock = Arc::new(SystemClock);
    Vault::new(store.clone(), clock, keys)
}

#[tokio::test]
async fn sealing_anew_undoes_neither_a_new_value_nor_a_removal() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = store(&dir).await;
    let vault = vault(&store, MasterKeys::given(&key('a')).expect("a key"));
    vault
        .set(&name("one"), &"first".to_owned().into())
        .await
        .expect("stored");
    let read = store.secret(&name("one")).await.expect("read").expect("there");
    assert!(store.replace_secret(&read, &read).await.expect("written"));
    // Somebody sets another value between the reading and the writing, and then removes it.
    vault
        .set(&name("one"), &"second".to_owned().into())
        .await
        .expect("stored");
    assert!(!store.replace_secret(&read, &read).await.expect("answered"));
    assert_eq!(vault.get(&name("one")).await.expect("opened").expose(), "second");
    assert!(vault.remove(&name("one")).await.expect("removed"));
    assert!(!store.replace_secret(&read, &read).await.expect("answered"));
    assert!(store.secret(&name("one")).await.expect("read").is_none());
}

#[tokio::test]
async fn nothing_in_the_database_gives_a_secret_away_or_passes_for_another() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = store(&dir).await;
    let keys = || MasterKeys::given(&key('a')).expect("a key");
    let vault = vault(&store, keys());
    vault
        .set(&name("one"), &secret_value().to_owned().into())
        .await
        .expect("stored");
    let got = vault.get(&name("one")).await.expect("opened");
    assert_eq!(got.expose(), secret_value());
    let row = store.secret(&name("one")).await.expect("read").expect("there");
    let sealed = String::from_utf8_lossy(&row.sealed).into_owned();
    assert!(!sealed.contains(secret_value()) && !format!("{got:?} {vault:?}").contains(secret_value()));

    let mut moved = row.clone();
    moved.name = name("two");
    store.put_secret(&moved).await.expect("written");
    let error = vault.get(&name("two")).await.expect_err("another's");
    assert!(matches!(error, VaultError::Altered(_)), "{error}");
    let mut altered = row.clone();
    *altered.sealed.last_mut().expect("bytes") ^= 1;
    store.put_secret(&altered).await.expect("written");
    let error = vault.get(&name("one")).await.expect_err("altered");
    assert!(matches!(error, VaultError::Altered(_)), "{error}");
    let error = vault.get(&name("three")).await.expect_err("missing");
    assert!(
        error.to_string().contains("hookyard secrets set three"),
        "{error}"
    );
}

#[tokio::test]
async fn a_new_master_key_takes_over_by_reseal() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = store(&dir).await;
    let old = vault(&store, MasterKeys::given(&key('a')).expect("a key"));
    old.set(&name("one"), &secret_value().to_owned().into())
        .await
        .expect("stored");
    let new = vault(&store, MasterKeys::given(&key('b')).expect("a key"));
    let error = new.get(&name("one")).await.expect_err("another key");
    assert!(matches!(error, VaultError::OtherKey { .. }), "{error}");
    assert!(!new.list().await.expect("listed")[0].readable);
    let both = format!("{},{}", key('b').expose(), key('a').expose());
    let both = vault(&store, MasterKeys::given(&both.into()).expect("keys"));
    assert_eq!(both.reseal().await.expect("resealed"), 1);
    assert_eq!(
        new.get(&name("one")).await.expect("opened").expose(),
        secret_value()
    );
    assert!(MasterKeys::given(&Secret::new("short".to_owned())).is_err());
}

fn with_input(yard: &Yard, args: &[&str], input: &str) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hookyard"))
        .args(args)
        .env_clear()
        .env("HOOKYARD_DATA_DIR", yard.path().join("data"))
        .env("HOOKYARD_PLUGINS_FILE", yard.path().join("plugins.toml"))
        .current_dir(yard.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input.as_bytes()).expect("written");
    drop(stdin);
    let output = child.wait_with_output().expect("ended");
    Ran {
        status: output.status.code().expect("it ended by itself"),
        out: String::from_utf8(output.stdout).expect("UTF-8"),
        err: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

#[test]
fn secrets_are_set_listed_and_removed_without_being_shown() {
    let yard = hookyard("");
    let input = format!("{}\n", secret_value());
    let set = with_input(&yard, &["secrets", "set", "slack-token", "--stdin"], &input);
    assert_eq!(
        (set.status, set.out.as_str()),
        (0, "stored slack-token\n"),
        "{}",
        set.err
    );
    let listed = yard.run(&["secrets", "list", "--json"]);
    assert!(
        listed.out.contains("\"slack-token\"") && listed.out.contains("\"readable\":true"),
        "{}",
        listed.out
    );
    let database = std::fs::read(yard.path().join("data/hookyard.db")).expect("read");
    let all = format!("{}{}{}", listed.out, set.out, String::from_utf8_lossy(&database));
    assert!(!all.contains(secret_value()));

    let kept = std::fs::metadata(yard.path().join("data/vault/master.key")).expect("the key");
    assert_eq!(kept.permissions().mode() & 0o777, 0o600);
    for (args, input) in [
        (["secrets", "set", "Bad_Name", "--stdin"], "x"),
        (["secrets", "set", "empty", "--stdin"], "\n"),
    ] {
        assert_eq!(with_input(&yard, &args, input).status, 1, "{args:?}");
    }
    assert_eq!(yard.run(&["secrets", "remove", "slack-token"]).status, 0);
    let again = yard.run(&["secrets", "remove", "slack-token"]);
    assert!(
        again.status == 1 && again.err.contains("no secret `slack-token` is stored"),
        "{}",
        again.err
    );
}

#[test]
fn state_is_listed_shown_and_cleared() {
    let file = component("state");
    let yard = hookyard(&format!("[plugins.state]\ncomponent = \"{}\"\n", file.display()));
    for key in ["a", "b/1", "b/2"] {
        let input = serde_json::json!({"steps": [{"op": "set", "key": key, "value": "value"}]}).to_string();
        let ran = yard.run(&["plugins", "run", "state", "steps", "--input", &input]);
        assert_eq!(ran.status, 0, "{}{}", ran.out, ran.err);
    }
    let listed = yard.run(&["state", "list", "state", "--prefix", "b/"]);
    assert!(
        listed.out.contains("b/1") && !listed.out.contains("\na "),
        "{}",
        listed.out
    );
    let got = yard.run(&["state", "get", "state", "a"]);
    assert_eq!(got.out, "value\n", "{}", got.err);
    assert_eq!(
        yard.run(&["state", "clear", "state"]).status,
        1,
        "not without --yes"
    );
    let cleared = yard.run(&["state", "clear", "state", "--prefix", "b/", "--yes"]);
    assert_eq!(cleared.out, "removed 2 keys\n", "{}", cleared.err);
    assert_eq!(yard.run(&["state", "delete", "state", "a"]).status, 0);
    assert_eq!(yard.run(&["state", "get", "state", "a"]).status, 1);
}
