//! Accounts, limits, and the app: `/user`, `/users/…`, `/orgs/…`, `/rate_limit`, `/app/…`, `/installation/…`.

#![expect(
    clippy::unnecessary_wraps,
    reason = "the code of every operation has one signature, though some never refuse"
)]

use serde_json::{Value, json};

use super::app::TOKEN_SECONDS;
use super::call::{Answer, Call, Outcome};
use super::refusal::Refusal;
use super::shapes;
use super::token::{Grant, Permissions};
use crate::wall::rfc3339;

/// `GET /user`
pub fn me(call: &mut Call) -> Outcome {
    let state = &*call.state;
    Ok(Answer::ok(shapes::profile(state, call.base, &state.user, true)))
}

/// `GET /users/{username}`
pub fn user(call: &mut Call) -> Outcome {
    let account = call.state.account(call.param("username"));
    let account = account.ok_or_else(Refusal::not_found)?;
    Ok(Answer::ok(shapes::profile(call.state, call.base, account, false)))
}

/// `GET /orgs/{org}`
pub fn organization(call: &mut Call) -> Outcome {
    let account = call.state.account(call.param("org"));
    let account = account
        .filter(|account| account.organization)
        .ok_or_else(Refusal::not_found)?;
    let mut out = shapes::profile(call.state, call.base, account, false);
    let url = format!("{}/orgs/{}", call.base, account.login);
    let more = json!({"url": url, "description": "", "has_organization_projects": true, "has_repository_projects": true});
    shapes::merge(&mut out, more);
    Ok(Answer::ok(out))
}

/// `GET /rate_limit`, which costs nothing.
pub fn rate_limit(call: &mut Call) -> Outcome {
    let limit = call.state.limits.requests_per_hour;
    let window = *call.state.usage.window(call.caller.counted_as(), limit, call.now);
    let core = json!({"limit": window.limit, "used": window.used, "remaining": window.remaining(), "reset": window.reset});
    let search = json!({"limit": 30, "used": 0, "remaining": 30, "reset": call.now + 60});
    Ok(Answer::ok(
        json!({"resources": {"core": core, "search": search}, "rate": core}),
    ))
}

/// `GET /app`
pub fn app(call: &mut Call) -> Outcome {
    let app = &call.state.app;
    let made = rfc3339(app.created_at);
    Ok(Answer::ok(json!({
        "id": app.id,
        "slug": app.slug,
        "client_id": app.client_id,
        "node_id": shapes::node_id("Integration", app.id),
        "owner": shapes::account(call.base, &call.state.org),
        "name": "Hookyard stand-in",
        "description": null,
        "external_url": format!("{}/", call.base),
        "html_url": format!("{}/", call.base),
        "created_at": made,
        "updated_at": made,
        "permissions": app.permissions,
        "events": [],
        "installations_count": 1,
    })))
}

/// `GET /app/installations`
pub fn installations(call: &mut Call) -> Outcome {
    let (shown, headers) = call.paged(vec![shape(call)]);
    Ok(Answer {
        headers,
        ..Answer::ok(json!(shown))
    })
}

/// `GET /app/installations/{installation_id}`
pub fn installation(call: &mut Call) -> Outcome {
    of_this_app(call)?;
    Ok(Answer::ok(shape(call)))
}

/// `GET /orgs/{org}/installation` and `GET /users/{username}/installation`
pub fn account_installation(call: &mut Call) -> Outcome {
    let login = [call.param("org"), call.param("username")].concat();
    if !call.state.org.login.eq_ignore_ascii_case(&login) {
        return Err(Refusal::not_found());
    }
    Ok(Answer::ok(shape(call)))
}

/// `GET /repos/{owner}/{repo}/installation`
pub fn repository_installation(call: &mut Call) -> Outcome {
    if call.repo()?.owner != call.state.org.login {
        return Err(Refusal::not_found());
    }
    Ok(Answer::ok(shape(call)))
}

