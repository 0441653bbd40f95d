//! Settings as people look at them: each with who set it, and without secrets.

use url::Url;

/// What stands for a secret.
const MASK: &str = "***";

/// Variables whose values are secrets.
const SECRET: [&str; 4] = [
    "HOOKYARD_JWT_SECRET",
    "HOOKYARD_MASTER_KEY",
    "HOOKYARD_METRICS_TOKEN",
    "HOOKYARD_REGISTRY_AUTH",
];

/// The variable whose value may have a password in it.
const DATABASE_URL: &str = "DATABASE_URL";

/// Who set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetBy {
    Flag,
    /// A variable of the process.
    Environment,
    /// The file `.env`.
    DotEnv,
    /// Nobody.
    Default,
}

impl SetBy {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Environment => "environment",
            Self::DotEnv => ".env",
            Self::Default => "default",
        }
    }
}

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its flag; empty where none sets it.
    pub flag: &'static str,
    pub variable: &'static str,
    /// As it was written, with secrets masked; empty when there is none.
    pub value: String,
    pub set_by: SetBy,
}

/// A value as it may be shown.
pub(super) fn shown(variable: &str, text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    if SECRET.contains(&variable) {
        return MASK.to_owned();
    }
    if variable == DATABASE_URL {
        return without_password(text);
    }
    text.to_owned()
}

/// A database's address without its password; nothing of one that cannot be read.
fn without_password(text: &str) -> String {
    if text.starts_with("sqlite:") {
        return text.to_owned();
    }
    let Ok(mut url) = Url::parse(text) else {
        return MASK.to_owned();
    };
    if url.password().is_some() && url.set_password(Some(MASK)).is_err() {
        return MASK.to_owned();
    }
    // Passwords may stand there, too.
    if url.query().is_some() {
        url.set_query(Some(MASK));
    }
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        for (variable, text, wanted) in [
            ("HOOKYARD_MASTER_KEY", "k", "***"),
            ("HOOKYARD_MASTER_KEY", "", ""),
            ("HOOKYARD_LISTEN", "a", "a"),
            (DATABASE_URL, "sqlite://data/x.db", "sqlite://data/x.db"),
            (
                DATABASE_URL,
                "postgres://a:b@c/d?password=e",
                "postgres://a:***@c/d?***",
            ),
            (DATABASE_URL, "postgres://a b", "***"),
        ] {
            assert_eq!(shown(variable, text), wanted, "{variable} {text}");
        }
    }
}
