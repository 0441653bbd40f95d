//! From jobs to work: which rows go together, and what stands alone.

use std::collections::BTreeMap;

use hookyard_plugin_sdk::{Call, Delivery, Failure, Job, Outcome, Trigger, template};
use serde::Deserialize;
use serde_json::Value;

use crate::api::Api;
use crate::append::append;
use crate::cell::{Cell, Type};
use crate::check::check;
use crate::column::{self, Row, too_long};
use crate::config::{Config, Mode};
use crate::open::Target;
use crate::pending::Pending;
use crate::table::{self, Table};
use crate::write::write;

/// What one job asks for.
enum Work {
    Append(Target, Row),
    Write(Target, Table),
    Check(Target),
}

/// The arguments of `append-row`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AppendRow {
    spreadsheet: Option<String>,
    sheet: Option<String>,
    row: BTreeMap<String, Value>,
}

/// Does all jobs; one result each in their order. Rows for the same sheet go together.
pub(crate) fn all(config: &Config, jobs: Vec<Job>) -> Vec<Result<Outcome, Failure>> {
    let attempt = jobs.iter().map(|job| job.delivery.attempt).min().unwrap_or(1);
    let ready = config.check().and_then(|()| Api::new(config, attempt));
    let api = match ready {
        Ok(api) => api,
        Err(failure) => return jobs.iter().map(|_| Err(failure.clone())).collect(),
    };
    let mut results: Vec<Option<Result<Outcome, Failure>>> = jobs.iter().map(|_| None).collect();
    let mut groups: Vec<(Target, Vec<usize>, Vec<Pending>)> = Vec::new();
    for (at, job) in jobs.into_iter().enumerate() {
        api.begin();
        results[at] = match read(config, &job) {
            Err(failure) => Some(Err(failure)),
            Ok(Work::Write(target, table)) => Some(write(&api, config, &target, &table)),
            Ok(Work::Check(target)) => Some(check(&api, config, &target)),
            Ok(Work::Append(target, row)) => {
                let pending = Pending::new(job.delivery, row);
                match groups.iter_mut().find(|(own, ..)| *own == target) {
                    Some((_, places, rows)) => {
                        places.push(at);
                        rows.push(pending);
                    }
                    None => groups.push((target, vec![at], vec![pending])),
                }
                None
            }
        };
    }
    for (target, places, rows) in groups {
        api.begin();
        for (at, result) in places.into_iter().zip(append(&api, config, &target, &rows)) {
            results[at] = Some(result);
        }
    }
    let forgotten = || Err(Failure::retry("the job was not done"));
    results
        .into_iter()
        .map(|result| result.unwrap_or_else(forgotten))
        .collect()
}

fn read(config: &Config, job: &Job) -> Result<Work, Failure> {
    match &job.trigger {
        Trigger::Action(call) => read_action(config, call),
        trigger => read_event(config, trigger, &job.delivery),
    }
}

fn read_event(config: &Config, trigger: &Trigger, delivery: &Delivery) -> Result<Work, Failure> {
    let target = Target::new(config, None, None)?;
    match config.mode {
        Mode::Append => Ok(Work::Append(
            target,
            column::row(&config.columns, trigger, delivery)?,
        )),
        Mode::Write => {
            let context = template::context(trigger, delivery);
            let table = table::of_payload(&config.columns, &context["body"], delivery)?;
            Ok(Work::Write(target, table))
        }
    }
}

fn read_action(config: &Config, call: &Call) -> Result<Work, Failure> {
    match &*call.action {
        "write-table" => {
            let input: table::Input = call.input()?;
            let target = Target::new(config, input.spreadsheet.as_deref(), input.sheet.as_deref())?;
            Ok(Work::Write(target, input.table()?))
        }
        "append-row" => {
            let input: AppendRow = call.input()?;
            let target = Target::new(config, input.spreadsheet.as_deref(), input.sheet.as_deref())?;
            Ok(Work::Append(target, given_row(config, &input.row)?))
        }
        "check" => Ok(Work::Check(Target::new(config, None, None)?)),
        other => Err(Failure::reject(format!("gsheets has no action `{other}`"))),
    }
}

/// A row by its titles: the configured columns first, each with its type, then the others.
fn given_row(config: &Config, given: &BTreeMap<String, Value>) -> Result<Row, Failure> {
    let configured = config.columns.iter().map(|column| (&column.title, column.kind));
    let configured: Vec<_> = configured
        .filter(|(title, _)| given.contains_key(*title))
        .collect();
    let others = given.keys().map(|title| (title, Type::Auto));
    let others = others.filter(|(title, _)| configured.iter().all(|(own, _)| own != title));
    let all = configured.iter().copied().chain(others);
    all.map(|(title, kind)| {
        let cell = Cell::new(kind, title, &given[title])
            .map_err(|long| too_long(long, &format!("column `{title}`")))?;
        Ok((title.clone(), cell))
    })
    .collect()
}
