//! The way in for webhooks.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::body::{self, DeclaredSize};
use super::extract::Params;
use super::problem::ProblemBody;
use super::sender::Sender;
use super::{ApiState, Problem};
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
#[utoipa::path(post, path = "/api/webhooks/receive/", tag = "webhooks", security(("bearer" = []), ("api-key" = [])),
    params(
        ("source" = Option<String>, Query, description = "Who sends it"),
        ("type" = Option<String>, Query, description = "What happened"),
        ("X-Webhook-Source" = Option<String>, Header, description = "Who sends it"),
        ("X-Webhook-Type" = Option<String>, Header, description = "What happened"),
        ("X-GitHub-Event" = Option<String>, Header, description = "What happened, as GitHub says it"),
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
        (status = 403, description = "The role may not send, or the API key may not name this source", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 408, description = "The body came too slowly", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 413, description = "The body is too large; see `max_bytes`", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 415, description = "Not a JSON media type; see `Accept-Post`", body = ProblemBody,
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
    let accepted = state
        .intake
        .accept(request.sent_by(sender.user, sender.sources))
        .await?;
    let id = accepted.id.to_string();
    let path = format!("/api/webhooks/{id}/");
    let location = match &state.public_url {
        Some(public) => public.of(&path),
        None => path,
    };
    let location = HeaderValue::from_str(&location).map_err(|error| Problem::internal(error.to_string()))?;
    let received = Received {
        id,
        status: accepted.status.as_str(),
        message: "Webhook received.",
    };
    fault::pass(Point::BeforeAnswer);
    Ok(([(LOCATION, location)], Json(received)).into_response())
}
