//! Repositories: made, listed, read, changed, removed; and their branches.

use bytes::Bytes;
use hyper::StatusCode;
use serde_json::{Value, json};

use super::access::{self, Caller};
use super::call::{Answer, Call, Outcome};
use super::refusal::Refusal;
use super::repository::{Repository, normalized};
use super::shapes;
use super::token::{Grant, Level};

/// The longest name, in characters, that GitHub takes.
const NAME_CHARS_MAX: usize = 100;

/// `POST /user/repos`
pub fn create_for_user(call: &mut Call) -> Outcome {
    let owner = call.state.user.login.clone();
    if matches!(
        call.caller,
        Caller::Token(Grant::Installation { .. }) | Caller::App
    ) {
        return Err(Refusal::forbidden("Resource not accessible by integration"));
    }
    create(call, &owner)
}

/// `POST /orgs/{org}/repos`
pub fn create_for_organization(call: &mut Call) -> Outcome {
    let org = &call.state.org;
    if !org.login.eq_ignore_ascii_case(call.param("org")) {
        return Err(Refusal::not_found());
    }
    let owner = org.login.clone();
    create(call, &owner)
}

fn create(call: &mut Call, owner: &str) -> Outcome {
    let private = call.flag("private").unwrap_or(false) || call.text("visibility") == Some("private");
    may_create(call.caller, private)?;
    call.state.usage.write(&call.state.limits, call.now)?;
    let name = checked_name(call, owner)?;
    let (description, homepage) = (optional(call, "description"), optional(call, "homepage"));
    let initial = call.flag("auto_init").unwrap_or(false);
    let person = call.state.user.person(call.now);
    let repository = call.state.add_repository(owner, &name, private, call.now);
    repository.description = description;
    repository.homepage = homepage;
    if initial {
        let readme = vec![("README.md".to_owned(), Some(Bytes::from(format!("# {name}"))))];
        repository
            .commit_onto("main", readme, "Initial commit", person.clone(), person)
            .map_err(|error| Refusal::unprocessable(error.to_string()))?;
    }
    let repository = call
        .state
        .repository(owner, &name)
        .ok_or_else(Refusal::not_found)?;
    Ok(Answer::created(shapes::repository(
        call.state, call.base, repository,
    )))
}

fn may_create(caller: &Caller, private: bool) -> Result<(), Refusal> {
    match caller {
        Caller::Anonymous => Err(Refusal::requires_authentication()),
        Caller::App => Err(Refusal::forbidden("Resource not accessible by integration")),
        Caller::Token(grant @ Grant::Classic { .. }) => {
            let scope = if private { "repo" } else { "public_repo" };
            grant
                .has_scope(scope)
                .then_some(())
                .ok_or_else(Refusal::not_found)
        }
        Caller::Token(grant) => {
            let level = grant
                .permissions()
                .and_then(|(permissions, _)| permissions.get("administration"));
            if level == Some(&Level::Write) {
                return Ok(());
            }
            let mut refusal = Refusal::forbidden(grant.not_accessible());
            let needed = "administration=write".to_owned();
            refusal.headers.push(("x-accepted-github-permissions", needed));
            Err(refusal)
        }
    }
}

fn checked_name(call: &Call, owner: &str) -> Result<String, Refusal> {
    let name = normalized(call.text("name").unwrap_or_default());
    let refused = |message: &str| {
        let error = json!({"resource": "Repository", "code": "custom", "field": "name", "message": message});
        Err(Refusal::unprocessable("Repository creation failed.").with_errors(json!([error])))
    };
    if name.is_empty() {
        return refused("name can't be blank");
    }
    if name.chars().count() > NAME_CHARS_MAX {
        return refused("name is too long (maximum is 100 characters)");
    }
    if name == "." || name == ".." {
        return refused("name is reserved");
    }
    if call.state.repository(owner, &name).is_some() {
        return refused("name already exists on this account");
    }
    Ok(name)
}

fn optional(call: &Call, name: &str) -> Option<String> {
    call.text(name).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// `GET /user/repos`
#[expect(
    clippy::unnecessary_wraps,
    reason = "the code of every operation has one signature"
)]
pub fn list_for_user(call: &mut Call) -> Outcome {
    Ok(list(call, |_| true))
}

/// `GET /orgs/{org}/repos`
pub fn list_for_organization(call: &mut Call) -> Outcome {
    let org = call.state.account(call.param("org"));
    let login = org
        .filter(|account| account.organization)
        .ok_or_else(Refusal::not_found)?
        .login
        .clone();
    Ok(list(call, |repository| repository.owner == login))
}

