//! The plugin's settings and manifest.

use hookyard_plugin_sdk::{Failure, Manifest};
use serde::Deserialize;
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};

use crate::names::hex;

/// Where GitHub is; GitHub Enterprise Server is at `https://HOST/api/v3`.
const DEFAULT_API_BASE: &str = "https://api.github.com";

/// `[plugins.NAME.config]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    /// The API's address; a stand-in's in tests.
    #[serde(default = "default_api_base")]
    pub api_base: String,
    /// The account that owns the repository: a person or an organisation.
    pub owner: String,
    /// The repository's name.
    pub repo: String,
    /// The branch; the repository's default branch when left out.
    pub branch: Option<String>,
    /// Where in the repository the files are.
    #[serde(default = "default_folder")]
    pub folder: String,
    /// Whether a repository that is made is private.
    #[serde(default = "yes")]
    pub private: bool,
    /// How files are written.
    #[serde(default)]
    pub mode: Mode,
    /// Whether files of processes that are gone are removed.
    #[serde(default)]
    pub delete_removed: bool,
    /// Which of the two secrets is used.
    #[serde(default)]
    pub auth: Auth,
    /// The GitHub App's id, for the host.
    pub app_id: Option<Value>,
    /// The id of the App's installation, for the host.
    pub installation_id: Option<Value>,
}

/// How files are written.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// All in one commit, through the git data API.
    #[default]
    GitData,
    /// Each in a commit of its own, through the contents API.
    Contents,
}

/// Who asks GitHub.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Auth {
    /// A person's access token.
    #[default]
    Token,
    /// An installation of a GitHub App.
    App,
}

impl Auth {
    /// The name of its secret in the manifest.
    pub(crate) fn secret(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::App => "app",
        }
    }
}

impl Config {
    /// What stands for one folder of one branch in the keys of the state.
    pub(crate) fn place(&self, branch: &str) -> String {
        let place = [&*self.api_base, &*self.owner, &*self.repo, branch, &*self.folder];
        hex(&Sha1::digest(place.join("\n").as_bytes()))[..16].to_owned()
    }

    /// Refuses names that GitHub cannot have, before any request is made with them.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        for (key, value) in [("owner", &self.owner), ("repo", &self.repo)] {
            if !is_name(value) {
                return Err(Failure::reject(format!(
                    "`{key} = \"{value}\"` is no name on GitHub (letters, digits, `-`, `_` and `.`); correct it in plugins.toml"
                )));
            }
        }
        if !is_folder(&self.folder) {
            return Err(Failure::reject(format!(
                "`folder = \"{}\"` is no folder inside the repository; write it like \"processes\" or \"backup/processes\"",
                self.folder
            )));
        }
        match self.branch.as_deref() {
            Some(branch) if !is_branch(branch) => Err(Failure::reject(format!(
                "`branch = \"{branch}\"` is no name of a branch; correct it in plugins.toml"
            ))),
            _ => Ok(()),
        }
    }
}

/// <https://docs.github.com/en/rest/repos/repos>: names have no other characters.
fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=100).contains(&text.len()) && text.chars().all(fits) && !matches!(text, "." | "..")
}

/// Relative, without empty, hidden or climbing parts.
fn is_folder(text: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && !part.chars().any(|c| c.is_control() || matches!(c, '\\' | ':'))
    };
    text.len() <= 200 && text.split('/').all(part)
}

/// The rules of `git check-ref-format`, as far as they matter to a URL.
fn is_branch(text: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty() && !part.starts_with('.') && !part.to_ascii_lowercase().ends_with(".lock")
    };
    let refused = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
    (1..=200).contains(&text.len())
        && text.split('/').all(part)
        && !text.contains("..")
        && !text.contains("@{")
        && !text.chars().any(refused)
}

fn default_api_base() -> String {
    DEFAULT_API_BASE.to_owned()
}

fn default_folder() -> String {
    "processes".to_owned()
}

