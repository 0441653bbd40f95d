//! What needs a process of its own.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::plugins::{Mirror, component};

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_of_the_environment_is_not_used() {
    let (vendor, proxy) = (Mirror::start().await, Mirror::start().await);
    let dir = tempfile::tempdir().expect("a directory");
    let event = dir.path().join("event.json");
    let authority = vendor.base.trim_start_matches("http://");
    let payload = json!({"payload": {"do": "send", "authority": authority, "path": "/x"}});
    fs::write(&event, payload.to_string()).expect("written");
    let config = json!({"base": vendor.base, "other": vendor.base}).to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookyard"));
    command
        .args(["--json", "plugins", "test"])
        .arg(component("escape"))
        .args(["--private-network", "--config", &config, "--event"])
        .arg(&event)
        .env_clear()
        .current_dir(dir.path());
    for name in [
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ] {
        command.env(name, &proxy.base);
    }
    let ran = tokio::task::spawn_blocking(move || command.output()).await;
    let ran = ran.expect("no panic").expect("the binary");
    let told: Value = serde_json::from_slice(&ran.stdout).expect("JSON");
    assert!(
        told["output"]["got"]
            .as_str()
            .is_some_and(|got| got.starts_with("got 200")),
        "{told}"
    );
    assert_eq!((vendor.requests().len(), proxy.requests().len()), (1, 0));
}
