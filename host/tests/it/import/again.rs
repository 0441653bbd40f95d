//! What changed in the old service between two imports is taken, unless it changed here too.

use hookyard::domain::event::{Event, EventStatus};
use hookyard::domain::id::EventId;
use hookyard::domain::process::ProcessChange;
use hookyard::domain::time::Timestamp;
use hookyard::environment::Environment;
use hookyard::store::SharedStore;
use serde_json::{Value, json};

use super::django::{Django, django_hash};
use super::{counts, import};
use crate::support::command::hookyard;
use crate::support::pipeline::Pipeline;
use crate::support::plugins::component;
use crate::support::stores::Fixture;

async fn both(check: impl AsyncFn(&SharedStore, &Django)) {
    for fixture in [Some(Fixture::sqlite().await), Fixture::postgres().await]
        .into_iter()
        .flatten()
    {
        let old = Django::sqlite().await;
        check(&fixture.store, &old).await;
        old.clean().await;
        fixture.clean().await;
    }
}

async fn event(store: &SharedStore, old: &str) -> Event {
    let found = store.event(EventId::imported(old)).await.expect("readable");
    found.expect("it is there")
}

#[tokio::test]
async fn an_event_takes_the_status_it_got_there_since() {
    both(async |store, django| {
        for n in 0..3 {
            django.event(&json!({ "n": n }).to_string(), "pending", "").await;
        }
        let first = import(store, django, false).await.expect("imported");
        assert_eq!((counts(&first)[1], first.not_processed), ((3, 0, 0), 3));
        django
            .execute(
                "UPDATE webhooks_webhookevent SET status = 'processed', processed_at = '2024-05-06 09:00:00' \
                 WHERE id = 1; UPDATE webhooks_webhookevent SET status = 'failed', error_message = 'no' WHERE id = 2",
            )
            .await;
        let dry = import(store, django, true).await.expect("read");
        let second = import(store, django, false).await.expect("imported");
        for report in [dry, second] {
            assert_eq!((report.events.updated, report.events.already_there), (2, 1));
            assert_eq!(report.not_processed, 1);
        }
        let processed = event(store, "1").await;
        assert_eq!((processed.status, processed.error_message), (EventStatus::Processed, None));
        assert_eq!(
            processed.processed_at.map(|at| at.to_string()).as_deref(),
            Some("2024-05-06T09:00:00.000Z")
        );
        assert_eq!(event(store, "2").await.error_message.as_deref(), Some("no"));
        let third = import(store, django, false).await.expect("imported");
        assert_eq!((third.events.updated, third.events.already_there), (0, 3));
    })
    .await;
}

/// A pending event of 2024 that a first import kept is delivered by the second, once, and may be retried: it is
/// as old as its delivery.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_still_pending_at_the_end_is_delivered_once() {
    let old = Django::sqlite().await;
    old.event(&json!({"do": "retry"}).to_string(), "pending", "")
        .await;
    old.event(&json!({"do": "ok"}).to_string(), "processing", "")
        .await;
    old.event(&json!({"do": "ok"}).to_string(), "processed", "").await;
    let plugins = format!(
        "[plugins.batch]\ncomponent = \"{}\"\nroutes = [{{ source = \"*\" }}]\n\
         retry = {{ schedule = [\"10ms\", \"10ms\"] }}\n",
        component("batch").display()
    );
    let yard = hookyard(&plugins);
    let run = |more: &[&str]| {
        let mut arguments = vec!["import-django", "--database", old.path(), "--json"];
        arguments.extend(more);
        let ran = yard.run(&arguments);
        assert_eq!(ran.status, 0, "{}", ran.err);
        serde_json::from_str::<Value>(&ran.out).expect("JSON")
    };
    assert_eq!(run(&[])["events"]["imported"], 3);
    let second = run(&["--deliver-pending"]);
    assert_eq!(
        (&second["events"]["updated"], &second["not_processed"]),
        (&json!(2), &json!(2))
    );
    let third = run(&["--deliver-pending"]);
    assert_eq!(
        (&third["events"]["updated"], &third["not_processed"]),
        (&json!(0), &json!(0))
    );

    let pipeline = Pipeline::start_in(yard.path(), &plugins, Environment::default()).await;
    let retried = pipeline.wait_status("1", "failed").await;
    let deliveries = retried["deliveries"].as_array().expect("deliveries");
    assert_eq!(deliveries.len(), 1);
    assert_eq!(
        deliveries[0]["attempts"].as_array().map(Vec::len),
        Some(3),
        "{retried:#}"
    );
    let delivered = pipeline.wait_status("2", "processed").await;
    assert_eq!(delivered["deliveries"].as_array().map(Vec::len), Some(1));
    let history = pipeline.event("3").await;
    assert_eq!(
        (&history["status"], &history["deliveries"]),
        (&json!("processed"), &json!([]))
    );
    pipeline.stop().await;
}

