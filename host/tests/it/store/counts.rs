//! Counters agree with the rows, whatever was done to them.

use std::collections::BTreeMap;

use hookyard::domain::act::{ReplayAsk, Resolution};
use hookyard::domain::delivery::{Take, UnknownVerdict, Verdict};
use hookyard::domain::event::{EventFilter, EventKind, EventOrder, EventStatus, PastEvent};
use hookyard::domain::id::{DeliveryId, EventId};
use hookyard::domain::page::{COUNT_BOUND, PageRequest};
use hookyard::domain::replay::DeliveryFilter;
use hookyard::store::SharedStore;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

use super::{BASE, SHORT, by, claim, event, finish, held, lease_ended, on_both, plugin};
use crate::support::stores::Fixture;

on_both!(
    counters_agree_with_the_rows_after_anything,
    counters_agree_when_many_write_at_once,
    folding_changes_no_total,
    a_filtered_count_says_when_it_is_a_bound,
);

const PLUGINS: [&str; 3] = ["a", "b", "c"];

/// What a `GROUP BY` over two texts counts, zeros left out.
pub type Counts = BTreeMap<(String, String), u64>;

/// A statement on a connection of its own.
pub async fn counted(url: &str, text: &str) -> Counts {
    let text = AssertSqlSafe(text.to_owned());
    let rows: Vec<(String, String, i64)> = if let Some(path) = url.strip_prefix("sqlite://") {
        let mut db = SqliteConnection::connect(path).await.expect("opened");
        sqlx::query_as(text).fetch_all(&mut db).await.expect("counted")
    } else {
        let mut db = PgConnection::connect(url).await.expect("opened");
        sqlx::query_as(text).fetch_all(&mut db).await.expect("counted")
    };
    let counts = rows.into_iter().filter(|row| row.2 != 0);
    counts
        .map(|(one, two, count)| ((one, two), u64::try_from(count).expect("no negative count")))
        .collect()
}

/// Fails unless every counter is what the rows say.
async fn check(fixture: &Fixture) {
    let (store, url) = (&fixture.store, &fixture.url);
    let rows = counted(
        url,
        "SELECT plugin, state, COUNT(*) FROM deliveries GROUP BY 1, 2",
    )
    .await;
    let kept = store.delivery_counts().await.expect("counted");
    let kept: Counts = kept
        .into_iter()
        .map(|kept| ((kept.plugin.to_string(), kept.state.to_string()), kept.count))
        .collect();
    assert_eq!(kept, rows);
    let events = counted(url, "SELECT source, status, COUNT(*) FROM events GROUP BY 1, 2").await;
    let kept = counted(
        url,
        "SELECT source, status, CAST(SUM(count) AS BIGINT) FROM event_counts GROUP BY 1, 2",
    )
    .await;
    assert_eq!(kept, events);
    let all = EventFilter::default();
    let page = PageRequest { page: 1, size: 1 };
    let listed = store
        .events(&all, EventOrder::NewestFirst, page)
        .await
        .expect("listed");
    assert_eq!((listed.total, listed.exact), (events.values().sum(), true));
    for ((name, state), count) in rows {
        let filter = DeliveryFilter {
            plugin: Some(plugin(&name)),
            state: Some(state.parse().expect("a state")),
            ..DeliveryFilter::default()
        };
        let total = store.count_deliveries(&filter, 0).await.expect("counted");
        assert_eq!((total.count, total.exact), (count, true));
    }
}

/// A small random source: the same numbers for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % sides
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        (!from.is_empty()).then(|| from[self.roll(from.len())])
    }
}

/// Does one thing that the store can do, whichever the dice say.
async fn anything(store: &SharedStore, dice: &mut Dice, known: &mut Vec<(EventId, DeliveryId)>) {
    let name = PLUGINS[dice.roll(PLUGINS.len())];
    match dice.roll(10) {
        0..=2 => {
            let count = dice.roll(4);
            let mut sent = event(&PLUGINS[..count.min(PLUGINS.len())]);
            sent.source = format!("s{}", dice.roll(2));
            known.extend(sent.deliveries.iter().map(|delivery| (sent.id, delivery.id)));
            store.accept_events(&[sent]).await.expect("accepted");
        }
        3..=5 => {
            let claims = store
                .claim_deliveries(&plugin(name), Take::shared(3, 0), super::node(), super::LONG)
                .await
                .expect("claimed");
            store.mark_started(&held(&claims)).await.expect("marked");
            let mut finishes = Vec::new();
            for claim in &claims {
                finishes.push(finish(
                    claim,
                    match dice.roll(5) {
                        0 | 1 => Verdict::Succeeded,
                        2 => Verdict::Retry { delay_ms: 0 },
                        3 => Verdict::Defer { delay_ms: 0 },
                        _ => Verdict::Dead,
                    },
                ));
            }
            store.finish_deliveries(&finishes).await.expect("finished");
        }
        6 => {
            let claims = held(&claim(store, name, super::LONG).await);
            store.release_deliveries(&claims).await.expect("released");
        }
        7 => {
            let ids: Vec<_> = dice.pick(known).into_iter().map(|(_, id)| id).collect();
            store
                .discard_deliveries(&ids, &by("ada", Some("why not")))
                .await
                .expect("answered");
        }
        _ => {
            let Some((event, of)) = dice.pick(known) else {
                return;
            };
            let ask = ReplayAsk {
                event,
                plugin: plugin(name),
                of: (dice.roll(2) == 0).then_some(of),
                // Where nothing else of the key is open it runs at once, else behind that.
                order_key: (dice.roll(2) == 0).then(|| super::turns::key("x")),
            };
            let answers = store
                .replay_deliveries(&[ask], &by("ada", None))
                .await
                .expect("answered");
            if let hookyard::domain::act::Replayed::Made(made) = &answers[0] {
                known.push((event, made.id));
            }
        }
    }
}

