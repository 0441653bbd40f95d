//! The same things beside a long history and beside hardly any: nothing may grow with it.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use hookyard::domain::delivery::{Claim, DeliveryState, NewDelivery, Take};
use hookyard::domain::event::{EventFilter, EventKind, EventOrder, NewEvent};
use hookyard::domain::id::{DeliveryId, EventId, NodeId};
use hookyard::domain::page::PageRequest;
use hookyard::domain::plugin::PluginName;
use hookyard::domain::replay::DeliveryFilter;
use hookyard::domain::time::Timestamp;
use hookyard::store::{self, SharedStore};

use crate::history::History;
use crate::meter;
use crate::options::Options;
use crate::place::{self, Place, Section};
use crate::results::Results;
use crate::row::{Row, figure, median};

/// What counts as empty: pages and claims are full, so that both sides read as many rows.
const EMPTY: History = History {
    // With its share of dead letters: a page of 20.
    stored: 20_000,
    waiting: 100,
};

/// Rounds of each; both sides take turns, so that a machine that slows down does not count.
const ROUNDS: usize = 300;

/// What a plugin has slots for.
const SLOTS: u32 = 4;

/// A lease that no round outlives.
const LEASE: Duration = Duration::from_mins(10);

/// One side.
struct Side {
    store: SharedStore,
    plugin: PluginName,
    node: NodeId,
    known: EventId,
}

/// What is measured.
#[derive(Clone, Copy)]
enum Work {
    Intake,
    Claim,
    List,
    Detail,
    Dead,
    Counts,
}

const WORKS: [(&str, Work); 6] = [
    ("size-intake", Work::Intake),
    ("size-claim", Work::Claim),
    ("size-list", Work::List),
    ("size-detail", Work::Detail),
    ("size-dead", Work::Dead),
    ("size-counts", Work::Counts),
];

/// All of them, and start-up.
///
/// # Errors
/// When a database cannot be filled or does not answer.
pub async fn measure(options: &Options, results: &mut Results) -> anyhow::Result<()> {
    let long = options.either(
        History {
            stored: 200_000,
            waiting: 20_000,
        },
        History {
            stored: 10_000_000,
            waiting: 1_000_000,
        },
    );
    let component = options.fixture("version-one")?;
    let section = Section {
        name: "load",
        component: &component,
        source: "bench",
        // What waits goes on waiting.
        more: "paused = true",
    };
    let mut place = Place::new(options, &[section])?;
    // Makes the database, the account and the compiled code.
    place::stop(place.start_compiled()?)?;
    let began = Instant::now();
    long.write(&place.file())?;
    results.push(Row::new(
        "size-fill",
        "writing that history by SQL",
        began.elapsed().as_secs_f64(),
        "s",
    ));
    let room = tempfile::tempdir()?;
    let small = room.path().join("empty.db");
    let url = format!("sqlite://{}", small.display());
    store::open(&url).await?.close().await;
    EMPTY.write(&small)?;
    let sides = [
        Side::open(&place.file(), long).await?,
        Side::open(&small, EMPTY).await?,
    ];
    for (name, work) in WORKS {
        let [large, small] = times(&sides, work).await?;
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        results.push(Row::aimed(name, micros(large), "µs").against("", micros(small)).how(format!(
            "medians of {ROUNDS} in turns: {large:.1?} beside {} stored and {} waiting, {small:.1?} beside {} and {}",
            long.stored, long.waiting, EMPTY.stored, EMPTY.waiting
        )));
    }
    for side in sides {
        side.store.close().await;
    }
    starts(results, &mut place)?;
    let bytes = figure(meter::bytes(&place.file())) / figure(long.stored + long.waiting);
    results.push(Row::new(
        "size-file",
        "bytes of that file per event, bodies of 8 to 14 bytes",
        bytes,
        "bytes",
    ));
    Ok(())
}

/// Start-up with that data, the code cached.
fn starts(results: &mut Results, place: &mut Place) -> anyhow::Result<()> {
    let mut times = Vec::new();
    for _ in 0..5 {
        let began = Instant::now();
        let server = place.start()?;
        times.push(began.elapsed());
        place::stop(server)?;
    }
    let how = format!("median of {times:.0?}");
    results.push(Row::aimed("size-start", median(times).as_secs_f64() * 1e3, "ms").how(how));
    Ok(())
}

/// The median on each side.
async fn times(sides: &[Side; 2], work: Work) -> anyhow::Result<[Duration; 2]> {
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (side, times) in sides.iter().zip(&mut times) {
            times.push(side.time(work).await?);
        }
    }
    Ok(times.map(median))
}

impl Side {
    async fn open(file: &Path, history: History) -> anyhow::Result<Self> {
        Ok(Self {
            store: store::open(&format!("sqlite://{}", file.display())).await?,
            plugin: "load".parse()?,
            node: NodeId::generate(),
            known: history.an_id().parse().context("an id")?,
        })
    }

    /// One round.
    async fn time(&self, work: Work) -> anyhow::Result<Duration> {
        let store = &self.store;
        let page = PageRequest { page: 1, size: 20 };
        let began = Instant::now();
        match work {
            Work::Intake => {
                let accepted = store.accept_events(&[event(&self.plugin)]).await?;
                ensure!(accepted.len() == 1, "not taken");
            }
            Work::Claim => return self.claim().await,
            Work::List => {
                let found = store
                    .events(&EventFilter::default(), EventOrder::NewestFirst, page)
                    .await?;
                ensure!(found.items.len() == 20, "{} events", found.items.len());
            }
            Work::Detail => {
                let event = store.event(self.known).await?;
                let deliveries = store.deliveries(self.known).await?;
                ensure!(event.is_some() && deliveries.len() == 1, "not there");
            }
            Work::Dead => {
                let dead = DeliveryFilter {
                    state: Some(DeliveryState::Dead),
                    ..DeliveryFilter::default()
                };
                let found = store.delivery_list(&dead, page).await?;
                ensure!(found.items.len() == 20, "{} dead letters", found.items.len());
            }
            Work::Counts => ensure!(!store.delivery_counts().await?.is_empty(), "no counts"),
        }
        Ok(began.elapsed())
    }

    /// A claim; what it took is given back.
    async fn claim(&self) -> anyhow::Result<Duration> {
        let began = Instant::now();
        let take = Take::shared(SLOTS, 0);
        let claims = self
            .store
            .claim_deliveries(&self.plugin, take, self.node, LEASE)
            .await?;
        let took = began.elapsed();
        ensure!(claims.len() == SLOTS as usize, "{} claims", claims.len());
        let leases: Vec<_> = claims.iter().map(Claim::lease).collect();
        self.store.release_deliveries(&leases).await?;
        Ok(took)
    }
}

/// A webhook of 1 KiB with a delivery for this plugin.
pub fn event(plugin: &PluginName) -> NewEvent {
    NewEvent {
        id: EventId::generate(),
        kind: EventKind::Webhook,
        source: "bench".to_owned(),
        event_type: "push".to_owned(),
        headers: Vec::new(),
        content_type: "application/json".to_owned(),
        body: place::body(1).into(),
        payload: None,
        received_at: Timestamp::from_millis(0),
        owner: None,
        redacted: Vec::new(),
        once: None,
        deliveries: vec![NewDelivery {
            id: DeliveryId::generate(),
            plugin: plugin.clone(),
            order_key: None,
        }],
    }
}
