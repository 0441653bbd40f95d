//! A provider that signs (Standard Webhooks): it repeats a delivery under its id until that is acknowledged, and now and
//! then once more, as providers do whose answer got lost.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::api::{Answer, Api};

/// Its name in `plugins.toml`, which the route of the load's plugin matches.
pub const SOURCE: &str = "load-signed";

/// The variable that tells the server its secret.
pub const VARIABLE: &str = "FAULTS_SIGNING_SECRET";

/// One in so many acknowledged deliveries is sent again.
const AGAIN: u64 = 4;

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

/// The provider's id of a delivery, off the event that it became.
pub fn delivery_of(event: &Value) -> Option<&str> {
    event["payload"]["delivery"]
        .as_str()
        .filter(|_| event["source"] == SOURCE)
}

/// What is sent until it is acknowledged.
struct Delivery {
    id: String,
    body: String,
    /// It was acknowledged already.
    again: bool,
}

/// The provider of one sender.
pub struct Provider {
    key: Key,
    /// Its events' type: what tells one load's events from another's.
    event_type: String,
    /// What is to be sent again.
    open: Option<Delivery>,
    acknowledged: u64,
}

impl Provider {
    /// One that has sent nothing yet.
    pub fn new(key: &Key, event_type: &str) -> Self {
        Self {
            key: key.clone(),
            event_type: event_type.to_owned(),
            open: None,
            acknowledged: 0,
        }
    }

    /// Sends what is to be sent again, else the next delivery.
    pub fn send(&mut self, api: &Api) -> anyhow::Result<Answer> {
        let mut delivery = self.open.take().unwrap_or_else(|| self.fresh());
        let at = now();
        let headers = [
            ("webhook-id", delivery.id.clone()),
            ("webhook-timestamp", at.to_string()),
            (
                "webhook-signature",
                self.key.sign(&delivery.id, at, &delivery.body),
            ),
        ];
        let path = format!("/api/webhooks/receive/{SOURCE}/");
        let answer = api.post_with(&path, &headers, &delivery.body);
        if !answer.as_ref().is_ok_and(Answer::is_success) {
            self.open = Some(delivery);
        } else if !delivery.again {
            self.acknowledged += 1;
            delivery.again = true;
            self.open = self.acknowledged.is_multiple_of(AGAIN).then_some(delivery);
        }
        answer
    }

    fn fresh(&self) -> Delivery {
        let id = format!("msg_{:032x}", rand::random::<u128>());
        let body = json!({"type": self.event_type, "delivery": id}).to_string();
        Delivery {
            id,
            body,
            again: false,
        }
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
