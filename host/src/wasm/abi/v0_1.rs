//! `hookyard:plugin@0.1.0`.

use std::time::Duration;

use super::super::manifest::{Action, Manifest, SecretAsk, SecretKind};
use super::super::text::tidy;
use super::super::{Ends, Job, RunEnd};
use crate::domain::event::EventKind;

mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "hookyard:plugin/plugin",
        imports: { default: async | trappable },
        exports: { default: async },
        require_store_data_send: true,
        with: {
            "wasi:io": wasmtime_wasi::p2::bindings::io,
            "wasi:clocks": wasmtime_wasi::p2::bindings::clocks,
            "wasi:http": wasmtime_wasi_http::p2::bindings::http,
        },
    });
}

pub(in crate::wasm) use bindings::PluginPre as WorldPre;
pub(in crate::wasm) use bindings::hookyard::plugin::{
    config, log, manifest as wit_manifest, processes, secrets, state, types,
};

/// Longest summary, in bytes; the WIT interface promises it.
const MAX_SUMMARY_BYTES: usize = 1_000;
/// Largest output, in bytes; the WIT interface promises it.
const MAX_OUTPUT_BYTES: usize = 64 << 10;
/// Longest reason of a failure, in bytes: it is shown in lists.
const MAX_REASON_BYTES: usize = 4 << 10;
/// Longest wait a plugin may ask for: a year, so that sums with it stay in range.
const MAX_WAIT: Duration = Duration::from_hours(366 * 24);

/// The job as this version says it, or why the event cannot be said.
pub(in crate::wasm) fn job(job: &Job) -> Result<types::Job, String> {
    let trigger = match job.event.kind {
        EventKind::Webhook => types::Trigger::Webhook(webhook(job)),
        EventKind::Schedule => types::Trigger::Schedule(tick(job)?),
        EventKind::Action => types::Trigger::Action(types::Call {
            id: job.event.id.to_string(),
            action: job.event.event_type.clone(),
            input: payload_text(job)?,
        }),
    };
    Ok(types::Job {
        trigger,
        delivery: types::Delivery {
            id: job.delivery.to_string(),
            attempt: job.attempt,
        },
    })
}

fn webhook(job: &Job) -> types::Event {
    let event = &job.event;
    types::Event {
        id: event.id.to_string(),
        source: event.source.clone(),
        event_type: event.event_type.clone(),
        received_at: u64::try_from(event.received_at.as_millis()).unwrap_or(0),
        content_type: event.content_type.clone(),
        headers: event
            .headers
            .iter()
            .map(|header| types::Header {
                name: header.name.clone(),
                value: header.value.clone(),
            })
            .collect(),
        body: event.payload().to_vec(),
    }
}

/// The payload of a schedule's event.
#[derive(serde::Deserialize)]
struct TickPayload {
    cron: String,
    planned_at: u64,
    #[serde(default)]
    input: Option<Box<serde_json::value::RawValue>>,
}

fn tick(job: &Job) -> Result<types::Tick, String> {
    let payload: TickPayload = serde_json::from_slice(&job.event.payload())
        .map_err(|e| format!("the payload of tick {} is malformed: {e}", job.event.id))?;
    Ok(types::Tick {
        id: job.event.id.to_string(),
        cron: payload.cron,
        planned_at: payload.planned_at,
        input: payload
            .input
            .map_or_else(|| "{}".to_owned(), |input| input.get().to_owned()),
    })
}

fn payload_text(job: &Job) -> Result<String, String> {
    String::from_utf8(job.event.payload().to_vec())
        .map_err(|_| format!("the input of call {} is not UTF-8", job.event.id))
}

/// What the guest answered to so many jobs, checked: without one result for each, nobody can say which
/// belongs to which.
pub(in crate::wasm) fn ends(results: Vec<Result<types::Outcome, types::Failure>>, jobs: usize) -> Ends {
    if results.len() == jobs {
        return Ends::Each(results.into_iter().map(end).collect());
    }
    Ends::Whole(RunEnd::Rejected(format!(
        "the plugin broke its contract: `handle` must return one result per job, and gave {} for {jobs}",
        results.len()
    )))
}

