//! The settings in effect, for admins: what each is, and who set it. Secrets are masked where they are read.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::guard::MayLook;
use super::layout::{self, Layout, Section};
use crate::config::Setting;
use crate::domain::access::Right;
use crate::http::{ApiState, Problem};

#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsPage {
    layout: Layout,
    /// In the order in which they are read.
    rows: Vec<Setting>,
    /// The operator's file, and its digest.
    file: String,
    digest: String,
    /// Why the file on disk is not in force.
    file_error: Option<String>,
}

/// Shows them. They are read once, at start.
pub async fn page(State(state): State<ApiState>, by: MayLook) -> Result<Response, Problem> {
    by.must(Right::Administer)?;
    let operator = &state.operator;
    layout::render(&SettingsPage {
        layout: Layout::of(&by, Section::Settings, "Settings"),
        rows: state.settings.to_vec(),
        file: operator.path().display().to_string(),
        digest: operator
            .digest()
            .map_or_else(String::new, |digest| digest.as_str().to_owned()),
        file_error: operator.rejected().map(|error| error.as_str().to_owned()),
    })
}
