//! What can be measured, in the order in which it is.

use std::pin::Pin;
use std::time::Instant;

use anyhow::{Context as _, bail};

use crate::options::Options;
use crate::results::Results;
use crate::{
    aims, backlog, ends, intake, live, neighbours, outbound, plot, reload, row, runtime, signin, size, soak,
    start,
};

/// The rows of one group, into the results.
type Measured<'a> = Pin<Box<dyn Future<Output = anyhow::Result<()>> + 'a>>;

/// Rows that are measured together.
pub struct Group {
    /// As `--only` takes it.
    pub name: &'static str,
    pub about: &'static str,
    work: for<'a> fn(&'a Options, &'a mut Results) -> Measured<'a>,
}

/// All groups. `reload` is the first: what others leave free in the heap would hide a growth.
pub const ALL: &[Group] = &[
    Group {
        name: "reload",
        about: "memory after a thousand reloads",
        work: |options, results| Box::pin(reload::measure(options, results)),
    },
    Group {
        name: "intake",
        about: "webhooks taken in: 1, 20 and 100 KiB by 1 to 256 connections, on both databases, beside (a), (b) and (c)",
        work: |options, results| Box::pin(intake::measure(options, results)),
    },
    Group {
        name: "ends",
        about: "from the request to the recorded outcome, beside (a); from the answer to the start of the run",
        work: |options, results| Box::pin(ends::measure(options, results)),
    },
    Group {
        name: "runtime",
        about: "runs beside (d): time, threads and memory",
        work: |options, results| Box::pin(runtime::measure(options, results)),
    },
    Group {
        name: "size",
        about: "the same things beside 10 million events and beside none",
        work: |options, results| Box::pin(size::measure(options, results)),
    },
    Group {
        name: "start",
        about: "start-up, memory at rest, sizes",
        work: |options, results| Box::pin(start::measure(options, results)),
    },
    Group {
        name: "outbound",
        about: "connections and TLS handshakes of a burst to one host",
        work: |options, results| Box::pin(outbound::measure(options, results)),
    },
    Group {
        name: "backlog",
        about: "claims and the list of dead letters beside a million that wait, through the store's own way in",
        work: |options, results| Box::pin(backlog::measure(options, results)),
    },
    Group {
        name: "neighbours",
        about: "a run while another plugin misbehaves",
        work: |options, results| Box::pin(neighbours::measure(options, results)),
    },
    Group {
        name: "live",
        about: "from a saved component to the first event that runs on it",
        work: |options, results| Box::pin(live::measure(options, results)),
    },
    Group {
        name: "signin",
        about: "whether the time of a refused sign-in tells if the user exists",
        work: |options, results| Box::pin(signin::measure(options, results)),
    },
    Group {
        name: "soak",
        about: "70 % load with reloads and retries, for an hour: only when it is asked for by name",
        work: |options, results| Box::pin(soak::measure(options, results)),
    },
];

/// Runs by its name alone: an hour is nobody's default.
const BY_NAME: &str = "soak";

/// Measures, prints, and writes what was found after each group, so that a run that is cut off leaves the rest.
///
/// # Errors
/// When a name is unknown, or a group fails; what was found before is written.
pub async fn run(options: &Options) -> anyhow::Result<()> {
    let asked = &options.asked.only;
    if let Some(unknown) = asked
        .iter()
        .find(|name| ALL.iter().all(|group| group.name != **name))
    {
        let names: Vec<_> = ALL.iter().map(|group| group.name).collect();
        bail!("no group {unknown}; there are: {}", names.join(", "));
    }
    let wanted = |group: &&Group| {
        asked.iter().any(|name| name == group.name) || (asked.is_empty() && group.name != BY_NAME)
    };
    let mut results = Results::begin(options);
    println!("{}", row::head());
    for group in ALL.iter().filter(wanted) {
        let began = Instant::now();
        let done = (group.work)(options, &mut results).await;
        results.took(group.name, began.elapsed());
        results.write(&options.results())?;
        std::fs::write(options.plot(), plot::picture(&results)).context("cannot write the picture")?;
        done.with_context(|| format!("the group {} failed", group.name))?;
    }
    println!("{}", results.verdict());
    Ok(())
}

/// Prints the groups and the targets.
pub fn list() {
    for group in ALL {
        println!("{:<12} {}", group.name, group.about);
    }
    println!();
    for aim in aims::ALL {
        println!(
            "{:<26} {:<10} {:<70} {:<32} {}",
            aim.name,
            aim.group,
            aim.what,
            aim.baseline,
            aim.words()
        );
    }
}
