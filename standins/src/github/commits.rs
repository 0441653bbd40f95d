//! History: `/repos/{owner}/{repo}/commits` and `/compare`.

use serde_json::{Value, json};

use super::call::{Answer, Call, Outcome};
use super::data::moment;
use super::diff::difference;
use super::git::{self, Commit, FileChange, ObjectId};
use super::refusal::Refusal;
use super::repository::Repository;
use super::shapes;

/// Files of a commit that are answered (<https://docs.github.com/rest/commits/commits#get-a-commit>).
const FILES_MAX: usize = 300;

/// Commits of a comparison that are answered (<https://docs.github.com/rest/commits/commits#compare-two-commits>).
const COMPARED_MAX: usize = 250;

/// `GET …/commits`: by `sha`, `path`, `author`, `since`, `until`.
pub fn list(call: &mut Call) -> Outcome {
    let repository = call.repo()?.with_commits()?;
    let query = |name: &str| call.query.get(name).map(String::as_str);
    let start = query("sha").unwrap_or(&repository.default_branch);
    let start = repository.resolve(start).ok_or_else(Refusal::not_found)?;
    let bound = |name: &str| query(name).and_then(moment).map(|(seconds, _)| seconds);
    let (since, until) = (bound("since"), bound("until"));
    let mine = format!("+{}@", call.state.user.login);
    let by = |commit: &Commit| {
        query("author").is_none_or(|author| {
            commit.author.email.eq_ignore_ascii_case(author)
                || (author.eq_ignore_ascii_case(&call.state.user.login)
                    && commit.author.email.contains(&mine))
        })
    };
    let all: Vec<Value> = git::ancestors(&repository.objects, start)
        .into_iter()
        .filter(|(_, commit)| since.is_none_or(|since| commit.committer.seconds >= since))
        .filter(|(_, commit)| until.is_none_or(|until| commit.committer.seconds <= until))
        .filter(|(_, commit)| by(commit))
        .filter(|(_, commit)| query("path").is_none_or(|path| touches(repository, commit, path)))
        .map(|(id, commit)| shapes::listed_commit(call.state, call.base, repository, id, commit))
        .collect();
    let (shown, headers) = call.paged(all);
    Ok(Answer {
        headers,
        ..Answer::ok(json!(shown))
    })
}

/// `GET …/commits/{ref}`
pub fn get(call: &mut Call) -> Outcome {
    let repository = call.repo()?.with_commits()?;
    let asked = call.param("ref");
    let id = repository
        .resolve(asked)
        .ok_or_else(|| Refusal::unprocessable(format!("No commit found for SHA: {asked}")))?;
    let commit = repository.objects.commit(id).ok_or_else(Refusal::not_found)?;
    let mut out = shapes::listed_commit(call.state, call.base, repository, id, commit);
    let files = files(call, repository, id, &changes(repository, commit))?;
    let sum = |name: &str| files.iter().filter_map(|file| file[name].as_u64()).sum::<u64>();
    out["stats"] = json!({
        "total": sum("changes"),
        "additions": sum("additions"),
        "deletions": sum("deletions"),
    });
    out["files"] = json!(files.into_iter().take(FILES_MAX).collect::<Vec<_>>());
    Ok(Answer::ok(out))
}

/// `GET …/compare/{base...head}`
pub fn compare(call: &mut Call) -> Outcome {
    let repository = call.repo()?.with_commits()?;
    let basehead = call.param("basehead");
    let (base, head) = basehead.split_once("...").ok_or_else(Refusal::not_found)?;
    let base = repository.resolve(base).ok_or_else(Refusal::not_found)?;
    let head = repository.resolve(head).ok_or_else(Refusal::not_found)?;
    let objects = &repository.objects;
    let behind_of = git::ancestors(objects, head);
    let ahead_of = git::ancestors(objects, base);
    let mut ahead: Vec<_> = behind_of
        .iter()
        .filter(|(id, _)| ahead_of.iter().all(|(other, _)| other != id))
        .collect();
    let behind = ahead_of
        .iter()
        .filter(|(id, _)| behind_of.iter().all(|(other, _)| other != id))
        .count();
    ahead.reverse();
    let merge_base = ahead_of
        .iter()
        .find(|(id, _)| behind_of.iter().any(|(other, _)| other == id))
        .ok_or_else(|| {
            let message = format!("No common ancestor between {base} and {head}.");
            Refusal::new(hyper::StatusCode::NOT_FOUND, message)
        })?;
    let shown =
        |id: ObjectId, commit: &Commit| shapes::listed_commit(call.state, call.base, repository, id, commit);
    let changed = git::changes(objects, Some(merge_base.1.tree), repository.tree_of(head));
    let status = match (ahead.len(), behind) {
        (0, 0) => "identical",
        (_, 0) => "ahead",
        (0, _) => "behind",
        _ => "diverged",
    };
    let commits: Vec<Value> = ahead.iter().map(|(id, commit)| shown(*id, commit)).collect();
    let url = format!("{}/compare/{basehead}", call.repo_url()?);
    Ok(Answer::ok(json!({
        "url": url,
        "html_url": format!("{}/ui/{}", call.base, repository.full_name()),
        "status": status,
        "ahead_by": commits.len(),
        "behind_by": behind,
        "total_commits": commits.len(),
        "base_commit": repository.objects.commit(base).map(|commit| shown(base, commit)),
        "merge_base_commit": shown(merge_base.0, merge_base.1),
        "commits": commits.into_iter().take(COMPARED_MAX).collect::<Vec<_>>(),
        "files": files(call, repository, head, &changed)?.into_iter().take(FILES_MAX).collect::<Vec<_>>(),
    })))
}

/// What a commit changed against its first parent.
pub fn changes(repository: &Repository, commit: &Commit) -> Vec<FileChange> {
    let parent = commit
        .parents
        .first()
        .and_then(|parent| repository.tree_of(*parent));
    git::changes(&repository.objects, parent, Some(commit.tree))
}

fn touches(repository: &Repository, commit: &Commit, path: &str) -> bool {
    let at = |tree: ObjectId| repository.objects.at(tree, path);
    let before = commit
        .parents
        .first()
        .and_then(|parent| repository.tree_of(*parent));
    before.and_then(at) != at(commit.tree)
}

fn files(
    call: &Call,
    repository: &Repository,
    at: ObjectId,
    changed: &[FileChange],
) -> Result<Vec<Value>, Refusal> {
    let url = call.repo_url()?;
    let html = format!("{}/ui/{}", call.base, repository.full_name());
    let one = |change: &FileChange| {
        let difference = difference(&repository.objects, change);
        let path = &change.path;
        let status = match (change.before, change.after) {
            (None, _) => "added",
            (_, None) => "removed",
            _ => "modified",
        };
        let mut out = json!({
            "sha": change.after.or(change.before).map(|entry| entry.id),
            "filename": path,
            "status": status,
            "additions": difference.added,
            "deletions": difference.removed,
            "changes": difference.added + difference.removed,
            "blob_url": format!("{html}/blob/{path}?ref={at}"),
            "raw_url": format!("{html}/raw/{path}?ref={at}"),
            "contents_url": format!("{url}/contents/{path}?ref={at}"),
        });
        if let Some(patch) = difference.patch().filter(|patch| !patch.is_empty()) {
            out["patch"] = json!(patch);
        }
        out
    };
    Ok(changed.iter().map(one).collect())
}
