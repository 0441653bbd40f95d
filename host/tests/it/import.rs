//! What the Django service kept is taken over: whole, once, and with its passwords.

mod again;
mod django;

use hookyard::domain::access::Role;
use hookyard::domain::event::EventStatus;
use hookyard::domain::id::EventId;
use hookyard::domain::page::PageRequest;
use hookyard::environment::Environment;
use hookyard::import::{Import, ImportError, Report, run};
use hookyard::store::SharedStore;
use serde_json::{Value, json};

use self::django::{Django, django_hash};
use crate::support::command::hookyard;
use crate::support::pipeline::Pipeline;
use crate::support::plugins::component;
use crate::support::stores::Fixture;

async fn import(store: &SharedStore, django: &Django, dry_run: bool) -> Result<Report, ImportError> {
    let import = Import {
        database: django.url.clone().into(),
        dry_run,
        deliver: None,
    };
    run(store, &import, &|_, _, _| {}).await
}

fn counts(report: &Report) -> [(u64, u64, u64); 3] {
    [&report.users, &report.events, &report.processes]
        .map(|table| (table.imported, table.already_there, table.refused))
}

async fn filled(django: &Django) {
    django.user("ada", &django_hash("x"), true).await;
    django.user("grace", "md5$salt$0123", false).await;
    for n in 0..3 {
        django
            .event(&json!({ "n": n }).to_string(), "processed", "")
            .await;
    }
    django.event("{\"n\": 9}", "failed", "it said no").await;
    django.event("[]", "pending", "").await;
    django.process("report").await;
    django.process(" lead").await;
}

async fn everything_comes_once(fixture: &Fixture, django: &Django) {
    let store = &fixture.store;
    filled(django).await;
    let dry = import(store, django, true).await.expect("read");
    assert_eq!(counts(&dry), [(2, 0, 0), (5, 0, 0), (1, 0, 1)]);
    assert!(
        store.users().await.expect("readable").is_empty(),
        "a dry run changes nothing"
    );

    let report = import(store, django, false).await.expect("imported");
    assert_eq!(counts(&report), counts(&dry));
    assert_eq!(report.passwords_to_set, ["grace"]);
    assert_eq!(report.not_processed, 1);
    assert_eq!(report.processes.refusals[0].id, "2");
    let again = import(store, django, false).await.expect("imported");
    assert_eq!(again.not_processed, 1, "still to be decided");
    assert_eq!(counts(&again), [(0, 2, 0), (0, 5, 0), (0, 1, 1)]);
    // What came since then is taken, and nothing twice.
    django.event("{}", "processed", "").await;
    let later = import(store, django, false).await.expect("imported");
    assert_eq!(counts(&later)[1], (1, 5, 0));

    let ada = store.user_by_name("ADA").await.expect("readable").expect("ada").0;
    assert_eq!(
        (
            ada.email.as_str(),
            ada.role,
            ada.is_active,
            ada.date_joined.to_string().as_str()
        ),
        (
            "ada@example.com",
            Role::Operator,
            true,
            "2024-01-02T03:04:05.678Z"
        )
    );
    let event = |old| async move {
        store
            .event(EventId::imported(old))
            .await
            .expect("readable")
            .expect(old)
    };
    let first = event("1").await;
    assert_eq!(
        serde_json::from_slice::<Value>(&first.body).expect("JSON"),
        json!({"n": 0})
    );
    assert_eq!(
        (
            first.source.as_str(),
            first.status,
            first.received_at.to_string().as_str()
        ),
        ("shop", EventStatus::Processed, "2024-05-06T07:08:09.000Z")
    );
    assert_eq!(event("4").await.error_message.as_deref(), Some("it said no"));
    let open = event("5").await;
    assert_eq!(open.status, EventStatus::Failed);
    assert!(
        open.error_message
            .is_some_and(|error| error.contains("had not processed it"))
    );
    let process = store
        .process("report")
        .await
        .expect("readable")
        .expect("a process");
    assert_eq!(
        (
            process.name.as_str(),
            process.script.as_str(),
            process.updated_at.to_string().as_str()
        ),
        ("Näme", "print(1)", "2024-05-07T07:08:09.000Z")
    );
    let page = PageRequest { page: 1, size: 9 };
    let versions = store.process_versions("report", page).await.expect("readable");
    assert_eq!(
        (versions.total, versions.items[0].changed_by.as_str()),
        (1, "import-django")
    );
}

