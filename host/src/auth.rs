//! Accounts and the tokens they sign in with.
//!
//! [`Auth`] is the one way to make an account, to change a password and to turn credentials into a
//! [`User`]; the HTTP handlers and the command line both go through it. What it does not do: say
//! who may see what ([`access`](crate::domain::access) does). Tokens are signed, and only refresh tokens are noted in the
//! store so that each works once; [`sessions`] of people at the admin pages are rows.

pub mod accounts;
pub mod api_keys;
mod buckets;
pub mod django;
pub mod keyring;
pub mod lockout;
pub mod password;
pub mod rates;
pub mod rules;
pub mod sessions;
pub mod tokens;

use std::net::IpAddr;
use std::time::Duration;

use crate::clock::SharedClock;
use crate::domain::access::Role;
use crate::domain::id::{RefreshTokenId, TokenFamily, UserId};
use crate::domain::user::{CreatedUser, NewRefreshToken, NewUser, Rotation, User};
use crate::secret::Secret;
use crate::store::{SharedStore, StoreError};

pub use accounts::{ChangeError, UserChange};
pub use api_keys::{ApiKeyError, ApiKeys, KeyRequest, KnownKey};
pub use keyring::{KeyError, KeySource, Keyring};
pub use rates::{RateSettings, Rates, TooMany};
pub use rules::FieldErrors;
pub use sessions::{KnownSession, Seen, SessionError, SessionToken, Sessions, Visitor};
pub use tokens::{TokenError, TokenPair};

use django::DjangoHash;
use lockout::{LockedOut, Lockout};
use password::{HashError, Hasher};
use tokens::{Claims, TokenKind};

/// How long a user may use the service without signing in again, and who may join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthSettings {
    /// How long an access token works.
    pub access_ttl: Duration,
    /// How long a refresh token works.
    pub refresh_ttl: Duration,
    /// Whether people may make their own accounts.
    pub registration: Registration,
    /// How often somebody may ask.
    pub rates: RateSettings,
}

impl Default for AuthSettings {
    /// Five minutes, one day, open, no limits of rate.
    fn default() -> Self {
        Self {
            access_ttl: Duration::from_mins(5),
            refresh_ttl: Duration::from_hours(24),
            registration: Registration::Open,
            rates: RateSettings::default(),
        }
    }
}

/// Whether people may make their own accounts through the API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Registration {
    #[default]
    Open,
    /// Only the command line makes accounts.
    Closed,
}

/// An account as somebody asks for it.
#[derive(Clone, Debug)]
pub struct NewAccount {
    pub username: String,
    pub email: String,
    pub password: Secret,
    pub first_name: String,
    pub last_name: String,
    /// What it may do.
    pub role: Role,
}

