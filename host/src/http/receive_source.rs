//! The way in for senders that prove themselves in their own way.

use axum::Json;
use axum::extract::{Extension, Path, Request, State};
use axum::http::header::{ALLOW, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::body::{self, DeclaredSize};
use super::extract::{OnceOnly, Peer};
use super::problem::ProblemBody;
use super::receive::{self, Received};
use super::slash::AsSent;
use super::{ApiState, Problem};
use crate::domain::rejected::Check;
use crate::domain::source::scheme::{Scheme, TokenScheme};
use crate::fault::{self, Point};
use crate::intake::media;
use crate::intake::presented::Presented;
use crate::intake::sources::{SourceError, Taken};

/// Headers of the handshake (HTTP 1.1 Web Hooks for Event Delivery, section 4).
const REQUEST_ORIGIN: HeaderName = HeaderName::from_static("webhook-request-origin");
const ALLOWED_ORIGIN: HeaderName = HeaderName::from_static("webhook-allowed-origin");
const ALLOWED_RATE: HeaderName = HeaderName::from_static("webhook-allowed-rate");

/// What became of the events of a batch, in their order.
#[derive(Serialize, ToSchema)]
pub struct ReceivedBatch {
    pub events: Vec<Received>,
}

/// Send a webhook in as a source of `plugins.toml`
///
/// The request proves where it comes from in the way that `[sources.NAME]` names: a signature of GitHub,
/// Stripe, Slack, Shopify, Twilio, Standard Webhooks or RFC 9421, a token, a key or a password. Bodies of any
/// kind are stored byte for byte. When this answers 200 the event is durable.
///
/// A delivery that came before (by the provider's own id, or by `Idempotency-Key` where it has none) is
/// answered like the first, with `"duplicate": true` or `Idempotent-Replayed: true`. A batch of CloudEvents is
/// answered with `{"events": […]}`; Slack's `url_verification` with its challenge.
#[utoipa::path(post, path = "/api/webhooks/receive/{source}/", tag = "webhooks", operation_id = "receive_source",
    params(
        ("source" = String, Path, description = "The source's name in `plugins.toml`"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 printable characters of ASCII"),
    ),
    request_body(content = Vec<u8>, content_type = "*/*", description = "Anything"),
    responses(
        (status = 200, description = "The event is durable", body = Received,
         headers(("Location" = String, description = "Where to see the event"))),
        (status = 400, description = "The sender is who it says, but the body cannot be taken; see `check`",
         body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "The request does not prove where it comes from; `check` names what failed, \
         and `WWW-Authenticate` the scheme of a source that takes `Authorization`",
         body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such source", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 408, description = "The body came too slowly", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 409, description = "A request with the same `Idempotency-Key` is being dealt with",
         body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large; see `max_bytes`", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 415, description = "The body is compressed", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 422, description = "The `Idempotency-Key` came before with something else", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 503, description = "Could not be stored, or not be verified, now; see `Retry-After`",
         body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn receive(
    State(state): State<ApiState>,
    Path(source): Path<String>,
    _: DeclaredSize,
    Peer(address): Peer,
    Extension(AsSent(target)): Extension<AsSent>,
    OnceOnly(key): OnceOnly,
    request: Request,
) -> Result<Response, Problem> {
    // Before the body is read, so that nobody can have one read for a source that is not there.
    let spec = state.sources.table.load().get(&source).cloned();
    let spec = spec.ok_or_else(|| Problem::no_such("source"))?;
    let (parts, body) = request.into_parts();
    let content_type = body::any_content_type(&parts.headers)?;
    let body = body::read(body, state.max_body).await?;
    let presented = Presented {
        method: parts.method,
        target,
        headers: parts.headers,
        content_type: content_type.unwrap_or_else(|| media::assumed(&body).to_owned()),
        body,
        address: address.to_string(),
        received_at: state.sources.clock.now(),
        credential: None,
    };
    fault::pass(Point::AfterReceive);
    let taken = state.sources.receive(&source, presented, key.as_ref()).await;
    let taken = taken.map_err(|error| refused(error, &spec.scheme))?;
    fault::pass(Point::BeforeAnswer);
    match taken {
        Taken::Challenge(text) => Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()),
        Taken::Event(accepted, by) => receive::answer(&state, accepted, by),
        Taken::Batch(accepted) => {
            let events = accepted.into_iter().map(|event| Received::of(event, false));
            Ok(Json(ReceivedBatch {
                events: events.collect(),
            })
            .into_response())
        }
    }
}

/// What a sender is told, with the scheme by which it is to prove itself (RFC 9110, section 11.6.1) where that has a
/// name: signatures and keys in headers of their own have none.
fn refused(error: SourceError, scheme: &Scheme) -> Problem {
    let challenge = match (&error, scheme) {
        (SourceError::Rejected(rejection), Scheme::Token(scheme)) => challenge(rejection.check, scheme),
        _ => None,
    };
    let problem = Problem::from(error);
    match challenge {
        Some(challenge) => problem.header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge)),
        None => problem,
    }
}

const fn challenge(check: Check, scheme: &TokenScheme) -> Option<&'static str> {
    if check.status() != 401 {
        return None;
    }
    match (scheme, check) {
        (TokenScheme::Header(_), _) => None,
        (TokenScheme::Basic, _) => Some("Basic realm=\"hookyard\", charset=\"UTF-8\""),
        // Without a token there is nothing wrong with it (RFC 6750, section 3.1).
        (TokenScheme::Bearer { .. }, Check::Missing) => Some("Bearer"),
        (TokenScheme::Bearer { .. }, _) => Some("Bearer error=\"invalid_token\""),
    }
}

/// Ask whether CloudEvents may be sent
///
/// The abuse protection of CloudEvents' web hooks: a sender asks before it delivers.
#[utoipa::path(options, path = "/api/webhooks/receive/{source}/", tag = "webhooks",
    params(
        ("source" = String, Path, description = "The source's name in `plugins.toml`"),
        ("WebHook-Request-Origin" = String, Header, description = "Who wants to send"),
    ),
    responses(
        (status = 200, description = "It may send: see `WebHook-Allowed-Origin` and `WebHook-Allowed-Rate`",
         headers(("WebHook-Allowed-Origin" = String, description = "The origin that asked"))),
        (status = 400, description = "`WebHook-Request-Origin` is missing", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 403, description = "It may not", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such source, or it takes no CloudEvents", body = ProblemBody,
         content_type = "application/problem+json"),
    ))]
pub async fn handshake(
    State(state): State<ApiState>,
    Path(source): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let asked = headers.get(REQUEST_ORIGIN).filter(|value| !value.is_empty());
    let origin = asked.and_then(|value| value.to_str().ok());
    let permitted = state.sources.permits(&source, origin.unwrap_or_default());
    match (asked.cloned(), permitted) {
        (_, None) => Err(Problem::no_such("source of CloudEvents")),
        (None, _) => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "no-origin",
            "The header WebHook-Request-Origin is missing.",
        )),
        (_, Some(false)) => Err(Problem::new(
            StatusCode::FORBIDDEN,
            "origin-not-permitted",
            "The source's `origins` in plugins.toml do not have this origin.",
        )),
        (Some(origin), Some(true)) => {
            let any_rate = HeaderValue::from_static("*");
            let headers = [
                (ALLOW, HeaderValue::from_static("POST")),
                (ALLOWED_ORIGIN, origin),
                (ALLOWED_RATE, any_rate),
            ];
            Ok((StatusCode::OK, headers).into_response())
        }
    }
}
