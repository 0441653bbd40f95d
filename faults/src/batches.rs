//! A sender of `CloudEvents` in batches: all events of one are stored in one transaction, or none is.

use serde_json::{Value, json};

use crate::api::{Answer, Api};
use crate::outbox::{self, Outbox, Parcel};
use crate::signed;

/// Its name in `plugins.toml`, which the route of the load's plugin matches.
pub const SOURCE: &str = "load-batches";

/// Events of a batch.
pub const SIZE: usize = 3;

/// Its section of `plugins.toml`. Its token is the secret that the other source signs with.
pub fn section() -> String {
    format!(
        "[sources.{SOURCE}]\nverify = \"cloudevents\"\nsecret = \"env:{}\"\n\n",
        signed::VARIABLE
    )
}

/// The sender.
pub struct Batches {
    secret: String,
    /// Its events' type: what tells one load's events from another's.
    event_type: String,
    outbox: Outbox,
}

impl Batches {
    /// One that has sent nothing yet.
    pub fn new(secret: String, event_type: &str) -> Self {
        Self {
            secret,
            event_type: event_type.to_owned(),
            outbox: Outbox::default(),
        }
    }

    /// Sends what is to be sent again, else the next batch.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub fn send(&mut self, api: &Api) -> anyhow::Result<Answer> {
        let fresh = || {
            let batch = outbox::name("batch");
            let body = body(&batch, &self.event_type);
            Parcel::new(batch, body)
        };
        let headers = [
            ("content-type", "application/cloudevents-batch+json".to_owned()),
            ("authorization", format!("Bearer {}", self.secret)),
        ];
        self.outbox.send(fresh, |parcel| {
            let path = format!("/api/webhooks/receive/{SOURCE}/");
            api.post_with(&path, &headers, &parcel.body)
        })
    }
}

/// The events of a batch. Each has an id of its own and says which batch it is of.
fn body(batch: &str, event_type: &str) -> String {
    let event = |place: usize| {
        json!({
            "specversion": "1.0",
            "id": format!("{batch}/{place}"),
            "source": "/faults",
            "type": event_type,
            "data": {"batch": batch},
        })
    };
    Value::from_iter((0..SIZE).map(event)).to_string()
}
