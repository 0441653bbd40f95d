//! The operator's settings, typed.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::{Failure, host};

/// The configuration of a plugin that has none.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct NoConfig {}

/// The configuration as `T`. [`crate::run`] has done this before a plugin's method runs.
pub fn read<T: DeserializeOwned>() -> Result<T, Failure> {
    parse(&host::config())
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Failure> {
    let mut reader = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        Failure::reject(format!(
            "the configuration does not fit at `{}`: {}; correct it in plugins.toml",
            error.path(),
            error.inner(),
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Nested {
        #[expect(dead_code, reason = "only its parsing counts")]
        limits: Vec<u8>,
    }

    #[test]
    fn a_misfit_names_its_key() {
        let failure = parse::<Nested>(r#"{"limits":[1,"two"]}"#).unwrap_err();
        assert!(failure.reason().contains("at `limits[1]`"), "{failure:?}");
        assert!(!failure.is_retryable());
    }
}
