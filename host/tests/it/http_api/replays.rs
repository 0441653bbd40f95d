//! Orders for many deliveries over HTTP.

use std::time::{Duration, Instant};

use hookyard::domain::audit::AuditFilter;
use hookyard::domain::delivery::Verdict;
use hookyard::domain::page::PageRequest;
use serde_json::{Value, json};

use super::deliveries::{dead_letter, staffed};
use crate::store::end_all;
use crate::support::api::Api;
use crate::support::pipeline::PATIENCE;

const ORDERS: &str = "/api/replays/";

async fn order(api: &Api, token: &str, id: &Value) -> Value {
    let id = id.as_str().expect("an id");
    api.get(&format!("{ORDERS}{id}/"), token).await.expect(200).json()
}

/// Waits until an order is as the test wants it.
async fn wait(api: &Api, token: &str, id: &Value, wanted: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        let now = order(api, token, id).await;
        if wanted(&now) {
            return now;
        }
        assert!(began.elapsed() < PATIENCE, "{now}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// So many dead letters for `a`.
async fn dead_letters(api: &Api, token: &str, count: usize) {
    for n in 0..count {
        api.receive(token, "?source=s&type=a", n).await;
    }
    assert_eq!(end_all(&api.store, "a", &Verdict::Dead).await.len(), count);
}

#[tokio::test]
async fn an_order_is_not_given_by_leaving_the_body_out() {
    let (api, token) = staffed().await;
    dead_letters(&api, &token, 1).await;
    let problem = api.post(ORDERS, &token, "").await.problem(400);
    assert_eq!(problem["type"], "urn:hookyard:problem:no-body");
    assert_eq!(api.get(ORDERS, &token).await.expect(200).json()["count"], 0);
}

#[tokio::test]
async fn many_are_counted_before_they_are_replayed() {
    let (api, token) = staffed().await;
    dead_letters(&api, &token, 12).await;
    let mut wanted = json!({"filter": {"plugin": "a", "error": "NEVER"}, "dry_run": true, "rate": "1000/s"});
    let dry = api.post(ORDERS, &token, &wanted).await.expect(200).json();
    assert_eq!(
        (&dry["count"], dry["first"].as_array().map(Vec::len)),
        (&json!(12), Some(10))
    );
    assert!(dry.get("count_exact").is_none());
    assert_eq!(api.get(ORDERS, &token).await.expect(200).json()["count"], 0);

    wanted["dry_run"] = json!(false);
    let given = api.post(ORDERS, &token, &wanted).await.expect(201);
    let (location, given) = (given.header("location").to_owned(), given.json());
    assert_eq!(
        location,
        format!("{ORDERS}{}/", given["id"].as_str().expect("an id"))
    );
    assert_eq!(
        (&given["total"], &given["created_by"]),
        (&json!(12), &json!("ada"))
    );
    assert_eq!(
        given["filter"],
        json!({"plugin": "a", "state": "dead", "error": "NEVER", "replayed": false})
    );
    let done = wait(&api, &token, &given["id"], |order| order["state"] == "done").await;
    assert_eq!((&done["made"], &done["skipped"]), (&json!(12), &json!(0)));
    assert_eq!(end_all(&api.store, "a", &Verdict::Succeeded).await.len(), 12);
    // Done is done: the same order finds nothing more.
    let again = api.post(ORDERS, &token, &wanted).await.expect(201).json();
    assert_eq!(again["total"], 0);
    let page = api
        .get(&format!("{ORDERS}?page_size=1"), &token)
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&page["count"], &page["results"][0]["id"]),
        (&json!(2), &again["id"])
    );
    let failed = api
        .get("/api/webhooks/list/?status=failed", &token)
        .await
        .expect(200)
        .json();
    assert_eq!(failed["count"], 0);
    api.stop().await;
}

#[tokio::test]
async fn an_order_is_cancelled_while_it_runs() {
    let (api, token) = staffed().await;
    dead_letters(&api, &token, 20).await;
    let slow = json!({"filter": {"state": "dead"}, "rate": "60/min"});
    let given = api.post(ORDERS, &token, &slow).await.expect(201).json();
    wait(&api, &token, &given["id"], |order| order["made"] != 0).await;
    let path = format!("{ORDERS}{}/cancel/", given["id"].as_str().expect("an id"));
    let cancelled = api.post(&path, &token, "").await.expect(200).json();
    assert_eq!(
        (&cancelled["state"], &cancelled["cancelled_by"]),
        (&json!("cancelled"), &json!("ada"))
    );
    let made = cancelled["made"].as_u64().expect("a number");
    assert!((1..20).contains(&made), "{cancelled}");
    assert_eq!(
        end_all(&api.store, "a", &Verdict::Succeeded).await.len() as u64,
        made
    );
    assert_eq!(
        api.post(&path, &token, "").await.expect(200).json(),
        order(&api, &token, &given["id"]).await
    );
    // Only the first one changed something.
    let cancels = AuditFilter {
        action: Some("replay.cancel".to_owned()),
        ..AuditFilter::default()
    };
    let noted = api
        .store
        .audit_page(&cancels, PageRequest { page: 1, size: 9 })
        .await;
    assert_eq!(noted.expect("readable").total, 1);
    api.stop().await;
}

