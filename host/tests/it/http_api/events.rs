//! Lists and details of events.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::api::{Api, send};

const LIST: &str = "/api/webhooks/list/";

/// The ids in a page, in its order.
fn ids(page: &Value) -> Vec<&str> {
    let results = page["results"].as_array().expect("results");
    results
        .iter()
        .map(|event| event["id"].as_str().expect("an id"))
        .collect()
}

#[tokio::test]
async fn lists_are_paged_in_the_old_services_shape() {
    let api = Api::start().await;
    let token = api.token_of("ada", false).await;
    let mut sent = Vec::new();
    for number in 0..5 {
        sent.push(api.receive(&token, "?source=s", number).await);
        api.clock.advance(Duration::from_secs(1));
    }
    sent.reverse();
    let first = api
        .get(&format!("{LIST}?page_size=2&source=s"), &token)
        .await
        .expect(200)
        .json();
    assert_eq!(first["count"], 5);
    assert_eq!(first["previous"], Value::Null);
    assert_eq!(ids(&first), sent[..2]);
    let event = &first["results"][0];
    for field in [
        "id",
        "source",
        "payload",
        "received_at",
        "processed_at",
        "status",
        "error_message",
    ] {
        assert!(event.get(field).is_some(), "{field} is missing: {event}");
    }
    assert_eq!(event["received_at"], "2026-08-01T12:00:04.000Z");
    assert_eq!(event["status"], "processed");

    // The links are absolute and lead through all pages and back.
    let next = first["next"].as_str().expect("a next page").to_owned();
    assert!(next.starts_with(&api.url(LIST)), "{next}");
    let second = send(api.client.get(next).bearer_auth(&token))
        .await
        .expect(200)
        .json();
    assert_eq!(ids(&second), sent[2..4]);
    let last = send(
        api.client
            .get(second["next"].as_str().expect("a link"))
            .bearer_auth(&token),
    )
    .await;
    let last = last.expect(200).json();
    assert_eq!(ids(&last), sent[4..]);
    assert_eq!(last["next"], Value::Null);
    let back = send(
        api.client
            .get(last["previous"].as_str().expect("a link"))
            .bearer_auth(&token),
    )
    .await;
    assert_eq!(ids(&back.expect(200).json()), sent[2..4]);

    api.get(&format!("{LIST}?page=4&page_size=2"), &token)
        .await
        .problem(404);
    let empty = api
        .get(&format!("{LIST}?source=other"), &token)
        .await
        .expect(200)
        .json();
    assert_eq!(
        empty,
        json!({"count": 0, "next": null, "previous": null, "results": []})
    );
    api.stop().await;
}

#[tokio::test]
async fn links_begin_with_the_public_address() {
    let api = Api::start_behind("https://hooks.example.org/yard/").await;
    let token = api.token_of("ada", false).await;
    for number in 0..2 {
        let sent = api
            .post("/api/webhooks/receive/", &token, number)
            .await
            .expect(200);
        let id = sent.json()["id"].as_str().expect("an id").to_owned();
        assert_eq!(
            sent.header("location"),
            format!("https://hooks.example.org/yard/api/webhooks/{id}/")
        );
    }
    let page = api
        .get(&format!("{LIST}?page_size=1"), &token)
        .await
        .expect(200)
        .json();
    let next = page["next"].as_str().expect("a next page");
    assert!(
        next.starts_with("https://hooks.example.org/yard/api/webhooks/list/?"),
        "{next}"
    );
    api.stop().await;
}

