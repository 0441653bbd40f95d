//! Orders for many deliveries: each of them once, at the rate, over stops and nodes.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hookyard::domain::delivery::{Claim, DeliveryState, Finish, Verdict};
use hookyard::domain::event::NewEvent;
use hookyard::domain::id::{DeliveryId, ReplayId};
use hookyard::domain::inside::Inside;
use hookyard::domain::page::{PageRequest, Total};
use hookyard::domain::replay::{DeliveryFilter, JobKind, JobState, JobStep, NewJob, Receivers, ReplayJob};
use hookyard::domain::time::Timestamp;
use hookyard::store::{self, SharedStore};

use super::claims::set_headers;
use super::{ACTED, PATIENCE, accept, by, end_all, event, on_both, plugin};
use crate::support::stores::Fixture;

on_both!(
    an_order_replays_what_was_dead_when_it_was_given,
    an_order_does_not_repeat_its_own_replays_whatever_the_clocks_say,
    nodes_share_an_order_and_double_nothing,
    a_rate_holds_over_all_nodes,
    an_order_goes_on_after_a_stop,
    a_cancelled_order_makes_no_more,
    an_order_leaves_alone_what_is_on_its_way_or_nobody_takes,
    an_order_leaves_alone_what_it_cannot_read,
    an_order_looks_into_few_bodies_at_a_time,
    an_order_looks_into_bodies,
    an_order_discards,
    orders_are_bounded_and_listed,
    orders_that_ended_long_ago_go_in_steps,
);

fn order(kind: JobKind, filter: DeliveryFilter) -> NewJob {
    NewJob {
        id: ReplayId::generate(),
        kind,
        filter,
        to: None,
        note: Some("the vendor is back".to_owned()),
        rate: "1000/s".parse().expect("a rate"),
        total: Total::exactly(0),
        actor: "ada".to_owned(),
    }
}

fn dead_of(name: &str) -> DeliveryFilter {
    DeliveryFilter {
        plugin: Some(plugin(name)),
        state: Some(DeliveryState::Dead),
        ..DeliveryFilter::default()
    }
}

async fn give(store: &SharedStore, order: &NewJob) -> ReplayId {
    let stored = store
        .create_replay_job(order)
        .await
        .expect("stored")
        .expect("not too many");
    assert_eq!(
        (stored.state, stored.made, stored.cursor),
        (JobState::Running, 0, None)
    );
    assert_eq!((stored.filter, stored.rate), (order.filter.clone(), order.rate));
    stored.id
}

async fn job(store: &SharedStore, id: ReplayId) -> ReplayJob {
    store.replay_job(id).await.expect("readable").expect("there")
}

/// Plugins that are switched on, and keep no order.
fn on(names: &[&str]) -> Receivers {
    names.iter().map(|name| (plugin(name), None)).collect()
}

/// Does steps until the order is over, as a node does.
async fn run(store: &SharedStore, id: ReplayId, on: &Receivers) -> ReplayJob {
    let began = Instant::now();
    loop {
        let job = job(store, id).await;
        if job.state != JobState::Running {
            return job;
        }
        assert!(began.elapsed() < PATIENCE, "{job:?}");
        if let JobStep::Nothing(wait) = store.step_replay_jobs(on, ACTED).await.expect("stepped") {
            tokio::time::sleep(wait.unwrap_or_default()).await;
        }
    }
}

/// So many dead letters for a plugin.
async fn dead_letters(store: &SharedStore, name: &str, count: usize) -> Vec<DeliveryId> {
    let sent: Vec<_> = (0..count).map(|_| event(&[name])).collect();
    store.accept_events(&sent).await.expect("accepted");
    assert_eq!(end_all(store, name, &Verdict::Dead).await.len(), count);
    sent.iter().map(|event| event.deliveries[0].id).collect()
}

/// What the order's replays repeat.
async fn repeated(store: &SharedStore, name: &str) -> Vec<DeliveryId> {
    let claims = super::claim(store, name, super::LONG).await;
    let mut repeated = Vec::new();
    for claim in claims {
        let delivery = store
            .delivery(claim.delivery)
            .await
            .expect("readable")
            .expect("there");
        repeated.extend(delivery.replay_of);
    }
    repeated
}

