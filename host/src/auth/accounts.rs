//! Changing accounts: roles, activity, and signing out everywhere.

use super::{Auth, RegistrationError};
use crate::domain::access::Role;
use crate::domain::id::UserId;
use crate::domain::user::{UpdatedUser, User};
use crate::secret::Secret;
use crate::store::{StoreError, StoreResult};

/// What is to be changed of an account; `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct UserChange {
    pub role: Option<Role>,
    pub is_active: Option<bool>,
    /// Ends all of the account's sessions.
    pub password: Option<Secret>,
}

/// Why an account was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    #[error("there is no such user")]
    Missing,
    /// Nobody could manage accounts afterwards but from the command line.
    #[error("{0} is the last active admin: make another one first")]
    LastAdmin(String),
    #[error(transparent)]
    Password(RegistrationError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Auth {
    /// Changes an account; what it is then. Two admins who take each other's role away at the same moment are not
    /// seen: `hookyard user role` mends that.
    ///
    /// # Errors
    /// When there is none, it is the last admin, the password is no good, or the store cannot be written.
    pub async fn change_user(&self, id: UserId, change: UserChange) -> Result<User, ChangeError> {
        let mut user = self.store.user(id).await?.ok_or(ChangeError::Missing)?;
        let was_admin = user.is_active && user.role == Role::Admin;
        user.role = change.role.unwrap_or(user.role);
        user.is_active = change.is_active.unwrap_or(user.is_active);
        let is_admin = user.is_active && user.role == Role::Admin;
        if was_admin && !is_admin && !self.another_admin(id).await? {
            return Err(ChangeError::LastAdmin(user.username));
        }
        if let Some(password) = &change.password {
            let set = self.set_password(&user.username, password).await;
            set.map_err(ChangeError::Password)?;
        }
        match self.store.update_user(&user).await? {
            UpdatedUser::Updated => Ok(user),
            // The name stays, so nobody else can have it.
            UpdatedUser::Missing | UpdatedUser::UsernameTaken => Err(ChangeError::Missing),
        }
    }

    /// Signs a user out everywhere: access and refresh tokens, and sessions. API keys go on. Whether there is such a user.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn sign_out(&self, id: UserId) -> StoreResult<bool> {
        self.store.sign_out(id, self.clock.now()).await
    }

    async fn another_admin(&self, but: UserId) -> StoreResult<bool> {
        let users = self.store.users().await?;
        Ok(users
            .iter()
            .any(|user| user.id != but && user.is_active && user.role == Role::Admin))
    }
}
