//! The way in for webhooks.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::body::{self, DeclaredSize};
use super::extract::{OnceOnly, Params};
use super::problem::ProblemBody;
use super::sender::Sender;
use super::{ApiState, Problem};
use crate::domain::event::{Acceptance, Accepted};
use crate::fault::{self, Point};
use crate::intake::{SourceQuery, Unverified};

/// What became of a webhook.
#[derive(Serialize, ToSchema)]
pub struct Received {
    /// The event's id.
    pub id: String,
    /// As stored: `pending`, or `processed` when no plugin wants the event.
    pub status: &'static str,
    pub message: &'static str,
    /// It came before: this is what the first one was told, and nothing was stored.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub duplicate: bool,
}

impl Received {
    /// What a sender is told of its event. A sender that gave a key of its own (`replayed`) gets the same
    /// answer again, as it was.
    #[must_use]
    pub fn of(accepted: Accepted, replayed: bool) -> Self {
        Self {
            id: accepted.id.to_string(),
            status: accepted.status.as_str(),
            message: MESSAGE,
            duplicate: accepted.kind == Acceptance::Duplicate && !replayed,
        }
    }
}

/// What every answer says that takes an event.
const MESSAGE: &str = "Webhook received.";

/// Says that an answer is that of an earlier request with the same key
/// (draft-ietf-httpapi-idempotency-key-header leaves the name open; Stripe's is this one).
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The answer to a sender whose event is durable.
pub fn answer(state: &ApiState, accepted: Accepted, by_key: bool) -> Result<Response, Problem> {
    let replayed = by_key && accepted.kind == Acceptance::Duplicate;
    let path = format!("/api/webhooks/{}/", accepted.id);
    let location = match &state.public_url {
        Some(public) => public.of(&path),
        None => path,
    };
    let location = HeaderValue::from_str(&location).map_err(|error| Problem::internal(error.to_string()))?;
    let received = Json(Received::of(accepted, replayed));
    let mut response = ([(LOCATION, location)], received).into_response();
    if replayed {
        response
            .headers_mut()
            .insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// Send a webhook in
///
/// Takes any JSON text. When this answers 200 the event is durable.
///
/// `source` is the first of these that is there: the envelope's `source`, the query's `source`, the
/// header `X-Webhook-Source`, else `unknown`. The body is the envelope when it is an object with exactly
/// the two keys `source` (a string) and `payload` (anything); every other body is the payload itself.
///
/// `type` is the first of these that is there: the query's `type`, the header `X-Webhook-Type`, the
/// header `X-GitHub-Event`, else `unknown`.
///
/// Names have 1 to 100 characters, without control characters; whitespace around them is dropped.
///
/// A missing `Content-Type` counts as `application/json`.
///
/// With an `Idempotency-Key` the event is taken once: for a day the same key with the same source, type and
/// body gets the same answer again, with `Idempotent-Replayed: true`.
#[utoipa::path(post, path = "/api/webhooks/receive/", tag = "webhooks", security(("bearer" = []), ("api-key" = [])),
    params(
        ("source" = Option<String>, Query, description = "Who sends it"),
        ("type" = Option<String>, Query, description = "What happened"),
        ("X-Webhook-Source" = Option<String>, Header, description = "Who sends it"),
        ("X-Webhook-Type" = Option<String>, Header, description = "What happened"),
        ("X-GitHub-Event" = Option<String>, Header, description = "What happened, as GitHub says it"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 printable characters of ASCII"),
    ),
    request_body(content = serde_json::Value, content_type = "application/json",
        description = "Any JSON, or `{\"source\": text, \"payload\": any}`"),
    responses(
        (status = 200, description = "The event is durable", body = Received,
         headers(("Location" = String, description = "Where to see the event"))),
        (status = 400, description = "Not JSON (with `line` and `column`), or a name that cannot be one",
         body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No token or API key, or one that is expired, revoked or wrong; see `WWW-Authenticate`",
         body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The role may not send, the API key may not name this source, or the source has \
         a verifier: then it sends to an address of its own", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 408, description = "The body came too slowly", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 409, description = "A request with the same `Idempotency-Key` is being dealt with",
         body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large; see `max_bytes`", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 415, description = "Not a JSON media type; see `Accept-Post`", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 422, description = "The `Idempotency-Key` came before with something else", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 429, description = "The key, the user or the address sends too often; see `Retry-After`",
         body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Could not be stored now; see `Retry-After`", body = ProblemBody,
         content_type = "application/problem+json"),
    ))]
pub async fn receive(
    State(state): State<ApiState>,
    _: DeclaredSize,
    // The token or key is in the head: it is checked, and counted, before a body is read.
    sender: Sender,
    OnceOnly(key): OnceOnly,
    params: Params,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let request = Unverified {
        content_type: body::json_content_type(&parts.headers)?,
        body: body::read(body, state.max_body).await?,
        headers: parts.headers,
        query: SourceQuery {
            source: params.given("source").map(str::to_owned),
            event_type: params.given("type").map(str::to_owned),
        },
    };
    fault::pass(Point::AfterReceive);
    let request = request.sent_by(sender.user, sender.sources);
    let accepted = state.intake.accept(request, key.as_ref()).await?;
    fault::pass(Point::BeforeAnswer);
    answer(&state, accepted, key.is_some())
}