async fn an_order_replays_what_was_dead_when_it_was_given(fixture: &Fixture) {
    let store = &fixture.store;
    // More than a step looks at, and of each kind that is not meant.
    let mut meant = dead_letters(store, "a", 700).await;
    dead_letters(store, "b", 3).await;
    accept(store, &["a"]).await;
    end_all(store, "a", &Verdict::Succeeded).await;
    let id = give(store, &order(JobKind::Replay, dead_of("a"))).await;
    let first = store.step_replay_jobs(&on(&["a"]), ACTED).await.expect("stepped");
    assert_eq!(first, JobStep::Worked(vec![plugin("a")]));
    let now = job(store, id).await;
    assert_eq!((now.made, now.state), (200, JobState::Running));
    // What fails from now on does not join: a new one, and the first replays.
    let failed = super::claim(store, "a", super::LONG).await;
    let later = dead_after(&failed, now.created_at);
    store.finish_deliveries(&later).await.expect("finished");
    let over = run(store, id, &on(&["a"])).await;
    assert_eq!((over.state, over.made, over.skipped), (JobState::Done, 700, 0));
    assert_eq!(over.finished_at, Some(ACTED));
    let mut all: Vec<_> = repeated(store, "a").await;
    for claim in failed {
        let delivery = store
            .delivery(claim.delivery)
            .await
            .expect("readable")
            .expect("there");
        all.extend(delivery.replay_of);
    }
    all.sort_unstable();
    meant.sort_unstable();
    assert_eq!(all, meant, "each of them once");
    assert!(repeated(store, "b").await.is_empty());
    let replay = store
        .delivery_detail(meant[0])
        .await
        .expect("readable")
        .expect("there")
        .replays[0]
        .id;
    let acts = store
        .delivery_detail(replay)
        .await
        .expect("readable")
        .expect("there")
        .acts;
    assert_eq!(
        (acts[0].by.actor.as_str(), acts[0].by.note.as_deref()),
        ("ada", Some("the vendor is back"))
    );
}

/// Claims that end as dead letters after a moment.
fn dead_after(claims: &[Claim], moment: Timestamp) -> Vec<Finish> {
    let end = |claim| {
        let mut finish = super::finish(claim, Verdict::Dead);
        finish.attempt.started_at = moment.plus(Duration::from_secs(1));
        finish
    };
    claims.iter().map(end).collect()
}

async fn an_order_does_not_repeat_its_own_replays_whatever_the_clocks_say(fixture: &Fixture) {
    let store = &fixture.store;
    dead_letters(store, "a", 250).await;
    let id = give(store, &order(JobKind::Replay, dead_of("a"))).await;
    store.step_replay_jobs(&on(&["a"]), ACTED).await.expect("stepped");
    // By the clock of their node they fail long before the order was given.
    assert_eq!(end_all(store, "a", &Verdict::Dead).await.len(), 200);
    let over = run(store, id, &on(&["a"])).await;
    assert_eq!((over.state, over.made, over.skipped), (JobState::Done, 250, 0));
}

async fn nodes_share_an_order_and_double_nothing(fixture: &Fixture) {
    let store = &fixture.store;
    let meant = dead_letters(store, "a", 900).await;
    let id = give(store, &order(JobKind::Replay, dead_of("a"))).await;
    let nodes: Vec<_> = (0..4)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { run(&store, id, &on(&["a"])).await })
        })
        .collect();
    for node in nodes {
        assert_eq!(node.await.expect("no panic").made, 900);
    }
    let all = repeated(store, "a").await;
    let different: HashSet<_> = all.iter().copied().collect();
    assert_eq!((all.len(), different), (900, meant.into_iter().collect()));
}

async fn a_rate_holds_over_all_nodes(fixture: &Fixture) {
    let store = &fixture.store;
    dead_letters(store, "a", 30).await;
    let slow = NewJob {
        rate: "20/s".parse().expect("a rate"),
        ..order(JobKind::Replay, dead_of("a"))
    };
    let began = Instant::now();
    let id = give(store, &slow).await;
    let nodes: Vec<_> = (0..3)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { run(&store, id, &on(&["a"])).await })
        })
        .collect();
    for node in nodes {
        assert_eq!(node.await.expect("no panic").made, 30);
    }
    // Thirty at 20 a second, the first batch (of 4) at once.
    let least = Duration::from_millis(1_200);
    assert!(began.elapsed() >= least, "{:?}", began.elapsed());
}

async fn an_order_goes_on_after_a_stop(fixture: &Fixture) {
    let meant = dead_letters(&fixture.store, "a", 450).await;
    let id = give(&fixture.store, &order(JobKind::Replay, dead_of("a"))).await;
    fixture
        .store
        .step_replay_jobs(&on(&["a"]), ACTED)
        .await
        .expect("stepped");
    let before = job(&fixture.store, id).await;
    assert_eq!((before.made, before.state), (200, JobState::Running));
    fixture.store.close().await;
    let store = store::open(&fixture.url).await.expect("opened again");
    let over = run(&store, id, &on(&["a"])).await;
    assert_eq!((over.state, over.made), (JobState::Done, 450));
    let different: HashSet<_> = repeated(&store, "a").await.into_iter().collect();
    assert_eq!(different, meant.into_iter().collect());
    store.close().await;
}

