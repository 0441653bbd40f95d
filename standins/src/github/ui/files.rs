//! Folders and files.

use std::fmt::Write;

use bytes::Bytes;

use super::{View, frame};
use crate::github::git::{self, Entry, Mode};
use crate::html::escape;

/// Files of a folder that are listed; the rest is counted.
const LISTED_MAX: usize = 1_000;

/// Bytes of a file that are shown.
const SHOWN_BYTES_MAX: usize = 512 * 1024;

/// The content of a file.
pub fn content(view: &View, path: &str) -> Option<Bytes> {
    let objects = &view.repository.objects;
    let root = view.repository.tree_of(view.commit?)?;
    objects.blob(objects.at(root, path)?.id).cloned()
}

/// The page of a folder.
pub fn folder(view: &View, path: &str) -> Option<String> {
    let listing = listing(view, path)?;
    let body = format!(
        "{}<h2>{}</h2>{listing}",
        frame::title(view),
        frame::crumbs(view, path)
    );
    Some(frame::page(path, false, &body))
}

/// The entries of a folder, each with the commit that changed it last.
pub fn listing(view: &View, path: &str) -> Option<String> {
    let repository = view.repository;
    let commit = view.commit?;
    let root = repository.tree_of(commit)?;
    let id = if path.is_empty() {
        root
    } else {
        repository.objects.at(root, path)?.id
    };
    let tree = repository.objects.tree(id)?;
    let last = git::last_changes(&repository.objects, commit, path);
    let newest = repository.objects.commit(commit)?;
    let mut out = format!(
        "<div class=\"box\"><div class=\"head\"><span><b>{}</b> {}</span><span>{} {}</span></div>\
         <table class=\"list\">",
        escape(&newest.author.name),
        escape(newest.title()),
        frame::sha(view, commit),
        frame::time(newest.committer.seconds),
    );
    let mut entries: Vec<(&String, &Entry)> = tree.iter().collect();
    entries.sort_by_key(|(_, entry)| entry.mode != Mode::Directory);
    for (name, entry) in entries.iter().take(LISTED_MAX) {
        let full = if path.is_empty() {
            (*name).clone()
        } else {
            format!("{path}/{name}")
        };
        let (kind, mark) = match entry.mode {
            Mode::Directory => ("tree", "▸"),
            Mode::Executable => ("blob", "∗"),
            Mode::File | Mode::Symlink | Mode::Submodule => ("blob", "·"),
        };
        let changed = last
            .get(*name)
            .and_then(|id| Some((*id, repository.objects.commit(*id)?)));
        let (why, when) = changed.map_or_else(Default::default, |(id, commit)| {
            let link = format!(
                "<a class=\"soft\" href=\"{}/commit/{id}\">{}</a>",
                view.home(),
                escape(commit.title())
            );
            (link, frame::time(commit.committer.seconds))
        });
        let _ = write!(
            out,
            "<tr><td class=\"name\"><i>{mark}</i><a href=\"{}\">{}</a><td class=\"wide\">{why}<td class=\"end wide\">{when}</tr>",
            view.link(kind, &full),
            escape(name),
        );
    }
    if entries.len() > LISTED_MAX {
        let _ = write!(out, "<tr><td>and {} more</tr>", entries.len() - LISTED_MAX);
    }
    out.push_str("</table></div>");
    Some(out)
}

/// The page of a file.
pub fn file(view: &View, path: &str) -> Option<String> {
    let content = content(view, path)?;
    let mut body = format!("{}<h2>{}</h2>", frame::title(view), frame::crumbs(view, path));
    let _ = write!(
        body,
        "<div class=\"box\"><div class=\"head\"><span>{} bytes</span><a href=\"{}\">Raw</a></div>",
        content.len(),
        view.link("raw", path)
    );
    match std::str::from_utf8(&content) {
        Ok(text) if content.len() <= SHOWN_BYTES_MAX => {
            body.push_str("<div class=\"scroll\"><table class=\"code\">");
            for (n, line) in text.lines().enumerate() {
                let _ = write!(body, "<tr><td class=\"n\">{}<td>{}</tr>", n + 1, escape(line));
            }
            body.push_str("</table></div>");
        }
        Ok(_) => body.push_str("<div class=\"empty\">Too large to show here; see the raw file.</div>"),
        Err(_) => body.push_str("<div class=\"empty\">Not text in UTF-8; see the raw file.</div>"),
    }
    body.push_str("</div>");
    Some(frame::page(path, false, &body))
}
