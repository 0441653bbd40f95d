//! A request that the host itself makes for a run: the trade of a signature for a token. It goes the
//! same way as the plugin's own requests, so the same addresses are out of reach, no redirect is
//! followed, and the attempt's record shows it.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use url::Url;
use wasmtime_wasi_http::Error;
use zeroize::Zeroizing;

use super::address::Reach;
use super::errors::{self, Refusal};
use super::{dial, text};
use crate::metrics::RefusedBecause;
use crate::wasm::host::RunContext;

/// Longest exchange, connecting and reading included: a token endpoint answers within a second.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(10);

/// Largest answer, in bytes: a token is a few KiB at most.
const MAX_ANSWER_BYTES: usize = 64 << 10;

/// What is sent, by POST.
pub(in crate::wasm) struct Question {
    pub(in crate::wasm) url: Url,
    pub(in crate::wasm) headers: HeaderMap,
    pub(in crate::wasm) body: String,
    /// What in it proves who asks: nobody is to see it, should the issuer repeat it.
    pub(in crate::wasm) signed: Zeroizing<String>,
}

/// What came back. The body may hold a token.
pub(in crate::wasm) struct Answer {
    pub(in crate::wasm) status: StatusCode,
    pub(in crate::wasm) headers: HeaderMap,
    pub(in crate::wasm) body: Zeroizing<Vec<u8>>,
}

/// Why nothing came back.
pub(in crate::wasm) struct NoAnswer {
    pub(in crate::wasm) text: String,
    /// Whether only a person can change that: an address that may not be reached.
    pub(in crate::wasm) for_a_person: bool,
}

/// Sends the question and notes it, without its body, in the run's record.
pub(in crate::wasm) async fn exchange(run: &RunContext, question: Question) -> Result<Answer, NoAnswer> {
    let mut shown = question.url.clone();
    shown.set_query(None);
    let Some(call) = run.recorder.begin_exchange("POST", shown.as_str()) else {
        let plugin = &run.standing.name;
        run.deps.metrics.request_refused(plugin, RefusedBecause::Limit);
        return Err(NoAnswer {
            text: "the run has asked for too many tokens".to_owned(),
            for_a_person: false,
        });
    };
    let within = EXCHANGE_TIMEOUT.min(run.time_left());
    let signed = Zeroizing::clone(&question.signed);
    let answered = tokio::time::timeout(within, sent(run, question)).await;
    let answered = answered.unwrap_or_else(|_elapsed| {
        Err(Refusal {
            code: Error::HttpResponseTimeout,
            text: format!("no answer within {}", humantime::format_duration(within)),
        })
    });
    match answered {
        Ok(answer) => {
            let status = answer.status.as_u16();
            run.recorder.end_call(call, Some(status), None);
            Ok(answer)
        }
        Err(refusal) => {
            let refusal = refusal.masked(run, &signed);
            super::note(run, call, &refusal);
            let for_a_person = matches!(
                refusal.code,
                Error::DestinationIpProhibited | Error::HttpRequestDenied
            );
            Err(NoAnswer {
                text: refusal.text,
                for_a_person,
            })
        }
    }
}

async fn sent(run: &RunContext, question: Question) -> Result<Answer, Refusal> {
    let spec = run.standing.spec();
    let grants = &spec.grants;
    let private = dial::reach(grants, &question.url) == Reach::Private;
    if question.url.scheme() != "https" && !private {
        return Err(Refusal::denied(format!(
            "{} is not https, and `private-network` does not name it: a signature leaves in the open only on a \
             private network",
            question.url.origin().ascii_serialization()
        )));
    }
    let client = dial::client(run, grants, &question.url)?;
    let origin = question.url.origin().ascii_serialization();
    let mut request = reqwest::Request::new(http::Method::POST, question.url);
    *request.headers_mut() = question.headers;
    *request.body_mut() = Some(question.body.into());
    let answer = client.execute(request).await;
    let mut answer = answer.map_err(|error| errors::of_reqwest(error, run, &origin))?;
    let mut body = Zeroizing::new(Vec::new());
    while let Some(chunk) = answer
        .chunk()
        .await
        .map_err(|error| errors::of_reqwest(error, run, &origin))?
    {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(Refusal {
                code: Error::HttpResponseBodySize(Some(MAX_ANSWER_BYTES as u64)),
                text: format!(
                    "the answer is larger than {}",
                    text::bytes(MAX_ANSWER_BYTES as u64)
                ),
            });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer {
        status: answer.status(),
        headers: std::mem::take(answer.headers_mut()),
        body,
    })
}