#[tokio::test]
async fn from_either_database_to_either() {
    let fixtures = [Some(Fixture::sqlite().await), Fixture::postgres().await];
    for fixture in fixtures.into_iter().flatten() {
        let old = Django::sqlite().await;
        everything_comes_once(&fixture, &old).await;
        old.clean().await;
        fixture.clean().await;
    }
    let fixtures = [Some(Fixture::sqlite().await), Fixture::postgres().await];
    for fixture in fixtures.into_iter().flatten() {
        if let Some(old) = Django::postgres().await {
            everything_comes_once(&fixture, &old).await;
            old.clean().await;
        }
        fixture.clean().await;
    }
}

#[tokio::test]
async fn more_rows_than_a_page() {
    let fixture = Fixture::sqlite().await;
    let old = Django::sqlite().await;
    old.execute(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1201) \
         INSERT INTO webhooks_webhookevent (source, payload, received_at, status, error_message) \
         SELECT 's' || (i % 7), '{\"i\":' || i || '}', '2024-05-06 07:08:09', 'processed', '' FROM n",
    )
    .await;
    let report = import(&fixture.store, &old, false).await.expect("imported");
    assert_eq!((report.events.read, report.events.imported), (1_201, 1_201));
    fixture.clean().await;
}

#[tokio::test]
async fn nobody_gains_the_account_of_another() {
    let fixture = Fixture::sqlite().await;
    let old = Django::sqlite().await;
    old.user("root", &django_hash("theirs"), true).await;
    import(&fixture.store, &old, false).await.expect("imported");
    let other = Django::sqlite().await;
    other
        .execute(
            "INSERT INTO auth_user SELECT 7, 'x', NULL, 1, 'ROOT', '', '', 1, 1, '2024-01-01 00:00:00', ''",
        )
        .await;
    let report = import(&fixture.store, &other, false).await.expect("read");
    assert_eq!(counts(&report)[0], (0, 0, 1));
    assert!(
        report.users.refusals[0].why.contains("ROOT is taken"),
        "{:?}",
        report.users.refusals
    );
    let users = fixture.store.users().await.expect("readable");
    assert_eq!(users.len(), 1);
    fixture.clean().await;
}

#[tokio::test]
async fn odd_rows_are_told_and_stop_nothing() {
    let fixture = Fixture::sqlite().await;
    let old = Django::sqlite().await;
    old.execute(
        "DROP TABLE webhooks_webhookevent; CREATE TABLE webhooks_webhookevent (id char(32) PRIMARY KEY, source, \
         payload, received_at, processed_at, status, error_message); \
         INSERT INTO webhooks_webhookevent VALUES \
         ('0190163d8694739b8ffdf0d4d4d6d7d8', '', 'not JSON', '2024-05-06 07:08:09', NULL, 'processed', NULL), \
         ('0190163d8694739b8ffdf0d4d4d6d7d9', 'x', '{}', 'yesterday', NULL, 'processed', NULL); \
         DROP TABLE integrations_process",
    )
    .await;
    let report = import(&fixture.store, &old, false).await.expect("imported");
    assert_eq!(counts(&report)[1], (1, 0, 1));
    assert!(report.events.refusals[0].why.contains("`yesterday` is no moment"));
    assert!(!report.processes.found && report.users.found);
    let id = EventId::written("0190163d-8694-739b-8ffd-f0d4d4d6d7d8").expect("a UUID");
    let event = fixture
        .store
        .event(id)
        .await
        .expect("readable")
        .expect("its id stays");
    assert_eq!(
        (event.source.as_str(), &event.body[..]),
        ("unknown", &b"\"not JSON\""[..])
    );
    fixture.clean().await;
}

