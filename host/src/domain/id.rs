//! Ids as types, so that one cannot stand where another belongs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a known UUID.
            #[must_use]
            pub const fn from_uuid(id: Uuid) -> Self {
                Self(id)
            }

            /// The UUID itself.
            #[must_use]
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }

            /// The id of what another service knew by `old`: a UUID stays what it is, anything else always becomes
            /// the same `UUIDv8` (RFC 9562), made of its SHA-256.
            #[must_use]
            pub fn imported(old: &str) -> Self {
                Self(Uuid::try_parse(old).unwrap_or_else(|_| derived(stringify!($name), old)))
            }

            /// A fresh id, ordered by the time of its making (UUIDv7, RFC 9562).
            #[must_use]
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::from_str(text).map(Self)
            }
        }
    };
}

/// A `UUIDv8` that stands for `old` among ids of this `kind`.
fn derived(kind: &str, old: &str) -> Uuid {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(format!("{kind}/{old}"));
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&digest[..16]);
    Uuid::new_v8(bytes)
}

uuid_id!(
    /// An event. The sender is given this id.
    EventId
);
impl EventId {
    /// The id as a client writes it: a UUID, or the number that an imported service had given the event.
    #[must_use]
    pub fn written(text: &str) -> Option<Self> {
        let is_number = (1..=19).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        let parsed = text.parse().ok();
        parsed.or_else(|| is_number.then(|| Self::imported(text)))
    }
}

uuid_id!(
    /// The errand of bringing one event to one plugin; the same over all its attempts.
    DeliveryId
);
uuid_id!(
    /// One try of a delivery.
    AttemptId
);
uuid_id!(
    /// One call of a plugin that several deliveries shared.
    BatchId
);
uuid_id!(
    /// A person or program that signs in.
    UserId
);
uuid_id!(
    /// One refresh token (its `jti`).
    RefreshTokenId
);
uuid_id!(
    /// All refresh tokens that descend from one sign-in.
    TokenFamily
);
uuid_id!(
    /// An order to replay or discard many deliveries.
    ReplayId
);
uuid_id!(
    /// What a person did to a delivery.
    ActId
);
uuid_id!(
    /// A stored process.
    ProcessId
);
uuid_id!(
    /// A request that was refused.
    RejectedId
);
uuid_id!(
    /// Proof of a claim: whoever finishes a delivery must hold the token of its latest claim.
    LeaseToken
);
uuid_id!(
    /// One running `hookyard` process, for the leases it holds.
    NodeId
);