async fn a_cancelled_order_makes_no_more(fixture: &Fixture) {
    let store = &fixture.store;
    dead_letters(store, "a", 300).await;
    let id = give(store, &order(JobKind::Replay, dead_of("a"))).await;
    let running = tokio::spawn({
        let store = store.clone();
        async move { run(&store, id, &on(&["a"])).await }
    });
    while job(store, id).await.made == 0 {
        tokio::task::yield_now().await;
    }
    let cancelled = store
        .cancel_replay_job(id, &by("bob", None))
        .await
        .expect("answered");
    let seen = running.await.expect("no panic");
    let after = job(store, id).await;
    assert_eq!(Some(&after), cancelled.as_ref(), "nothing was made afterwards");
    assert_eq!(after, seen);
    if after.state == JobState::Cancelled {
        assert_eq!((after.made, after.cancelled_by.as_deref()), (200, Some("bob")));
    } else {
        assert_eq!(
            (after.made, after.cancelled_by),
            (300, None),
            "it was done before"
        );
    }
    assert_eq!(repeated(store, "a").await.len() as u64, after.made);
    let none = store
        .cancel_replay_job(ReplayId::generate(), &by("bob", None))
        .await;
    assert_eq!(none.expect("answered"), None);
}

async fn an_order_leaves_alone_what_is_on_its_way_or_nobody_takes(fixture: &Fixture) {
    let store = &fixture.store;
    dead_letters(store, "a", 4).await;
    let both = DeliveryFilter {
        state: Some(DeliveryState::Dead),
        ..DeliveryFilter::default()
    };
    let two = event(&["a", "b"]);
    store.accept_events(&[two]).await.expect("accepted");
    for name in ["a", "b"] {
        end_all(store, name, &Verdict::Dead).await;
    }
    // Six dead letters of five events, all to one plugin: the sixth would be the same event again.
    let elsewhere = NewJob {
        to: Some(plugin("c")),
        ..order(JobKind::Replay, both.clone())
    };
    let id = give(store, &elsewhere).await;
    let over = run(store, id, &on(&["c"])).await;
    assert_eq!((over.made, over.skipped), (5, 1));
    assert_eq!(super::claim(store, "c", super::LONG).await.len(), 5);
    // To each its own, while `b` is switched off.
    let id = give(store, &order(JobKind::Replay, both)).await;
    let over = run(store, id, &on(&["a"])).await;
    assert_eq!((over.made, over.skipped), (5, 1));
}

async fn an_order_leaves_alone_what_it_cannot_read(fixture: &Fixture) {
    let store = &fixture.store;
    let dead = dead_letters(store, "a", 3).await;
    let delivery = store.delivery(dead[0]).await.expect("readable").expect("there");
    set_headers(fixture, delivery.event, "nonsense").await;
    let id = give(store, &order(JobKind::Replay, dead_of("a"))).await;
    let in_order = Receivers::from([(plugin("a"), Some("/k".parse().expect("a pointer")))]);
    let over = run(store, id, &in_order).await;
    assert_eq!((over.state, over.made, over.skipped), (JobState::Done, 2, 1));
}

async fn an_order_looks_into_few_bodies_at_a_time(fixture: &Fixture) {
    let store = &fixture.store;
    dead_letters(store, "a", 30).await;
    dead_letters(store, "b", 30).await;
    let both = DeliveryFilter {
        plugin: None,
        ..dead_of("a")
    };
    let receivers = Receivers::from([
        (plugin("a"), None),
        (plugin("b"), Some("/k".parse().expect("a pointer"))),
    ]);
    let id = give(store, &order(JobKind::Replay, both)).await;
    store.step_replay_jobs(&receivers, ACTED).await.expect("stepped");
    let now = job(store, id).await;
    assert_eq!(
        (now.made, now.state),
        (50, JobState::Running),
        "20 of those in order"
    );
    let over = run(store, id, &receivers).await;
    assert_eq!((over.state, over.made, over.skipped), (JobState::Done, 60, 0));
}

