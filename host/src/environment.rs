//! The environment the process was started with, over what `.env` adds. Read once.

use std::collections::{HashMap, HashSet};
use std::path::Path;

/// Names and values; the process's own variables win over `.env`.
#[derive(Clone, Default)]
pub struct Environment {
    values: HashMap<String, String>,
    /// Those that only `.env` has.
    of_file: HashSet<String>,
}

impl Environment {
    /// The process's variables over those of the file `.env` in `dir`, where there is one.
    ///
    /// # Errors
    /// When `.env` exists and cannot be read or parsed; the message names the file and line.
    pub fn load(dir: &Path) -> anyhow::Result<Self> {
        let mut values = HashMap::new();
        let file = dir.join(".env");
        if file.is_file() {
            let pairs = dotenvy::from_path_iter(&file)
                .map_err(|e| anyhow::anyhow!("cannot read {}: {e}", file.display()))?;
            for pair in pairs {
                let (name, value) = pair.map_err(|e| malformed(&file, &e))?;
                values.insert(name, value);
            }
        }
        let own: HashMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let of_file = values.keys().filter(|name| !own.contains_key(*name));
        let of_file = of_file.cloned().collect();
        values.extend(own);
        Ok(Self { values, of_file })
    }

    /// An environment of exactly these variables.
    pub fn of<K: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        let pairs = pairs.into_iter();
        Self {
            values: pairs.map(|(name, value)| (name.into(), value.into())).collect(),
            of_file: HashSet::new(),
        }
    }

    /// Whether only `.env` has this variable.
    #[must_use]
    pub fn is_of_file(&self, name: &str) -> bool {
        self.of_file.contains(name)
    }

    /// A variable that is set and not empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }
}

/// What is wrong with a line. The line itself is not repeated: it may hold a secret.
fn malformed(file: &Path, error: &dotenvy::Error) -> anyhow::Error {
    let name = match error {
        dotenvy::Error::LineParse(line, _) => line.split('=').next().unwrap_or_default().trim(),
        other => return anyhow::anyhow!("cannot read {}: {other}", file.display()),
    };
    let known = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let name = if known { name } else { "(no name)" };
    anyhow::anyhow!(
        "{}: the line of {name} is malformed; quote a value that has blanks: NAME=\"a b\"",
        file.display()
    )
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Environment({} variables)", self.values.len())
    }
}
