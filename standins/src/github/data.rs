//! The git data API's commits and blobs: `/repos/{owner}/{repo}/git/{commits,blobs}`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use super::call::{Answer, Call, Outcome};
use super::git::{Commit, ObjectId, Person};
use super::refs::parse_sha;
use super::refusal::Refusal;
use super::shapes;

/// Characters on a line of base64, as GitHub writes it.
const BASE64_LINE: usize = 60;

/// `POST …/git/blobs`
pub fn create_blob(call: &mut Call) -> Outcome {
    call.repo()?.with_commits()?;
    let content = call.text("content").unwrap_or_default();
    let content = match call.text("encoding").unwrap_or("utf-8") {
        "base64" => decode(content)?,
        "utf-8" => Bytes::copy_from_slice(content.as_bytes()),
        other => {
            let message = format!("Unknown encoding: {other:?}. Use utf-8 or base64.");
            return Err(Refusal::unprocessable(message));
        }
    };
    check_size(call, content.len())?;
    let id = call.repo_mut()?.objects.put_blob(content);
    let url = format!("{}/git/blobs/{id}", call.repo_url()?);
    Ok(Answer::created(json!({"sha": id, "url": url})))
}

/// `GET …/git/blobs/{file_sha}`
pub fn get_blob(call: &mut Call) -> Outcome {
    let repository = call.repo()?.with_commits()?;
    let id = parse_sha(call.param("file_sha"))?;
    let content = repository.objects.blob(id).ok_or_else(Refusal::not_found)?;
    if call.wants_raw() {
        return Ok(Answer::raw(content.clone()));
    }
    Ok(Answer::ok(json!({
        "sha": id,
        "node_id": shapes::node_id("Blob", id),
        "size": content.len(),
        "url": format!("{}/git/blobs/{id}", call.repo_url()?),
        "content": encode(content),
        "encoding": "base64",
    })))
}

/// `POST …/git/commits`
pub fn create_commit(call: &mut Call) -> Outcome {
    let repository = call.repo()?.with_commits()?;
    let tree = parse_sha(call.text("tree").unwrap_or_default())?;
    if repository.objects.tree(tree).is_none() {
        return Err(Refusal::unprocessable("Tree SHA does not exist"));
    }
    let mut parents = Vec::new();
    for parent in call
        .body
        .get("parents")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let parent = parse_sha(parent.as_str().unwrap_or_default())?;
        if repository.objects.commit(parent).is_none() {
            return Err(Refusal::unprocessable(
                "Parent SHA does not exist or is not a commit object",
            ));
        }
        parents.push(parent);
    }
    let (author, committer) = people(call)?;
    let message = call.text("message").unwrap_or_default().to_owned();
    let commit = Commit {
        tree,
        parents,
        author,
        committer,
        message,
    };
    let full = repository.full_name();
    let id = call.repo_mut()?.objects.put_commit(commit.clone());
    Ok(Answer::created(shapes::git_commit(call.base, &full, id, &commit)))
}

/// `GET …/git/commits/{commit_sha}`
pub fn get_commit(call: &mut Call) -> Outcome {
    let repository = call.repo()?.with_commits()?;
    let id = ObjectId::parse(call.param("commit_sha"));
    let found = id.and_then(|id| Some((id, repository.objects.commit(id)?)));
    let (id, commit) = found.ok_or_else(Refusal::not_found)?;
    let full = repository.full_name();
    Ok(Answer::ok(shapes::git_commit(call.base, &full, id, commit)))
}

/// Author and committer of a request: one left out is the other; both left out are the caller.
pub fn people(call: &Call) -> Result<(Person, Person), Refusal> {
    let author = person(call, "author")?;
    let committer = person(call, "committer")?;
    let caller = || call.state.user.person(call.now);
    let author_or = author
        .clone()
        .or_else(|| committer.clone())
        .unwrap_or_else(caller);
    let committer_or = committer.or(author).unwrap_or_else(caller);
    Ok((author_or, committer_or))
}

fn person(call: &Call, role: &str) -> Result<Option<Person>, Refusal> {
    let Some(given) = call.body.get(role).and_then(Value::as_object) else {
        return Ok(None);
    };
    let text = |name: &str| given.get(name).and_then(Value::as_str).unwrap_or_default();
    for name in ["name", "email"] {
        if text(name).trim().is_empty() {
            return Err(Refusal::invalid_request(&format!("\"{name}\" wasn't supplied.")));
        }
    }
    let (seconds, offset_minutes) = match text("date") {
        "" => (call.now, 0),
        date => moment(date).ok_or_else(|| {
            Refusal::invalid_request(&format!(
                "For 'properties/{role}/properties/date', {date:?} is not a valid date-time."
            ))
        })?,
    };
    Ok(Some(Person {
        name: text("name").to_owned(),
        email: text("email").to_owned(),
        seconds,
        offset_minutes,
    }))
}

/// Seconds since 1970 and minutes east of Greenwich of an ISO 8601 time.
pub fn moment(text: &str) -> Option<(i64, i32)> {
    let at: jiff::Timestamp = text.parse().ok()?;
    let pieces = jiff::fmt::temporal::Pieces::parse(text).ok()?;
    let offset = pieces.to_numeric_offset().map_or(0, jiff::tz::Offset::seconds);
    Some((at.as_second(), offset / 60))
}

/// Reads base64 as GitHub does, line breaks and all.
pub fn decode(text: &str) -> Result<Bytes, Refusal> {
    let compact: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD
        .decode(compact)
        .map(Bytes::from)
        .map_err(|_| Refusal::unprocessable("content is not valid Base64"))
}

/// Base64 in lines, each ended by a line feed, as GitHub answers it.
pub fn encode(content: &[u8]) -> String {
    let text = STANDARD.encode(content);
    let mut out = String::with_capacity(text.len() + text.len() / BASE64_LINE + 1);
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, below) = rest.split_at(rest.len().min(BASE64_LINE));
        out.push_str(line);
        out.push('\n');
        rest = below;
    }
    out
}

/// Refuses a blob over the bound.
pub fn check_size(call: &Call, bytes: usize) -> Result<(), Refusal> {
    if bytes <= call.state.limits.blob_bytes {
        return Ok(());
    }
    let message = "Sorry, your input was too large to process. Consider creating the blob in a local clone of the \
                   repository and then pushing it to GitHub.";
    let error = json!({"resource": "Blob", "field": "data", "code": "custom"});
    Err(Refusal::unprocessable(message).with_errors(json!([error])))
}