fn end(result: Result<types::Outcome, types::Failure>) -> RunEnd {
    match result {
        Ok(outcome) => succeeded(outcome),
        Err(types::Failure::Retry(failure)) => RunEnd::Retry {
            reason: tidy(&failure.reason, MAX_REASON_BYTES),
            after: failure.after.map(wait),
        },
        Err(types::Failure::Defer(failure)) => RunEnd::Defer {
            reason: tidy(&failure.reason, MAX_REASON_BYTES),
            after: wait(failure.after),
        },
        Err(types::Failure::Reject(reason)) => RunEnd::Rejected(tidy(&reason, MAX_REASON_BYTES)),
    }
}

/// A success stays one whatever its output looks like: the effect has happened, and trying again
/// would repeat it. What cannot be kept is left out, and the summary says so.
fn succeeded(outcome: types::Outcome) -> RunEnd {
    let (output, note) = match outcome.output {
        None => (None, ""),
        Some(text) if text.len() > MAX_OUTPUT_BYTES => (None, " (output left out: over 64 KiB)"),
        Some(text) if serde_json::from_str::<serde::de::IgnoredAny>(&text).is_err() => {
            (None, " (output left out: not JSON)")
        }
        Some(text) => (Some(text), ""),
    };
    let summary = tidy(&outcome.summary, MAX_SUMMARY_BYTES - note.len());
    RunEnd::Succeeded {
        summary: format!("{summary}{note}"),
        output,
    }
}

fn wait(millis: u64) -> Duration {
    Duration::from_millis(millis).min(MAX_WAIT)
}

/// What `describe` said, unchecked.
pub(in crate::wasm) fn manifest(said: wit_manifest::Manifest) -> Manifest {
    Manifest {
        name: said.name,
        version: said.version,
        summary: said.summary,
        config_schema: said.config_schema,
        secrets: said.secrets.into_iter().map(secret_ask).collect(),
        http: said.http,
        permissions: said.permissions,
        actions: said
            .actions
            .into_iter()
            .map(|action| Action {
                name: action.name,
                summary: action.summary,
                input_schema: action.input_schema,
            })
            .collect(),
        batches: said.batches,
    }
}

fn secret_ask(ask: wit_manifest::SecretAsk) -> SecretAsk {
    SecretAsk {
        name: ask.name,
        kind: match ask.kind {
            wit_manifest::SecretKind::Plain => SecretKind::Plain,
            wit_manifest::SecretKind::Url => SecretKind::Url,
            wit_manifest::SecretKind::GoogleServiceAccount => SecretKind::GoogleServiceAccount,
            wit_manifest::SecretKind::GithubApp => SecretKind::GithubApp,
        },
        description: ask.description,
        required: ask.required,
        scopes: ask.scopes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(summary: &str, output: Option<&str>) -> types::Outcome {
        types::Outcome {
            summary: summary.to_owned(),
            output: output.map(str::to_owned),
        }
    }

    #[test]
    fn a_wrong_number_of_results_is_a_broken_contract() {
        for (given, jobs) in [(0, 1), (1, 2), (3, 2)] {
            let results = vec![Ok(outcome("done", None)); given];
            let ends = ends(results, jobs);
            assert!(
                matches!(&ends, Ends::Whole(RunEnd::Rejected(text)) if text.contains("one result per job")),
                "{ends:?}"
            );
        }
    }

    #[test]
    fn a_summary_is_cut_and_bad_output_left_out() {
        let RunEnd::Succeeded { summary, output } = end(Ok(outcome(&"x".repeat(5_000), Some("{no")))) else {
            panic!("a success");
        };
        assert!(summary.len() <= MAX_SUMMARY_BYTES);
        assert!(summary.ends_with("(output left out: not JSON)"));
        assert_eq!(output, None);
    }

    #[test]
    fn a_wait_has_a_ceiling() {
        let failure = types::Failure::Defer(types::DeferFailure {
            reason: "later".to_owned(),
            after: u64::MAX,
        });
        assert!(matches!(end(Err(failure)), RunEnd::Defer { after, .. } if after == MAX_WAIT));
    }
}