async fn an_order_looks_into_bodies(fixture: &Fixture) {
    let store = &fixture.store;
    // More than one step looks into.
    let sent: Vec<_> = (0..130)
        .map(|n| NewEvent {
            body: Bytes::from(format!("{{\"n\": {}}}", n % 13)),
            ..event(&["a"])
        })
        .collect();
    store.accept_events(&sent).await.expect("accepted");
    end_all(store, "a", &Verdict::Dead).await;
    let filter = DeliveryFilter {
        inside: Some(Inside {
            pointer: Some("/n".to_owned()),
            value: Some("7".to_owned()),
            ..Inside::default()
        }),
        ..dead_of("a")
    };
    let id = give(store, &order(JobKind::Replay, filter)).await;
    let over = run(store, id, &on(&["a"])).await;
    assert_eq!((over.state, over.made, over.skipped), (JobState::Done, 10, 0));
    let meant = sent.iter().filter(|event| event.body.ends_with(b" 7}"));
    let meant: HashSet<_> = meant.map(|event| event.deliveries[0].id).collect();
    let different: HashSet<_> = repeated(store, "a").await.into_iter().collect();
    assert_eq!(different, meant);
}

async fn an_order_discards(fixture: &Fixture) {
    let store = &fixture.store;
    let sent: Vec<_> = (0..250).map(|_| event(&["a"])).collect();
    store.accept_events(&sent).await.expect("accepted");
    let waiting = DeliveryFilter {
        state: Some(DeliveryState::Pending),
        ..DeliveryFilter::default()
    };
    let running = super::claim(store, "a", super::LONG).await;
    store
        .release_deliveries(&super::held(&running[..240]))
        .await
        .expect("released");
    let id = give(store, &order(JobKind::Discard, waiting)).await;
    let over = run(store, id, &on(&[])).await;
    assert_eq!((over.state, over.made, over.skipped), (JobState::Done, 240, 0));
    let counts = store.delivery_counts().await.expect("counted");
    let counts: Vec<_> = counts.iter().map(|count| (count.state, count.count)).collect();
    assert_eq!(
        counts,
        [(DeliveryState::Cancelled, 240), (DeliveryState::Claimed, 10)]
    );
}

async fn orders_are_bounded_and_listed(fixture: &Fixture) {
    let store = &fixture.store;
    let mut given = Vec::new();
    while let Some(stored) = store
        .create_replay_job(&order(JobKind::Replay, dead_of("a")))
        .await
        .expect("answered")
    {
        given.push(stored.id);
    }
    assert_eq!(given.len(), 50);
    given.reverse();
    let page = store
        .replay_jobs(PageRequest { page: 1, size: 20 })
        .await
        .expect("listed");
    assert_eq!(page.total, 50);
    assert_eq!(
        page.items.iter().map(|job| job.id).collect::<Vec<_>>(),
        given[..20]
    );
    // With nothing to do they are soon done, and make room.
    for id in &given {
        assert_eq!(run(store, *id, &on(&[])).await.state, JobState::Done);
    }
    give(store, &order(JobKind::Replay, dead_of("a"))).await;
    let idle = store.step_replay_jobs(&on(&[]), ACTED).await.expect("stepped");
    assert_eq!(idle, JobStep::Worked(Vec::new()));
    assert_eq!(
        store.step_replay_jobs(&on(&[]), ACTED).await.expect("stepped"),
        JobStep::Nothing(None)
    );
}

async fn orders_that_ended_long_ago_go_in_steps(fixture: &Fixture) {
    let store = &fixture.store;
    let mut dead = dead_letters(store, "a", 5).await;
    let done = give(store, &order(JobKind::Replay, dead_of("a"))).await;
    assert_eq!(run(store, done, &on(&["a"])).await.made, 5);
    let cancelled = give(store, &order(JobKind::Discard, dead_of("b"))).await;
    let ended = store.cancel_replay_job(cancelled, &by("bob", None)).await;
    assert!(ended.expect("answered").is_some());
    let running = give(store, &order(JobKind::Discard, dead_of("c"))).await;

    assert_eq!(store.purge_replay_jobs(ACTED, 2).await.expect("purged"), 0);
    let later = ACTED.plus(Duration::from_millis(1));
    let mut steps = Vec::new();
    loop {
        match store.purge_replay_jobs(later, 2).await.expect("purged") {
            0 => break,
            rows => steps.push(rows),
        }
    }
    // Two replays and the order that made none; two; the last one and its order.
    assert_eq!(steps, [3, 2, 2]);
    for id in [done, cancelled] {
        assert_eq!(store.replay_job(id).await.expect("readable"), None);
    }
    assert_eq!(job(store, running).await.state, JobState::Running);
    let mut stay = repeated(store, "a").await;
    dead.sort_unstable();
    stay.sort_unstable();
    assert_eq!(stay, dead);
}
