//! All repositories, and one.

use std::fmt::Write;

use super::{View, files, frame};
use crate::github::Shared;
use crate::github::git;
use crate::html::escape;
use crate::journal::RequestSeen;
use crate::wall::time_of_day;

/// Commits listed, the newest.
const COMMITS_SHOWN: usize = 50;

/// Requests shown, the newest first.
const REQUESTS_SHOWN: usize = 25;

/// The page at `/`.
pub fn repositories(shared: &Shared) -> String {
    let requests = shared.journal.requests();
    let state = shared.state();
    let mut body = String::from("<h1>Repositories</h1><div class=\"box\">");
    if state.repositories.is_empty() {
        let base = escape(&shared.base_url);
        let _ = write!(
            body,
            "<div class=\"empty\">None yet. Make one by <code>POST {base}/user/repos</code>; this page looks again \
             every three seconds.</div>"
        );
    }
    body.push_str("<table class=\"list\">");
    for repository in state.repositories.values() {
        let view = View {
            repository,
            at: &repository.default_branch,
            commit: repository.branch(&repository.default_branch),
        };
        let newest = view.commit.and_then(|id| repository.objects.commit(id));
        let marks = match (repository.private, repository.archived) {
            (_, true) => "<span class=\"tag warn\">Archived</span>",
            (true, false) => "<span class=\"tag\">Private</span>",
            (false, false) => "<span class=\"tag\">Public</span>",
        };
        let _ = write!(
            body,
            "<tr><td><a href=\"{}\"><b>{}</b></a>{marks}<td>{}<td class=\"end wide\">{}</tr>",
            view.home(),
            escape(&repository.full_name()),
            newest.map_or_else(|| "no commit yet".to_owned(), |commit| escape(commit.title())),
            frame::time(repository.pushed_at),
        );
    }
    body.push_str("</table></div>");
    body.push_str(&verdicts(&requests));
    frame::page("Repositories", true, &body)
}

/// The page of a repository: branches, files, commits.
pub fn repository(view: &View) -> String {
    let mut body = frame::title(view);
    body.push_str("<nav class=\"branches\" aria-label=\"Branches\">");
    for (name, _) in view.repository.branches() {
        let here = if name == view.at {
            " class=\"here\" aria-current=\"page\""
        } else {
            ""
        };
        let _ = write!(
            body,
            "<a href=\"{}?ref={}\"{here}>{}</a>",
            view.home(),
            super::encoded(name),
            escape(name)
        );
    }
    body.push_str("</nav>");
    let clone = format!("git clone …/{}.git", view.repository.full_name());
    match view.commit {
        None => {
            body.push_str("<div class=\"box\"><div class=\"empty\">This repository is empty.</div></div>");
        }
        Some(id) => {
            body.push_str(&files::listing(view, "").unwrap_or_default());
            body.push_str(&commits(view, id));
        }
    }
    let _ = write!(body, "<p class=\"soft\"><code>{}</code></p>", escape(&clone));
    frame::page(&view.repository.full_name(), true, &body)
}

fn commits(view: &View, start: git::ObjectId) -> String {
    let all = git::ancestors(&view.repository.objects, start);
    let mut out = format!(
        "<h2>Commits ({})</h2><div class=\"box\"><table class=\"list\">",
        all.len()
    );
    for (id, commit) in all.into_iter().take(COMMITS_SHOWN) {
        let _ = write!(
            out,
            "<tr><td><a href=\"{}/commit/{id}\">{}</a><td class=\"wide\">{}<td class=\"end wide\">{}<td class=\"end\">{}</tr>",
            view.home(),
            escape(commit.title()),
            escape(&commit.author.name),
            frame::time(commit.committer.seconds),
            frame::sha(view, id),
        );
    }
    out.push_str("</table></div>");
    out
}

fn verdicts(requests: &[RequestSeen]) -> String {
    let mut out = format!("<h2>Requests ({})</h2><div class=\"box scroll\">", requests.len());
    if requests.is_empty() {
        out.push_str("<div class=\"empty\">None yet.</div></div>");
        return out;
    }
    out.push_str("<table class=\"list\"><tr><th>#<th>Time<th>Request<th>Answer<th>Verdict</tr>");
    for request in requests.iter().rev().take(REQUESTS_SHOWN) {
        let status = request
            .status
            .map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        let verdict = match &request.error {
            None => "<span class=\"ok\">accepted</span>".to_owned(),
            Some(error) => format!("<span class=\"no\">{}</span>", escape(error)),
        };
        let fault = request
            .fault
            .as_ref()
            .map_or_else(String::new, |fault| format!("<br>fault: {}", escape(fault)));
        let _ = write!(
            out,
            "<tr><td>{}<td>{}<td><code>{} {}</code><td>{status}<td>{verdict}{fault}</tr>",
            request.number,
            time_of_day(request.at_micros),
            escape(&request.http_method),
            escape(&request.path),
        );
    }
    out.push_str("</table></div>");
    out
}
