//! Deliveries over HTTP: looking at them, and what operators do about one.

use std::sync::Arc;
use std::time::Duration;

use hookyard::domain::delivery::{Take, Verdict};
use hookyard::domain::plugin::PluginSpec;
use hookyard::manifest::PluginsFile;
use serde_json::{Value, json};

use crate::store::{end_all, hold_all};
use crate::support::api::{Api, MAX_BODY, send};

const LIST: &str = "/api/deliveries/";

/// Puts plugins in force that are never run: `a` for events of type `a`, `b`, and `off`, which is disabled.
pub fn put_in_force(api: &Api) {
    let text = "[plugins.a]\ncomponent = \"a.wasm\"\n[plugins.b]\ncomponent = \"b.wasm\"\n\
                [plugins.off]\nenabled = false\ncomponent = \"off.wasm\"\n";
    let file = PluginsFile::parse(text, std::path::Path::new("plugins.toml")).expect("right");
    let by_name = |spec: PluginSpec| (spec.name.clone(), Arc::new(spec));
    api.specs
        .store(Arc::new(file.plugins.into_iter().map(by_name).collect()));
    api.route(&[("a", "*", "a")]);
}

/// An interface with a member of the staff, whose token comes with it.
pub async fn staffed() -> (Api, String) {
    let api = Api::start().await;
    put_in_force(&api);
    let token = api.token_of("ada", true).await;
    (api, token)
}

/// An event with a dead letter for `a`: both ids.
pub async fn dead_letter(api: &Api, token: &str, payload: &Value) -> (String, String) {
    let event = api.receive(token, "?source=s&type=a", payload).await;
    let ended = end_all(&api.store, "a", &Verdict::Dead).await;
    (event, ended[0].to_string())
}

async fn event(api: &Api, token: &str, id: &str) -> Value {
    api.get(&format!("/api/webhooks/{id}/"), token)
        .await
        .expect(200)
        .json()
}

#[tokio::test]
async fn a_dead_letter_is_found_replayed_once_and_settled() {
    let (api, token) = staffed().await;
    let (event_id, dead) = dead_letter(&api, &token, &json!({"n": 1})).await;
    let page = api
        .get(&format!("{LIST}?state=dead&plugin=a"), &token)
        .await
        .expect(200)
        .json();
    assert_eq!(page["count"], 1);
    assert!(page.get("count_exact").is_none(), "{page}");
    let listed = &page["results"][0];
    assert_eq!(
        (&listed["id"], &listed["event"]),
        (&json!(dead), &json!(event_id))
    );
    assert_eq!((&listed["source"], &listed["type"]), (&json!("s"), &json!("a")));
    assert_eq!(
        (&listed["last_error"], &listed["replayed"]),
        (&json!("a never"), &json!(false))
    );

    let path = format!("{LIST}{dead}/replay/");
    let twice = tokio::join!(
        api.post(&path, &token, json!({"note": "they mended it"})),
        api.post(&path, &token, ""),
    );
    let (made, refused) = if twice.0.status == 201 {
        twice
    } else {
        (twice.1, twice.0)
    };
    refused.problem(409);
    let location = made.header("location").to_owned();
    let made = made.expect(201).json();
    assert_eq!((&made["replay_of"], &made["plugin"]), (&json!(dead), &json!("a")));
    assert_eq!(
        location,
        format!("{LIST}{}/", made["id"].as_str().expect("an id"))
    );
    assert_eq!(event(&api, &token, &event_id).await["status"], "processing");

    let replay = api.get(&location, &token).await.expect(200).json();
    assert_eq!(
        (&replay["state"], &replay["replay_of"]),
        (&json!("pending"), &json!(dead))
    );
    assert_eq!(
        (&replay["acts"][0]["kind"], &replay["acts"][0]["actor"]),
        (&json!("replayed"), &json!("ada"))
    );
    let original = api
        .get(&format!("{LIST}{dead}/"), &token)
        .await
        .expect(200)
        .json();
    assert_eq!(original["replays"][0]["id"], made["id"]);
    assert_eq!(original["attempts"][0]["error"], "a never");
    let left = api
        .get(&format!("{LIST}?state=dead&replayed=false"), &token)
        .await
        .expect(200)
        .json();
    assert_eq!((&left["count"], &left["results"]), (&json!(0), &json!([])));

    end_all(&api.store, "a", &Verdict::Succeeded).await;
    let settled = event(&api, &token, &event_id).await;
    assert_eq!(
        (&settled["status"], &settled["error_message"]),
        (&json!("processed"), &Value::Null)
    );
    assert_eq!(settled["deliveries"].as_array().map(Vec::len), Some(2));
    assert_eq!(settled["deliveries"][1]["replay_of"], json!(dead));
    let counts = api
        .get(&format!("{LIST}counts/"), &token)
        .await
        .expect(200)
        .json();
    assert_eq!(
        counts,
        json!([{"plugin": "a", "state": "dead", "count": 1}, {"plugin": "a", "state": "succeeded", "count": 1}])
    );
    api.stop().await;
}

