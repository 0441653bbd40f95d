//! The keys that settings name or that are kept.

use crate::auth::{KeyError, KeySource, Keyring};
use crate::config::{JwtSettings, Settings};
use crate::vault::MasterKeys;

/// Whether the keys that sign tokens can be used, without making any.
///
/// # Errors
/// When a given one cannot.
pub fn check_keys(settings: &Settings) -> Result<String, KeyError> {
    match key_source(settings) {
        KeySource::Directory(dir) => Ok(format!("kept in {}", dir.display())),
        given => Keyring::load(&given).map(|ring| format!("{} given", ring.ids().count())),
    }
}

/// Where the keys that sign tokens come from.
pub(super) fn key_source(settings: &Settings) -> KeySource {
    match &settings.jwt {
        JwtSettings::Secrets(secrets) => KeySource::Secrets(secrets.clone()),
        JwtSettings::Files(files) => KeySource::Files(files.clone()),
        JwtSettings::Kept => KeySource::Directory(settings.data_dir.join("keys")),
    }
}

/// The keys that seal what is secret in the database.
///
/// # Errors
/// When a given one is malformed.
pub fn master_keys(settings: &Settings) -> anyhow::Result<MasterKeys> {
    match &settings.master_key {
        Some(given) => Ok(MasterKeys::given(given)?),
        None => Ok(MasterKeys::kept(&settings.data_dir)),
    }
}
