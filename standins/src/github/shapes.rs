//! What GitHub answers about accounts, repositories and commits. The members are those its description requires.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::git::{Commit, ObjectId, Person};
use super::repository::Repository;
use super::state::{Account, State};
use crate::wall::rfc3339;

/// Members of a repository's address, each with what follows the address.
const REPOSITORY_URLS: [(&str, &str); 37] = [
    ("archive_url", "{archive_format}{/ref}"),
    ("assignees_url", "assignees{/user}"),
    ("blobs_url", "git/blobs{/sha}"),
    ("branches_url", "branches{/branch}"),
    ("collaborators_url", "collaborators{/collaborator}"),
    ("comments_url", "comments{/number}"),
    ("commits_url", "commits{/sha}"),
    ("compare_url", "compare/{base}...{head}"),
    ("contents_url", "contents/{+path}"),
    ("contributors_url", "contributors"),
    ("deployments_url", "deployments"),
    ("downloads_url", "downloads"),
    ("events_url", "events"),
    ("forks_url", "forks"),
    ("git_commits_url", "git/commits{/sha}"),
    ("git_refs_url", "git/refs{/sha}"),
    ("git_tags_url", "git/tags{/sha}"),
    ("hooks_url", "hooks"),
    ("issue_comment_url", "issues/comments{/number}"),
    ("issue_events_url", "issues/events{/number}"),
    ("issues_url", "issues{/number}"),
    ("keys_url", "keys{/key_id}"),
    ("labels_url", "labels{/name}"),
    ("languages_url", "languages"),
    ("merges_url", "merges"),
    ("milestones_url", "milestones{/number}"),
    ("notifications_url", "notifications{?since,all,participating}"),
    ("pulls_url", "pulls{/number}"),
    ("releases_url", "releases{/id}"),
    ("stargazers_url", "stargazers"),
    ("statuses_url", "statuses/{sha}"),
    ("subscribers_url", "subscribers"),
    ("subscription_url", "subscription"),
    ("tags_url", "tags"),
    ("teams_url", "teams"),
    ("trees_url", "git/trees{/sha}"),
    ("pulls_comments_url", "pulls/comments{/number}"),
];

/// Members of an account's address.
const ACCOUNT_URLS: [(&str, &str); 9] = [
    ("events_url", "/events{/privacy}"),
    ("followers_url", "/followers"),
    ("following_url", "/following{/other_user}"),
    ("gists_url", "/gists{/gist_id}"),
    ("organizations_url", "/orgs"),
    ("received_events_url", "/received_events"),
    ("repos_url", "/repos"),
    ("starred_url", "/starred{/owner}{/repo}"),
    ("subscriptions_url", "/subscriptions"),
];

/// GitHub's other id of things, opaque to callers.
pub fn node_id(kind: &str, id: impl std::fmt::Display) -> String {
    STANDARD.encode(format!("{kind}:{id}"))
}

/// An account in short.
pub fn account(base: &str, account: &Account) -> Value {
    let url = format!("{base}/users/{}", account.login);
    let kind = if account.organization {
        "Organization"
    } else {
        "User"
    };
    let mut out = json!({
        "login": account.login,
        "id": account.id,
        "node_id": node_id(kind, account.id),
        "avatar_url": format!("{base}/avatars/{}", account.id),
        "gravatar_id": "",
        "html_url": format!("{base}/#{}", account.login),
        "type": kind,
        "user_view_type": "public",
        "site_admin": false,
    });
    for (name, suffix) in ACCOUNT_URLS {
        out[name] = json!(format!("{url}{suffix}"));
    }
    out["url"] = json!(url);
    out
}

/// An account with its profile; `mine` adds what only the account itself sees.
pub fn profile(state: &State, base: &str, account: &Account, mine: bool) -> Value {
    let mut out = self::account(base, account);
    let (public, private) = state
        .repositories
        .values()
        .filter(|repository| repository.owner == account.login)
        .fold((0, 0), |(public, private), repository| {
            if repository.private {
                (public, private + 1)
            } else {
                (public + 1, private)
            }
        });
    let since = rfc3339(state.app.created_at);
    let more = json!({
        "name": account.name,
        "company": null,
        "blog": "",
        "location": null,
        "email": null,
        "hireable": null,
        "bio": null,
        "twitter_username": null,
        "public_repos": public,
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": since,
        "updated_at": since,
    });
    merge(&mut out, more);
    if mine {
        let own = json!({
            "private_gists": 0,
            "total_private_repos": private,
            "owned_private_repos": private,
            "disk_usage": 0,
            "collaborators": 0,
            "two_factor_authentication": true,
        });
        merge(&mut out, own);
    }
    out
}