fn list(call: &Call, wanted: impl Fn(&Repository) -> bool) -> Answer {
    let all: Vec<Value> = call
        .state
        .repositories
        .values()
        .filter(|repository| wanted(repository) && access::sees(call.state, call.caller, repository))
        .map(|repository| shapes::repository(call.state, call.base, repository))
        .collect();
    let (shown, headers) = call.paged(all);
    Answer {
        headers,
        ..Answer::ok(json!(shown))
    }
}

/// `GET /repos/{owner}/{repo}`
pub fn get(call: &mut Call) -> Outcome {
    let repository = call.repo()?;
    Ok(Answer::ok(shapes::repository(call.state, call.base, repository)))
}

/// `PATCH /repos/{owner}/{repo}`: name, description, homepage, visibility, default branch, archived. The rest is
/// taken and changes nothing here.
pub fn update(call: &mut Call) -> Outcome {
    let archived = call.flag("archived");
    if call.repo()?.archived && archived != Some(false) {
        return Err(Refusal::archived());
    }
    let branch = call.text("default_branch").map(str::to_owned);
    if let Some(branch) = &branch
        && call.repo()?.branch(branch).is_none()
    {
        let message = format!(
            "The branch {branch} was not found. Please push that ref first or create it via the Git Data API."
        );
        return Err(Refusal::unprocessable("Validation Failed").with_errors(json!([message])));
    }
    let owner = call.repo()?.owner.clone();
    let renamed = match call.text("name").map(normalized) {
        Some(name) if !name.eq_ignore_ascii_case(call.param("repo")) => Some(checked_name(call, &owner)?),
        _ => None,
    };
    let visibility = call.text("visibility").map(|visibility| visibility == "private");
    let private = call.flag("private").or(visibility);
    let (description, homepage) = (optional(call, "description"), optional(call, "homepage"));
    let now = call.now;
    let repository = call.repo_mut()?;
    repository.private = private.unwrap_or(repository.private);
    repository.archived = archived.unwrap_or(repository.archived);
    repository.default_branch = branch.unwrap_or_else(|| repository.default_branch.clone());
    repository.description = description.or_else(|| repository.description.take());
    repository.homepage = homepage.or_else(|| repository.homepage.take());
    repository.updated_at = now;
    if let Some(name) = renamed {
        call.state.rename_repository(&owner, &call.params["repo"], &name);
        call.params.insert("repo".to_owned(), name);
    }
    get(call)
}

/// `DELETE /repos/{owner}/{repo}`, for which a classic token needs a scope of its own.
pub fn remove(call: &mut Call) -> Outcome {
    if let Caller::Token(grant @ Grant::Classic { .. }) = call.caller
        && !grant.has_scope("delete_repo")
    {
        return Err(Refusal::forbidden("Must have admin rights to Repository."));
    }
    let key = super::state::key(call.param("owner"), call.param("repo"));
    call.state.repositories.remove(&key);
    Ok(Answer::nothing())
}

/// `GET /repos/{owner}/{repo}/branches`
pub fn branches(call: &mut Call) -> Outcome {
    let repository = call.repo()?;
    let url = call.repo_url()?;
    let all: Vec<Value> = repository
        .branches()
        .map(|(name, id)| {
            json!({"name": name, "commit": {"sha": id, "url": format!("{url}/commits/{id}")}, "protected": false})
        })
        .collect();
    let (shown, headers) = call.paged(all);
    Ok(Answer {
        headers,
        ..Answer::ok(json!(shown))
    })
}

/// `GET /repos/{owner}/{repo}/branches/{branch}`
pub fn branch(call: &mut Call) -> Outcome {
    let repository = call.repo()?;
    let name = call.param("branch");
    let found = repository
        .branch(name)
        .and_then(|id| Some((id, repository.objects.commit(id)?)));
    let (id, commit) = found.ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "Branch not found"))?;
    let url = format!("{}/branches/{name}", call.repo_url()?);
    let html = format!("{}/ui/{}", call.base, repository.full_name());
    Ok(Answer::ok(json!({
        "name": name,
        "commit": shapes::listed_commit(call.state, call.base, repository, id, commit),
        "_links": {"self": url, "html": html},
        "protected": false,
        "protection": {"enabled": false, "required_status_checks": {"enforcement_level": "off", "contexts": [], "checks": []}},
        "protection_url": format!("{url}/protection"),
    })))
}
