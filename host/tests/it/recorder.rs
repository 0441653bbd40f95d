//! Results share commits, and one that cannot be written takes no other with it.

use std::time::Duration;

use hookyard::app::App;
use hookyard::config::{Settings, SettingsArgs};
use hookyard::data_dir::{DataDir, Ownership};
use hookyard::dispatch::Recorder;
use hookyard::domain::attempt::{AttemptOutcome, FinishedAttempt};
use hookyard::domain::delivery::{Claim, DeliveryState, Finish, Leased, NewDelivery, Take, Verdict};
use hookyard::domain::event::{EventKind, NewEvent};
use hookyard::domain::id::{AttemptId, DeliveryId, EventId};
use hookyard::domain::plugin::PluginName;
use hookyard::domain::time::Timestamp;
use hookyard::environment::Environment;
use sqlx::{Connection as _, SqliteConnection};

pub fn event(plugin: &PluginName) -> NewEvent {
    NewEvent {
        id: EventId::generate(),
        kind: EventKind::Webhook,
        source: "s".to_owned(),
        event_type: "t".to_owned(),
        headers: Vec::new(),
        content_type: "application/json".to_owned(),
        body: "{}".into(),
        payload: None,
        received_at: Timestamp::from_millis(0),
        owner: None,
        redacted: Vec::new(),
        trace: None,
        once: None,
        deliveries: vec![NewDelivery {
            id: DeliveryId::generate(),
            plugin: plugin.clone(),
            order_key: None,
        }],
    }
}

fn success(claim: &Claim) -> Finish {
    Finish {
        delivery: claim.delivery,
        token: claim.token,
        verdict: Verdict::Succeeded,
        attempt: FinishedAttempt {
            id: AttemptId::generate(),
            started_at: Timestamp::from_millis(0),
            duration_ms: 1,
            outcome: AttemptOutcome::Succeeded,
            summary: None,
            output: None,
            error: None,
            logs: Vec::new(),
            calls: Vec::new(),
            generation: None,
            digest: None,
            batch: None,
            mapped: false,
        },
    }
}

pub async fn application(dir: &std::path::Path) -> App {
    let args = SettingsArgs {
        data_dir: Some(dir.display().to_string()),
        plugins_file: Some(dir.join("plugins.toml").display().to_string()),
        ..SettingsArgs::default()
    };
    let settings = Settings::resolve(&args, &Environment::default()).expect("settings");
    let Ownership::Owned(owned) = DataDir::own(dir).expect("a data directory") else {
        panic!("the data directory is taken");
    };
    App::build(settings, Environment::default(), owned)
        .await
        .expect("the application")
}

#[tokio::test]
async fn one_corrupt_row_does_not_hold_the_other_results() {
    let dir = tempfile::tempdir().expect("a directory");
    let app = application(dir.path()).await;
    let plugin: PluginName = "a".parse().expect("a name");
    let events: Vec<_> = (0..3).map(|_| event(&plugin)).collect();
    app.store.accept_events(&events).await.expect("stored");
    let claims = app
        .store
        .claim_deliveries(&plugin, Take::shared(9, 0), app.node, Duration::from_mins(10))
        .await
        .expect("claimed");
    let mut database = SqliteConnection::connect(&dir.path().join("hookyard.db").display().to_string())
        .await
        .expect("opened");
    sqlx::query("UPDATE deliveries SET attempts = -1 WHERE id = $1")
        .bind(claims[1].delivery.to_string())
        .execute(&mut database)
        .await
        .expect("spoiled");

    let recorder = Recorder::start(&app.dispatch_parts());
    // All three wait before the recorder's task runs: they are one batch.
    let finishes = claims.iter().map(|claim| recorder.finished(success(claim)));
    let answers = futures_util::future::join_all(finishes).await;
    assert_eq!(answers, [Leased::Done, Leased::Lost, Leased::Done]);
    for delivery in [claims[0].delivery, claims[2].delivery] {
        let delivery = app
            .store
            .delivery(delivery)
            .await
            .expect("readable")
            .expect("there");
        assert_eq!(delivery.state, DeliveryState::Succeeded);
    }
    drop(recorder);
    app.close().await;
}
