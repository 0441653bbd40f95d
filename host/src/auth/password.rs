//! Password hashes: argon2id on threads of its own, a bounded number at a time. Those of an imported Django
//! service are checked too, see [`super::django`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use tokio::sync::Semaphore;

use super::django::DjangoHash;
use crate::secret::Secret;

/// Memory of one hash in KiB, passes and lanes: the first choice of OWASP's Password Storage Cheat
/// Sheet for argon2id (<https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#argon2id>).
pub const MEMORY_KIB: u32 = 19_456;
/// Passes over the memory; see [`MEMORY_KIB`].
pub const PASSES: u32 = 2;
/// Lanes computed side by side; see [`MEMORY_KIB`].
pub const LANES: u32 = 1;

/// Hashes that may wait for a processor. Each takes about 20 ms, so the last of them waits for about
/// a second; beyond that an answer "busy" is kinder than a longer queue. In the first days after a move from
/// the Django service it may be ten times as long, until each user's PBKDF2 hash is replaced.
pub const MAX_WAITING: usize = 64;

/// Most memory, in KiB, passes and lanes of an argon2id hash made elsewhere: Django's are 102,400, 2 and 8. One
/// with more would let anybody who knows a username fill the memory.
const MOST_FOREIGN: (u32, u32, u32) = (262_144, 10, 16);

/// Whether a text is an argon2id hash that a sign-in can be checked against, within bounds.
#[must_use]
pub fn is_usable(hash: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else {
        return false;
    };
    let (memory, passes, lanes) = MOST_FOREIGN;
    hash.algorithm.as_str() == "argon2id"
        && hash.hash.is_some()
        && hash.salt.is_some()
        && Params::try_from(&hash).is_ok_and(|params| {
            params.m_cost() <= memory && params.t_cost() <= passes && params.p_cost() <= lanes
        })
}

/// In the place of a hash: no password fits, until a new one is set.
pub const UNUSABLE: &str = "!";

/// Why a hash was not computed.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// [`MAX_WAITING`] others wait already.
    #[error("too many sign-ins at once: try again in a moment")]
    Busy,
    /// The library refused, or its thread died.
    #[error("a password cannot be hashed: {0}")]
    Failed(String),
}

/// Computes password hashes.
pub(super) struct Hasher {
    slots: Arc<Semaphore>,
    waiting: AtomicUsize,
    computed: AtomicU64,
    /// Stands in for the hash of a user who does not exist: no password fits it, and finding that
    /// out takes as long as with a real one.
    nobody: String,
}

impl Hasher {
    /// As many hashes at a time as there are processors.
    pub fn new() -> Self {
        let slots = std::thread::available_parallelism().map_or(1, usize::from);
        let salt = BASE64_STANDARD_NO_PAD.encode(rand::random::<[u8; 16]>());
        let output = BASE64_STANDARD_NO_PAD.encode(rand::random::<[u8; 32]>());
        Self {
            slots: Arc::new(Semaphore::new(slots)),
            waiting: AtomicUsize::new(0),
            computed: AtomicU64::new(0),
            nobody: format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${output}"),
        }
    }

    /// How many hashes were computed.
    pub fn computed(&self) -> u64 {
        self.computed.load(Ordering::Relaxed)
    }

    /// The PHC string of a new password.
    pub async fn hash(&self, password: &Secret) -> Result<String, HashError> {
        let password = password.clone();
        self.run(move || {
            argon2()?
                .hash_password(password.expose().as_bytes())
                .map(|hash| hash.to_string())
                .map_err(|e| HashError::Failed(e.to_string()))
        })
        .await
    }

    /// Whether `password` fits `hash`. Without a hash, or with one that no password fits, the answer is no, at
    /// the same cost.
    pub async fn verify(&self, password: &Secret, hash: Option<&str>) -> Result<bool, HashError> {
        if let Some(old) = hash.and_then(DjangoHash::parse) {
            let password = password.clone();
            return self.run(move || Ok(old.fits(&password))).await;
        }
        let hash = hash.filter(|hash| *hash != UNUSABLE);
        let known = hash.is_some();
        let hash = hash.unwrap_or(&self.nobody).to_owned();
        let password = password.clone();
        let fits = self
            .run(move || {
                let hash = PasswordHash::new(&hash).map_err(|e| HashError::Failed(e.to_string()))?;
                Ok(argon2()?
                    .verify_password(password.expose().as_bytes(), &hash)
                    .is_ok())
            })
            .await?;
        Ok(known && fits)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let place = Place::take(&self.waiting)?;
        let slot = Arc::clone(&self.slots)
            .acquire_owned()
            .await
            .map_err(|e| HashError::Failed(e.to_string()))?;
        drop(place);
        self.computed.fetch_add(1, Ordering::Relaxed);
        tokio::task::spawn_blocking(move || {
            // Held by the thread: a caller who gives up does not free a busy processor.
            let _slot = slot;
            work()
        })
        .await
        .map_err(|e| HashError::Failed(e.to_string()))?
    }
}

/// A place in the queue, given back when dropped.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Result<Self, HashError> {
        let before = waiting.fetch_add(1, Ordering::Relaxed);
        let place = Self(waiting);
        if before >= MAX_WAITING {
            return Err(HashError::Busy);
        }
        Ok(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn argon2() -> Result<Argon2<'static>, HashError> {
    let params =
        Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|e| HashError::Failed(e.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}
