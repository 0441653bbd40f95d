//! A sender that gives each event a key of its own (`Idempotency-Key`) beside its token: the key is what a repeated request
//! has in common with the first.

use serde_json::json;

use crate::api::{Answer, Api};
use crate::outbox::{self, Outbox, Parcel};

/// The sender.
pub struct Keyed {
    path: String,
    outbox: Outbox,
}

impl Keyed {
    /// One that sends to this path.
    pub fn new(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            outbox: Outbox::default(),
        }
    }

    /// Sends what is to be sent again, else the next event.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub fn send(&mut self, api: &Api) -> anyhow::Result<Answer> {
        let fresh = || {
            let key = outbox::name("key");
            let body = json!({"delivery": key}).to_string();
            Parcel::new(key, body)
        };
        self.outbox.send(fresh, |parcel| {
            api.post_once(&self.path, &parcel.name, &parcel.body)
        })
    }
}
