//! Sends what a guest wants sent: checked, with secrets put in at the last moment, counted, to
//! addresses that were looked at, and without following anybody elsewhere.

mod address;
mod body;
mod client;
mod errors;
mod request;

use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

pub(super) use self::client::Clients;
pub use self::client::install_crypto;
use self::errors::Refusal;
use self::request::Outgoing;
use super::host::RunContext;
use super::text;

/// Sends one request and notes it in the run's record.
pub(super) async fn send(
    run: Arc<RunContext>,
    request: Request<WasiBody>,
    options: RequestOptions,
) -> Result<Response<WasiBody>, Error> {
    let shown = request::shown_url(&run, request.uri());
    let Some(call) = run.recorder.begin_call(request.method().as_str(), &shown) else {
        return Err(Error::HttpRequestDenied);
    };
    let allowed = usize::try_from(run.limits.requests).unwrap_or(usize::MAX);
    let sent = if call >= allowed {
        Err(Refusal::denied(format!(
            "requests: a run may make {allowed} (limits.requests)"
        )))
    } else {
        exchange(&run, request, options).await
    };
    match sent {
        Ok(response) => {
            run.recorder
                .end_call(call, Some(response.status().as_u16()), None);
            Ok(response.map(|inner| body::counted(inner, run, call)))
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
    options: RequestOptions,
) -> Result<Response<reqwest::Body>, Refusal> {
    let (parts, body) = request.into_parts();
    let mut outgoing = Outgoing::parse(run, &parts)?;
    outgoing.put_secrets_in(run).await?;
    let spec = run.standing.spec();
    let grants = &spec.grants;
    outgoing.check(run, grants)?;
    let client = outgoing.client(run, grants)?;
    let body = body::collect(body, run.limits.request_bytes).await?;
    let first_byte = first_byte_timeout(run, options);
    let sent = tokio::time::timeout(first_byte, client.execute(outgoing.into_request(body)));
    match sent.await {
        Ok(Ok(response)) => Ok(response.into()),
        Ok(Err(error)) => Err(errors::of_reqwest(error, run)),
        Err(_elapsed) => Err(Refusal {
            code: Error::HttpResponseTimeout,
            text: format!("no answer within {}", humantime::format_duration(first_byte)),
        }),
    }
}

/// The guest may ask for less time than its run has, not for more.
fn first_byte_timeout(run: &RunContext, options: RequestOptions) -> Duration {
    let left = run.time_left();
    options.first_byte_timeout.map_or(left, |asked| asked.min(left))
}

/// The refusal of a body that is too large.
fn too_large(what: &str, setting: &str, limit: u64) -> String {
    format!("{what}: {} are allowed (limits.{setting})", text::bytes(limit))
}