async fn counters_agree_with_the_rows_after_anything(fixture: &Fixture) {
    let store = &fixture.store;
    let mut dice = Dice(42);
    let mut known = Vec::new();
    for _ in 0..150 {
        anything(store, &mut dice, &mut known).await;
    }
    check(fixture).await;
    // Unknown outcomes, each way to settle one, and what is taken over from elsewhere.
    super::end_all(store, "a", &Verdict::Succeeded).await;
    for to in [Resolution::Succeeded, Resolution::Retry, Resolution::Dead] {
        super::accept(store, &["a"]).await;
        for id in super::hold_all(store, "a").await {
            store
                .resolve_delivery(id, to, &by("ada", None))
                .await
                .expect("resolved");
        }
    }
    super::accept(store, &["c"]).await;
    let claims = held(&claim(store, "c", super::LONG).await);
    store.mark_started(&claims).await.expect("marked");
    store.renew_leases(&claims, SHORT).await.expect("renewed");
    lease_ended(store, "c").await;
    let dead = |_| UnknownVerdict::Dead;
    store.sweep_leases(&plugin("c"), &dead, 9).await.expect("swept");
    let mut past = PastEvent {
        id: EventId::generate(),
        source: "old".to_owned(),
        event_type: "x".to_owned(),
        content_type: "application/json".to_owned(),
        body: "1".into(),
        received_at: BASE,
        processed_at: None,
        status: EventStatus::Failed,
        error_message: None,
    };
    store
        .import_events(std::slice::from_ref(&past))
        .await
        .expect("imported");
    check(fixture).await;
    (past.status, past.processed_at) = (EventStatus::Processed, Some(BASE));
    store.import_events(&[past]).await.expect("imported again");
    check(fixture).await;
    // Whole events go, and their deliveries with them.
    let gone = known[known.len() / 2].0;
    super::schema::run(&fixture.url, &format!("DELETE FROM events WHERE id = '{gone}'")).await;
    super::schema::run(&fixture.url, "DELETE FROM events WHERE source = 's1'").await;
    check(fixture).await;
    let kinds = counted(
        &fixture.url,
        "SELECT kind, source, COUNT(*) FROM events GROUP BY 1, 2",
    )
    .await;
    assert!(
        kinds
            .keys()
            .all(|(kind, source)| kind == EventKind::Webhook.as_str() && source != "s1")
    );
}

async fn counters_agree_when_many_write_at_once(fixture: &Fixture) {
    let writers: Vec<_> = (0..6_u64)
        .map(|seed| {
            let store = fixture.store.clone();
            tokio::spawn(async move {
                let mut dice = Dice(seed);
                let mut known = Vec::new();
                for _ in 0..40 {
                    anything(&store, &mut dice, &mut known).await;
                    store.fold_counts(1_000).await.expect("folded");
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("a writer ends");
    }
    check(fixture).await;
}

async fn folding_changes_no_total(fixture: &Fixture) {
    let store = &fixture.store;
    for _ in 0..60 {
        super::accept(store, &["a", "b"]).await;
        super::end_all(store, "a", &Verdict::Succeeded).await;
    }
    check(fixture).await;
    let mut folds = 0;
    while store.fold_counts(50).await.expect("folded") > 0 {
        folds += 1;
        check(fixture).await;
        assert!(folds < 100, "folding ends");
    }
    // Where changes are appended there was something to fold; elsewhere there never is.
    assert_eq!(folds > 0, fixture.url.starts_with("postgres"));
    check(fixture).await;
}

async fn a_filtered_count_says_when_it_is_a_bound(fixture: &Fixture) {
    let store = &fixture.store;
    let sent: Vec<_> = (0..30).map(|_| event(&["a"])).collect();
    store.accept_events(&sent).await.expect("accepted");
    let filter = DeliveryFilter {
        source: Some("github".to_owned()),
        ..DeliveryFilter::default()
    };
    for (bound, want) in [(29, (29, false)), (30, (30, true)), (COUNT_BOUND, (30, true))] {
        let total = store.count_deliveries(&filter, bound).await.expect("counted");
        assert_eq!((total.count, total.exact), want, "{bound}");
    }
    // More events than are counted where no counter knows.
    let bound = usize::try_from(COUNT_BOUND).expect("small");
    let many: Vec<_> = (0..=bound).map(|_| event(&[])).collect();
    store.accept_events(&many).await.expect("accepted");
    let page = PageRequest { page: 1, size: 1 };
    let typed = EventFilter {
        event_type: Some("push".to_owned()),
        ..EventFilter::default()
    };
    for (filter, want) in [
        (typed, (u64::from(COUNT_BOUND), false)),
        (EventFilter::default(), (u64::from(COUNT_BOUND) + 31, true)),
    ] {
        let listed = store
            .events(&filter, EventOrder::NewestFirst, page)
            .await
            .expect("listed");
        assert_eq!((listed.total, listed.exact), want);
    }
}
