//! `hookyard doctor`: what it finds, what it says to do, and how it exits.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;

use crate::support::command::{Ran, Yard, hookyard};
use crate::support::plugins::component;

/// Some free port: another server of this machine must not be a finding.
const LISTEN: [&str; 2] = ["--listen", "127.0.0.1:0"];

fn doctor(yard: &Yard, args: &[&str]) -> (i32, Value) {
    let args = [&["--json", "doctor"][..], &LISTEN, args].concat();
    let Ran { status, out, err } = yard.run(&args);
    let report = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}"));
    (status, report)
}

/// The findings of an area whose subject ends so.
fn found<'a>(report: &'a Value, area: &str, what: &str) -> Vec<&'a Value> {
    let all = report["findings"].as_array().expect("a list");
    let wanted = |finding: &&Value| {
        finding["area"] == area && finding["what"].as_str().is_some_and(|text| text.ends_with(what))
    };
    all.iter().filter(wanted).collect()
}

fn only<'a>(report: &'a Value, area: &str, what: &str) -> &'a Value {
    let findings = found(report, area, what);
    assert_eq!(findings.len(), 1, "{area} {what}: {report:#}");
    findings[0]
}

fn says(finding: &Value, key: &str, text: &str) {
    let told = finding[key].as_str().unwrap_or_default();
    assert!(told.contains(text), "{finding:#}");
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("changed");
}

#[test]
fn a_fresh_place_has_no_failures_and_is_left_as_it_was() {
    let yard = hookyard("");
    let (status, report) = doctor(&yard, &[]);
    assert_eq!((status, &report["failures"]), (0, &Value::from(0)), "{report:#}");
    assert!(!yard.path().join("data").exists(), "it makes nothing");
    let Ran { out, .. } = yard.run(&["doctor", "--listen", "127.0.0.1:0"]);
    assert!(out.contains("ok       settings"), "{out}");
}

#[test]
fn wrong_settings_are_findings() {
    let yard = hookyard("");
    let wrong = [("HOOKYARD_MAX_BODY", "1TiB"), ("HOOKYARD_LISTEN", "nowhere")];
    let Ran { status, out, .. } = yard.run_with(&wrong, &["--json", "doctor"]);
    let report: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((status, &report["failures"]), (1, &Value::from(2)), "{report:#}");
    says(found(&report, "settings", "settings")[0], "told", "HOOKYARD_");
}

#[test]
fn a_wrong_file_of_the_operator_is_told_with_its_line() {
    let yard = hookyard("[plugins.echo]\ncomponent = 1\n");
    let (status, report) = doctor(&yard, &[]);
    assert_eq!(status, 1);
    says(only(&report, "settings", "plugins.toml"), "told", "2");
}

#[test]
fn files_that_others_can_read_are_told_with_the_command_that_mends_them() {
    let yard = hookyard("");
    assert_eq!(yard.run(&["migrate"]).status, 0);
    let data = yard.path().join("data");
    let (_, report) = doctor(&yard, &[]);
    assert_eq!(only(&report, "files", "/data")["level"], "ok", "{report:#}");
    assert_eq!(only(&report, "files", "hookyard.db")["level"], "ok", "{report:#}");
    says(
        only(&report, "database", "schema"),
        "told",
        "that of this version",
    );
    assert_eq!(only(&report, "database", "clock")["level"], "ok", "{report:#}");
    set_mode(&data, 0o755);
    set_mode(&data.join("hookyard.db"), 0o644);
    set_mode(&yard.path().join("plugins.toml"), 0o666);
    let (status, report) = doctor(&yard, &[]);
    assert_eq!(status, 0, "warnings do not fail: {report:#}");
    says(only(&report, "files", "/data"), "mend", "chmod 700 ");
    says(only(&report, "files", "hookyard.db"), "mend", "chmod 600 ");
    says(only(&report, "files", "plugins.toml"), "mend", "chmod go-w ");
}

