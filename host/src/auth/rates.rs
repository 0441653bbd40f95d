//! Rate limits of requests, per API key, user and address: settings of the operator, all off unless set.
//!
//! Kept in memory, for this node. Off by default: a limit that nobody chose refuses a vendor that sends its backlog
//! after an outage, and behind a proxy all senders share one address. What overload there is, intake's bounded
//! queue turns away.

use std::net::IpAddr;
use std::time::Duration;

use super::buckets::{Buckets, network};
use crate::clock::SharedClock;
use crate::domain::api_key::{ApiKey, ApiKeyId};
use crate::domain::id::UserId;
use crate::domain::rate_limit::RateLimit;

/// The limits in force; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateSettings {
    /// Webhooks by one API key that has no limit of its own.
    pub per_key: Option<RateLimit>,
    /// Requests by one user's access tokens.
    pub per_user: Option<RateLimit>,
    /// Requests from one address (in IPv6 one /64), looked at before anything else.
    pub per_address: Option<RateLimit>,
}

/// A limit is reached.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{whose} is limited to {limit}: try again later")]
pub struct TooMany {
    /// Whose limit, for people.
    pub whose: &'static str,
    pub limit: RateLimit,
    /// How long until the next request is free.
    pub retry_after: Duration,
}

/// Counts requests against the limits.
pub struct Rates {
    clock: SharedClock,
    settings: RateSettings,
    keys: Buckets<ApiKeyId>,
    users: Buckets<UserId>,
    addresses: Buckets<IpAddr>,
}

impl Rates {
    /// The limits by this clock.
    #[must_use]
    pub fn new(clock: SharedClock, settings: RateSettings) -> Self {
        Self {
            clock,
            settings,
            keys: Buckets::default(),
            users: Buckets::default(),
            addresses: Buckets::default(),
        }
    }

    /// Counts a webhook that came with this key.
    ///
    /// # Errors
    /// When the key's limit is reached.
    pub fn key(&self, key: &ApiKey) -> Result<(), TooMany> {
        let limit = key.rate.or(self.settings.per_key);
        self.take(&self.keys, &key.id, limit, "This API key")
    }

    /// Counts a request of this user.
    ///
    /// # Errors
    /// When the user's limit is reached.
    pub fn user(&self, user: UserId) -> Result<(), TooMany> {
        self.take(&self.users, &user, self.settings.per_user, "This user")
    }

    /// Counts a request from this address.
    ///
    /// # Errors
    /// When the address's limit is reached.
    pub fn address(&self, address: IpAddr) -> Result<(), TooMany> {
        self.take(
            &self.addresses,
            &network(address),
            self.settings.per_address,
            "This address",
        )
    }

    fn take<K: Eq + std::hash::Hash + Clone>(
        &self,
        buckets: &Buckets<K>,
        key: &K,
        limit: Option<RateLimit>,
        whose: &'static str,
    ) -> Result<(), TooMany> {
        let Some(limit) = limit else { return Ok(()) };
        buckets
            .take(key, limit.into(), self.clock.now())
            .map_err(|retry_after| TooMany {
                whose,
                limit,
                retry_after,
            })
    }
}
