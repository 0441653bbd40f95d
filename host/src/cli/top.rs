//! `top`: how everything stands, again and again.

mod rates;
mod screen;
mod show;

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::Args;

use self::rates::{Look, View};
use self::screen::{Key, Screen};
use super::output::Output;
use crate::control::{Caller, Request};

/// The least time between two looks: each asks the database once per plugin.
const LEAST_INTERVAL: Duration = Duration::from_millis(500);
/// The most: who waits longer wants a graph.
const MOST_INTERVAL: Duration = Duration::from_mins(1);
/// The least rest between two looks, where each takes longer than the interval.
const LEAST_REST: Duration = Duration::from_millis(50);
/// How long the server may take to answer one look.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often to look, and whether to stay.
#[derive(Args, Clone, Copy)]
pub struct TopArgs {
    /// Print how things stand and end, also at a terminal
    #[arg(long)]
    once: bool,
    /// Time between two looks, and what rates are taken over: 500ms to 1m
    #[arg(long, default_value = "2s", value_parser = interval)]
    interval: Duration,
}

/// Reads an interval.
fn interval(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if (LEAST_INTERVAL..=MOST_INTERVAL).contains(&time) {
        Ok(time)
    } else {
        Err("use 500ms to 1m".to_owned())
    }
}

/// Shows how things stand: on a terminal until `q`, and once where nobody looks on.
pub async fn top(caller: &Caller, args: TopArgs, output: Output) -> anyhow::Result<ExitCode> {
    let watched = std::io::stdout().is_terminal() && std::io::stdin().is_terminal();
    if args.once || output.json || !watched {
        once(caller, args, output).await?;
        return Ok(ExitCode::SUCCESS);
    }
    if !caller.is_served()? {
        bail!(
            "no server runs on this data directory, so nothing moves; `hookyard top --once` shows what the \
             database holds"
        );
    }
    watch(caller, args.interval).await?;
    Ok(ExitCode::SUCCESS)
}

/// Two looks, so that there are rates; where no server runs, one.
async fn once(caller: &Caller, args: TopArgs, output: Output) -> anyhow::Result<()> {
    let first = look(caller).await?;
    let view = if caller.is_served()? {
        tokio::time::sleep(args.interval).await;
        View::between(Some(&first), &look(caller).await?)
    } else {
        View::between(None, &first)
    };
    if output.json {
        println!("{}", serde_json::to_string(&view)?);
    } else {
        for line in show::lines(&view) {
            println!("{}", line.text);
        }
    }
    Ok(())
}

/// Looks and draws until a key or a signal ends it. A server that does not answer is told, and asked again.
async fn watch(caller: &Caller, interval: Duration) -> anyhow::Result<()> {
    let mut screen = Screen::open().context("cannot use this terminal; try --once")?;
    let mut last = None;
    loop {
        let began = Instant::now();
        let looked = tokio::select! {
            looked = look(caller) => looked,
            ended = screen.ended() => return ended,
        };
        let lines = match looked {
            Ok(look) => {
                let view = View::between(last.as_ref(), &look);
                last = Some(look);
                show::lines(&view)
            }
            Err(error) => {
                last = None;
                show::trouble(&error)
            }
        };
        loop {
            screen::draw(&lines)?;
            let rest = interval.saturating_sub(began.elapsed()).max(LEAST_REST);
            tokio::select! {
                () = tokio::time::sleep(rest) => break,
                key = screen.key() => match key? {
                    Key::Quit => return Ok(()),
                    Key::Look => break,
                    Key::Draw => {}
                },
            }
        }
    }
}

/// Asks once.
async fn look(caller: &Caller) -> anyhow::Result<Look> {
    let answer = tokio::time::timeout(PATIENCE, caller.call(Request::Top))
        .await
        .with_context(|| format!("the server did not answer in {} s", PATIENCE.as_secs()))??;
    let standing = serde_json::from_str(answer.text()).context("the server is of another version")?;
    Ok(Look {
        at: Instant::now(),
        standing,
    })
}