#[tokio::test]
async fn an_order_discards_with_a_reason() {
    let (api, token) = staffed().await;
    dead_letters(&api, &token, 3).await;
    let (_, other) = dead_letter(&api, &token, &json!(1)).await;
    let all = json!({"kind": "discard", "filter": {"source": "s"}});
    api.post(ORDERS, &token, &all).await.problem(400);
    let all = json!({"kind": "discard", "filter": {"source": "s"}, "note": "test data"});
    let given = api.post(ORDERS, &token, &all).await.expect(201).json();
    let done = wait(&api, &token, &given["id"], |order| order["state"] == "done").await;
    assert_eq!(done["made"], 4);
    let gone = api
        .get(&format!("/api/deliveries/{other}/"), &token)
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&gone["state"], &gone["acts"][0]["note"]),
        (&json!("cancelled"), &json!("test data"))
    );
    api.stop().await;
}

#[tokio::test]
async fn orders_that_make_no_sense_are_refused() {
    let (api, token) = staffed().await;
    for wrong in [
        json!({"filter": {"state": "running"}}),
        json!({"filter": {"state": "unknown"}}),
        json!({"filter": {"state": "lost"}}),
        json!({"filter": {"since": "yesterday"}}),
        json!({"filter": {"error": "x".repeat(257)}}),
        json!({"filter": {"plug": "a"}}),
        json!({"rate": "fast"}),
        json!({"kind": "retry"}),
        json!({"note": "x".repeat(1001)}),
        json!({"kind": "discard", "filter": {"state": "succeeded"}, "note": "x"}),
        json!({"kind": "discard", "to": "b", "note": "x"}),
        json!({"kind": "discard", "events": {"source": "s"}, "note": "x"}),
        json!({"filter": {}, "events": {}}),
        json!({"events": {"plugin": "a"}}),
        json!({"events": {"status": "lost"}}),
    ] {
        api.post(ORDERS, &token, &wrong).await.problem(400);
    }
    for wrong in [
        json!({"to": "none"}),
        json!({"to": "off"}),
        json!({"to": "a,off"}),
        json!({"events": {}, "to": "none"}),
        json!({"filter": {"plugin": "off"}}),
    ] {
        api.post(ORDERS, &token, &wrong).await.problem(409);
    }
    assert_eq!(api.get(ORDERS, &token).await.expect(200).json()["count"], 0);
    api.stop().await;
}

#[tokio::test]
async fn events_that_nobody_had_are_counted_and_brought() {
    let (api, token) = staffed().await;
    let mut sent = Vec::new();
    for n in 0..12 {
        // No route leads anywhere from here.
        sent.push(api.receive(&token, "?source=s&type=unwanted", n).await);
    }
    let mut wanted = json!({"events": {"source": "s", "type": "unwanted"}, "to": "a,b", "dry_run": true});
    let dry = api.post(ORDERS, &token, &wanted).await.expect(200).json();
    assert_eq!(
        (
            &dry["count"],
            &dry["first"],
            dry["first_events"].as_array().map(Vec::len)
        ),
        (&json!(12), &json!([]), Some(10))
    );
    assert_eq!(dry["first_events"][0]["type"], "unwanted");
    wanted["dry_run"] = json!(false);
    wanted["rate"] = json!("1000/s");
    let given = api.post(ORDERS, &token, &wanted).await.expect(201).json();
    assert_eq!(
        (&given["about"], &given["filter"], &given["to"], &given["total"]),
        (
            &json!("events"),
            &json!({"source": "s", "type": "unwanted"}),
            &json!("a,b"),
            &json!(12)
        )
    );
    let done = wait(&api, &token, &given["id"], |order| order["state"] == "done").await;
    assert_eq!((&done["made"], &done["skipped"]), (&json!(12), &json!(0)));
    for name in ["a", "b"] {
        assert_eq!(end_all(&api.store, name, &Verdict::Succeeded).await.len(), 12);
    }
    // They have had it; and where the routes lead nowhere nothing is made.
    let again = api.post(ORDERS, &token, &wanted).await.expect(201).json();
    assert_eq!(again["total"], 0);
    wanted["to"] = json!("all");
    let nowhere = api.post(ORDERS, &token, &wanted).await.expect(201).json();
    let done = wait(&api, &token, &nowhere["id"], |order| order["state"] == "done").await;
    assert_eq!((&done["made"], &done["skipped"]), (&json!(0), &json!(12)));
    api.stop().await;
}