#[tokio::test]
async fn a_process_takes_its_new_script_unless_it_was_changed_here() {
    both(async |store, django| {
        for code in ["there", "here", "both", "renamed", "gone"] {
            django.process(code).await;
        }
        import(store, django, false).await.expect("imported");
        let at = Timestamp::from_millis(1_750_000_000_000);
        let change = ProcessChange {
            name: None,
            script: Some("ours".to_owned()),
        };
        for code in ["here", "both"] {
            store
                .change_process(code, &change, at, "ada")
                .await
                .expect("changed");
        }
        assert!(store.remove_process("gone", at, "ada").await.expect("removed"));
        django
            .execute(
                "UPDATE integrations_process SET script = 'theirs' WHERE code IN ('there', 'both'); \
                 UPDATE integrations_process SET code = 'new-code' WHERE code = 'renamed'",
            )
            .await;
        django.process("later").await;
        let second = import(store, django, false).await.expect("imported").processes;
        assert_eq!(
            (
                second.imported,
                second.updated,
                second.already_there,
                second.refused
            ),
            (1, 1, 2, 2)
        );
        let whys: Vec<_> = second
            .refusals
            .iter()
            .map(|refusal| refusal.why.as_str())
            .collect();
        assert!(
            whys[0].starts_with("both: it was changed in the old service and here"),
            "{whys:?}"
        );
        assert!(whys[1].contains("processes remove renamed"), "{whys:?}");
        for (code, script) in [
            ("there", "theirs"),
            ("here", "ours"),
            ("both", "ours"),
            ("later", "print(1)"),
        ] {
            let process = store.process(code).await.expect("readable").expect(code);
            assert_eq!(process.script, script, "{code}");
        }
        assert_eq!(
            store.process("gone").await.expect("readable"),
            None,
            "it stays removed"
        );
        // The mend that the refusal names.
        store.remove_process("renamed", at, "ada").await.expect("removed");
        let third = import(store, django, false).await.expect("imported").processes;
        assert_eq!((third.imported, third.refused), (1, 1));
        assert!(store.process("new-code").await.expect("readable").is_some());
    })
    .await;
}

#[tokio::test]
async fn a_user_is_locked_out_here_too() {
    both(async |store, django| {
        for username in ["ada", "grace", "alan"] {
            django.user(username, &django_hash("x"), true).await;
        }
        import(store, django, false).await.expect("imported");
        let grace = store.user_by_name("grace").await.expect("readable").expect("grace").0;
        store.set_password(grace.id, "changed here").await.expect("set");
        let hash = django_hash("y");
        django
            .execute(&format!(
                "UPDATE auth_user SET is_active = false, password = '{hash}' WHERE username IN ('ada', 'grace')"
            ))
            .await;
        let second = import(store, django, false).await.expect("imported").users;
        assert_eq!((second.updated, second.already_there, second.refused), (1, 1, 1));
        assert!(second.refusals[0].why.starts_with("grace: "), "{:?}", second.refusals);
        let (ada, stored) = store.user_by_name("ada").await.expect("readable").expect("ada");
        assert_eq!((ada.is_active, stored), (false, hash));
        let third = import(store, django, false).await.expect("imported").users;
        assert_eq!((third.updated, third.already_there, third.refused), (0, 2, 1));
    })
    .await;
}

#[tokio::test]
async fn what_is_no_text_or_no_hash_is_told_row_by_row() {
    let fixture = Fixture::sqlite().await;
    let old = Django::sqlite().await;
    old.process("good").await;
    old.process("latin1").await;
    old.execute("UPDATE integrations_process SET script = CAST(x'23e9' AS TEXT) WHERE code = 'latin1'")
        .await;
    for (username, hash) in [
        ("mangled", "argon2$argon2id$v=19$m=102400,t=2,p=8$"),
        (
            "huge",
            "argon2$argon2id$v=19$m=4194304,t=2,p=8$c29tZXNhbHRzb21l$MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz",
        ),
        (
            "fine",
            "argon2$argon2id$v=19$m=102400,t=2,p=8$c29tZXNhbHRzb21l$MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz",
        ),
    ] {
        old.user(username, hash, false).await;
    }
    let report = import(&fixture.store, &old, false).await.expect("imported");
    assert_eq!(counts(&report), [(3, 0, 0), (0, 0, 0), (1, 0, 1)]);
    assert!(
        report.processes.refusals[0]
            .why
            .starts_with("script: it is not UTF-8")
    );
    assert_eq!(report.passwords_to_set, ["mangled", "huge"]);
    fixture.clean().await;
}
