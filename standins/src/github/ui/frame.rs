//! What all pages have in common.

use std::fmt::Write;

use super::View;
use crate::github::git::ObjectId;
use crate::html::escape;
use crate::wall::rfc3339;

const STYLE: &str = include_str!("../ui.css");

/// Characters of a commit's name that are shown, as GitHub shows them.
const SHORT_SHA: usize = 7;

/// A whole page.
pub fn page(title: &str, refreshing: bool, body: &str) -> String {
    let refresh = if refreshing {
        "<meta http-equiv=\"refresh\" content=\"3\">"
    } else {
        ""
    };
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">{refresh}\
         <title>{} · GitHub stand-in</title><style>{STYLE}</style></head><body>\
         <div class=\"top\"><a href=\"/\">GitHub stand-in</a><span>Nothing here leaves this machine.</span></div>\
         <main>{body}</main></body></html>",
        escape(title)
    )
}

/// The page for what is not there.
pub fn missing(what: &str) -> String {
    let body = format!(
        "<h1>{}</h1><p><a href=\"/\">All repositories</a></p>",
        escape(what)
    );
    page("Not found", false, &body)
}

/// The repository's name and marks.
pub fn title(view: &View) -> String {
    let repository = view.repository;
    let visibility = if repository.private { "Private" } else { "Public" };
    let archived = if repository.archived {
        "<span class=\"tag warn\">Archived, read-only</span>"
    } else {
        ""
    };
    let home = view.home();
    format!(
        "<h1>{} / <a href=\"{home}\"><b>{}</b></a> <span class=\"tag\">{visibility}</span>{archived}</h1>\
         <div class=\"soft\">{}</div>",
        escape(&repository.owner),
        escape(&repository.name),
        escape(repository.description.as_deref().unwrap_or_default()),
    )
}

/// The folders that lead to a path, each a link.
pub fn crumbs(view: &View, path: &str) -> String {
    let mut out = format!(
        "<a href=\"{}?ref={}\">{}</a>",
        view.home(),
        super::encoded(view.at),
        escape(&view.repository.name)
    );
    let mut walked = String::new();
    let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
    for (n, name) in names.iter().enumerate() {
        walked = if walked.is_empty() {
            (*name).to_owned()
        } else {
            format!("{walked}/{name}")
        };
        out.push_str(" / ");
        if n + 1 == names.len() {
            let _ = write!(out, "<b>{}</b>", escape(name));
        } else {
            let _ = write!(
                out,
                "<a href=\"{}\">{}</a>",
                view.link("tree", &walked),
                escape(name)
            );
        }
    }
    out
}

/// A commit's short name, linked.
pub fn sha(view: &View, id: ObjectId) -> String {
    let full = id.to_string();
    let short = full.get(..SHORT_SHA).unwrap_or(&full);
    format!(
        "<a class=\"sha\" href=\"{}/commit/{full}\">{short}</a>",
        view.home()
    )
}

/// A time, in UTC.
pub fn time(seconds: i64) -> String {
    let text = rfc3339(seconds);
    let shown = text.replace('T', " ").replace('Z', " UTC");
    format!("<time datetime=\"{text}\">{shown}</time>")
}
