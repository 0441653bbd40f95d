//! What operators do here, by the same services as over the API; each ends in a redirect to where it shows.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use serde_json::json;

use super::form::Form;
use super::guard::{MayAct, MayLook};
use super::visit::{done_at, ours};
use crate::domain::act::Resolution;
use crate::domain::audit::Action;
use crate::domain::event::EventKind;
use crate::domain::id::EventId;
use crate::domain::words::UnknownWord;
use crate::http::deliveries::named;
use crate::http::doer::Doer;
use crate::http::origin::Origin;
use crate::http::{ApiState, Problem, rejected};
use crate::intake::Submission;

/// Whose event a test event is.
pub const TEST_SOURCE: &str = "hookyard-admin";
/// Its type.
pub const TEST_TYPE: &str = "test";

/// What an act leads to: a word for the page that says what was done.
mod done {
    pub const REPLAYED: &str = "replayed";
    pub const DISCARDED: &str = "discarded";
    pub const RESOLVED: &str = "resolved";
    pub const SENT: &str = "sent";
    pub const ACCEPTED: &str = "accepted";
}

/// What a page says of what was done just before.
#[must_use]
pub fn said(word: Option<&str>) -> Option<&'static str> {
    match word? {
        done::REPLAYED => Some("A replay was made. It is delivered as soon as its plugin has a free slot."),
        done::DISCARDED => Some("The delivery was given up for good."),
        done::RESOLVED => Some("The delivery is settled."),
        done::SENT => Some("The event is durable. What becomes of it shows below."),
        done::ACCEPTED => Some("The request proved itself, and is an event now."),
        word => super::done::said(word),
    }
}

/// Makes a new delivery of the same event.
pub async fn replay(
    State(state): State<ApiState>,
    origin: Origin,
    Path(id): Path<String>,
    MayAct { by, form }: MayAct,
) -> Result<Response, Problem> {
    let made = doer(&by, origin)
        .replay(&state, named(&id)?, form.get("to"), note(&form))
        .await?;
    let event = format!("/admin/events/{}/", made.event);
    back(&by, &form, &event, done::REPLAYED)
}

/// Brings an event once more to those who want it.
pub async fn replay_event(
    State(state): State<ApiState>,
    origin: Origin,
    Path(id): Path<String>,
    MayAct { by, form }: MayAct,
) -> Result<Response, Problem> {
    let id = EventId::written(&id).ok_or_else(|| Problem::no_such("event"))?;
    let plugins = form.get("to").map(|plugin| vec![plugin.to_owned()]);
    let replayed = doer(&by, origin)
        .replay_event(&state, id, plugins.as_deref(), note(&form))
        .await?;
    let event = format!("/admin/events/{}/", replayed.event);
    back(&by, &form, &event, done::REPLAYED)
}

/// Gives a delivery up.
pub async fn discard(
    State(state): State<ApiState>,
    origin: Origin,
    Path(id): Path<String>,
    MayAct { by, form }: MayAct,
) -> Result<Response, Problem> {
    let reason = form.get("reason").unwrap_or_default();
    doer(&by, origin).discard(&state, named(&id)?, reason).await?;
    back(&by, &form, "/admin/dead-letters/", done::DISCARDED)
}

/// Says what became of a delivery that nobody knew of.
pub async fn resolve(
    State(state): State<ApiState>,
    origin: Origin,
    Path(id): Path<String>,
    MayAct { by, form }: MayAct,
) -> Result<Response, Problem> {
    let wrong = |error: UnknownWord| Problem::new(StatusCode::BAD_REQUEST, "bad-input", format!("{error}."));
    let resolution: Resolution = form.raw("as").parse().map_err(wrong)?;
    doer(&by, origin)
        .resolve(&state, named(&id)?, resolution, note(&form))
        .await?;
    back(&by, &form, "/admin/dead-letters/", done::RESOLVED)
}

/// Takes a refused request in, when it proves itself now.
pub async fn accept(
    State(state): State<ApiState>,
    origin: Origin,
    Path(id): Path<String>,
    MayAct { by, form }: MayAct,
) -> Result<Response, Problem> {
    doer(&by, origin).accept(&state, rejected::parsed(&id)?).await?;
    back(&by, &form, "/admin/rejected/", done::ACCEPTED)
}

/// Sends an event in, so that there is one to look at.
pub async fn send_test_event(
    State(state): State<ApiState>,
    origin: Origin,
    MayAct { by, .. }: MayAct,
) -> Result<Response, Problem> {
    let user = by.user();
    let body = json!({
        "message": "Hello from the admin pages.",
        "sent_by": user.username,
        "sent_at": state.waits.clock.now().to_string(),
    });
    let submission = Submission {
        kind: EventKind::Webhook,
        source: TEST_SOURCE.to_owned(),
        event_type: TEST_TYPE.to_owned(),
        headers: Vec::new(),
        content_type: "application/json".to_owned(),
        body: Bytes::from(body.to_string()),
        owner: Some(user.id),
    };
    let accepted = state.intake.submit(submission).await?;
    let detail = json!({ "source": TEST_SOURCE, "type": TEST_TYPE });
    doer(&by, origin)
        .note(&state, Action::EventSend, accepted.id.to_string(), detail)
        .await?;
    let event = format!("/admin/events/{}/", accepted.id);
    by.visit.redirect(&done_at(&event, done::SENT))
}

fn doer(by: &MayLook, origin: Origin) -> Doer {
    Doer {
        user: by.user().clone(),
        origin,
    }
}

fn note(form: &Form) -> Option<String> {
    form.get("note").map(str::to_owned)
}

/// The page that the form names, or this one, which says what was done.
fn back(by: &MayLook, form: &Form, otherwise: &str, word: &str) -> Result<Response, Problem> {
    let path = match form.get("back") {
        Some(back) => ours(Some(back)),
        None => otherwise,
    };
    by.visit.redirect(&done_at(path, word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_what_was_done_has_its_sentence() {
        for word in [
            done::REPLAYED,
            done::DISCARDED,
            done::RESOLVED,
            done::SENT,
            done::ACCEPTED,
        ] {
            assert!(said(Some(word)).is_some(), "{word}");
        }
        assert_eq!(said(Some("<script>")), None);
        assert_eq!(said(None), None);
    }
}
