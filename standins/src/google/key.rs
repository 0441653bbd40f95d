//! The service account and its key, made at run time.

use std::sync::OnceLock;

use jsonwebtoken::{Algorithm, DecodingKey};
use rsa::RsaPrivateKey;
use rsa::pkcs1::EncodeRsaPublicKey;
use rsa::pkcs8::{EncodePrivateKey, LineEnding};
use serde_json::{Value, json};

/// Bits of the key, as Google makes them.
const KEY_BITS: usize = 2_048;

/// A service account of this stand-in.
pub struct ServiceAccount {
    /// Its address.
    pub email: String,
    /// The number of its project, which quota refusals name.
    pub project: String,
    /// The id of its key.
    pub key_id: String,
    /// Whether the key was deleted at Google.
    pub revoked: bool,
    private_pem: String,
    public: DecodingKey,
}

impl std::fmt::Debug for ServiceAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServiceAccount")
            .field("email", &self.email)
            .field("private_pem", &"***")
            .finish_non_exhaustive()
    }
}

/// Why no key could be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make the service account's key: {0}")]
pub struct KeyError(String);

/// The key pair of this process: to make one takes a second, and one serves all stand-ins of a test run.
fn pair() -> Result<&'static RsaPrivateKey, KeyError> {
    static PAIR: OnceLock<Result<RsaPrivateKey, String>> = OnceLock::new();
    PAIR.get_or_init(|| {
        RsaPrivateKey::new(&mut rsa::rand_core::OsRng, KEY_BITS).map_err(|error| error.to_string())
    })
    .as_ref()
    .map_err(|error| KeyError(error.clone()))
}

impl ServiceAccount {
    /// Makes the account; blocks for about a second at the first call of a process.
    pub fn make() -> Result<Self, KeyError> {
        let key = pair()?;
        let failed = |error: &dyn std::fmt::Display| KeyError(error.to_string());
        let private = key.to_pkcs8_pem(LineEnding::LF).map_err(|error| failed(&error))?;
        let public = key
            .to_public_key()
            .to_pkcs1_der()
            .map_err(|error| failed(&error))?;
        Ok(Self {
            email: "hookyard@standin-project.iam.gserviceaccount.com".to_owned(),
            project: (100_000_000_000 + u64::from(rand::random::<u32>())).to_string(),
            key_id: format!("{:032x}{:08x}", rand::random::<u128>(), rand::random::<u32>()),
            revoked: false,
            private_pem: private.to_string(),
            public: DecodingKey::from_rsa_der(public.as_bytes()),
        })
    }

    /// The key file as Google's console gives it, with the stand-in as token endpoint.
    pub fn key_file(&self, base_url: &str) -> Value {
        json!({
            "type": "service_account",
            "project_id": "standin-project",
            "private_key_id": self.key_id,
            "private_key": self.private_pem,
            "client_email": self.email,
            "client_id": self.project,
            "auth_uri": format!("{base_url}/auth"),
            "token_uri": format!("{base_url}/token"),
            "auth_provider_x509_cert_url": format!("{base_url}/certs"),
            "client_x509_cert_url": format!("{base_url}/certs"),
            "universe_domain": "googleapis.com",
        })
    }

    /// Whether the signature of a message is this account's.
    pub fn signed(&self, message: &str, signature: &str) -> bool {
        jsonwebtoken::crypto::verify(signature, message.as_bytes(), &self.public, Algorithm::RS256)
            .unwrap_or(false)
    }
}

impl KeyError {
    /// The work was stopped before it was done.
    pub fn stopped(error: &dyn std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}
