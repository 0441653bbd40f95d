//! What N nodes and one PostgreSQL hold, by a discrete-event simulation with measured service times.
//!
//! `cargo run -p sim` prints a table; `--write docs/scaling.md` puts it there. `cargo xtask bench` renews the times. What it
//! does not do: model retries, order keys, limits of rate, or a disk that slows down as the database grows.

mod costs;
mod model;
mod page;
mod search;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use costs::Costs;
use model::Shape;

/// What is simulated.
#[derive(Parser)]
struct Cli {
    /// The measured times
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/measured.json"))]
    measured: PathBuf,
    /// From one node up to so many
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=64))]
    nodes: u32,
    /// Processors of each node
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=256))]
    cores: u32,
    /// `limits.concurrency` of the plugin, which is of each node
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=4096))]
    concurrency: u32,
    /// How long the vendor takes to answer, in milliseconds
    #[arg(long, default_value_t = 100)]
    vendor_ms: u32,
    /// Simulated seconds of each try, after one that does not count
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Put the table into this page, between its marks
    #[arg(long)]
    write: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> anyhow::Result<()> {
    let (costs, told) = Costs::read(&cli.measured)?;
    let shape = Shape {
        nodes: 1,
        cores: cli.cores,
        concurrency: cli.concurrency,
        vendor: Duration::from_millis(cli.vendor_ms.into()),
        rate: 1.0,
        lasts: Duration::from_secs(cli.seconds.into()),
        seed: cli.seed,
    };
    let rows: Vec<_> = (1..=cli.nodes)
        .map(|nodes| search::most(&costs, Shape { nodes, ..shape }))
        .collect();
    let text = page::table(&told, shape, &rows);
    if let Some(file) = &cli.write {
        return page::put(file, &text);
    }
    print!("{text}");
    Ok(())
}