/// Why an account was not made, or its password not changed.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationError {
    #[error("registration is closed: ask the operator for an account")]
    Closed,
    /// What is wrong, field by field, in the words of the API.
    #[error("{0}")]
    Invalid(FieldErrors),
    #[error(transparent)]
    LockedOut(#[from] LockedOut),
    #[error(transparent)]
    Hash(#[from] HashError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Unknown user, wrong password and inactive account: deliberately one text.
    #[error("No active account found with the given credentials")]
    BadCredentials,
    #[error(transparent)]
    LockedOut(#[from] LockedOut),
    #[error(transparent)]
    Hash(#[from] HashError),
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Accounts, passwords and tokens.
pub struct Auth {
    store: SharedStore,
    clock: SharedClock,
    keyring: Keyring,
    settings: AuthSettings,
    hasher: Hasher,
    lockout: Lockout,
    /// What programs send with.
    pub keys: ApiKeys,
    /// How often somebody may ask.
    pub rates: Rates,
    /// Who is signed in to the admin pages.
    pub sessions: Sessions,
}

impl Auth {
    /// The service over this store; tokens are signed and checked by `keyring`.
    #[must_use]
    pub fn new(store: SharedStore, clock: SharedClock, keyring: Keyring, settings: AuthSettings) -> Self {
        Self {
            keys: ApiKeys::new(store.clone(), clock.clone()),
            rates: Rates::new(clock.clone(), settings.rates),
            sessions: Sessions::new(store.clone(), clock.clone()),
            store,
            lockout: Lockout::new(clock.clone()),
            clock,
            keyring,
            settings,
            hasher: Hasher::new(),
        }
    }

    /// How many password hashes were computed so far: sign-ins cost the same number whether or not
    /// the user exists, and a test counts them here.
    #[must_use]
    pub fn hashes_computed(&self) -> u64 {
        self.hasher.computed()
    }

    /// Makes an account for somebody at `from`, when registration is open.
    pub async fn register(&self, account: NewAccount, from: IpAddr) -> Result<User, RegistrationError> {
        if self.settings.registration == Registration::Closed {
            return Err(RegistrationError::Closed);
        }
        self.lockout.registration(from)?;
        let account = NewAccount {
            role: Role::Sender,
            ..account
        };
        self.create_user(account).await
    }

    /// Makes an account, whether or not registration is open.
    pub async fn create_user(&self, account: NewAccount) -> Result<User, RegistrationError> {
        let account = rules::check_account(account).map_err(RegistrationError::Invalid)?;
        if self.store.user_by_name(&account.username).await?.is_some() {
            return Err(username_taken());
        }
        let password_hash = self.hasher.hash(&account.password).await?;
        let user = User {
            id: UserId::generate(),
            username: account.username,
            email: account.email,
            first_name: account.first_name,
            last_name: account.last_name,
            role: account.role,
            is_active: true,
            date_joined: self.clock.now(),
            last_login: None,
            signed_out_at: None,
        };
        let new = NewUser { user, password_hash };
        match self.store.create_user(&new).await? {
            CreatedUser::Created => Ok(new.user),
            CreatedUser::UsernameTaken => Err(username_taken()),
        }
    }

    /// Gives a user a new password and ends all of its refresh tokens and sessions; access tokens run out on
    /// their own. `None` when there is no such user.
    pub async fn set_password(
        &self,
        username: &str,
        password: &Secret,
    ) -> Result<Option<User>, RegistrationError> {
        let Some((user, _)) = self.store.user_by_name(username).await? else {
            return Ok(None);
        };
        rules::check_password(password, &user.username, &user.email).map_err(RegistrationError::Invalid)?;
        let hash = self.hasher.hash(password).await?;
        Ok(self.store.set_password(user.id, &hash).await?.then_some(user))
    }

    /// Trades a password for tokens. Every failed try counts against the account and the address.
    pub async fn sign_in(
        &self,
        username: &str,
        password: &Secret,
        from: IpAddr,
    ) -> Result<TokenPair, SignInError> {
        let user = self.check_password(username, password, from).await?;
        let refresh = self.new_refresh_token(user.id, TokenFamily::generate());
        self.store.store_refresh_token(&refresh).await?;
        self.store.record_login(user.id, self.clock.now()).await?;
        Ok(self.pair(&refresh)?)
    }

    /// The active account of this name and password. Every failed try counts against the account and the address.
    async fn check_password(
        &self,
        username: &str,
        password: &Secret,
        from: IpAddr,
    ) -> Result<User, SignInError> {
        let attempt = self.lockout.sign_in(username, from)?;
        let found = self.store.user_by_name(username).await?;
        let (found, hash) = found.unzip();
        let hash = hash.as_deref();
        let fits = self.hasher.verify(password, hash).await?;
        let user = match found {
            Some(user) if fits && user.is_active => user,
            _ => return Err(SignInError::BadCredentials),
        };
        attempt.succeeded();
        if let Some(old) = hash.filter(|hash| DjangoHash::parse(hash).is_some()) {
            self.renew_hash(user.id, old, password).await;
        }
        Ok(user)
    }

    /// Puts an argon2id hash in the place of an imported one. When that cannot be now, the next sign-in does it.
    async fn renew_hash(&self, user: UserId, old: &str, password: &Secret) {
        let renewed = match self.hasher.hash(password).await {
            Ok(new) => self
                .store
                .renew_password_hash(user, old, &new)
                .await
                .map_err(|e| e.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = renewed {
            tracing::warn!(%user, error, "the imported password hash stays until the next sign-in");
        }
    }

    /// Trades a refresh token for new tokens. It works once: a token that comes a second time was
    /// copied, so every token that descends from the same sign-in is refused from then on.
    pub async fn refresh(&self, token: &Secret) -> Result<TokenPair, SignInError> {
        let claims = self.read(token.expose(), TokenKind::Refresh)?;
        let family = claims.family.ok_or(TokenError::Invalid)?;
        let Some(user) = self.store.user(claims.sub).await?.filter(|user| user.is_active) else {
            self.store.revoke_family(family, self.clock.now()).await?;
            return Err(TokenError::Invalid.into());
        };
        let next = self.new_refresh_token(user.id, family);
        let old = RefreshTokenId::from_uuid(claims.jti);
        match self
            .store
            .rotate_refresh_token(old, &next, self.clock.now())
            .await?
        {
            Rotation::Rotated => Ok(self.pair(&next)?),
            Rotation::Reused => {
                tracing::warn!(user = %user.id, family = %family, "a refresh token was used twice; its family is revoked");
                Err(TokenError::Invalid.into())
            }
            Rotation::Refused => Err(TokenError::Invalid.into()),
        }
    }

    /// The active user whom an access token speaks for.
    pub async fn authenticate(&self, access: &str) -> Result<User, SignInError> {
        let claims = self.read(access, TokenKind::Access)?;
        let user = self.store.user(claims.sub).await?;
        let user = user.filter(|user| user.is_active).ok_or(TokenError::Inactive)?;
        if user.signed_out_at.is_some_and(|at| claims.issued_at() <= at) {
            return Err(TokenError::Invalid.into());
        }
        Ok(user)
    }

    /// The key that came with a request from `from`, and whose it is.
    pub async fn authenticate_key(&self, key: &str, from: IpAddr) -> Result<KnownKey, ApiKeyError> {
        self.keys.authenticate(key, from, &self.lockout).await
    }

    fn read(&self, token: &str, kind: TokenKind) -> Result<Claims, TokenError> {
        let claims = self.keyring.verify(token, self.clock.now())?;
        if claims.token_type == kind {
            Ok(claims)
        } else {
            Err(TokenError::Invalid)
        }
    }

    fn new_refresh_token(&self, user: UserId, family: TokenFamily) -> NewRefreshToken {
        let issued_at = self.clock.now();
        NewRefreshToken {
            id: RefreshTokenId::generate(),
            family,
            user,
            issued_at,
            expires_at: issued_at.plus(self.settings.refresh_ttl),
        }
    }

    fn pair(&self, refresh: &NewRefreshToken) -> Result<TokenPair, TokenError> {
        Ok(TokenPair {
            access: self.keyring.sign(&Claims::access(
                refresh.user,
                refresh.issued_at,
                self.settings.access_ttl,
            ))?,
            refresh: self.keyring.sign(&Claims::refresh(refresh))?,
        })
    }
}

fn username_taken() -> RegistrationError {
    RegistrationError::Invalid(FieldErrors::one(
        "username",
        "A user with that username already exists.",
    ))
}
