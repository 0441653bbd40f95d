//! A plugin that takes memory without end, beside one that does its work.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::figures::Found;
use crate::load::Load;
use crate::reconcile::{reconcile, settle};
use crate::site::{Section, Site};
use crate::table::Yard;
use crate::weather::SETTLE_WITHIN;

/// Events that make the plugin take memory.
const BOMBS: usize = 60;

/// What the process may have beside what it had: four instances of 32 MiB, and room for the load.
const MORE_KIB: u64 = 256 << 10;

/// Every bomb goes off, twice: a breaker would keep most of them waiting.
const MISBEHAVES: &str = "limits.memory = \"32MiB\"\nretry.schedule = [\"100ms\"]\nbreaker = \"off\"";

/// How often its memory is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Every bomb ends as a dead letter that names the limit, and nothing else notices.
pub fn run(yard: &mut Yard<'_>) -> anyhow::Result<Found> {
    let mut found = Found::default();
    let sections = [
        Section::of_load(""),
        Section {
            name: "misbehave",
            component: "misbehave",
            source: "bombs",
            more: MISBEHAVES,
        },
    ];
    let mut site = Site::with(yard.options, &sections)?;
    // Another process is measured than the one that compiled: a compiler takes more than a plugin may.
    site.start_compiled()?.kill()?;
    let mut server = site.start()?;
    let api = site.api();
    let before = server.resident_kib()?;
    let load = Load::start(&site.plan("load"));
    let mut bombs = Vec::new();
    for _ in 0..BOMBS {
        let answer = api.post("/api/webhooks/receive/?source=bombs", "{\"do\":\"alloc\"}")?;
        let answer = answer.success("a bomb")?;
        bombs.push(answer["id"].as_str().context("no id")?.to_owned());
    }
    let mut most = before;
    let began = Instant::now();
    while settle(&api, "bombs", Duration::ZERO)? > 0 {
        if began.elapsed() > SETTLE_WITHIN {
            bail!("the bombs do not end:\n{}", server.tail());
        }
        most = most.max(server.resident_kib()?);
        thread::sleep(LOOK);
    }
    for id in &bombs {
        let event = api
            .get(&format!("/api/webhooks/{id}/"))?
            .success("a bomb's event")?;
        let attempts = &event["deliveries"][0]["attempts"];
        let limit = attempts.as_array().is_some_and(|attempts| {
            attempts.len() == 2 && attempts.iter().all(|attempt| attempt["outcome"] == "limit")
        });
        found.must(event["status"] == "failed" && limit, || {
            format!("a bomb ended otherwise: {event}")
        });
    }
    let notes = load.stop();
    found.note("bombs", bombs.len());
    found.note("resident-kib-before", before);
    found.note("resident-kib-most", most);
    found.time("slowest-answer-ms", notes.slowest);
    found.must(most < before + MORE_KIB, || {
        format!("the process grew from {before} to {most} KiB")
    });
    found.must(notes.refused() == 0 && notes.broken == 0, || {
        format!("answers: {:?}", notes.answers)
    });
    found.must(server.ended()?.is_none(), || "it ended".to_owned());
    reconcile(&site, "load", &notes.acknowledged, SETTLE_WITHIN, &mut found)?;
    Ok(found)
}
