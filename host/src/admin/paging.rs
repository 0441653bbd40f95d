//! Pages of lists, linked by their queries alone, so that they work below any prefix.

use axum::http::HeaderMap;

use super::say;
use crate::domain::page::{PageRequest, Total};
use crate::http::extract::Params;
use crate::http::page::Links;
use crate::http::{ApiState, Problem};

/// Where a page of a list lies among its neighbours.
pub struct Paging {
    /// How many there are in all, for people.
    pub total: String,
    pub page: u32,
    /// Queries of the neighbours, with their `?`.
    pub previous: Option<String>,
    pub next: Option<String>,
}

impl Paging {
    /// The neighbours of a page of `got` rows, as the API has them; a problem when there is no such page.
    pub fn of(
        state: &ApiState,
        params: &Params,
        request: PageRequest,
        total: Total,
        got: usize,
    ) -> Result<Self, Problem> {
        let links = Links::of_listed(state, "", &HeaderMap::new(), params, request, total, got)?;
        let query = |page| format!("?{}", params.with_page(page));
        Ok(Self {
            total: say::at_least(total.count, total.exact),
            page: request.page,
            previous: links.previous.map(|_| query(request.page.saturating_sub(1))),
            next: links.next.map(|_| query(request.page + 1)),
        })
    }
}