#[test]
fn a_file_that_is_no_database_fails() {
    let yard = hookyard("");
    fs::create_dir(yard.path().join("data")).expect("made");
    fs::write(yard.path().join("data/hookyard.db"), "no database at all").expect("written");
    let (status, report) = doctor(&yard, &[]);
    assert_eq!(status, 1);
    says(
        only(&report, "database", "database"),
        "told",
        "not a SQLite database",
    );
}

#[test]
fn secrets_that_cannot_be_read_are_failures_without_their_values() {
    let section = format!(
        "[plugins.echo]\ncomponent = \"{}\"\n[plugins.echo.grants]\n\
         secrets = {{ a = \"env:NO_SUCH\", b = \"stored:nothing\", c = \"env:THERE\" }}\n",
        component("echo").display()
    );
    let yard = hookyard(&section);
    assert_eq!(yard.run(&["migrate"]).status, 0);
    let args = [&["--json", "doctor"][..], &LISTEN].concat();
    let Ran { status, out, err } = yard.run_with(&[("THERE", "sesame")], &args);
    let report: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(status, 1, "{report:#}{err}");
    says(only(&report, "secrets", ": a"), "mend", "set NO_SUCH");
    says(
        only(&report, "secrets", ": b"),
        "mend",
        "hookyard secrets set nothing",
    );
    assert_eq!(only(&report, "secrets", ": c")["level"], "ok");
    assert!(!out.contains("sesame"), "{out}");
}

/// Answers every connection with 204 until the test ends.
fn vendor() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let _head = stream.read(&mut [0; 4096]);
            let _sent = stream.write_all(b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n");
        }
    });
    port
}

#[test]
fn granted_hosts_are_asked_the_way_a_plugin_would() {
    let port = vendor();
    let section = |private: &str| {
        format!(
            "[plugins.echo]\ncomponent = \"{}\"\n[plugins.echo.grants]\n\
             http = [\"GET http://127.0.0.1:{port}/**\", \"GET https://*.example.org/**\"]\n{private}",
            component("echo").display()
        )
    };
    let yard = hookyard(&section(""));
    let host = format!("127.0.0.1:{port}");
    let (status, report) = doctor(&yard, &[]);
    assert_eq!(status, 1);
    let refused = only(&report, "egress", &host);
    says(refused, "told", "loopback");
    says(refused, "mend", "private-network");
    assert_eq!(only(&report, "egress", "*.example.org")["level"], "skipped");
    let told = found(&report, "plugins", "echo");
    let told: Vec<_> = told
        .iter()
        .filter(|finding| finding["level"] == "warning")
        .collect();
    says(told[0], "told", &host);

    let (status, report) = doctor(&yard, &["--no-egress"]);
    assert_eq!(status, 0, "{report:#}");
    assert_eq!(only(&report, "egress", "granted hosts")["level"], "skipped");

    fs::write(
        yard.path().join("plugins.toml"),
        section("private-network = true\n"),
    )
    .expect("written");
    let (status, report) = doctor(&yard, &[]);
    assert_eq!(status, 0, "{report:#}");
    says(only(&report, "egress", &host), "told", "204");
}

#[test]
fn a_host_that_is_not_there_is_not_waited_for_long() {
    let port = TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("bound")
        .port();
    let section = format!(
        "[plugins.echo]\ncomponent = \"{}\"\n[plugins.echo.grants]\nprivate-network = true\n\
         http = [\"GET http://127.0.0.1:{port}/**\"]\n",
        component("echo").display()
    );
    let yard = hookyard(&section);
    let (status, report) = doctor(&yard, &["--egress-timeout", "2s"]);
    assert_eq!(status, 1);
    says(only(&report, "egress", &format!(":{port}")), "mend", "firewall");
    let Ran { status, err, .. } = yard.run(&["doctor", "--egress-timeout", "1h"]);
    assert_eq!(status, 2, "{err}");
}
