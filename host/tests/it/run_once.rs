//! Runs without a server: the lease is kept, and what cannot run here stays for others.

use std::time::{Duration, Instant};

use hookyard::dispatch::{Once, run_once};
use hookyard::domain::delivery::{DeliveryState, Take};
use hookyard::domain::plugin::PluginName;
use sqlx::{Connection as _, SqliteConnection};

use crate::recorder::{application, event};
use crate::support::plugins::component;

/// How long a mark is waited for before the test fails.
const PATIENCE: Duration = Duration::from_mins(1);

async fn lease_until(database: &mut SqliteConnection) -> Option<i64> {
    sqlx::query_scalar("SELECT lease_until FROM deliveries")
        .fetch_one(database)
        .await
        .expect("a delivery")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lease_of_a_long_run_is_renewed() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = format!(
        "[plugins.batch]\ncomponent = \"{}\"\n",
        component("batch").display()
    );
    std::fs::write(dir.path().join("plugins.toml"), file).expect("written");
    let app = application(dir.path()).await;
    app.load_plugins().await;
    let mut sent = event(&"batch".parse().expect("a name"));
    sent.body = r#"{"do": "sleep", "ms": 12000}"#.into();
    app.store
        .accept_events(std::slice::from_ref(&sent))
        .await
        .expect("stored");

    let parts = app.dispatch_parts();
    let delivery = sent.deliveries[0].id;
    let run = tokio::spawn(async move { run_once(&parts, delivery).await });
    let path = dir.path().join("hookyard.db").display().to_string();
    let mut database = SqliteConnection::connect(&path).await.expect("opened");
    let began = Instant::now();
    let mut first = None;
    loop {
        assert!(
            began.elapsed() < PATIENCE && !run.is_finished(),
            "the lease was not renewed"
        );
        let now = lease_until(&mut database).await;
        first = first.or(now);
        if now > first {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(run.await.expect("no panic").expect("it ran"), Once::Ran);
    let kept = app
        .store
        .delivery(delivery)
        .await
        .expect("readable")
        .expect("there");
    assert_eq!(kept.state, DeliveryState::Succeeded);
    app.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_run_here_is_left_for_others() {
    let dir = tempfile::tempdir().expect("a directory");
    let app = application(dir.path()).await;
    let plugin: PluginName = "elsewhere".parse().expect("a name");
    let sent = event(&plugin);
    app.store
        .accept_events(std::slice::from_ref(&sent))
        .await
        .expect("stored");
    let (parts, delivery) = (app.dispatch_parts(), sent.deliveries[0].id);
    assert_eq!(
        run_once(&parts, delivery).await.expect("answered"),
        Once::NotLoaded
    );
    let kept = app
        .store
        .delivery(delivery)
        .await
        .expect("readable")
        .expect("there");
    assert_eq!(kept.state, DeliveryState::Pending, "it is not held by a lease");

    let claims = app
        .store
        .claim_deliveries(&plugin, Take::shared(1, 0), app.node, Duration::from_mins(1))
        .await;
    assert_eq!(claims.expect("claimed").len(), 1);
    assert_eq!(
        run_once(&parts, delivery).await.expect("answered"),
        Once::Elsewhere
    );
    app.close().await;
}
