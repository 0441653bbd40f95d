//! A provider that signs (Standard Webhooks): what it repeats has the same id, and a signature of its own.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use serde_json::json;
use sha2::Sha256;

use crate::api::{Answer, Api};
use crate::outbox::{self, Outbox, Parcel};

/// Its name in `plugins.toml`, which the route of the load's plugin matches.
pub const SOURCE: &str = "load-signed";

/// The variable that tells the server its secret.
pub const VARIABLE: &str = "FAULTS_SIGNING_SECRET";

/// Its section of `plugins.toml`. Signatures count although the server's clock jumps by hours.
pub fn section() -> String {
    format!(
        "[sources.{SOURCE}]\nverify = \"standard-webhooks\"\nsecret = \"env:{VARIABLE}\"\ntolerance = \"24h\"\n\n"
    )
}

/// What it signs with.
#[derive(Clone)]
pub struct Key(Vec<u8>);

impl Key {
    /// A new one.
    pub fn random() -> Self {
        Self(rand::random::<[u8; 32]>().to_vec())
    }

    /// As the server is told it.
    pub fn secret(&self) -> String {
        format!("whsec_{}", STANDARD.encode(&self.0))
    }

    /// The value of `webhook-signature`.
    fn sign(&self, id: &str, at: u64, body: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(format!("{id}.{at}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// The provider of one sender.
pub struct Provider {
    key: Key,
    /// Its events' type: what tells one load's events from another's.
    event_type: String,
    outbox: Outbox,
}

impl Provider {
    /// One that has sent nothing yet.
    pub fn new(key: &Key, event_type: &str) -> Self {
        Self {
            key: key.clone(),
            event_type: event_type.to_owned(),
            outbox: Outbox::default(),
        }
    }

    /// Sends what is to be sent again, else the next delivery.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub fn send(&mut self, api: &Api) -> anyhow::Result<Answer> {
        let fresh = || {
            let id = outbox::name("msg");
            let body = json!({"type": self.event_type, "delivery": id}).to_string();
            Parcel::new(id, body)
        };
        self.outbox.send(fresh, |delivery| {
            let at = now();
            let headers = [
                ("content-type", "application/json".to_owned()),
                ("webhook-id", delivery.name.clone()),
                ("webhook-timestamp", at.to_string()),
                (
                    "webhook-signature",
                    self.key.sign(&delivery.name, at, &delivery.body),
                ),
            ];
            api.post_with(
                &format!("/api/webhooks/receive/{SOURCE}/"),
                &headers,
                &delivery.body,
            )
        })
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a signature has the sender's time")]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification.
    #[test]
    fn it_signs_as_standard_webhooks_does() {
        let key = STANDARD
            .decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
            .expect("Base64");
        let signature = Key(key).sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
