//! Runs the scenarios that were asked for, and tells what was found.

use std::time::Instant;

use anyhow::{Context as _, bail};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::json;

use crate::bound;
use crate::figures::Found;
use crate::options::Options;
use crate::scenario::{SCENARIOS, Scenario};

/// What a scenario works with.
pub struct Yard<'a> {
    pub options: &'a Options,
    /// Random moments, the same for the same seed.
    pub chance: StdRng,
}

/// Runs the chosen scenarios to the last, whatever the others find; whether all promises were kept.
///
/// # Errors
/// When a name is unknown or the results cannot be written.
pub fn run(options: &Options) -> anyhow::Result<bool> {
    let asked = &options.asked;
    if asked.list {
        for scenario in SCENARIOS {
            println!("{:<16} {}", scenario.name, scenario.about);
        }
        return Ok(true);
    }
    if let Some(unknown) = asked
        .only
        .iter()
        .find(|name| SCENARIOS.iter().all(|scenario| scenario.name != **name))
    {
        bail!("no scenario is named {unknown}; `cargo xtask faults --list` names them");
    }
    let results = options.results.as_deref().context("--results is missing")?;
    let seed = asked.seed.unwrap_or_else(rand::random);
    println!("faults: --seed {seed} repeats the random moments of this run\n");
    bound::open_many()?;
    let mut all = serde_json::Map::new();
    let mut kept = true;
    for scenario in SCENARIOS.iter().filter(|scenario| chosen(scenario, options)) {
        let began = Instant::now();
        println!("=== {}: {}", scenario.name, scenario.about);
        let mut yard = Yard {
            options,
            chance: StdRng::seed_from_u64(seed),
        };
        let found = (scenario.run)(&mut yard).unwrap_or_else(|error| Found {
            wrong: vec![format!("{error:#}")],
            ..Found::default()
        });
        kept &= found.wrong.is_empty();
        tell(&found, began.elapsed().as_secs());
        let mut row = found.json();
        row["seconds"] = json!(began.elapsed().as_secs());
        row["about"] = json!(scenario.about);
        all.insert(scenario.name.to_owned(), row);
        // After each, so that a run that is cut short leaves what it found.
        let text = format!("{:#}\n", json!({"seed": seed, "scenarios": all}));
        std::fs::write(results, text).with_context(|| format!("cannot write {}", results.display()))?;
    }
    println!("results: {}", results.display());
    Ok(kept)
}

/// Those that are named; without names all, or all that are quick.
fn chosen(scenario: &Scenario, options: &Options) -> bool {
    let asked = &options.asked;
    if asked.only.is_empty() {
        return !asked.quick || scenario.quick;
    }
    asked.only.iter().any(|name| name == scenario.name)
}

fn tell(found: &Found, seconds: u64) {
    let word = match (&found.skipped, found.wrong.is_empty()) {
        (Some(_), _) => "SKIPPED",
        (None, true) => "kept",
        (None, false) => "BROKEN",
    };
    println!("    {word} in {seconds} s: {}", found.line());
    for wrong in found.wrong.iter().chain(&found.skipped) {
        println!("    - {}", wrong.replace('\n', "\n      "));
    }
    println!();
}
