//! What a sender gives a name, and sends under that name until it is acknowledged; now and then once more, as senders do
//! whose answer got lost.

use crate::api::Answer;

/// One in so many acknowledged parcels is sent again.
const AGAIN: u64 = 4;

/// What is sent.
pub struct Parcel {
    /// However often it is sent.
    pub name: String,
    pub body: String,
    /// It was acknowledged already.
    again: bool,
}

impl Parcel {
    /// One that was not sent yet.
    pub const fn new(name: String, body: String) -> Self {
        Self {
            name,
            body,
            again: false,
        }
    }
}

/// A name that no other parcel has.
pub fn name(kind: &str) -> String {
    format!("{kind}_{:032x}", rand::random::<u128>())
}

/// The parcels of one sender, one after the other.
#[derive(Default)]
pub struct Outbox {
    /// What is to be sent again.
    open: Option<Parcel>,
    acknowledged: u64,
}

impl Outbox {
    /// Sends what is to be sent again, else a fresh parcel.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub fn send(
        &mut self,
        fresh: impl FnOnce() -> Parcel,
        send: impl FnOnce(&Parcel) -> anyhow::Result<Answer>,
    ) -> anyhow::Result<Answer> {
        let mut parcel = self.open.take().unwrap_or_else(fresh);
        let answer = send(&parcel);
        if !answer.as_ref().is_ok_and(Answer::is_success) {
            self.open = Some(parcel);
        } else if !parcel.again {
            self.acknowledged += 1;
            parcel.again = true;
            self.open = self.acknowledged.is_multiple_of(AGAIN).then_some(parcel);
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use anyhow::bail;
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_parcel_is_sent_until_it_is_acknowledged_and_one_in_four_once_more() {
        let mut outbox = Outbox::default();
        let mut names = (0..).map(|name: u32| name.to_string());
        let mut sent = Vec::new();
        for status in [0, 503, 200, 200, 200, 200, 0, 200, 200] {
            let fresh = || Parcel::new(names.next().expect("without end"), String::new());
            let answer = outbox.send(fresh, |parcel| {
                sent.push(parcel.name.clone());
                if status == 0 {
                    bail!("the connection broke");
                }
                Ok(Answer {
                    status,
                    retry_after: false,
                    replayed: false,
                    body: Value::Null,
                })
            });
            assert_eq!(answer.is_ok(), status != 0);
        }
        assert_eq!(sent, ["0", "0", "0", "1", "2", "3", "3", "3", "4"]);
    }
}