fn yes() -> bool {
    true
}

pub(crate) fn manifest() -> Manifest {
    Manifest::new(
        "github-backup",
        env!("CARGO_PKG_VERSION"),
        "Keeps the processes as files in a GitHub repository",
    )
    .config(&config_schema())
    .secret(
        "token",
        "Access token with the repository permission Contents: read and write, for auth = \"token\"",
    )
    .optional()
    .github_app("app", "Private key (PEM) of a GitHub App, for auth = \"app\"")
    .optional()
    .http("GET {config:api-base}/user")
    .http("GET {config:api-base}/users/*")
    .http("POST {config:api-base}/user/repos")
    .http("POST {config:api-base}/orgs/*/repos")
    .http("GET {config:api-base}/repos/**")
    .http("POST {config:api-base}/repos/*/*/git/*")
    .http("PATCH {config:api-base}/repos/*/*/git/refs/heads/**")
    .http("PUT {config:api-base}/repos/*/*/contents/**")
    .http("DELETE {config:api-base}/repos/*/*/contents/**")
    .reads_processes()
    .action(
        "backup",
        "Writes every changed process to the repository",
        &backup_schema(),
    )
    .action(
        "check",
        "Says who the token is and whether it can write to the repository",
        &json!({"type": "object", "additionalProperties": false}),
    )
}

fn config_schema() -> Value {
    let id = |description: &str| json!({"type": ["string", "integer"], "description": description});
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["owner", "repo"],
        "properties": {
            "api-base": {
                "type": "string",
                "pattern": "^https?://[^?#]+$",
                "default": DEFAULT_API_BASE,
                "description": "Address of the API; GitHub Enterprise Server: https://HOST/api/v3",
            },
            "owner": text("Person or organisation that owns the repository"),
            "repo": text("Name of the repository; made when there is none"),
            "branch": text("Branch; without it the repository's default branch"),
            "folder": {
                "type": "string", "minLength": 1, "default": "processes",
                "description": "Folder of the files inside the repository",
            },
            "private": {
                "type": "boolean", "default": true,
                "description": "Whether a repository that is made is private",
            },
            "mode": {
                "enum": ["git-data", "contents"], "default": "git-data",
                "description": "git-data: one commit for all; contents: one commit for each file",
            },
            "delete-removed": {
                "type": "boolean", "default": false,
                "description": "Whether files of processes that are gone are removed",
            },
            "auth": {
                "enum": ["token", "app"], "default": "token",
                "description": "Which of the two secrets is used",
            },
            "app-id": id("Id or client id of the GitHub App, for auth = \"app\""),
            "installation-id": id("Id of the App's installation, for auth = \"app\""),
        },
    })
}

fn backup_schema() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "dry-run": {"type": "boolean", "description": "Only say what would change"},
            "delete-removed": {
                "type": "boolean",
                "description": "Whether files of processes that are gone are removed; else as configured",
            },
        },
    })
}

fn text(description: &str) -> Value {
    json!({"type": "string", "minLength": 1, "description": description})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_leave_their_place_are_refused() {
        for good in ["octo-cat", "a.b_c", "A1"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "a b", "env:GITHUB_OWNER", "é"] {
            assert!(!is_name(bad), "{bad}");
        }
        for good in ["processes", "a/b", "Prozesse ü"] {
            assert!(is_folder(good), "{good}");
        }
        for bad in [
            "",
            "/a",
            "a/",
            "a//b",
            "../a",
            "a/..",
            ".github/workflows",
            "a\\b",
        ] {
            assert!(!is_folder(bad), "{bad}");
        }
        for good in ["main", "feature/x", "é"] {
            assert!(is_branch(good), "{good}");
        }
        for bad in ["", "a..b", "a b", "/a", "a/", ".a", "a.lock", "a@{b", "a^", "a:b"] {
            assert!(!is_branch(bad), "{bad}");
        }
    }
}
