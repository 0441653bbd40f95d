//! Sends what a guest wants sent: checked, with secrets put in at the last moment, counted, to
//! addresses that were looked at, and without following anybody elsewhere.

mod address;
mod body;
mod client;
mod errors;
mod request;
mod waits;

use std::sync::Arc;

use http::{Request, Response};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

pub(super) use self::client::Clients;
pub use self::client::install_crypto;
use self::errors::Refusal;
use self::request::Outgoing;
use self::waits::Waits;
use super::host::RunContext;
use super::{rights, text};

/// Sends one request and notes it in the run's record.
pub(super) async fn send(
    run: Arc<RunContext>,
    request: Request<WasiBody>,
    options: RequestOptions,
) -> Result<Response<WasiBody>, Error> {
    let shown = request::shown_url(&run, request.uri());
    let Some(call) = run.recorder.begin_call(request.method().as_str(), &shown) else {
        return Err(Error::ConnectionLimitReached);
    };
    let waits = Waits::asked(options, run.time_left());
    let allowed = usize::try_from(run.limits.requests).unwrap_or(usize::MAX);
    let sent = if call >= allowed {
        Err(too_many(&run))
    } else {
        exchange(&run, request, &waits).await
    };
    match sent {
        Ok(response) => {
            run.recorder
                .end_call(call, Some(response.status().as_u16()), None);
            Ok(response.map(|inner| body::counted(inner, run, call, waits.between_bytes)))
        }
        Err(refusal) => {
            run.recorder.end_call(call, None, Some(refusal.text));
            Err(refusal.code)
        }
    }
}

async fn exchange(
    run: &RunContext,
    request: Request<WasiBody>,
    waits: &Waits,
) -> Result<Response<reqwest::Body>, Refusal> {
    let (parts, body) = request.into_parts();
    let mut outgoing = Outgoing::parse(run, &parts)?;
    outgoing.put_secrets_in(run).await?;
    let spec = run.standing.spec();
    let grants = &spec.grants;
    outgoing.check(run, grants)?;
    let client = outgoing.client(run, grants)?;
    let body = body::collect(body, run).await?;
    let answer = waits.answer(client.execute(outgoing.into_request(body))).await?;
    answer
        .map(Response::from)
        .map_err(|error| errors::of_reqwest(error, run))
}

/// The refusal of a request past `limits.requests`. The code is not the one for a missing right:
/// no grant would help.
fn too_many(run: &RunContext) -> Refusal {
    let allowed = run.limits.requests;
    let lines = rights::limit_lines(
        &run.standing.name,
        "requests",
        &allowed.saturating_mul(2).to_string(),
    );
    Refusal {
        code: Error::ConnectionLimitReached,
        text: format!("requests: the run has made the {allowed} it may (limits.requests); {lines}"),
    }
}

/// The refusal of bodies that are together too large for `limits.{setting}`.
fn too_large(run: &RunContext, what: &str, setting: &str, limit: u64) -> String {
    let more = text::bytes(limit.saturating_mul(2)).replace(" bytes", "B");
    let more = format!("\"{}\"", more.replace(' ', ""));
    let lines = rights::limit_lines(&run.standing.name, setting, &more);
    format!(
        "{what} of this run are together larger than {} (limits.{setting}); {lines}",
        text::bytes(limit)
    )
}
