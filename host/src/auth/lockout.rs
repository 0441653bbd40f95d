//! Lock-out by rate: how often somebody may guess.
//!
//! Each account and each address has a number of tries that come back one by one. A try is taken
//! before the password is looked at and given back when it was right, so that many guesses at once
//! do not slip through. Kept in memory, for this node.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::SharedClock;
use crate::domain::time::Timestamp;

/// How many tries in a row, and how long until one comes back.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    pub burst: u32,
    pub per: Duration,
}

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

/// Accounts and addresses remembered, per table: at most about 10 MiB. When it is full the half that
/// is nearest to having all tries back is forgotten.
pub const MAX_ENTRIES: usize = 100_000;

/// Longest account name remembered, in bytes: no user has a longer one.
const MAX_NAME_BYTES: usize = 600;

/// Too many tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Too many attempts: try again in {} s", retry_after.as_secs().max(1))]
pub struct LockedOut {
    /// How long until the next try is free.
    pub retry_after: Duration,
}

/// The tries of all accounts and addresses.
pub(super) struct Lockout {
    clock: SharedClock,
    accounts: Tries<String>,
    addresses: Tries<IpAddr>,
    registrations: Tries<IpAddr>,
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
            accounts: Tries::new(ACCOUNT_RATE),
            addresses: Tries::new(ADDRESS_RATE),
            registrations: Tries::new(REGISTRATION_RATE),
        }
    }

    /// Takes a try at signing in as `username` from `from`.
    pub fn sign_in(&self, username: &str, from: IpAddr) -> Result<Attempt<'_>, LockedOut> {
        let now = self.clock.now();
        let account = account_key(username);
        let address = network(from);
        self.addresses.take(&address, now)?;
        if let Err(locked) = self.accounts.take(&account, now) {
            self.addresses.give_back(&address);
            return Err(locked);
        }
        Ok(Attempt {
            lockout: self,
            account,
            address,
        })
    }

    /// Takes a try at making an account from `from`.
    pub fn registration(&self, from: IpAddr) -> Result<(), LockedOut> {
        self.registrations.take(&network(from), self.clock.now())
    }
}

impl Attempt<'_> {
    /// The password was right: the try did not count.
    pub fn succeeded(self) {
        self.lockout.accounts.give_back(&self.account);
        self.lockout.addresses.give_back(&self.address);
    }
}

fn account_key(username: &str) -> String {
    let mut key = username.trim().to_lowercase();
    key.truncate(key.floor_char_boundary(MAX_NAME_BYTES));
    key
}

/// Who an address stands for: in IPv6 a customer has a /64, in which addresses cost nothing.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

/// For each key the moment at which it has all its tries back (the "generic cell rate algorithm").
struct Tries<K> {
    rate: Rate,
    full_again: Mutex<HashMap<K, Timestamp>>,
}

impl<K: Eq + Hash + Clone> Tries<K> {
    fn new(rate: Rate) -> Self {
        Self {
            rate,
            full_again: Mutex::default(),
        }
    }

    fn take(&self, key: &K, now: Timestamp) -> Result<(), LockedOut> {
        let mut table = self.full_again.lock().unwrap_or_else(PoisonError::into_inner);
        let full_again = table
            .get(key)
            .copied()
            .unwrap_or(now)
            .max(now)
            .plus(self.rate.per);
        let most = now.plus(self.rate.per.saturating_mul(self.rate.burst));
        if full_again > most {
            return Err(LockedOut {
                retry_after: full_again.since(most),
            });
        }
        if table.len() >= MAX_ENTRIES && !table.contains_key(key) {
            forget(&mut table, now);
        }
        table.insert(key.clone(), full_again);
        Ok(())
    }

    fn give_back(&self, key: &K) {
        let mut table = self.full_again.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(full_again) = table.get_mut(key) {
            *full_again = full_again.minus(self.rate.per);
        }
    }
}

/// Makes room: drops who has all tries back, or else the half that has most of them.
fn forget<K: Eq + Hash>(table: &mut HashMap<K, Timestamp>, now: Timestamp) {
    table.retain(|_, full_again| *full_again > now);
    if table.len() >= MAX_ENTRIES {
        let mut moments: Vec<Timestamp> = table.values().copied().collect();
        let (_, median, _) = moments.select_nth_unstable(MAX_ENTRIES / 2);
        let median = *median;
        table.retain(|_, full_again| *full_again > median);
    }
}
