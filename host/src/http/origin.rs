//! Where a request came from, for the audit log.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use serde_json::Value;

use super::{ApiState, Problem};
use crate::domain::audit::{Action, Actor, Via};
use crate::domain::user::User;

/// The id that a request is given when it comes in.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// Address and id of a request.
pub struct Origin {
    address: Option<String>,
    request_id: Option<String>,
}

impl Origin {
    /// This user as the one who does what the request asks for.
    #[must_use]
    pub fn actor(self, user: &User) -> Actor {
        Actor {
            name: user.username.clone(),
            role: Some(user.role),
            via: Via::Http,
            address: self.address,
            request_id: self.request_id,
        }
    }

    /// Writes to the audit log what this user has just done.
    pub(super) async fn note(
        self,
        state: &ApiState,
        user: &User,
        action: Action,
        target: impl AsRef<str> + Send,
        detail: Value,
    ) -> Result<(), Problem> {
        let actor = self.actor(user);
        Ok(state.audit.record(&actor, action, target, detail).await?)
    }
}

impl FromRequestParts<ApiState> for Origin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &ApiState) -> Result<Self, Problem> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let id = parts.extensions.get::<RequestId>();
        Ok(Self {
            address: peer.map(|ConnectInfo(address)| address.ip().to_string()),
            request_id: id.map(|RequestId(id)| id.clone()),
        })
    }
}
