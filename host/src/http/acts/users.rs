//! Acts on accounts.

use serde_json::json;

use super::super::doer::Doer;
use super::super::{ApiState, Problem};
use crate::auth::{NewAccount, UserChange};
use crate::domain::audit::Action;
use crate::domain::id::UserId;
use crate::domain::user::User;

impl Doer {
    /// Makes an account.
    pub(crate) async fn create_user(self, state: &ApiState, account: NewAccount) -> Result<User, Problem> {
        let made = state.auth.create_user(account).await?;
        let detail = json!({ "role": made.role });
        self.note(state, Action::UserCreate, &made.username, detail)
            .await?;
        Ok(made)
    }

    /// Changes the role, the activity or the password of an account.
    pub(crate) async fn change_user(
        self,
        state: &ApiState,
        id: UserId,
        change: UserChange,
    ) -> Result<User, Problem> {
        let detail = json!({
            "role": change.role,
            "is_active": change.is_active,
            "password": change.password.is_some(),
        });
        let changed = state.auth.change_user(id, change).await?;
        self.note(state, Action::UserChange, &changed.username, detail)
            .await?;
        Ok(changed)
    }

    /// Signs an account out everywhere.
    pub(crate) async fn sign_user_out(self, state: &ApiState, id: UserId) -> Result<(), Problem> {
        let found = state.store.user(id).await?;
        let user = found.ok_or_else(|| Problem::no_such("user"))?;
        state.auth.sign_out(user.id).await?;
        self.note(state, Action::UserSignOut, user.username, json!({}))
            .await
    }
}
