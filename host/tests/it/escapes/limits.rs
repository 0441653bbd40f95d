//! More than a run may use.

use std::time::Duration;

use serde_json::{Value, json};

use super::Setting::{Open, Other};
use super::{Row, row};

fn misbehaving(
    id: &'static str,
    what: &Value,
    tried: &'static str,
    came: &'static str,
    sign: &'static str,
) -> Row {
    row(id, tried, came, Other("misbehave"), what.clone(), sign)
}

#[expect(clippy::too_many_lines, reason = "a table")]
pub fn rows() -> Vec<Row> {
    let mut rows = vec![
        misbehaving(
            "L01",
            &json!({"do": "loop"}),
            "loop without end",
            "ended at `limits.cpu`",
            "cpu: ",
        ),
        misbehaving(
            "L02",
            &json!({"do": "sleep"}),
            "sleep for an hour",
            "ended at `limits.timeout`",
            "timeout: ",
        ),
        misbehaving(
            "L03",
            &json!({"do": "alloc"}),
            "take memory without end",
            "ended at `limits.memory`",
            "memory: ",
        ),
        misbehaving(
            "L04",
            &json!({"do": "stack"}),
            "recurse without end",
            "a trap: the stack is 512 KiB",
            "Trapped(",
        ),
        misbehaving(
            "L05",
            &json!({"do": "huge-log"}),
            "log 16 MiB",
            "the first 64 KiB are kept, and it is said so",
            "lines: 64 KiB of log are kept per attempt (limits.log-bytes)",
        ),
        misbehaving(
            "L06",
            &json!({"do": "huge-output", "bytes": 1 << 20}),
            "answer with 1 MiB",
            "the output is left out, and it is said so",
            "huge (output left out: over 64 KiB)",
        ),
        misbehaving(
            "L07",
            &json!({"do": "bad-output"}),
            "answer with half a JSON text",
            "the output is left out, and it is said so",
            "not JSON (output left out: not JSON)",
        ),
        misbehaving(
            "L08",
            &json!({"do": "too-few"}),
            "answer fewer jobs than came",
            "the call has failed",
            "result",
        ),
        row(
            "L09",
            "10,000 requests",
            "refused from the 51st on (`limits.requests`), and it is said how many",
            Open,
            json!({"do": "send", "times": 10_000, "method": "POST", "authority": "{authority}", "path": "/api/x"}),
            "refused 9949 more requests: a run may make 50 (limits.requests)",
        ),
        row(
            "L10",
            "100,000 handles",
            "a trap at the 257th",
            Open,
            json!({"do": "many-handles"}),
            "Trapped(",
        ),
        row(
            "L11",
            "1 GiB of randomness at once",
            "a trap: at most 64 KiB",
            Open,
            json!({"do": "randomness"}),
            "Trapped(",
        ),
        row(
            "L12",
            "a state value of 65 KiB",
            "refused",
            Open,
            json!({"do": "state", "value": 66_560}),
            "TooLarge",
        ),
        row(
            "L13",
            "a state key of 257 bytes",
            "refused",
            Open,
            json!({"do": "state", "key": 257}),
            "TooLarge",
        ),
        row(
            "L14",
            "a response of 1 MiB where 64 KiB are allowed",
            "broken off at `limits.response-bytes`",
            Open,
            json!({"do": "send", "authority": "{authority}", "path": "/api/large"}),
            "response-bytes",
        ),
        row(
            "L15",
            "a body of 5 bytes where 4 are allowed",
            "refused (`limits.request-bytes`)",
            Open,
            json!({"do": "send", "method": "POST", "authority": "{authority}", "path": "/api/x", "body": "hello"}),
            "request-bytes",
        ),
        row(
            "L16",
            "a vendor that never answers",
            "ended at `limits.timeout`",
            Open,
            json!({"do": "send", "authority": "{authority}", "path": "/api/held"}),
            "timeout: ",
        ),
        row(
            "L17",
            "read an answer of 1 MiB byte by byte",
            "ended at `limits.cpu`, or done",
            Open,
            json!({"do": "send", "authority": "{authority}", "path": "/api/large", "step": 1}),
            "cpu: ",
        ),
        row(
            "L26",
            "fill the bodies of requests that are never sent",
            "two chunks of 16 KiB each wait in the host; a trap at the 257th handle",
            Open,
            json!({"do": "unsent-bodies"}),
            "Trapped(",
        ),
        row(
            "L27",
            "a method and an authority of 4 MiB",
            "refused when they are set",
            Open,
            json!({"do": "long-texts", "bytes": 4 << 20}),
            "method Err(()), authority Err(())",
        ),
        row(
            "L28",
            "10,000 writes of state in one run",
            "ended at the 2,001st",
            Open,
            json!({"do": "questions", "times": 10_000}),
            "Limit(\"questions: ",
        ),
        row(
            "L29",
            "read an answer of 1 MiB with a pause before each byte",
            "ended at `limits.timeout`",
            Open,
            json!({"do": "send", "authority": "{authority}", "path": "/api/large", "step": 1, "pause-ms": 10}),
            "timeout: ",
        ),
    ];
    for row in &mut rows {
        match row.id {
            "L09" => row.arrives = 50,
            "L14" | "L16" | "L17" | "L29" => row.arrives = 1,
            _ => {}
        }
        match row.id {
            "L02" | "L16" | "L29" => row.limits = |limits| limits.timeout = Duration::from_millis(500),
            "L14" => row.limits = |limits| limits.response_bytes = 64 << 10,
            "L15" => row.limits = |limits| limits.request_bytes = 4,
            "L17" => row.limits = |limits| limits.cpu = Duration::from_millis(300),
            _ => {}
        }
    }
    rows
}
