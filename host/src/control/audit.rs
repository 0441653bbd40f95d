//! What the audit log says of each command, and the log itself from the command line.

use serde_json::{Value, json};

use super::ageing::Resume;
use super::{
    AgeingCommand, Answer, KeyCommand, RejectedRequestCommand, ReplayRequest, Request, SecretRequest,
    StateRequest,
};
use crate::app::App;
use crate::domain::audit::{Action, AuditFilter};
use crate::domain::page::PageRequest;
use crate::http::audit::{AuditPage, AuditView};

/// A change to be noted once it is made.
pub(super) type Change = (Action, String, Value);

/// What a command changes; `None` for one that only looks, or that notes its change itself. Never a secret or a
/// body. Every command stands here, so that a new one cannot be forgotten.
pub(super) fn change(request: &Request) -> Option<Change> {
    let note = |action, target: &str, detail| Some((action, target.to_owned(), detail));
    match request {
        Request::UserCreate { username, role, .. } => {
            note(Action::UserCreate, username, json!({ "role": role }))
        }
        Request::UserPassword { username, .. } => note(Action::UserPassword, username, json!({})),
        Request::UserSignOut { username } => note(Action::UserSignOut, username, json!({})),
        Request::UserSet {
            username,
            active,
            role,
        } => {
            let detail = json!({ "is_active": active, "role": role });
            note(Action::UserChange, username, detail)
        }
        Request::Keys(request) => match request {
            KeyCommand::Revoke { id } => note(Action::KeyRevoke, id, json!({})),
            // By the id that the new key gets.
            KeyCommand::Create { .. } | KeyCommand::List { .. } => None,
        },
        Request::Ageing(request) => ageing(request),
        Request::EventSend {
            source, event_type, ..
        } => note(Action::EventSend, source, json!({ "type": event_type })),
        Request::PluginEnable { name, enabled } => {
            let action = if *enabled {
                Action::PluginEnable
            } else {
                Action::PluginDisable
            };
            note(action, name, json!({}))
        }
        Request::PluginAdd { section } => {
            let detail = json!({ "component": section.component });
            note(Action::PluginAdd, section.name.as_str(), detail)
        }
        Request::PluginRollback { name, undo, from } => {
            let action = if *undo {
                Action::PluginTakeBack
            } else {
                Action::PluginRollback
            };
            note(action, name, json!({ "from": from }))
        }
        Request::PluginRun { name, action, .. } => {
            note(Action::PluginAction, &format!("{name}/{action}"), json!({}))
        }
        Request::Secrets(request) => match request {
            SecretRequest::Set { name, .. } => note(Action::SecretSet, name, json!({})),
            SecretRequest::Remove { name } => note(Action::SecretRemove, name, json!({})),
            SecretRequest::Reseal => note(Action::SecretReseal, "all", json!({})),
            SecretRequest::List => None,
        },
        Request::State(request) => match request {
            StateRequest::Delete { plugin, key } => note(Action::StateDelete, plugin, json!({ "key": key })),
            StateRequest::Clear { plugin, prefix } => {
                note(Action::StateClear, plugin, json!({ "prefix": prefix }))
            }
            StateRequest::List { .. } | StateRequest::Get { .. } => None,
        },
        Request::Rejected(request) => match request {
            RejectedRequestCommand::Accept { id } => note(Action::RejectedAccept, id, json!({})),
            RejectedRequestCommand::List { .. }
            | RejectedRequestCommand::Show { .. }
            | RejectedRequestCommand::Verify { .. } => None,
        },
        Request::Replays(request) => replays(request),
        Request::ScheduleRun { name, plugin } => note(Action::ScheduleRun, name, json!({ "plugin": plugin })),
        Request::ProcessAdd { process } => note(Action::ProcessCreate, &process.code, json!({})),
        Request::ProcessPut { processes, dry_run } => {
            let codes: Vec<&str> = processes.iter().map(|draft| draft.code.as_str()).collect();
            let target = match codes.as_slice() {
                [only] => (*only).to_owned(),
                several => format!("{} processes", several.len()),
            };
            (!dry_run).then(|| (Action::ProcessChange, target, json!({ "codes": codes })))
        }
        Request::ProcessRemove { code } => note(Action::ProcessRemove, code, json!({})),
        Request::UserList
        | Request::EventList { .. }
        | Request::EventShow { .. }
        | Request::NodeList
        | Request::Top
        | Request::PluginList
        | Request::PluginReloads { .. }
        | Request::Routes(_)
        | Request::ScheduleList
        | Request::ScheduleHistory { .. }
        | Request::ProcessList { .. }
        | Request::ProcessShow { .. }
        | Request::ProcessVersions { .. }
        | Request::Audit { .. } => None,
    }
}

fn ageing(request: &AgeingCommand) -> Option<Change> {
    match request {
        AgeingCommand::Purge {
            before,
            source,
            failed,
            dry_run: false,
        } => {
            let target = source.clone().unwrap_or_else(|| "all".to_owned());
            let detail = json!({ "before": before, "failed": failed });
            Some((Action::EventPurge, target, detail))
        }
        // The first round stands for all.
        AgeingCommand::Reseal {
            after: Resume::Events(None),
        } => Some((Action::EventReseal, "all".to_owned(), json!({}))),
        AgeingCommand::Vacuum => Some((Action::DatabaseVacuum, "all".to_owned(), json!({}))),
        AgeingCommand::Purge { dry_run: true, .. }
        | AgeingCommand::Reseal { .. }
        | AgeingCommand::Export { .. } => None,
    }
}

fn replays(request: &ReplayRequest) -> Option<Change> {
    match request {
        ReplayRequest::Resolve { id, to, .. } => {
            Some((Action::DeliveryResolve, id.clone(), json!({ "as": to })))
        }
        ReplayRequest::OrderCancel { id } => Some((Action::ReplayCancel, id.clone(), json!({}))),
        // One by one as they are done, and with what is known only then.
        ReplayRequest::Replay { .. }
        | ReplayRequest::ReplayEvent { .. }
        | ReplayRequest::Discard { .. }
        | ReplayRequest::Order { .. }
        // Look only.
        | ReplayRequest::List { .. }
        | ReplayRequest::Counts
        | ReplayRequest::Show { .. }
        | ReplayRequest::Orders { .. }
        | ReplayRequest::OrderShow { .. } => None,
    }
}

/// The latest entries of the log.
pub(super) async fn list(app: &App, filter: &AuditFilter, limit: u32) -> anyhow::Result<Answer> {
    let page = PageRequest { page: 1, size: limit };
    let found = app.audit.page(filter, page).await?;
    Answer::of(&AuditPage {
        count: found.total,
        next: None,
        previous: None,
        results: found.items.into_iter().map(AuditView::from).collect(),
    })
}
