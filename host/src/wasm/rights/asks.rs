//! What a manifest asks to send, with the configuration filled in.

use serde_json::{Map, Value};

use super::super::manifest::{Manifest, SecretKind};
use crate::domain::grant::{HttpPattern, Target};

/// Something the manifest asks to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::wasm) enum Ask {
    Pattern(HttpPattern),
    /// Requests with this method (`None`: any) to the URL that the secret holds.
    SecretUrl {
        method: Option<String>,
        secret: String,
    },
}

impl Ask {
    /// Whether this pattern has this mark of a secret in its path.
    pub(in crate::wasm) fn names(&self, mark: &str) -> bool {
        matches!(self, Self::Pattern(pattern) if pattern.to_string().contains(mark))
    }

    /// Whether this covers a request whose URL came from `secret_url`, if it did.
    pub(in crate::wasm) fn covers(&self, target: &Target<'_>, secret_url: Option<&str>) -> bool {
        match self {
            Self::Pattern(pattern) => pattern.matches(target),
            Self::SecretUrl { method, secret } => {
                secret_url == Some(secret) && method.as_deref().is_none_or(|method| method == target.method)
            }
        }
    }
}

/// The manifest's patterns with `{config:KEY}` filled in.
pub(in crate::wasm) fn asks(manifest: &Manifest, config: &Map<String, Value>) -> Result<Vec<Ask>, String> {
    manifest
        .http
        .iter()
        .map(|text| ask(manifest, config, text))
        .collect()
}

/// The patterns that a manifest asks for under this configuration, short of secret URLs.
///
/// # Errors
/// When the configuration lacks what a pattern needs.
pub fn asked_patterns(manifest: &Manifest, config: &Value) -> Result<Vec<HttpPattern>, String> {
    let asks = completed_asks(manifest, config)?.into_iter();
    Ok(asks
        .filter_map(|ask| match ask {
            Ask::Pattern(pattern) => Some(pattern),
            Ask::SecretUrl { .. } => None,
        })
        .collect())
}

/// The methods (`*`: any) of requests that a manifest asks to send to URLs in secrets, with the secrets'
/// names. Only who knows the URL can say which grant that takes.
///
/// # Errors
/// As [`asked_patterns`]'s.
pub fn asked_secret_urls(manifest: &Manifest, config: &Value) -> Result<Vec<(String, String)>, String> {
    let asks = completed_asks(manifest, config)?.into_iter();
    Ok(asks
        .filter_map(|ask| match ask {
            Ask::Pattern(_) => None,
            Ask::SecretUrl { method, secret } => Some((method.unwrap_or_else(|| "*".to_owned()), secret)),
        })
        .collect())
}

fn completed_asks(manifest: &Manifest, config: &Value) -> Result<Vec<Ask>, String> {
    let config = config.as_object().cloned().unwrap_or_default();
    let config = manifest.check()?.complete_config(&manifest.name, config)?;
    asks(manifest, &config)
}

fn ask(manifest: &Manifest, config: &Map<String, Value>, text: &str) -> Result<Ask, String> {
    if let Some((method, url)) = text.split_once(' ')
        && let Some(name) = url
            .trim()
            .strip_prefix("{secret:")
            .and_then(|rest| rest.strip_suffix('}'))
    {
        if manifest
            .secret(name)
            .is_none_or(|secret| secret.kind != SecretKind::Url)
        {
            return Err(format!(
                "`http` has `{text}`, but the manifest asks for no secret `{name}` of kind url"
            ));
        }
        return Ok(Ask::SecretUrl {
            method: (method != "*").then(|| method.to_owned()),
            secret: name.to_owned(),
        });
    }
    check_secrets_in_path(manifest, text)?;
    fill_config(config, text)?
        .parse()
        .map(Ask::Pattern)
        .map_err(|e| format!("`http` has a malformed pattern: {e}"))
}

/// A secret in a path must be one that has a text to put there.
fn check_secrets_in_path(manifest: &Manifest, text: &str) -> Result<(), String> {
    for rest in text.split("{secret:").skip(1) {
        let name = rest.split('}').next().unwrap_or_default();
        let asked = manifest.secret(name);
        if asked.is_none_or(|secret| secret.kind == SecretKind::Url) {
            return Err(format!(
                "`http` has `{text}`, but the manifest asks for no secret `{name}` that can stand in a path"
            ));
        }
    }
    Ok(())
}

fn fill_config(config: &Map<String, Value>, text: &str) -> Result<String, String> {
    const OPEN: &str = "{config:";
    let mut filled = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(OPEN) {
        filled.push_str(&rest[..at]);
        let after = &rest[at + OPEN.len()..];
        let end = after
            .find('}')
            .ok_or_else(|| format!("`http` has `{text}`, where a }} is missing"))?;
        let key = &after[..end];
        let value = config.get(key).and_then(Value::as_str).ok_or_else(|| {
            format!("`http` has `{text}`, but the configuration has no text `{key}` and the schema no default for it")
        })?;
        filled.push_str(value.trim_end_matches('/'));
        rest = &after[end + 1..];
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn config_keys_are_filled_in() {
        let config = serde_json::json!({"base": "http://127.0.0.1:8/api/"});
        let config = config.as_object().expect("an object");
        assert_eq!(
            fill_config(config, "POST {config:base}/x").expect("filled"),
            "POST http://127.0.0.1:8/api/x"
        );
        assert!(
            fill_config(config, "POST {config:none}/x")
                .expect_err("no key")
                .contains("`none`")
        );
    }
}
