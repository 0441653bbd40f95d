//! CloudEvents: the three content modes, and the handshake.

use reqwest::Method;
use serde_json::json;

use super::signer::Signed;
use super::{only_event, post, with_source};
use crate::support::api::{Api, send};

const SECTION: &str = "verify = \"cloudevents\"\nsecret = \"file:secret\"";

async fn api() -> Api {
    with_source(SECTION, "right").await
}

fn request(media: &str, body: &[u8]) -> Signed {
    Signed::new(media, body).with("authorization", "Bearer right")
}

fn binary(id: &str) -> Signed {
    request("application/json", br#"{"message": "Hello World!"}"#)
        .with("ce-specversion", "1.0")
        .with("ce-type", "com.example.someevent")
        .with("ce-id", id)
        .with("ce-source", "/mycontext/subcontext")
}

/// In binary mode, with a body that says it is JSON.
fn binary_of(body: &[u8]) -> Signed {
    Signed {
        body: body.to_vec(),
        ..binary("1")
    }
}

/// In structured mode, with these bytes for its data.
fn with_data(data: &[u8]) -> Vec<u8> {
    let before = br#"{"specversion": "1.0", "id": "1", "source": "/a", "type": "t", "data": "#;
    [&before[..], data, b"}"].concat()
}

fn structured(id: &str) -> serde_json::Value {
    json!({
        "specversion": "1.0",
        "type": "com.example.someevent",
        "time": "2018-04-05T03:56:24Z",
        "id": id,
        "source": "/mycontext/subcontext",
        "datacontenttype": "application/json",
        "data": {"message": "Hello World!"},
    })
}

/// The scenarios of the conformance suite, whose values these are: contracts/cloudevents.
#[tokio::test]
async fn binary_and_structured_mode_bring_the_same_event() {
    let suite = include_str!("../../../../contracts/cloudevents/http-protocol-binding.feature");
    for value in ["com.example.someevent", "1234-1234-1234", "/mycontext/subcontext"] {
        assert!(suite.contains(value));
    }
    let api = api().await;
    let first = post(&api, &binary("1234-1234-1234")).await.expect(200).json();
    for media in [
        "application/cloudevents+json",
        "application/cloudevents+json; charset=utf-8",
    ] {
        let body = structured("1234-1234-1234").to_string();
        let again = post(&api, &request(media, body.as_bytes()))
            .await
            .expect(200)
            .json();
        assert_eq!((&again["id"], &again["duplicate"]), (&first["id"], &json!(true)));
    }
    // Another source's event of that id is another one.
    let mut other = structured("1234-1234-1234");
    other["source"] = json!("/elsewhere");
    let other = request("application/cloudevents+json", other.to_string().as_bytes());
    let other = post(&api, &other).await.expect(200).json();
    assert_ne!(other["id"], first["id"]);
    api.stop().await;

    let api = self::api().await;
    let quoted = binary("1").changed("ce-type", |_| "gr%C3%BC%C3%9Fe".to_owned());
    post(&api, &quoted).await.expect(200);
    let event = only_event(&api).await;
    assert_eq!(
        (&event["type"], &event["payload"]),
        (&json!("grüße"), &json!({"message": "Hello World!"}))
    );
    api.stop().await;
}

#[tokio::test]
async fn a_batch_is_taken_whole_or_not_at_all() {
    let api = api().await;
    api.route(&[("a", "s", "*")]);
    let media = "application/cloudevents-batch+json";
    let post_batch =
        async |events: serde_json::Value| post(&api, &request(media, events.to_string().as_bytes())).await;
    let answer = post_batch(json!([structured("1"), structured("2"), structured("1")]))
        .await
        .expect(200)
        .json();
    let events = answer["events"].as_array().expect("events").clone();
    assert_eq!(events.len(), 3);
    assert_eq!(events[2]["id"], events[0]["id"]);
    assert_eq!(events[2]["duplicate"], true);
    assert_eq!(
        (&events[0]["status"], events[1].get("duplicate")),
        (&json!("pending"), None)
    );

    let mut bad = structured("4");
    bad.as_object_mut().expect("an object").remove("source");
    let problem = post_batch(json!([structured("3"), bad])).await.problem(400);
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|text| text.contains("vent 2 of the batch: the attribute source")),
        "{problem}"
    );
    let many: Vec<_> = (0..257).map(|n| structured(&n.to_string())).collect();
    post_batch(json!(many)).await.problem(400);
    assert_eq!(
        post_batch(json!([])).await.expect(200).json(),
        json!({"events": []})
    );

    let token = api.token_of("looker", true).await;
    let page = api.get("/api/webhooks/list/", &token).await.expect(200).json();
    assert_eq!(page["count"], 2, "{page}");
    let one = &page["results"][0];
    assert_eq!(one["content_type"], "application/cloudevents+json");
    assert_eq!(one["payload"]["data"]["message"], "Hello World!");
    api.stop().await;
}

