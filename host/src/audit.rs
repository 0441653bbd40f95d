//! The audit log: every change by a person, noted where it is made.
//!
//! An entry is written after the change it tells of has taken effect. When it cannot be written the caller gets the
//! error although the change stands, and the log line below carries what the row would have said. What it does not
//! do: note reads, events that senders bring, and sign-ins (those are in the events and the refresh tokens).

use serde_json::{Value, json};
use uuid::Uuid;

use crate::clock::SharedClock;
use crate::domain::audit::{Action, Actor, AuditEntry, AuditFilter, MAX_DETAIL_BYTES, MAX_TEXT_CHARS};
use crate::domain::page::{Page, PageRequest};
use crate::store::{SharedStore, StoreResult};

/// Notes changes.
#[derive(Clone)]
pub struct Audit {
    store: SharedStore,
    clock: SharedClock,
}

impl Audit {
    /// The log in this store.
    #[must_use]
    pub fn new(store: SharedStore, clock: SharedClock) -> Self {
        Self { store, clock }
    }

    /// Notes that `actor` did `action` to `target`. The detail is an object that holds no secret and no body.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn record(
        &self,
        actor: &Actor,
        action: Action,
        target: impl AsRef<str> + Send,
        detail: Value,
    ) -> StoreResult<()> {
        let entry = AuditEntry {
            id: Uuid::now_v7(),
            at: self.clock.now(),
            actor: Actor {
                name: cut(&actor.name),
                ..actor.clone()
            },
            action: action.as_str().to_owned(),
            target: cut(target.as_ref()),
            detail: bounded(detail),
        };
        let noted = self.store.note_audit(std::slice::from_ref(&entry)).await;
        let AuditEntry { actor, target, .. } = &entry;
        match &noted {
            Ok(()) => tracing::info!(actor = actor.name, %action, target, "changed"),
            Err(error) => {
                let (address, detail) = (&actor.address, &entry.detail);
                tracing::error!(actor = actor.name, %action, target, ?address, %detail, %error, "changed, and not noted in the audit log");
            }
        }
        noted
    }

    /// A page of the log, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn page(&self, filter: &AuditFilter, page: PageRequest) -> StoreResult<Page<AuditEntry>> {
        self.store.audit_page(filter, page).await
    }
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_TEXT_CHARS).collect()
}

fn bounded(detail: Value) -> Value {
    let bytes = detail.to_string().len();
    if bytes > MAX_DETAIL_BYTES {
        return json!({ "bytes": bytes });
    }
    match detail {
        Value::Null => json!({}),
        detail => detail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_is_cut() {
        assert_eq!(
            cut(&"é".repeat(MAX_TEXT_CHARS + 1)).chars().count(),
            MAX_TEXT_CHARS
        );
        assert_eq!(bounded(Value::Null), json!({}));
        assert_eq!(bounded(json!({"a": 1})), json!({"a": 1}));
        let long = bounded(json!({"a": "x".repeat(MAX_DETAIL_BYTES)}));
        assert_eq!(long, json!({"bytes": MAX_DETAIL_BYTES + 8}));
    }
}
