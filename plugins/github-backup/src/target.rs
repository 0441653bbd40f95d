//! The repository: found, or made when there is none.

use hookyard_plugin_sdk::{Failure, info};
use octocrab::models::Repository;

use crate::config::{Auth, Config};
use crate::github::{Account, GitHub};

/// A repository that can be written to.
pub(crate) struct Target {
    pub(crate) branch: String,
    /// The branch that a new one begins at.
    pub(crate) default_branch: String,
    /// Its page.
    pub(crate) url: Option<String>,
    pub(crate) created: bool,
}

/// Finds the repository; none when there is no such.
pub(crate) fn find(github: &GitHub, config: &Config) -> Result<Option<Target>, Failure> {
    match github.repository()? {
        Some(repository) => usable(&repository, config).map(Some),
        None => Ok(None),
    }
}

/// Makes the repository, which [`find`] has not found.
pub(crate) fn create(github: &GitHub, config: &Config) -> Result<Target, Failure> {
    let owner = github.owner()?.ok_or_else(|| {
        Failure::reject(format!(
            "there is no account `{}` on GitHub; correct `owner` in plugins.toml",
            config.owner
        ))
    })?;
    let repository = if owner.kind == "Organization" {
        github.create_for_organisation(config.private)
    } else {
        own_account(github, config, &owner)?;
        github.create_for_user(config.private)
    };
    let repository = repository.map_err(|error| {
        if error.is_taken() {
            Failure::reject(format!(
                "{}/{} exists, but the token may not see it; add the repository to the token's access \
                 (or the App's installation)",
                config.owner, config.repo
            ))
        } else {
            error.into()
        }
    })?;
    info!("created {}/{}", config.owner, config.repo);
    let mut target = usable(&repository, config)?;
    target.created = true;
    Ok(target)
}

/// A repository of a person can only be made by that person's own token.
fn own_account(github: &GitHub, config: &Config, owner: &Account) -> Result<(), Failure> {
    let place = format!("{}/{}", config.owner, config.repo);
    if config.auth == Auth::App {
        return Err(Failure::reject(format!(
            "there is no repository {place}, and a GitHub App cannot make one for a person; \
             create it on https://github.com/new and add it to the App's installation"
        )));
    }
    let me = github.me()?;
    if me.login.eq_ignore_ascii_case(&owner.login) {
        return Ok(());
    }
    Err(Failure::reject(format!(
        "there is no repository {place} that the token may see, and the token of {} cannot make one for {}; \
         create it, or correct `owner` in plugins.toml",
        me.login, owner.login
    )))
}

fn usable(repository: &Repository, config: &Config) -> Result<Target, Failure> {
    let place = format!("{}/{}", config.owner, config.repo);
    if repository.archived == Some(true) {
        return Err(Failure::reject(format!(
            "{place} is archived, so nothing can be written; unarchive it in its settings, or set another `repo` \
             in plugins.toml"
        )));
    }
    if repository.disabled == Some(true) {
        return Err(Failure::reject(format!(
            "{place} is disabled by GitHub; ask its support why"
        )));
    }
    let default_branch = repository
        .default_branch
        .clone()
        .unwrap_or_else(|| "main".to_owned());
    Ok(Target {
        branch: config.branch.clone().unwrap_or_else(|| default_branch.clone()),
        default_branch,
        url: repository.html_url.as_ref().map(ToString::to_string),
        created: false,
    })
}