#[tokio::test]
async fn what_the_operator_picks_is_looked_for_in_each_event_of_a_batch() {
    let api = api().await;
    let token = api.token_of("looker", true).await;
    let media = "application/cloudevents-batch+json";
    let order = |id: &str, number: u32| {
        let mut event = structured(id);
        event["data"] = json!({"number": number, "kind": format!("order.{number}")});
        event
    };
    let batch = json!([order("1", 1), order("2", 2), order("3", 2)]).to_string();
    // For each: whether the events of the batch, and of one that repeats it, are duplicates.
    for (dedupe, first, again) in [
        ("{ pointer = \"/data/number\" }", [false, false, true], [true; 3]),
        ("{ header = \"x-id\" }", [false; 3], [true; 3]),
        ("\"off\"", [false; 3], [false; 3]),
    ] {
        api.set_sources(&format!(
            "[sources.s]\n{SECTION}\ntype = {{ pointer = \"/data/kind\" }}\ndedupe = {dedupe}\n"
        ));
        let batch = request(media, batch.as_bytes()).with("x-id", dedupe.len().to_string());
        for want in [first, again] {
            let answer = post(&api, &batch).await.expect(200).json();
            let events = answer["events"].as_array().expect("events");
            let duplicates = events.iter().map(|event| event["duplicate"] == true);
            assert_eq!(duplicates.collect::<Vec<_>>(), want, "{dedupe}: {answer}");
        }
    }
    let page = api.get("/api/webhooks/list/", &token).await.expect(200).json();
    assert_eq!(page["count"], 2 + 3 + 6, "{page}");
    let events = page["results"].as_array().expect("results");
    for event in events {
        assert_eq!(event["type"], event["payload"]["data"]["kind"]);
    }
    api.stop().await;
}

#[tokio::test]
async fn what_is_no_cloudevent_is_refused() {
    let api = api().await;
    for (what, request) in [
        ("no attribute", request("application/json", b"{}")),
        ("no type", binary("1").without("ce-type")),
        (
            "another version",
            binary("1").changed("ce-specversion", |_| "0.3".to_owned()),
        ),
        ("no JSON", request("application/cloudevents+json", b"{")),
        (
            "no UTF-8",
            request("application/cloudevents+json", &with_data(b"\"\xff\xfe\"")),
        ),
        (
            "a list of attributes",
            request("application/cloudevents+json", br#"["1.0", "id", "/a", "t"]"#),
        ),
        (
            "a list of lists",
            request(
                "application/cloudevents-batch+json",
                br#"[["1.0", "id", "/a", "t"]]"#,
            ),
        ),
        (
            "a batch that is no UTF-8",
            request(
                "application/cloudevents-batch+json",
                &[&b"["[..], &with_data(b"\"\xff\""), b"]"].concat(),
            ),
        ),
        ("half of a body", binary_of(b"{\"a\":")),
        ("no body", binary_of(b"")),
        ("two bodies", binary_of(b"{} {}")),
        ("a body that is no UTF-8", binary_of(b"\"\xff\"")),
        ("another format", request("application/cloudevents+avro", b"x")),
        ("no list", request("application/cloudevents-batch+json", b"{}")),
    ] {
        let problem = post(&api, &request).await.problem(400);
        assert_eq!(problem["check"], "body", "{what}: {problem}");
    }
    api.stop().await;
}

#[tokio::test]
async fn the_token_may_be_in_the_query_and_is_not_kept() {
    let api = api().await;
    let by_query = |token: &str| Signed {
        query: format!("?access_token={token}"),
        ..binary("1").without("authorization")
    };
    post(&api, &by_query("right")).await.expect(200);
    post(&api, &by_query("wr%6Fng")).await.problem(401);
    let staff = api.token_of("staff", true).await;
    let kept = super::kept(&api, &staff, 1).await;
    assert_eq!(kept[0]["target"], "/api/webhooks/receive/s/?access_token=***");
    assert_eq!(kept[0]["has_credential"], true);
    // Only a source of CloudEvents takes it from there.
    api.set_sources("[sources.s]\nverify = \"bearer\"\nsecret = \"file:secret\"\n");
    post(&api, &by_query("right")).await.problem(401);
    api.stop().await;
}

#[tokio::test]
async fn a_sender_asks_before_it_delivers() {
    let api = api().await;
    let ask = async |origin: Option<&str>| {
        let mut request = api.request(Method::OPTIONS, "/api/webhooks/receive/s");
        if let Some(origin) = origin {
            request = request
                .header("webhook-request-origin", origin)
                .header("webhook-request-rate", "120");
        }
        send(request).await
    };
    let answer = ask(Some("eventemitter.example.com")).await.expect(200);
    assert_eq!(
        answer.header("webhook-allowed-origin"),
        "eventemitter.example.com"
    );
    assert_eq!(answer.header("webhook-allowed-rate"), "*");
    assert_eq!(answer.header("allow"), "POST");
    ask(None).await.problem(400);
    api.set_sources(&format!(
        "[sources.s]\n{SECTION}\norigins = [\"Emitter.example.com\"]\n"
    ));
    ask(Some("emitter.EXAMPLE.com")).await.expect(200);
    let refused = ask(Some("other.example.com")).await;
    refused.problem(403);
    assert_eq!(refused.header("webhook-allowed-origin"), "");
    api.set_sources("[sources.s]\nverify = \"none\"\n");
    ask(Some("emitter.example.com")).await.problem(404);
    api.stop().await;
}