/// `POST /app/installations/{installation_id}/access_tokens`
pub fn access_token(call: &mut Call) -> Outcome {
    of_this_app(call)?;
    let permissions = asked_permissions(call)?;
    let repositories = asked_repositories(call)?;
    let expires_at = call.now + TOKEN_SECONDS;
    let selection = if repositories.is_some() { "selected" } else { "all" };
    let mut body = json!({
        "expires_at": rfc3339(expires_at),
        "permissions": permissions,
        "repository_selection": selection,
    });
    if let Some(names) = &repositories {
        let shown: Vec<Value> = names
            .iter()
            .filter_map(|name| call.state.repository(&call.state.org.login, name))
            .map(|repository| shapes::repository(call.state, call.base, repository))
            .collect();
        body["repositories"] = json!(shown);
    }
    let grant = Grant::Installation {
        permissions,
        repositories,
    };
    let token = call.state.issue_token(grant, Some(expires_at));
    body["token"] = json!(token.expose());
    Ok(Answer::created(body))
}

/// `GET /installation/repositories`
pub fn installation_repositories(call: &mut Call) -> Outcome {
    let all: Vec<Value> = call
        .state
        .repositories
        .values()
        .filter(|repository| repository.owner == call.state.org.login)
        .filter(|repository| super::access::sees(call.state, call.caller, repository))
        .map(|repository| shapes::repository(call.state, call.base, repository))
        .collect();
    let total = all.len();
    let (shown, headers) = call.paged(all);
    let body = json!({"total_count": total, "repository_selection": "all", "repositories": shown});
    Ok(Answer {
        headers,
        ..Answer::ok(body)
    })
}

fn of_this_app(call: &Call) -> Result<(), Refusal> {
    let asked = call.param("installation_id").parse::<u64>().ok();
    let known = asked == Some(call.state.app.installation_id);
    known.then_some(()).ok_or_else(Refusal::not_found)
}

/// The permissions asked for; they may be fewer than the installation's, not more.
fn asked_permissions(call: &Call) -> Result<Permissions, Refusal> {
    let Some(asked) = call.body.get("permissions") else {
        return Ok(call.state.app.permissions.clone());
    };
    let beyond = || Refusal::unprocessable("The permissions requested are not granted to this installation.");
    let asked: Permissions = serde_json::from_value(asked.clone()).map_err(|_| beyond())?;
    let granted = asked.iter().all(|(name, level)| {
        let has = call.state.app.permissions.get(name);
        has.is_some_and(|has| has >= level)
    });
    granted.then_some(asked).ok_or_else(beyond)
}

/// The names of the repositories asked for; all when nothing is asked.
fn asked_repositories(call: &Call) -> Result<Option<Vec<String>>, Refusal> {
    let list = |name: &str| call.body.get(name).and_then(Value::as_array);
    let unknown = || {
        Refusal::unprocessable(
            "There is at least one repository that does not exist or is not accessible to the parent installation.",
        )
    };
    if list("repositories").is_none() && list("repository_ids").is_none() {
        return Ok(None);
    }
    let org = &call.state.org.login;
    let mut names = Vec::new();
    for name in list("repositories")
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        names.push(call.state.repository(org, name).ok_or_else(unknown)?.name.clone());
    }
    for id in list("repository_ids").into_iter().flatten() {
        let mut of_org = call
            .state
            .repositories
            .values()
            .filter(|repository| repository.owner == *org);
        names.push(
            of_org
                .find(|repository| *id == repository.id)
                .ok_or_else(unknown)?
                .name
                .clone(),
        );
    }
    Ok(Some(names))
}

fn shape(call: &Call) -> Value {
    let app = &call.state.app;
    let org = &call.state.org;
    let url = format!("{}/app/installations/{}", call.base, app.installation_id);
    let made = rfc3339(app.created_at);
    json!({
        "id": app.installation_id,
        "account": shapes::account(call.base, org),
        "repository_selection": "all",
        "access_tokens_url": format!("{url}/access_tokens"),
        "repositories_url": format!("{}/installation/repositories", call.base),
        "html_url": format!("{}/", call.base),
        "app_id": app.id,
        "app_slug": app.slug,
        "client_id": app.client_id,
        "target_id": org.id,
        "target_type": "Organization",
        "permissions": app.permissions,
        "events": [],
        "created_at": made,
        "updated_at": made,
        "single_file_name": null,
        "has_multiple_single_files": false,
        "single_file_paths": [],
        "suspended_by": null,
        "suspended_at": null,
    })
}