#[tokio::test]
async fn an_event_is_replayed_to_who_wants_it_or_to_those_named() {
    let (api, token) = staffed().await;
    let (id, dead) = dead_letter(&api, &token, &json!(1)).await;
    let path = format!("/api/events/{id}/replay/");
    let done = api.post(&path, &token, "").await.expect(201).json();
    assert_eq!(done["deliveries"][0]["replay_of"], json!(dead));
    assert_eq!((&done["event"], &done["edited_from"]), (&json!(id), &Value::Null));
    let both = json!({"plugins": ["b", "a", "b"]});
    let done = api.post(&path, &token, &both).await.expect(201).json();
    assert_eq!(done["deliveries"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&done["deliveries"][0]["plugin"], &done["still_open"]),
        (&json!("b"), &json!(["a"]))
    );
    let problem = api.post(&path, &token, &both).await.problem(409);
    assert_eq!(problem["type"], "urn:hookyard:problem:still-open");

    // No route leads it anywhere, and nobody had it.
    let unwanted = api.receive(&token, "?source=s&type=z", 1).await;
    let path = format!("/api/events/{unwanted}/replay/");
    api.post(&path, &token, "").await.problem(409);
    let late = api
        .post(&path, &token, json!({"plugins": ["b"]}))
        .await
        .expect(201)
        .json();
    assert_eq!(late["deliveries"][0]["replay_of"], Value::Null);
    api.stop().await;
}

