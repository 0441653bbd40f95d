//! Acts on API keys.

use serde_json::json;

use super::super::doer::Doer;
use super::super::keys::NewKeyView;
use super::super::{ApiState, Problem};
use crate::auth::KeyRequest;
use crate::domain::api_key::{ApiKey, ApiKeyId, RevokedKey};
use crate::domain::audit::Action;

impl Doer {
    /// Makes an API key. What comes back has the key itself, which is kept nowhere.
    pub(crate) async fn create_key(
        self,
        state: &ApiState,
        request: KeyRequest,
    ) -> Result<NewKeyView, Problem> {
        let owner = request.owner.username.clone();
        let (key, text) = state.auth.keys.create(request).await?;
        let made = NewKeyView {
            view: key.into(),
            key: text.expose().to_owned(),
        };
        let view = &made.view;
        let detail = json!({
            "name": view.name, "owner": owner, "sources": view.sources, "rate": view.rate,
            "expires_at": view.expires_at,
        });
        self.note(state, Action::KeyCreate, &view.id, detail).await?;
        Ok(made)
    }

    /// Revokes an API key, for good. One that was revoked before stays so, and nothing is noted.
    pub(crate) async fn revoke_key(self, state: &ApiState, id: &ApiKeyId) -> Result<ApiKey, Problem> {
        match state.auth.keys.revoke(id, &self.user.username).await? {
            RevokedKey::Missing => Err(Problem::no_such("API key")),
            RevokedKey::Already(key) => Ok(key),
            RevokedKey::Revoked(key) => {
                let detail = json!({ "name": key.name });
                self.note(state, Action::KeyRevoke, id.as_str(), detail).await?;
                Ok(key)
            }
        }
    }
}
