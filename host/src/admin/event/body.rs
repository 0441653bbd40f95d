//! A part of an event's payload on a page of its own: what the tree on the event's page leaves out, piece by piece.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;

use super::super::guard::MayLook;
use super::super::layout::{self, Layout, Section};
use super::super::tree::{self, Line, Tree};
use crate::http::extract::Params;
use crate::http::views::EventView;
use crate::http::{ApiState, Problem, events};

#[derive(Template)]
#[template(path = "body.html")]
struct BodyPage {
    layout: Layout,
    id: String,
    /// The page's own path, which the tree's queries follow.
    body_href: String,
    encoding: Option<&'static str>,
    /// From the whole payload to what is shown.
    crumbs: Vec<Crumb>,
    /// The first member or element that is shown.
    from: usize,
    tree: Tree,
}

/// A place on the way to what is shown.
struct Crumb {
    href: String,
    name: String,
}

/// Shows what is at a JSON pointer.
pub async fn page(
    State(state): State<ApiState>,
    by: MayLook,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    let event = events::visible_event(&state, by.user(), &id).await?;
    let at = params.get("at").unwrap_or_default().to_owned();
    let from = params.get("from").map_or(Ok(0), str::parse::<usize>);
    let from = from.map_err(|_| Problem::bad_parameter("from", "must be a number"))?;
    let view = EventView::of(event)?;
    let tree = Tree::part(&view.payload, &at, from).ok_or_else(|| Problem::no_such("part of the payload"))?;
    let layout = Layout::of(&by, Section::Events, "Payload");
    let body_href = layout.link(&path(&view.id));
    layout::render(&BodyPage {
        crumbs: crumbs(&body_href, &at),
        id: view.id,
        body_href,
        encoding: view.encoding,
        from,
        tree,
        layout,
    })
}

/// Where these pages of an event lie.
#[must_use]
pub fn path(event: &str) -> String {
    format!("/admin/events/{event}/body/")
}

fn crumbs(href: &str, pointer: &str) -> Vec<Crumb> {
    let steps = pointer.match_indices('/').map(|(at, _)| at).skip(1);
    let ends: Vec<_> = steps
        .chain((!pointer.is_empty()).then_some(pointer.len()))
        .collect();
    let top = Crumb {
        href: href.to_owned(),
        name: "payload".to_owned(),
    };
    let below = ends.iter().map(|end| {
        let here = &pointer[..*end];
        let name = here.rsplit('/').next().unwrap_or_default();
        Crumb {
            href: format!("{href}{}", tree::query(here, 0)),
            name: name.replace("~1", "/").replace("~0", "~"),
        }
    });
    std::iter::once(top).chain(below).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_on_the_way_has_its_link() {
        let told = |pointer| {
            let crumbs = crumbs("/b/", pointer).into_iter();
            crumbs.map(|crumb| (crumb.name, crumb.href)).collect::<Vec<_>>()
        };
        let pair = |name: &str, href: &str| (name.to_owned(), href.to_owned());
        assert_eq!(told(""), [pair("payload", "/b/")]);
        assert_eq!(
            told("/a~1b/\u{e9}/0"),
            [
                pair("payload", "/b/"),
                pair("a/b", "/b/?at=%2Fa%7E1b"),
                pair("\u{e9}", "/b/?at=%2Fa%7E1b%2F%C3%A9"),
                pair("0", "/b/?at=%2Fa%7E1b%2F%C3%A9%2F0"),
            ]
        );
    }
}
