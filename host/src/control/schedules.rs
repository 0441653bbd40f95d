//! Schedules from the command line.

use anyhow::{Context as _, anyhow, bail};

use super::Answer;
use super::execute::{follow_attempt, routed};
use crate::app::App;
use crate::domain::page::PageRequest;
use crate::domain::schedule::ScheduleKey;
use crate::http::schedules::{ScheduleRunPage, ScheduleRunView, ScheduleView};
use crate::scheduler::ScheduleError;

/// Every schedule.
pub(super) async fn list(app: &App) -> anyhow::Result<Answer> {
    if let Some(error) = app.operator.rejected().filter(|_| !app.dispatching()) {
        bail!("plugins.toml is wrong:\n{error}");
    }
    let schedules = app.schedules.list().await?;
    let views: Vec<_> = schedules.into_iter().map(ScheduleView::from).collect();
    Answer::of(&views)
}

/// Makes a tick now and waits for its first attempt.
pub(super) async fn run(app: &App, plugin: Option<&str>, name: &str) -> anyhow::Result<Answer> {
    routed(app)?;
    let (plugin, schedule) = app.schedules.find(plugin, name)?;
    app.registry.plugin(&plugin.name).ok_or_else(|| {
        anyhow!(
            "plugin {} is not loaded; `hookyard plugins list` says why",
            plugin.name
        )
    })?;
    let started = app.schedules.run(&plugin, &schedule).await?;
    let timeout = plugin.limits.timeout;
    follow_attempt(app, timeout, started.event, started.delivery).await
}

/// Pauses a schedule, or lets it go on.
pub(super) async fn pause(
    app: &App,
    plugin: Option<&str>,
    name: &str,
    paused: bool,
    by: &str,
) -> anyhow::Result<Answer> {
    if let Some(error) = app.operator.rejected().filter(|_| !app.dispatching()) {
        bail!("nothing was changed, since plugins.toml is wrong:\n{error}");
    }
    let (plugin, schedule) = app.schedules.find(plugin, name)?;
    let status = if paused {
        app.schedules.pause(plugin, schedule, by).await?
    } else {
        app.schedules.resume(plugin, schedule).await?
    };
    Answer::of(&ScheduleView::from(status))
}

/// The latest moments of a schedule.
pub(super) async fn history(
    app: &App,
    plugin: Option<&str>,
    name: &str,
    limit: u32,
) -> anyhow::Result<Answer> {
    let key = match (app.schedules.find(plugin, name), plugin) {
        (Ok((plugin, schedule)), _) => ScheduleKey {
            plugin: plugin.name.clone(),
            schedule: schedule.name,
        },
        // It may have been in the file once.
        (Err(ScheduleError::NoSuch(_)), Some(plugin)) => ScheduleKey {
            plugin: plugin.parse()?,
            schedule: name.parse().context("no schedule can have this name")?,
        },
        (Err(error), _) => return Err(error.into()),
    };
    let page = PageRequest { page: 1, size: limit };
    let runs = app.schedules.history(&key, page).await?;
    Answer::of(&ScheduleRunPage {
        count: runs.total,
        next: None,
        previous: None,
        results: runs.items.into_iter().map(ScheduleRunView::from).collect(),
    })
}
