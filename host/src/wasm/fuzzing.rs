//! Doors for the fuzz targets (`fuzz/`) to parts that nobody else may enter.

use std::sync::Arc;

use super::compiler::Grade;
use super::engine::Runtime;
use super::load;
use super::manifest::{Manifest, SecretAsk, SecretKind};
use super::rights;
use super::source::Source;

/// What comes of `text` when it is searched for `secret`, cut into pieces of `piece` bytes.
#[must_use]
pub fn masked(secret: &str, text: &[u8], piece: usize) -> Vec<u8> {
    super::egress::in_pieces(&[secret], text, piece)
}

/// `text` with `value` wherever `word` stands.
#[must_use]
pub fn replaced(text: &[u8], word: &str, value: &str) -> Vec<u8> {
    super::egress::replaced(text, word, value)
}

/// Checks a manifest of these texts as one that a component gave.
///
/// # Errors
/// What is wrong with it.
pub fn manifest(name: &str, schema: &str, http: Vec<String>, secret: &str) -> Result<(), String> {
    let manifest = Manifest {
        name: name.to_owned(),
        version: "1".to_owned(),
        summary: String::new(),
        config_schema: schema.to_owned(),
        secrets: vec![SecretAsk {
            name: secret.to_owned(),
            kind: SecretKind::Plain,
            description: String::new(),
            required: false,
            scopes: Vec::new(),
        }],
        http,
        permissions: Vec::new(),
        actions: Vec::new(),
        batches: false,
    };
    rights::asked_patterns(&manifest, &serde_json::json!({})).map(drop)
}

/// Loads these bytes as a component, up to and with its `describe`.
///
/// # Errors
/// Why it is none.
pub async fn component(runtime: &Arc<Runtime>, bytes: Vec<u8>) -> Result<(), String> {
    let build = load::build(runtime, Source::of(bytes), Grade::Optimised).await;
    build.map(drop).map_err(|error| error.to_string())
}