#[tokio::test]
async fn an_edited_payload_makes_a_new_event() {
    let (api, token) = staffed().await;
    let (id, _) = dead_letter(&api, &token, &json!({"amount": "1O"})).await;
    let path = format!("/api/events/{id}/replay/");
    let body = r#"{"payload": {"amount": 10.00}, "note": "a typo", "headers": [
        {"name": "X-Kind", "value": "mended"}, {"name": "Authorization", "value": "Bearer x"}]}"#;
    let done = api.post(&path, &token, body).await.expect(201);
    let new = done.json()["event"].as_str().expect("an id").to_owned();
    assert_eq!(done.header("location"), format!("/api/webhooks/{new}/"));
    let raw = api
        .get(&format!("/api/webhooks/{new}/raw/"), &token)
        .await
        .expect(200);
    assert_eq!(raw.text, r#"{"amount": 10.00}"#, "every digit");
    let made = event(&api, &token, &new).await;
    assert_eq!(
        (&made["edited_from"], &made["status"]),
        (&json!(id), &json!("pending"))
    );
    assert_eq!((&made["source"], &made["type"]), (&json!("s"), &json!("a")));
    assert_eq!(made["headers"], json!([{"name": "x-kind", "value": "mended"}]));
    let original = event(&api, &token, &id).await;
    assert_eq!(
        (&original["payload"], &original["status"]),
        (&json!({"amount": "1O"}), &json!("failed"))
    );
    // A payload may be null, and keeps the headers when none are given.
    let done = api
        .post(&path, &token, r#"{"payload": null, "plugins": ["b"]}"#)
        .await
        .expect(201)
        .json();
    let nothing = event(&api, &token, done["event"].as_str().expect("an id")).await;
    assert_eq!(
        (&nothing["payload"], &nothing["headers"]),
        (&Value::Null, &original["headers"])
    );
    assert_eq!(nothing["deliveries"][0]["plugin"], "b");
    let large = format!(r#"{{"payload": "{}"}}"#, "x".repeat(MAX_BODY));
    api.post(&path, &token, large).await.problem(413);
    for wrong in [
        r#"{"headers": [{"name": "x", "value": "y"}]}"#,
        r#"{"payload": 1, "headers": [{"name": "a b", "value": "y"}]}"#,
        r#"{"payload": 1, "plugins": []}"#,
        r#"{"payload": }"#,
    ] {
        api.post(&path, &token, wrong).await.problem(400);
    }
    api.stop().await;
}

#[tokio::test]
async fn what_waits_or_nobody_knows_is_given_up_or_settled_by_a_person() {
    let (api, token) = staffed().await;
    let waits = api.receive(&token, "?source=s&type=a", 1).await;
    let waiting = event(&api, &token, &waits).await["deliveries"][0]["id"].clone();
    let path = format!("{LIST}{}/discard/", waiting.as_str().expect("an id"));
    api.post(&path, &token, json!({"reason": " "})).await.problem(400);
    api.post(&path, &token, json!({"reason": "x".repeat(1001)}))
        .await
        .problem(400);
    let gone = api
        .post(&path, &token, json!({"reason": "test data"}))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&gone["state"], &gone["acts"][0]["note"]),
        (&json!("cancelled"), &json!("test data"))
    );
    let failed = event(&api, &token, &waits).await;
    assert_eq!(
        (&failed["status"], &failed["error_message"]),
        (&json!("failed"), &json!("discarded by a person"))
    );
    // Its sender may see this one. Who and why is for staff, in the acts.
    assert_eq!(failed["deliveries"][0]["last_error"], "discarded by a person");
    let problem = api
        .post(&path, &token, json!({"reason": "again"}))
        .await
        .problem(409);
    assert_eq!(problem["state"], "cancelled");

    // While a node has it, a person has to wait.
    api.receive(&token, "?source=s&type=a", 1).await;
    let (a, node) = (
        "a".parse().expect("a name"),
        hookyard::domain::id::NodeId::generate(),
    );
    let claims = api
        .store
        .claim_deliveries(&a, Take::shared(9, 0), node, Duration::from_mins(1))
        .await;
    let claims = claims.expect("claimed");
    let path = format!("{LIST}{}/discard/", claims[0].delivery);
    let problem = api
        .post(&path, &token, json!({"reason": "now"}))
        .await
        .problem(409);
    assert_eq!(problem["state"], "claimed");
    let released = api.store.release_deliveries(&[claims[0].lease()]).await;
    released.expect("released");
    api.post(&path, &token, json!({"reason": "now"}))
        .await
        .expect(200);

    for (to, state, status) in [
        ("succeeded", "succeeded", "processed"),
        ("retry", "retrying", "processing"),
        ("dead", "dead", "failed"),
    ] {
        let id = api.receive(&token, "?source=s&type=a", 1).await;
        let held = hold_all(&api.store, "a").await[0];
        let page = api
            .get(&format!("{LIST}?state=unknown"), &token)
            .await
            .expect(200)
            .json();
        assert_eq!(page["results"][0]["id"], json!(held.to_string()));
        api.post(&format!("{LIST}{held}/replay/"), &token, "")
            .await
            .problem(409);
        let path = format!("{LIST}{held}/resolve/");
        api.post(&path, &token, json!({"as": "maybe"})).await.problem(400);
        let settled = api
            .post(&path, &token, json!({"as": to, "note": "asked them"}))
            .await;
        assert_eq!(settled.expect(200).json()["state"], state);
        assert_eq!(event(&api, &token, &id).await["status"], status);
        api.post(&path, &token, json!({"as": to})).await.problem(409);
        end_all(&api.store, "a", &Verdict::Succeeded).await;
    }
    api.stop().await;
}