/// A repository, whole.
pub fn repository(state: &State, base: &str, repository: &Repository) -> Value {
    let full = repository.full_name();
    let url = format!("{base}/repos/{full}");
    let clone = format!("{base}/{full}.git");
    let owner = state
        .account(&repository.owner)
        .map_or(Value::Null, |owner| account(base, owner));
    let mut out = json!({
        "id": repository.id,
        "node_id": node_id("Repository", repository.id),
        "name": repository.name,
        "full_name": full,
        "owner": owner,
        "private": repository.private,
        "html_url": format!("{base}/ui/{full}"),
        "description": repository.description,
        "fork": false,
        "url": url,
        "clone_url": clone,
        "git_url": clone,
        "ssh_url": clone,
        "svn_url": format!("{base}/ui/{full}"),
        "mirror_url": null,
        "homepage": repository.homepage,
        "language": null,
        "license": null,
        "size": 0,
        "default_branch": repository.default_branch,
        "is_template": false,
        "topics": [],
        "has_issues": true,
        "has_projects": true,
        "has_wiki": true,
        "has_pages": false,
        "has_downloads": true,
        "has_discussions": false,
        "archived": repository.archived,
        "disabled": false,
        "visibility": if repository.private { "private" } else { "public" },
        "pushed_at": rfc3339(repository.pushed_at),
        "created_at": rfc3339(repository.created_at),
        "updated_at": rfc3339(repository.updated_at),
        "permissions": {"admin": true, "maintain": true, "push": true, "triage": true, "pull": true},
    });
    for name in [
        "forks",
        "forks_count",
        "stargazers_count",
        "watchers",
        "watchers_count",
        "open_issues",
        "open_issues_count",
        "network_count",
        "subscribers_count",
    ] {
        out[name] = json!(0);
    }
    for (name, suffix) in REPOSITORY_URLS {
        out[name] = json!(format!("{url}/{suffix}"));
    }
    out
}

/// Who made a commit, as git knows it.
pub fn person(person: &Person) -> Value {
    json!({"name": person.name, "email": person.email, "date": person.date()})
}

/// No signature.
pub fn unsigned() -> Value {
    json!({"verified": false, "reason": "unsigned", "signature": null, "payload": null, "verified_at": null})
}

/// A commit as the git data API answers it; `url` is the repository's.
pub fn git_commit(base: &str, full_name: &str, id: ObjectId, commit: &Commit) -> Value {
    let url = format!("{base}/repos/{full_name}");
    let html = format!("{base}/ui/{full_name}/commit");
    let parents: Vec<Value> = commit
        .parents
        .iter()
        .map(|parent| {
            json!({
                "sha": parent,
                "url": format!("{url}/git/commits/{parent}"),
                "html_url": format!("{html}/{parent}"),
            })
        })
        .collect();
    json!({
        "sha": id,
        "node_id": node_id("Commit", id),
        "url": format!("{url}/git/commits/{id}"),
        "html_url": format!("{html}/{id}"),
        "author": person(&commit.author),
        "committer": person(&commit.committer),
        "tree": {"sha": commit.tree, "url": format!("{url}/git/trees/{}", commit.tree)},
        "message": commit.message,
        "parents": parents,
        "verification": unsigned(),
    })
}

/// A commit as lists answer it.
pub fn listed_commit(
    state: &State,
    base: &str,
    repository: &Repository,
    id: ObjectId,
    commit: &Commit,
) -> Value {
    let full = repository.full_name();
    let url = format!("{base}/repos/{full}");
    let inner = git_commit(base, &full, id, commit);
    let by = |person: &Person| {
        let known = [&state.user, &state.org]
            .into_iter()
            .find(|account| account.person(0).email == person.email);
        known.map_or(Value::Null, |known| account(base, known))
    };
    let mut parents = inner["parents"].clone();
    for parent in parents.as_array_mut().into_iter().flatten() {
        let sha = parent["sha"].as_str().unwrap_or_default().to_owned();
        parent["url"] = json!(format!("{url}/commits/{sha}"));
    }
    json!({
        "sha": id,
        "node_id": inner["node_id"],
        "url": format!("{url}/commits/{id}"),
        "html_url": inner["html_url"],
        "comments_url": format!("{url}/commits/{id}/comments"),
        "commit": {
            "author": inner["author"],
            "committer": inner["committer"],
            "message": commit.message,
            "tree": inner["tree"],
            "url": inner["url"],
            "comment_count": 0,
            "verification": unsigned(),
        },
        "author": by(&commit.author),
        "committer": by(&commit.committer),
        "parents": parents,
    })
}

/// Adds members to an object.
pub fn merge(into: &mut Value, members: Value) {
    if let (Value::Object(into), Value::Object(members)) = (into, members) {
        into.extend(members);
    }
}
