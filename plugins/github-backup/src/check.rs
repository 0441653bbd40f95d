//! The action `check`: who the token is, and whether it can write.

use hookyard_plugin_sdk::{Context, Failure, Outcome};
use serde_json::json;

use crate::config::{Auth, Config};
use crate::github::GitHub;
use crate::target;

/// A blob that no commit has: it proves the right to write and shows nowhere; git's clean-up
/// takes it away. The `permissions` of a repository do not, they are those of the person and not
/// of a fine-grained token.
const PROBE: &[u8] = b"Hookyard asks whether it may write.\n";

pub(crate) fn run(ctx: &Context<Config>) -> Result<Outcome, Failure> {
    let config = &ctx.config;
    config.check()?;
    let github = GitHub::new(config, ctx.delivery.attempt)?;
    let who = match config.auth {
        Auth::Token => github.me()?.login,
        Auth::App => "the App's installation".to_owned(),
    };
    let place = format!("{}/{}", config.owner, config.repo);
    let Some(target) = target::find(&github, config)? else {
        let summary = format!(
            "{who}: there is no repository {place} that the token may see; a backup tries to make it"
        );
        return Outcome::new(summary).with_output(&json!({
            "who": who, "repository": place, "exists": false,
        }));
    };
    let commits = match github.create_blob(PROBE) {
        Ok(_) => true,
        // Nothing can be tried there; the first backup will tell.
        Err(error) if error.is_empty_repository() => false,
        Err(error) => return Err(error.into()),
    };
    let summary = if commits {
        format!("{who} can write to {place}, branch {}", target.branch)
    } else {
        format!(
            "{who} can see {place}, which has no commit yet; whether it can write shows with the first backup"
        )
    };
    Outcome::new(summary).with_output(&json!({
        "who": who,
        "repository": place,
        "exists": true,
        "can_write": commits.then_some(true),
        "branch": target.branch,
        "url": target.url,
    }))
}
