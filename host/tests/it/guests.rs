//! Plugins in other languages: the examples in JavaScript and Python, built by `cargo xtask verify`.

use std::path::PathBuf;

use hookyard::domain::grant::PrivateNetwork;
use hookyard::environment::Environment;
use hookyard::wasm::RunEnd;
use serde_json::{Value, json};

use crate::support::plugins::{Mirror, Yard, grant_secret, secret_value, spec};

/// An example's component, in `guests/` of the target directory this test was built in.
fn guest(file: &str) -> PathBuf {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
        .join("../guests")
        .join(file);
    assert!(
        file.is_file(),
        "{} is missing: build it with `cargo xtask verify --only guests`",
        file.display()
    );
    file
}

/// Configuration, state, log, a secret that the guest never holds, a request, every kind of result.
async fn writes_notes(file: &str) {
    let mirror = Mirror::start().await;
    let token = secret_value();
    let environment = Environment::of([("NOTES_TOKEN", token)]);
    let yard = Yard::new(environment).await;
    let mut notes = spec("notes", guest(file));
    notes.config = json!({ "api": mirror.base });
    let grant = format!("POST {}/notes", mirror.base);
    notes.grants.http = vec![grant.parse().expect("a grant")];
    notes.grants.private_network = PrivateNetwork::All;
    grant_secret(&mut notes, "token", "NOTES_TOKEN");
    yard.apply_ready(vec![notes.clone()]).await;

    for number in 1..=2 {
        let (output, run) = yard.output("notes", &json!({"a": 1})).await;
        assert_eq!(output, json!({ "number": number }));
        let RunEnd::Succeeded { summary, .. } = &run.end else {
            panic!("{run:?}");
        };
        assert_eq!(*summary, format!("note {number} written"));
        assert!(
            run.logs
                .iter()
                .any(|line| line.message == format!("note {number} is about push")),
            "{run:?}"
        );
    }
    let seen = mirror.requests();
    assert_eq!(seen[1].line, "POST /notes");
    assert_eq!(seen[1].headers["authorization"], format!("Bearer {token}"));
    let body: Value = serde_json::from_str(&seen[1].body).expect("JSON");
    assert_eq!((&body["number"], &body["about"]), (&json!(2), &json!("push")));

    notes.grants.http.clear();
    yard.registry.apply(vec![notes]).await;
    let run = yard.run("notes", &json!({})).await;
    assert!(matches!(run.end, RunEnd::Retry { .. }), "{run:?}");
    assert_eq!(mirror.requests().len(), 2, "what is not granted does not leave");
}

#[tokio::test]
#[ignore = "needs npm; `cargo xtask verify` builds the component and runs this"]
async fn a_plugin_in_javascript_writes_notes() {
    writes_notes("notes_js.wasm").await;
}

#[tokio::test]
#[ignore = "needs PyPI; `cargo xtask verify` builds the component and runs this"]
async fn a_plugin_in_python_writes_notes() {
    writes_notes("notes_py.wasm").await;
}