#[tokio::test]
async fn lists_are_filtered_and_ordered() {
    let api = Api::start().await;
    api.route(&[("slack", "github", "push")]);
    let token = api.token_of("ada", false).await;
    let push = api
        .receive(&token, "?source=github&type=push", r#"{"ref":"main"}"#)
        .await;
    api.clock.advance(Duration::from_mins(1));
    let issue = api
        .receive(&token, "?source=github&type=issue", r#"{"title":"Größe 100%"}"#)
        .await;
    api.clock.advance(Duration::from_mins(1));
    let sale = api
        .receive(&token, "?source=shop&type=sale", r#"{"total":7}"#)
        .await;
    let cases: &[(&str, &[&str])] = &[
        ("", &[&sale, &issue, &push]),
        ("?ordering=-received_at", &[&sale, &issue, &push]),
        ("?ordering=received_at", &[&push, &issue, &sale]),
        ("?source=github", &[&issue, &push]),
        ("?source=git", &[]),
        ("?type=push", &[&push]),
        ("?status=pending", &[&push]),
        ("?status=processed&source=github", &[&issue]),
        ("?plugin=slack", &[&push]),
        ("?plugin=nobody", &[]),
        ("?since=2026-08-01T12:01:00Z", &[&sale, &issue]),
        ("?until=2026-08-01T12:01:00Z", &[&push]),
        (
            "?since=2026-08-01T14:01:00%2B02:00&until=2026-08-01T12:02:00Z",
            &[&issue],
        ),
        ("?search=Gr%C3%B6%C3%9Fe%20100%25", &[&issue]),
        ("?search=gr%C3%B6%C3%9Fe", &[]),
        ("?search=100_", &[]),
        ("?pointer=/total", &[&sale]),
        ("?pointer=/total&value=7", &[&sale]),
        ("?pointer=/total&value=8", &[]),
        ("?pointer=/ref&value=main&source=github", &[&push]),
        ("?pointer=/ref&search=main&ordering=received_at", &[&push]),
        ("?source=&status=&page=", &[&sale, &issue, &push]),
    ];
    for (query, wanted) in cases {
        let page = api
            .get(&format!("{LIST}{query}"), &token)
            .await
            .expect(200)
            .json();
        assert_eq!(ids(&page), *wanted, "{query}");
    }
    api.stop().await;
}

#[tokio::test]
async fn a_list_by_what_is_inside_says_how_far_it_looked() {
    let api = Api::start().await;
    let token = api.token_of("ada", false).await;
    let mut sent = Vec::new();
    for n in 0..5 {
        sent.push(api.receive(&token, "", format!("{{\"n\":{}}}", n % 2)).await);
        api.clock.advance(Duration::from_secs(1));
    }
    let first = api
        .get(&format!("{LIST}?pointer=/n&value=0&page_size=2"), &token)
        .await
        .expect(200)
        .json();
    assert_eq!(ids(&first), [sent[4].as_str(), sent[2].as_str()]);
    assert_eq!(
        (&first["count"], &first["count_exact"], &first["looked_at"]),
        (&json!(2), &json!(false), &json!(3))
    );
    let next = first["next"].as_str().expect("a next page");
    let (_, next) = next.split_once(&api.address.to_string()).expect("this host");
    let second = api.get(next, &token).await.expect(200).json();
    assert_eq!(ids(&second), [sent[0].as_str()]);
    assert_eq!((&second["next"], &second["looked_at"]), (&Value::Null, &json!(2)));
    // All at once: exact.
    let all = api
        .get(&format!("{LIST}?pointer=/n&value=0"), &token)
        .await
        .expect(200)
        .json();
    assert_eq!((&all["count"], all.get("count_exact")), (&json!(3), None));
    // Another sender's events are not even looked into.
    let other = api.token_of("eve", false).await;
    let none = api
        .get(&format!("{LIST}?search=n"), &other)
        .await
        .expect(200)
        .json();
    assert_eq!((&none["count"], &none["looked_at"]), (&json!(0), &json!(0)));
    api.stop().await;
}

#[tokio::test]
async fn wrong_parameters_are_named() {
    let api = Api::start().await;
    let token = api.token_of("ada", false).await;
    for (query, parameter) in [
        ("page=0", "page"),
        ("page=x", "page"),
        ("page=4294967296", "page"),
        ("page_size=0", "page_size"),
        ("page_size=101", "page_size"),
        ("ordering=id", "ordering"),
        ("since=yesterday", "since"),
        ("until=2026-08-01T12:00:00", "until"),
        ("status=done", "status"),
        (&format!("search={}", "x".repeat(257)), "search"),
        ("pointer=ref", "pointer"),
        ("pointer=/a~2", "pointer"),
        ("value=7", "value"),
        ("search=x&page=2", "page"),
        ("search=x&after=1", "after"),
    ] {
        let problem = api.get(&format!("{LIST}?{query}"), &token).await.problem(400);
        assert_eq!(problem["parameter"], parameter);
        assert!(
            problem["detail"]
                .as_str()
                .is_some_and(|text| text.contains(&format!("`{parameter}`")))
        );
    }
    api.stop().await;
}

#[tokio::test]
async fn people_see_their_own_events_and_staff_see_all() {
    let api = Api::start().await;
    let ada = api.token_of("ada", false).await;
    let eve = api.token_of("eve", false).await;
    let staff = api.token_of("staff", true).await;
    let id = api.receive(&ada, "", "{}").await;
    for path in [format!("/api/webhooks/{id}/"), format!("/api/webhooks/{id}/raw/")] {
        api.get(&path, &ada).await.expect(200);
        api.get(&path, &staff).await.expect(200);
        let foreign = api.get(&path, &eve).await;
        let missing = api
            .get(&path.replace(&id, &uuid::Uuid::now_v7().to_string()), &eve)
            .await;
        // Nothing tells somebody else's event from none.
        assert_eq!(foreign.problem(404)["detail"], missing.problem(404)["detail"]);
        api.get(&path, "").await.problem(401);
    }
    api.get("/api/webhooks/nonsense/", &staff).await.problem(404);
    let count = |page: Value| page["count"].clone();
    assert_eq!(count(api.get(LIST, &ada).await.expect(200).json()), 1);
    assert_eq!(count(api.get(LIST, &staff).await.expect(200).json()), 1);
    assert_eq!(count(api.get(LIST, &eve).await.expect(200).json()), 0);
    api.stop().await;
}
