//! The git data API's references: `/repos/{owner}/{repo}/git/ref…`.

use serde_json::{Value, json};

use super::call::{Answer, Call, Outcome};
use super::git::{self, ObjectId};
use super::refusal::Refusal;
use super::shapes;

/// `GET …/git/ref/{ref}`
pub fn get(call: &mut Call) -> Outcome {
    let name = full_name(call);
    let id = call.repo()?.with_commits()?.refs.get(&name).copied();
    let id = id.ok_or_else(Refusal::not_found)?;
    Ok(Answer::ok(shape(call, &name, id)?))
}

/// `GET …/git/matching-refs/{ref}` and `GET …/git/refs`
pub fn matching(call: &mut Call) -> Outcome {
    let prefix = full_name(call);
    let found = starting_with(call, &prefix)?;
    let (shown, headers) = call.paged(found);
    Ok(Answer {
        headers,
        ..Answer::ok(json!(shown))
    })
}

/// `GET …/git/refs/{ref}`: the reference, or all that begin so when none is named exactly so.
pub fn get_or_matching(call: &mut Call) -> Outcome {
    let name = full_name(call);
    if call.repo()?.with_commits()?.refs.contains_key(&name) {
        return get(call);
    }
    let found = starting_with(call, &name)?;
    if found.is_empty() {
        return Err(Refusal::not_found());
    }
    Ok(Answer::ok(json!(found)))
}

/// `POST …/git/refs`
pub fn create(call: &mut Call) -> Outcome {
    let name = call.text("ref").unwrap_or_default().to_owned();
    call.repo()?.with_commits()?;
    if !name.starts_with("refs/") || name.split('/').count() < 3 {
        return Err(Refusal::unprocessable(
            "Reference name must start with 'refs' and contain at least three slash-separated components.",
        ));
    }
    if !well_formed(&name) {
        return Err(Refusal::unprocessable(format!("{name} is not a valid ref name.")));
    }
    let id = target(call)?;
    let taken = call.repo()?.refs.contains_key(&name);
    if taken {
        return Err(Refusal::unprocessable("Reference already exists"));
    }
    let now = call.now;
    call.repo_mut()?.set_ref(&name, id, now);
    Ok(Answer::created(shape(call, &name, id)?))
}

/// `PATCH …/git/refs/{ref}`: moves forward only, unless forced.
pub fn update(call: &mut Call) -> Outcome {
    let name = full_name(call);
    let repository = call.repo()?.with_commits()?;
    let old = repository.refs.get(&name).copied();
    let old = old.ok_or_else(|| Refusal::unprocessable("Reference does not exist"))?;
    let id = target(call)?;
    let forced = call.flag("force").unwrap_or(false);
    if !forced && !git::reaches(&call.repo()?.objects, id, old) {
        return Err(Refusal::unprocessable("Update is not a fast forward"));
    }
    let now = call.now;
    call.repo_mut()?.set_ref(&name, id, now);
    Ok(Answer::ok(shape(call, &name, id)?))
}

/// `DELETE …/git/refs/{ref}`
pub fn remove(call: &mut Call) -> Outcome {
    let name = full_name(call);
    let repository = call.repo()?.with_commits()?;
    if name == format!("refs/heads/{}", repository.default_branch) {
        return Err(Refusal::unprocessable("Cannot delete the default branch"));
    }
    if call.repo_mut()?.refs.remove(&name).is_none() {
        return Err(Refusal::unprocessable("Reference does not exist"));
    }
    Ok(Answer::nothing())
}

fn full_name(call: &Call) -> String {
    format!("refs/{}", call.param("ref").trim_start_matches("refs/"))
}

fn starting_with(call: &Call, prefix: &str) -> Result<Vec<Value>, Refusal> {
    let refs = &call.repo()?.with_commits()?.refs;
    refs.iter()
        .filter(|(name, _)| name.starts_with(prefix))
        .map(|(name, id)| shape(call, name, *id))
        .collect()
}

/// The commit that a reference shall name.
fn target(call: &Call) -> Result<ObjectId, Refusal> {
    let id = parse_sha(call.text("sha").unwrap_or_default())?;
    let objects = &call.repo()?.objects;
    if objects.get(id).is_none() {
        return Err(Refusal::unprocessable("Object does not exist"));
    }
    if objects.commit(id).is_none() {
        return Err(Refusal::unprocessable(
            "Reference update failed: the object is not a commit",
        ));
    }
    Ok(id)
}

/// Reads a `sha` parameter.
pub fn parse_sha(text: &str) -> Result<ObjectId, Refusal> {
    ObjectId::parse(text).ok_or_else(|| {
        Refusal::unprocessable("The sha parameter must be exactly 40 characters and contain only [0-9a-f].")
    })
}

/// The rules of `git check-ref-format`.
fn well_formed(name: &str) -> bool {
    let bad = |c: char| c.is_ascii_control() || " ~^:?*[\\".contains(c);
    let part = |part: &str| {
        !part.is_empty() && !part.starts_with('.') && !part.to_ascii_lowercase().ends_with(".lock")
    };
    !name.contains(bad)
        && !name.contains("..")
        && !name.contains("@{")
        && !name.ends_with('.')
        && name.split('/').all(part)
}

fn shape(call: &Call, name: &str, id: ObjectId) -> Result<Value, Refusal> {
    let url = call.repo_url()?;
    Ok(json!({
        "ref": name,
        "node_id": shapes::node_id("Ref", name),
        "url": format!("{url}/git/{name}"),
        "object": {"sha": id, "type": "commit", "url": format!("{url}/git/commits/{id}")},
    }))
}