#[tokio::test]
async fn a_database_that_is_not_the_old_services_is_told() {
    let fixture = Fixture::sqlite().await;
    let old = Django::sqlite().await;
    old.execute("DROP TABLE auth_user; DROP TABLE webhooks_webhookevent; DROP TABLE integrations_process")
        .await;
    let error = import(&fixture.store, &old, false)
        .await
        .expect_err("nothing there");
    assert!(error.to_string().contains("none of the tables"), "{error}");
    old.execute("CREATE TABLE auth_user (id integer, username text)")
        .await;
    let error = import(&fixture.store, &old, false)
        .await
        .expect_err("another table");
    assert!(
        error.to_string().contains("auth_user") && error.to_string().contains("email"),
        "{error}"
    );
    for (url, words) in [
        ("/no/such/db.sqlite3", "no file /no/such/db.sqlite3"),
        ("mysql://u:hidden@h/d", "postgres://user:password@host/database"),
        ("postgres://u:hidden@127.0.0.1:1/d", "cannot be read"),
    ] {
        let import = Import {
            database: url.to_owned().into(),
            dry_run: false,
            deliver: None,
        };
        let error = run(&fixture.store, &import, &|_, _, _| {})
            .await
            .expect_err(url)
            .to_string();
        assert!(error.contains(words) && !error.contains("hidden"), "{error}");
    }
    fixture.clean().await;
}

/// A sign-in over HTTP: its status.
async fn sign_in(pipeline: &Pipeline, username: &str, password: &str) -> u16 {
    let url = format!("http://{}/api/auth/token/", pipeline.address);
    let body = json!({"username": username, "password": password}).to_string();
    let request = pipeline
        .client
        .post(url)
        .header("content-type", "application/json")
        .body(body);
    request.send().await.expect("an answer").status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_password_signs_in_and_becomes_argon2id() {
    let old = Django::sqlite().await;
    let password = uuid::Uuid::new_v4().to_string();
    old.user("ada", &django_hash(&password), false).await;
    old.user("locked", "!unusable", false).await;
    old.event("{\"n\": 1.50}", "pending", "").await;
    let plugins = format!(
        "[plugins.echo]\ncomponent = \"{}\"\nroutes = [{{ source = \"*\" }}]\n",
        component("echo").display()
    );
    let yard = hookyard(&plugins);
    let ran = yard.run(&["import-django", "--database", &old.url, "--deliver-pending"]);
    assert_eq!(ran.status, 0, "{}", ran.err);
    for line in [
        "users      2 read, 2 imported",
        "locked",
        "delivered when the server runs",
    ] {
        assert!(ran.out.contains(line), "{}", ran.out);
    }
    let json = yard.run(&["import_django", "--database", &old.url, "--json"]);
    let report: Value = serde_json::from_str(&json.out).expect("JSON");
    assert_eq!(report["users"]["already_there"], 2);
    let missing = yard.run(&["import-django", "--database", "env:NO_SUCH"]);
    assert!(
        missing.status != 0 && missing.err.contains("NO_SUCH"),
        "{}",
        missing.err
    );

    let pipeline = Pipeline::start_in(yard.path(), &plugins, Environment::default()).await;
    assert_eq!(sign_in(&pipeline, "ada", "wrong").await, 401);
    assert_eq!(sign_in(&pipeline, "locked", "!").await, 401);
    let stored = || async {
        let user = pipeline.store.user_by_name("ada").await.expect("readable");
        user.expect("ada").1
    };
    assert!(stored().await.starts_with("pbkdf2_sha256$"));
    assert_eq!(sign_in(&pipeline, "ada", &password).await, 200);
    let renewed = stored().await;
    assert!(renewed.starts_with("$argon2id$"), "{renewed}");
    assert_eq!(sign_in(&pipeline, "ada", &password).await, 200);
    assert_eq!(stored().await, renewed);
    // The event goes by the number that the old service gave it.
    let event = pipeline.wait_status("1", "processed").await;
    assert_eq!(event["deliveries"][0]["plugin"], "echo");
    let raw = format!("http://{}/api/webhooks/1/raw/", pipeline.address);
    let raw = pipeline
        .client
        .get(raw)
        .bearer_auth(&pipeline.token)
        .send()
        .await
        .expect("an answer");
    assert_eq!(raw.text().await.expect("a body"), "{\"n\": 1.50}");
    assert!(
        pipeline.event("2").await["title"].is_string(),
        "there is no such event"
    );
    pipeline.stop().await;
}
