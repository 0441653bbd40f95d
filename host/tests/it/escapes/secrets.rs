//! Secrets where they do not belong.

use serde_json::json;

use super::Setting::Open;
use super::{Row, row};

pub fn rows() -> Vec<Row> {
    let send = |more: serde_json::Value| {
        let mut payload =
            json!({"do": "send", "method": "POST", "authority": "{authority}", "path": "/api/x"});
        for (key, value) in more.as_object().into_iter().flatten() {
            payload[key] = value.clone();
        }
        payload
    };
    let word = "hookyard-secret-";
    let mut rows = vec![
        row(
            "S01",
            "read a secret",
            "the plugin gets a word without meaning",
            Open,
            json!({"do": "reference"}),
            word,
        ),
        row(
            "S02",
            "a secret into the log",
            "the word is logged",
            Open,
            json!({"do": "log", "text": "it is {secret}"}),
            word,
        ),
        row(
            "S03",
            "a secret into a body",
            "the word is sent",
            Open,
            send(json!({"body": "{secret}"})),
            word,
        ),
        row(
            "S04",
            "a secret into the query of a URL",
            "the word is sent",
            Open,
            send(json!({"path": "/api/x?k={secret}"})),
            "arrived POST /api/x?k=hookyard-secret-",
        ),
        row(
            "S05",
            "a secret toward another host",
            "refused: it is not bound to that origin",
            Open,
            send(json!({"authority": "127.0.0.2:9", "headers": [["x-key", "{secret}"]]})),
            "may not be sent to",
        ),
        row(
            "S06",
            "a made-up word for a secret",
            "sent as it is",
            Open,
            send(json!({"headers": [["x-key", "hookyard-secret-00000000000000000000000000000000"]]})),
            "\"x-key\": \"hookyard-secret-00000000000000000000000000000000\"",
        ),
        row(
            "S07",
            "a secret in a path that the manifest does not declare",
            "refused",
            Open,
            send(json!({"path": "/api/{secret}"})),
            "the manifest does not declare",
        ),
        row(
            "S08",
            "an `Authorization` of its own toward a host that a secret is bound to",
            "refused without a permission",
            Open,
            send(json!({"headers": [["authorization", "Bearer mine"]]})),
            "own-authorization",
        ),
        row(
            "S14",
            "an `Authorization` of its own with a secret's word behind it",
            "refused: the word stands alone there, or behind a scheme",
            Open,
            send(json!({"headers": [["authorization", "Bearer mine {secret}"]]})),
            "own-authorization",
        ),
    ];
    for row in &mut rows {
        row.arrives = usize::from(["S03", "S04", "S06"].contains(&row.id));
    }
    rows
}
