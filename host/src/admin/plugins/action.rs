//! An action of a plugin, as a form made from its JSON Schema.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value;

use super::super::form::Form;
use super::super::guard::{MayActAtLength, MayLook};
use super::super::layout::{self, Layout, Section};
use super::super::schema_form::{SchemaForm, WHOLE};
use super::super::visit::done_at;
use super::super::{done, place};
use crate::domain::access::Right;
use crate::http::doer::Doer;
use crate::http::extract::Params;
use crate::http::origin::Origin;
use crate::http::plugins::{missing, named};
use crate::http::{ApiState, Problem};

#[derive(Template)]
#[template(path = "action.html")]
struct ActionPage {
    layout: Layout,
    plugin: String,
    plugin_href: String,
    /// The path of the form.
    path: String,
    name: String,
    summary: String,
    /// Why it was not asked.
    wrong: Option<String>,
    form: SchemaForm,
}

/// What a plugin says of an action.
struct Offered {
    name: String,
    summary: String,
    schema: Value,
}

/// The form; `?json` makes it one box for all arguments.
pub async fn page(
    State(state): State<ApiState>,
    by: MayLook,
    Path((plugin, action)): Path<(String, String)>,
    params: Params,
) -> Result<Response, Problem> {
    by.must(Right::Operate)?;
    let offered = offered(&state, &plugin, &action)?;
    let form = SchemaForm::of(&offered.schema, None, params.given("json").is_some());
    layout::render(&assemble(&by, &plugin, offered, form, None))
}

/// Asks the plugin; the form again, with what is wrong, where that can be mended.
pub async fn run(
    State(state): State<ApiState>,
    origin: Origin,
    Path((plugin, action)): Path<(String, String)>,
    MayActAtLength { by, form }: MayActAtLength,
) -> Result<Response, Problem> {
    let offered = offered(&state, &plugin, &action)?;
    let input = match SchemaForm::read(&offered.schema, &form) {
        Ok(input) => input,
        Err(why) => return again(&by, &plugin, offered, &form, StatusCode::BAD_REQUEST, why),
    };
    let doer = Doer {
        user: by.user().clone(),
        origin,
    };
    match doer.run_action(&state, &plugin, &action, &input).await {
        Ok(submitted) => {
            let event = format!("/admin/events/{}/", submitted.event);
            by.visit.redirect(&done_at(&event, done::ASKED))
        }
        Err(problem) if matches!(problem.status(), StatusCode::BAD_REQUEST | StatusCode::CONFLICT) => {
            let why = problem.to_string();
            again(&by, &plugin, offered, &form, problem.status(), why)
        }
        Err(problem) => Err(problem),
    }
}

fn again(
    by: &MayLook,
    plugin: &str,
    offered: Offered,
    entered: &Form,
    status: StatusCode,
    why: String,
) -> Result<Response, Problem> {
    let as_json = entered.has(WHOLE);
    let form = SchemaForm::of(&offered.schema, Some(entered), as_json);
    layout::answer(status, &assemble(by, plugin, offered, form, Some(why)))
}

fn assemble(
    by: &MayLook,
    plugin: &str,
    offered: Offered,
    form: SchemaForm,
    wrong: Option<String>,
) -> ActionPage {
    let layout = Layout::of(by, Section::Plugins, format!("{plugin}: {}", offered.name));
    let page = place::plugin(plugin);
    ActionPage {
        plugin: plugin.to_owned(),
        plugin_href: layout.link(&page),
        path: layout.link(&format!("{page}actions/{}/", place::piece(&offered.name))),
        name: offered.name,
        summary: offered.summary,
        wrong,
        form,
        layout,
    }
}

/// The action of this name of the build that serves.
fn offered(state: &ApiState, plugin: &str, action: &str) -> Result<Offered, Problem> {
    let name = named(plugin)?;
    let status = state.actions.registry.status(&name);
    let status = status.ok_or_else(|| missing(plugin))?;
    let manifest = status.manifest.ok_or_else(|| {
        let detail = format!(
            "Which actions {name} offers is not known: it is {}.",
            status.state.as_str()
        );
        Problem::new(StatusCode::CONFLICT, "plugin-not-running", detail)
    })?;
    let found = manifest
        .actions
        .into_iter()
        .find(|offered| offered.name == action);
    let found = found.ok_or_else(|| Problem::no_such("action"))?;
    Ok(Offered {
        // It was read as JSON when the plugin was loaded.
        schema: serde_json::from_str(&found.input_schema)
            .map_err(|error| Problem::internal(error.to_string()))?,
        name: found.name,
        summary: found.summary,
    })
}
