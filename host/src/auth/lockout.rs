//! Lock-out by rate: how often somebody may guess.
//!
//! Each account and each address has a number of tries that come back one by one. A try is taken
//! before the password is looked at and given back when it was right, so that many guesses at once
//! do not slip through. Kept in memory, for this node.

use std::net::IpAddr;
use std::time::Duration;

use super::buckets::{Buckets, network};
use crate::clock::SharedClock;

pub use super::buckets::{MAX_ENTRIES, Rate};

/// Wrong passwords for one account, wherever they come from: about 1,450 guesses a day.
pub const ACCOUNT_RATE: Rate = Rate {
    burst: 10,
    per: Duration::from_mins(1),
};

/// Wrong passwords from one address, which may be a whole office's.
pub const ADDRESS_RATE: Rate = Rate {
    burst: 50,
    per: Duration::from_secs(10),
};

/// Accounts asked for from one address: each may cost a password hash.
pub const REGISTRATION_RATE: Rate = Rate {
    burst: 100,
    per: Duration::from_secs(10),
};

/// Longest account name remembered, in bytes: no user has a longer one.
const MAX_NAME_BYTES: usize = 600;

/// Too many tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Too many attempts: try again in {} s", retry_after.as_secs().max(1))]
pub struct LockedOut {
    /// How long until the next try is free.
    pub retry_after: Duration,
}

impl From<Duration> for LockedOut {
    fn from(retry_after: Duration) -> Self {
        Self { retry_after }
    }
}

/// The tries of all accounts and addresses.
pub(super) struct Lockout {
    clock: SharedClock,
    accounts: Buckets<String>,
    addresses: Buckets<IpAddr>,
    registrations: Buckets<IpAddr>,
}

/// One try at signing in, taken from the account and the address.
pub(super) struct Attempt<'a> {
    lockout: &'a Lockout,
    account: String,
    address: IpAddr,
}

impl Lockout {
    pub fn new(clock: SharedClock) -> Self {
        Self {
            clock,
            accounts: Buckets::default(),
            addresses: Buckets::default(),
            registrations: Buckets::default(),
        }
    }

    /// Takes a try at signing in as `username` from `from`.
    pub fn sign_in(&self, username: &str, from: IpAddr) -> Result<Attempt<'_>, LockedOut> {
        let now = self.clock.now();
        let account = account_key(username);
        let address = network(from);
        self.addresses.take(&address, ADDRESS_RATE, now)?;
        if let Err(wait) = self.accounts.take(&account, ACCOUNT_RATE, now) {
            self.addresses.give_back(&address, ADDRESS_RATE);
            return Err(wait.into());
        }
        Ok(Attempt {
            lockout: self,
            account,
            address,
        })
    }

    /// Takes a try at making an account from `from`.
    pub fn registration(&self, from: IpAddr) -> Result<(), LockedOut> {
        let taken = self
            .registrations
            .take(&network(from), REGISTRATION_RATE, self.clock.now());
        Ok(taken?)
    }

    /// Refuses an address that has used its tries up. It takes none: keys of programs come many at a time, and only
    /// [`Lockout::bad_key`] counts.
    pub fn key(&self, from: IpAddr) -> Result<(), LockedOut> {
        let wait = self
            .addresses
            .wait(&network(from), ADDRESS_RATE, self.clock.now());
        wait.map_or(Ok(()), |wait| Err(wait.into()))
    }

    /// Counts an API key that does not exist, like a wrong password from that address.
    pub fn bad_key(&self, from: IpAddr) {
        let _empty = self
            .addresses
            .take(&network(from), ADDRESS_RATE, self.clock.now());
    }
}

impl Attempt<'_> {
    /// The password was right: the try did not count.
    pub fn succeeded(self) {
        self.lockout.accounts.give_back(&self.account, ACCOUNT_RATE);
        self.lockout.addresses.give_back(&self.address, ADDRESS_RATE);
    }
}

fn account_key(username: &str) -> String {
    let mut key = username.trim().to_lowercase();
    key.truncate(key.floor_char_boundary(MAX_NAME_BYTES));
    key
}