#[tokio::test]
async fn only_staff_and_only_what_makes_sense() {
    let (api, token) = staffed().await;
    let (id, dead) = dead_letter(&api, &token, &json!(1)).await;
    let user = api.token_of("bob", false).await;
    let gets = [
        LIST.to_owned(),
        format!("{LIST}counts/"),
        format!("{LIST}{dead}/"),
        "/api/replays/".to_owned(),
    ];
    for path in &gets {
        api.get(path, "").await.problem(401);
        api.get(path, &user).await.problem(403);
    }
    let posts = [
        format!("{LIST}{dead}/replay/"),
        format!("{LIST}{dead}/discard/"),
        format!("{LIST}{dead}/resolve/"),
        format!("/api/events/{id}/replay/"),
        "/api/replays/".to_owned(),
    ];
    for path in &posts {
        api.post(path, "", "{}").await.problem(401);
        api.post(path, &user, "{}").await.problem(403);
        for wrong in ["[]", "{\"unknown\": 1}", "nonsense"] {
            api.post(path, &token, wrong).await.problem(400);
        }
    }
    for query in [
        "state=lost",
        "plugin=A",
        "since=yesterday",
        "replayed=2",
        "page=0",
    ] {
        let problem = api.get(&format!("{LIST}?{query}"), &token).await.problem(400);
        let name = query.split('=').next().expect("a name");
        assert_eq!(problem["parameter"], name);
    }
    api.get(&format!("{LIST}?error={}", "x".repeat(257)), &token)
        .await
        .problem(400);
    api.get(&format!("{LIST}?page=2"), &token).await.problem(404);
    let nobody = uuid::Uuid::new_v4();
    for path in ["nonsense".to_owned(), nobody.to_string()] {
        api.get(&format!("{LIST}{path}/"), &token).await.problem(404);
        api.post(&format!("{LIST}{path}/replay/"), &token, "")
            .await
            .problem(404);
        let reason = json!({"reason": "x"});
        api.post(&format!("{LIST}{path}/discard/"), &token, reason)
            .await
            .problem(404);
        let outcome = json!({"as": "dead"});
        api.post(&format!("{LIST}{path}/resolve/"), &token, outcome)
            .await
            .problem(404);
        api.post(&format!("/api/events/{path}/replay/"), &token, "")
            .await
            .problem(404);
        api.get(&format!("/api/replays/{path}/"), &token)
            .await
            .problem(404);
        api.post(&format!("/api/replays/{path}/cancel/"), &token, "")
            .await
            .problem(404);
    }
    for (plugin, kind) in [("none", "no-such-plugin"), ("off", "plugin-disabled")] {
        let problem = api
            .post(&posts[0], &token, json!({"to": plugin}))
            .await
            .problem(409);
        assert_eq!(problem["type"], format!("urn:hookyard:problem:{kind}"));
        let plugins = json!({"plugins": [plugin]});
        api.post(&posts[3], &token, plugins).await.problem(409);
    }
    api.stop().await;
}

#[tokio::test]
async fn a_count_that_is_a_bound_says_so_and_pages_go_on() {
    let (api, token) = staffed().await;
    let template = crate::recorder::event(&"a".parse().expect("a name"));
    let many = |source: &str, count: usize| {
        let one = |_| hookyard::domain::event::NewEvent {
            id: hookyard::domain::id::EventId::generate(),
            source: source.to_owned(),
            event_type: "bulk".to_owned(),
            deliveries: Vec::new(),
            ..template.clone()
        };
        (0..count).map(one).collect::<Vec<_>>()
    };
    api.store
        .accept_events(&many("s", 10_020))
        .await
        .expect("accepted");
    let list = "/api/webhooks/list/?page_size=100";
    let counted = api
        .get(&format!("{list}&source=s"), &token)
        .await
        .expect(200)
        .json();
    assert_eq!(counted["count"], 10_020);
    assert!(counted.get("count_exact").is_none());
    let bounded = api
        .get(&format!("{list}&type=bulk&page=100"), &token)
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&bounded["count"], &bounded["count_exact"]),
        (&json!(10_000), &json!(false))
    );
    let next = bounded["next"].as_str().expect("a page beyond the count");
    let final_page = send(api.client.get(next).bearer_auth(&token))
        .await
        .expect(200)
        .json();
    assert_eq!(final_page["results"].as_array().map(Vec::len), Some(20));
    assert_eq!(final_page["next"], Value::Null);
    api.get(&format!("{list}&type=bulk&page=102"), &token)
        .await
        .problem(404);
    api.stop().await;
}
