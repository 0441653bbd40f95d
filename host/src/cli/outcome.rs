//! What a person sees of an action they ran: what it says it did, or what went wrong and what happens next.

use std::process::ExitCode;

use serde_json::Value;

use super::output::{Output, cell};
use crate::control::Answer;

/// What `plugins run`, `schedules run` and the old commands exit with when the attempt failed and will be tried again
/// (`EX_TEMPFAIL` of sysexits.h), or is still to come; a rejected, given-up or held one exits with 1.
const EXIT_RETRY: u8 = 75;

/// Most items shown of one list in a plugin's output; `--json` has all of them.
const MAX_ITEMS: usize = 50;

/// Prints what became of an action; the exit code tells success, retry and rejection apart.
pub(super) fn print_outcome(answer: &Answer, output: Output) -> ExitCode {
    output.print(answer, |answer| {
        for line in lines(answer) {
            println!("{line}");
        }
    });
    match answer.value()["delivery"]["state"].as_str() {
        Some("succeeded") => ExitCode::SUCCESS,
        Some("dead" | "cancelled" | "unknown") => ExitCode::FAILURE,
        _ => ExitCode::from(EXIT_RETRY),
    }
}

fn lines(answer: &Value) -> Vec<String> {
    let delivery = &answer["delivery"];
    let attempts = delivery["attempts"].as_array().map_or(&[][..], Vec::as_slice);
    let mut lines = Vec::new();
    if let Some(attempt) = attempts.last() {
        for told in [&attempt["summary"], &attempt["error"]] {
            lines.extend(texts(told));
        }
        lines.extend(lists(&attempt["output"]));
        lines.extend(attempt["logs"].as_array().into_iter().flatten().map(log_line));
    }
    lines.push(ending(delivery, attempts.last()));
    lines.push(format!(
        "  all of it: hookyard events show {}",
        cell(&answer["event"])
    ));
    lines
}

/// What is so far, and what comes next.
fn ending(delivery: &Value, last: Option<&Value>) -> String {
    let Some(attempt) = last else {
        return "  it is stored and waits for its first attempt".to_owned();
    };
    let requests = attempt["calls"].as_array().map_or(0, Vec::len);
    let requests = match requests {
        1 => "1 request".to_owned(),
        many => format!("{many} requests"),
    };
    let made = format!(
        "attempt {} took {} ms and {requests}",
        attempt["number"], attempt["duration_ms"]
    );
    match delivery["state"].as_str() {
        Some("succeeded") => format!("  {made}"),
        Some("dead") => format!("  {made}; it is a dead letter and is not tried again"),
        Some("cancelled") => format!("  {made}; it was cancelled"),
        Some("unknown") => {
            format!(
                "  {made}; whether it took effect is not known, and `on-unknown` says that a person decides"
            )
        }
        _ => format!("  {made}; the next is due at {}", cell(&delivery["due_at"])),
    }
}

/// A text's lines, each safe for a terminal.
fn texts(told: &Value) -> impl Iterator<Item = String> {
    let lines = told.as_str().into_iter().flat_map(str::lines);
    lines.map(|line| cell(&Value::from(line)))
}

/// The lists in a plugin's output, such as what changed or failed: one item a line.
fn lists(output: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, list) in output.as_object().into_iter().flatten() {
        let Some(items) = list.as_array().filter(|items| !items.is_empty()) else {
            continue;
        };
        lines.push(format!("  {}:", cell(&Value::from(name.as_str()))));
        lines.extend(
            items
                .iter()
                .take(MAX_ITEMS)
                .map(|item| format!("    {}", item_line(item))),
        );
        if items.len() > MAX_ITEMS {
            lines.push(format!(
                "    and {} more (--json has all)",
                items.len() - MAX_ITEMS
            ));
        }
    }
    lines
}

fn item_line(item: &Value) -> String {
    match item {
        Value::Object(fields) => fields.values().map(cell).collect::<Vec<_>>().join("  "),
        other => cell(other),
    }
}

fn log_line(line: &Value) -> String {
    format!("  [{}] {}", cell(&line["level"]), cell(&line["message"]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_done_comes_first_and_lists_are_shown_item_by_item() {
        let answer = json!({"event": "e1", "delivery": {"state": "succeeded", "attempts": [{
            "number": 1, "duration_ms": 10, "summary": "1 created", "error": null,
            "output": {"created": 1, "changes": [{"path": "a.py", "change": "created"}], "failed": []},
            "logs": [{"level": "info", "message": "made\u{1b}[31m it"}], "calls": [{}],
        }]}});
        assert_eq!(
            lines(&answer),
            [
                "1 created",
                "  changes:",
                "    created  a.py",
                "  [info] made [31m it",
                "  attempt 1 took 10 ms and 1 request",
                "  all of it: hookyard events show e1",
            ]
        );
    }

    #[test]
    fn a_long_list_is_cut_and_says_so() {
        let items: Vec<u32> = (0..60).collect();
        let lines = lists(&json!({ "rows": items }));
        assert_eq!(lines.len(), 52);
        assert_eq!(lines[51], "    and 10 more (--json has all)");
    }

    #[test]
    fn what_comes_next_is_told() {
        let attempt = json!({"number": 2, "duration_ms": 5, "calls": []});
        let told = |state: &str| {
            ending(
                &json!({"state": state, "due_at": "2026-11-24T03:00:00Z"}),
                Some(&attempt),
            )
        };
        assert_eq!(
            told("dead"),
            "  attempt 2 took 5 ms and 0 requests; it is a dead letter and is not tried again"
        );
        assert!(told("unknown").ends_with("a person decides"));
        assert_eq!(
            told("pending"),
            "  attempt 2 took 5 ms and 0 requests; the next is due at 2026-11-24T03:00:00Z"
        );
    }
}
