//! Sends what a guest wants sent: checked, with secrets put in at the last moment, counted, to
//! addresses that were looked at, and without following anybody elsewhere.

mod address;
mod answer;
mod body;
mod carried;
mod client;
mod credentials;
mod dial;
mod errors;
mod exchange;
mod mask;
mod network;
mod request;
mod resolver;
mod waits;

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

pub(super) use self::carried::Carried;
pub(super) use self::client::Clients;
pub(super) use self::client::chain;
pub use self::client::install_crypto;
pub(super) use self::dial::goes_to;
use self::errors::Refusal;
pub(super) use self::exchange::{Answer, NoAnswer, Question, exchange};
use self::mask::Mask;
pub(super) use self::mask::in_pieces;
pub use self::network::Network;
use self::request::Outgoing;
pub(super) use self::request::replaced;
use self::waits::Waits;
use super::host::RunContext;
use super::record::Begun;
use super::tape::{Asked, Tape, Wire};
use super::{rights, text};
use crate::domain::grant::Grants;
use crate::fault::{self, Point};

/// Sends one request and notes it in the run's record.
pub(super) async fn send(
    run: Arc<RunContext>,
    request: Request<WasiBody>,
    options: RequestOptions,
) -> Result<Response<WasiBody>, Error> {
    let shown = request::shown_url(&run, request.uri());
    let Some(Begun { call, allowed }) = run.recorder.begin_call(request.method().as_str(), &shown) else {
        count(&run, &too_many(&run));
        return Err(Error::ConnectionLimitReached);
    };
    let waits = Waits::asked(options, run.time_left());
    let sent = if allowed {
        checked(&run, request, &shown, &waits).await
    } else {
        Err(too_many(&run))
    };
    match sent {
        Ok(mut response) => {
            run.recorder
                .end_call(call, Some(response.status().as_u16()), None);
            let mask = Mask::of(run.standing.carried.forms());
            if let Some(mask) = &mask {
                mask.headers(response.headers_mut());
            }
            Ok(response.map(|inner| body::counted(inner, run, call, waits.between_bytes, mask)))
        }
        Err(refusal) => {
            let refusal = refusal.masked(&run, "");
            note(&run, call, &refusal);
            Err(refusal.code)
        }
    }
}

async fn checked(
    run: &RunContext,
    request: Request<WasiBody>,
    shown: &str,
    waits: &Waits,
) -> Result<Response<reqwest::Body>, Refusal> {
    let (parts, body) = request.into_parts();
    let mut outgoing = Outgoing::parse(run, &parts)?;
    credentials::check(run, &outgoing)?;
    outgoing.put_secrets_in(run).await?;
    let spec = run.standing.spec();
    let grants = &spec.grants;
    outgoing.check(run, grants)?;
    // Whatever was sent is looked for in every answer; only where it may be must it be possible.
    let secret = run.standing.carried.may_come_from(outgoing.url(), grants);
    if secret.is_some() {
        outgoing.ask_for_plain_answer();
    }
    let minted = outgoing.take_minted();
    let body = body::collect(body, run).await?;
    let asked = outgoing.asked(shown, &body);
    let exchange = async {
        let answer = match run.deps.wire.replayed() {
            Some(tape) => played(tape, &asked)?,
            None => dialled(run, grants, outgoing, body, waits).await?,
        };
        if answer.status() == StatusCode::UNAUTHORIZED {
            for (secret, token) in minted {
                run.standing.mint.forget(&secret, &token);
            }
        }
        answer::admit(run, answer, secret.as_deref())
    };
    let answer = exchange.await;
    match &*run.deps.wire {
        Wire::Recorded(tape) => recorded(run, tape, asked, answer).await,
        Wire::Network(_) | Wire::Replayed(_) => answer,
    }
}

/// The answer that the tape has.
fn played(tape: &Tape, asked: &Asked) -> Result<Response<reqwest::Body>, Refusal> {
    let answer = tape.play(asked).map_err(|text| Refusal {
        code: Error::ConnectionTerminated,
        text,
    })?;
    Ok(answer.map(reqwest::Body::from))
}

/// Sends the request over the network.
async fn dialled(
    run: &RunContext,
    grants: &Grants,
    outgoing: Outgoing,
    body: Bytes,
    waits: &Waits,
) -> Result<Response<reqwest::Body>, Refusal> {
    let client = dial::client(run, grants, outgoing.url())?;
    let origin = outgoing.origin();
    fault::pass(Point::MidRun);
    let answer = waits.answer(client.execute(outgoing.into_request(body))).await?;
    fault::pass(Point::AfterEffect);
    answer
        .map(Response::from)
        .map_err(|error| errors::of_reqwest(error, run, &origin))
}

/// Puts an answer on the tape, without secrets, and hands it on.
async fn recorded(
    run: &RunContext,
    tape: &Tape,
    asked: Asked,
    answer: Result<Response<reqwest::Body>, Refusal>,
) -> Result<Response<reqwest::Body>, Refusal> {
    let (mut parts, body) = match answer {
        Ok(answer) => answer.into_parts(),
        Err(refusal) => {
            let refusal = refusal.masked(run, "");
            tape.record(asked, Err(refusal.text.clone()));
            return Err(refusal);
        }
    };
    let limit = usize::try_from(run.limits.response_bytes).unwrap_or(usize::MAX);
    let body = Limited::new(body, limit)
        .collect()
        .await
        .map_err(|error| Refusal {
            code: Error::HttpResponseBodySize(Some(run.limits.response_bytes)),
            text: format!("the answer could not be recorded: {error}"),
        })?;
    let mut body = body.to_bytes();
    if let Some(mut mask) = Mask::of(run.standing.carried.forms()) {
        mask.headers(&mut parts.headers);
        body = [mask.push(&body), mask.finish()].concat().into();
    }
    tape.record(asked, Ok((&parts, &body)));
    Ok(Response::from_parts(parts, body.into()))
}

/// Notes why a request has no answer, or no whole one, and counts what was refused.
fn note(run: &RunContext, call: usize, refusal: &Refusal) {
    let why = refusal.text.clone();
    if refusal.reason().is_some() {
        run.recorder.refuse_call(call, why);
    } else {
        run.recorder.end_call(call, None, Some(why));
    }
    count(run, refusal);
}

/// Counts what was refused. A request that failed for another reason is none of it.
fn count(run: &RunContext, refusal: &Refusal) {
    if let Some(reason) = refusal.reason() {
        run.deps.metrics.request_refused(&run.standing.name, reason);
    }
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
