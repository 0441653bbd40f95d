//! Password hashes as Django stores them: `pbkdf2_sha256$ITERATIONS$SALT$HASH`.
//! <https://docs.djangoproject.com/en/5.2/topics/auth/passwords/>
//!
//! They come with the users of an imported service, and each is replaced by argon2id at its first sign-in.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::Sha256;

use crate::secret::Secret;

/// Most iterations that are computed: Django 6 has 1,200,000 and adds to it with each version. A hash with more
/// would let anybody who knows a username keep a processor busy.
pub const MAX_ITERATIONS: u32 = 4_000_000;

/// Bytes of the hash: one block of SHA-256.
const HASH_BYTES: usize = 32;

/// A hash of Django's default kind.
pub struct DjangoHash {
    iterations: u32,
    salt: String,
    hash: [u8; HASH_BYTES],
}

impl DjangoHash {
    /// The hash that a stored text is, unless it is of another kind or beyond the bounds.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(4, '$');
        if parts.next()? != "pbkdf2_sha256" {
            return None;
        }
        let iterations = parts.next()?.parse().ok()?;
        let salt = parts.next()?.to_owned();
        let hash = BASE64_STANDARD.decode(parts.next()?).ok()?.try_into().ok()?;
        (1..=MAX_ITERATIONS).contains(&iterations).then_some(Self {
            iterations,
            salt,
            hash,
        })
    }

    /// Whether a password is the one that was hashed. Takes as long as the iterations do.
    #[must_use]
    pub fn fits(&self, password: &Secret) -> bool {
        let mut computed = [0_u8; HASH_BYTES];
        let password = password.expose().as_bytes();
        pbkdf2::pbkdf2_hmac::<Sha256>(password, self.salt.as_bytes(), self.iterations, &mut computed);
        // In constant time: every byte is looked at.
        let difference = computed
            .iter()
            .zip(self.hash)
            .fold(0, |all, (a, b)| all | (a ^ b));
        difference == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `make_password` of Django makes it of this password and salt.
    fn stored(iterations: u32) -> String {
        let mut hash = [0_u8; HASH_BYTES];
        pbkdf2::pbkdf2_hmac::<Sha256>(b"correct horse", b"salt", iterations, &mut hash);
        format!("pbkdf2_sha256${iterations}$salt${}", BASE64_STANDARD.encode(hash))
    }

    #[test]
    fn a_known_vector() {
        // RFC 7914, section 11: PBKDF2-HMAC-SHA-256 of "passwd" and "salt", once; the first 32 of 64 bytes.
        let vector = "pbkdf2_sha256$1$salt$VawEblbjCJ/sFpHCJUS2BflBhSFt3gRl5oudV8INrLw=";
        let hash = DjangoHash::parse(vector).expect("a hash");
        assert!(hash.fits(&"passwd".to_owned().into()));
    }

    #[test]
    fn the_right_password_fits_and_another_does_not() {
        let hash = DjangoHash::parse(&stored(1_000)).expect("a hash");
        assert!(hash.fits(&"correct horse".to_owned().into()));
        assert!(!hash.fits(&"correct  horse".to_owned().into()));
    }

    #[test]
    fn other_kinds_and_monstrous_ones_are_none() {
        let monster = stored(1).replace("$1$", "$4000001$");
        let zero = stored(1).replace("$1$", "$0$");
        for text in [
            "",
            "!",
            "md5$a$b",
            "pbkdf2_sha256$x$salt$aGk=",
            "pbkdf2_sha256$1$salt$aGk=",
            &monster,
            &zero,
        ] {
            assert!(DjangoHash::parse(text).is_none(), "{text}");
        }
    }
}
