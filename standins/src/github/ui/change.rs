//! What a commit changed.

use std::fmt::Write;

use super::{View, frame};
use crate::github::commits::changes;
use crate::github::diff::{Difference, Line, difference};
use crate::github::git::{FileChange, ObjectId};
use crate::html::escape;

/// Files whose lines are shown; the rest is counted.
const FILES_SHOWN: usize = 300;

/// Lines of one file that are shown.
const LINES_SHOWN: usize = 1_000;

/// The page of a commit.
pub fn commit(view: &View, sha: &str) -> Option<String> {
    let id = ObjectId::parse(sha)?;
    let repository = view.repository;
    let commit = repository.objects.commit(id)?;
    let changed = changes(repository, commit);
    let at = View {
        at: sha,
        commit: Some(id),
        ..*view
    };
    let parents: Vec<String> = commit
        .parents
        .iter()
        .map(|parent| frame::sha(view, *parent))
        .collect();
    let mut body = frame::title(view);
    let _ = write!(
        body,
        "<h2>Commit {}</h2><div class=\"box\"><div class=\"head\"><pre class=\"message\">{}</pre></div>\
         <div class=\"head\"><span><b>{}</b> {}</span><span>{} {}</span></div></div>",
        frame::sha(view, id),
        escape(&commit.message),
        escape(&commit.author.name),
        frame::time(commit.author.seconds),
        if parents.is_empty() { "no parent" } else { "parent" },
        parents.join(" "),
    );
    let compared: Vec<(&FileChange, Difference)> = changed
        .iter()
        .take(FILES_SHOWN)
        .map(|change| (change, difference(&repository.objects, change)))
        .collect();
    let added: usize = compared.iter().map(|(_, difference)| difference.added).sum();
    let removed: usize = compared.iter().map(|(_, difference)| difference.removed).sum();
    let _ = write!(
        body,
        "<p>{} changed, <span class=\"plus\">+{added}</span> <span class=\"minus\">−{removed}</span></p>",
        if changed.len() == 1 {
            "1 file".to_owned()
        } else {
            format!("{} files", changed.len())
        },
    );
    for (change, difference) in &compared {
        body.push_str(&file(&at, change, difference));
    }
    if changed.len() > FILES_SHOWN {
        let _ = write!(body, "<p>and {} more files</p>", changed.len() - FILES_SHOWN);
    }
    Some(frame::page(commit.title(), false, &body))
}

fn file(view: &View, change: &FileChange, difference: &Difference) -> String {
    let kind = match (change.before, change.after) {
        (None, _) => "added",
        (_, None) => "removed",
        _ => "changed",
    };
    let name = escape(&change.path);
    let name = match change.after {
        Some(_) => format!("<a href=\"{}\">{name}</a>", view.link("blob", &change.path)),
        None => name,
    };
    let mut out = format!(
        "<section class=\"box\"><div class=\"head\"><span>{name} <span class=\"tag\">{kind}</span></span>\
         <span><span class=\"plus\">+{}</span> <span class=\"minus\">−{}</span></span></div>",
        difference.added, difference.removed
    );
    match &difference.lines {
        None => out.push_str("<div class=\"empty\">Not text, or too large to compare.</div>"),
        Some(lines) if lines.is_empty() => out.push_str("<div class=\"empty\">No line differs.</div>"),
        Some(lines) => {
            out.push_str("<div class=\"scroll\"><table class=\"code\">");
            for line in lines.iter().take(LINES_SHOWN) {
                out.push_str(&row(line));
            }
            out.push_str("</table></div>");
            if lines.len() > LINES_SHOWN {
                let _ = write!(
                    out,
                    "<div class=\"empty\">and {} more lines</div>",
                    lines.len() - LINES_SHOWN
                );
            }
        }
    }
    out.push_str("</section>");
    out
}

fn row(line: &Line) -> String {
    match line {
        Line::Place(place) => {
            format!(
                "<tr class=\"place\"><td class=\"n\"><td class=\"n\"><td>{}</tr>",
                escape(place)
            )
        }
        Line::Same(old, new, text) => {
            format!(
                "<tr><td class=\"n\">{old}<td class=\"n\">{new}<td>&#32;{}</tr>",
                escape(text)
            )
        }
        Line::Added(new, text) => {
            format!(
                "<tr class=\"add\"><td class=\"n\"><td class=\"n\">{new}<td>+{}</tr>",
                escape(text)
            )
        }
        Line::Removed(old, text) => {
            format!(
                "<tr class=\"del\"><td class=\"n\">{old}<td class=\"n\"><td>-{}</tr>",
                escape(text)
            )
        }
    }
}
