//! Steps one after another, each with its time, and a summary that hides nothing.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::bail;

use crate::workspace::Workspace;

/// How a step ended that did not fail.
pub enum Ended {
    /// It ran.
    Done,
    /// The machine lacks something; says what, and how to get it.
    Skipped(String),
}

/// A named piece of work.
pub struct Step {
    /// As `--only` takes it.
    pub name: &'static str,
    /// For `--list`.
    pub about: &'static str,
    /// The work.
    pub work: fn(&Workspace) -> anyhow::Result<Ended>,
}

/// Which steps are run.
#[derive(clap::Args)]
pub struct Choice {
    /// Run only this step
    #[arg(long, value_name = "STEP")]
    only: Option<String>,
    /// List the steps and run none
    #[arg(long)]
    list: bool,
}

/// Run the steps to the first failure. In CI (`CI` set) a skipped step is a failure: nobody would see it.
///
/// # Errors
/// The first failure, or a step that does not exist.
pub fn run(workspace: &Workspace, steps: &[Step], choice: &Choice) -> anyhow::Result<()> {
    if choice.list {
        for step in steps {
            println!("{:<12} {}", step.name, step.about);
        }
        return Ok(());
    }
    let chosen: Vec<&Step> = steps
        .iter()
        .filter(|step| choice.only.as_ref().is_none_or(|name| name == step.name))
        .collect();
    if chosen.is_empty() {
        let names: Vec<&str> = steps.iter().map(|step| step.name).collect();
        bail!("no such step; there are: {}", names.join(", "));
    }
    let mut summary = String::new();
    let mut skipped = Vec::new();
    for (number, step) in chosen.iter().enumerate() {
        println!(
            "\n=== [{}/{}] {}: {}",
            number + 1,
            chosen.len(),
            step.name,
            step.about
        );
        let started = Instant::now();
        let ended = (step.work)(workspace);
        let word = match &ended {
            Ok(Ended::Done) => "ok",
            Ok(Ended::Skipped(_)) => "SKIPPED",
            Err(_) => "FAILED",
        };
        writeln!(
            summary,
            "  {word:<8} {:<12} {}",
            step.name,
            seconds(started.elapsed())
        )?;
        match ended {
            Ok(Ended::Done) => {}
            Ok(Ended::Skipped(why)) => skipped.push((step.name, why)),
            Err(error) => {
                println!("\n{summary}");
                return Err(error.context(format!("step {} failed", step.name)));
            }
        }
    }
    println!("\n{summary}");
    for (name, why) in &skipped {
        println!("skipped {name}: {why}");
    }
    if !skipped.is_empty() && std::env::var_os("CI").is_some() {
        bail!("in CI nothing may be skipped");
    }
    println!(
        "xtask: {} steps ok, {} skipped",
        chosen.len() - skipped.len(),
        skipped.len()
    );
    Ok(())
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f32())
}
