//! Pages of lists: which one is asked for, and the addresses of its neighbours.

use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode};

use super::extract::Params;
use super::{ApiState, Problem};
use crate::domain::page::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, PageRequest, Total};

/// The page that `page` and `page_size` of the query ask for.
pub fn request(params: &Params) -> Result<PageRequest, Problem> {
    let number = |name: &'static str, default: u32, most: u32, why: &str| match params.get(name) {
        None => Ok(default),
        Some(text) => match text.parse() {
            Ok(number) if (1..=most).contains(&number) => Ok(number),
            _ => Err(Problem::bad_parameter(name, why)),
        },
    };
    Ok(PageRequest {
        page: number("page", 1, u32::MAX - 1, "must be a number from 1 on")?,
        size: number(
            "page_size",
            DEFAULT_PAGE_SIZE,
            MAX_PAGE_SIZE,
            "must be a number from 1 to 100",
        )?,
    })
}

/// The neighbours of a page.
pub struct Links {
    pub next: Option<String>,
    pub previous: Option<String>,
}

impl Links {
    /// The neighbours of this page of the list at `path`, of `total` rows in all; a problem when there
    /// is no such page.
    pub fn of(
        state: &ApiState,
        path: &str,
        headers: &HeaderMap,
        params: &Params,
        page: PageRequest,
        total: u64,
    ) -> Result<Self, Problem> {
        Self::of_listed(state, path, headers, params, page, Total::exactly(total), 0)
    }

    /// As [`of`](Self::of), of a list that may be longer than it was counted, and of which this page has
    /// `got` rows: a full page may then have a next one, and an empty one is none.
    pub fn of_listed(
        state: &ApiState,
        path: &str,
        headers: &HeaderMap,
        params: &Params,
        page: PageRequest,
        total: Total,
        got: usize,
    ) -> Result<Self, Problem> {
        let counted = total.count.div_ceil(u64::from(page.size)).max(1);
        let this = u64::from(page.page);
        let pages = match (total.exact, got) {
            (true, _) => counted,
            (false, 0) => this - 1,
            (false, got) => this + u64::from(got >= page.size as usize),
        };
        if this > pages {
            return Err(Problem::new(
                StatusCode::NOT_FOUND,
                "no-such-page",
                "Invalid page.",
            ));
        }
        let link = |page| address(state, headers, &format!("{path}?{}", params.with_page(page)));
        Ok(Self {
            next: (this < pages).then(|| link(page.page + 1)),
            previous: (page.page > 1).then(|| link(page.page - 1)),
        })
    }
}

/// What a list says beside `count`: `false` when there are more, nothing when it is exact.
#[must_use]
pub fn count_exact(total: Total) -> Option<bool> {
    (!total.exact).then_some(false)
}

/// The address of another page, below the public address; without one, at the host by which the
/// client reached us; without one that can be read, an address without a host.
pub(super) fn address(state: &ApiState, headers: &HeaderMap, path: &str) -> String {
    if let Some(public) = &state.public_url {
        return public.of(path);
    }
    let host = headers
        .get(HOST)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse::<Authority>().ok())
        .filter(|authority| !authority.as_str().contains('@'));
    match host {
        Some(host) => format!("http://{host}{path}"),
        None => path.to_owned(),
    }
}
