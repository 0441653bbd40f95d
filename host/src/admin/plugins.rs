//! The plugins: how each stands, one with everything about it, and what an operator does about it.

mod action;
mod attempts;
mod detail;
mod explain;
mod limits;
mod log;
mod rights;
mod section;
mod standing;
mod switch;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::acts::said;
use super::guard::MayLook;
use super::layout::{self, Layout, Section};
use crate::http::extract::Params;
use crate::http::{ApiState, Problem, plugins};

use standing::{Outcomes, Standing};

pub use action::{page as action, run as run_action};
pub use detail::page as detail;
pub use explain::explain;
pub use switch::{page as confirm_switch, roll_back, switch, take_back};

#[derive(Template)]
#[template(path = "plugins.html")]
struct PluginsPage {
    layout: Layout,
    done: Option<&'static str>,
    /// Why the file on disk is not in force.
    file_error: Option<String>,
    rows: Vec<Standing>,
}

/// Shows them by name.
pub async fn list(State(state): State<ApiState>, by: MayLook, params: Params) -> Result<Response, Problem> {
    let now = state.waits.clock.now();
    let outcomes = Outcomes::gather(&state, now).await?;
    let layout = Layout::of(&by, Section::Plugins, "Plugins");
    let views = plugins::views_of(&state.waits).into_iter();
    let rejected = state.operator.rejected();
    layout::render(&PluginsPage {
        done: said(params.get("done")),
        file_error: rejected.map(|error| error.as_str().to_owned()),
        rows: views
            .map(|view| Standing::of(&layout, view, &outcomes, now))
            .collect(),
        layout,
    })
}
