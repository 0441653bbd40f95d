//! Routes with conditions, what a plugin sees of a payload, and why an event goes where it goes.

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use hookyard::manifest::PluginsFile;
use serde_json::{Value, json};

use crate::support::command::hookyard_json;
use crate::support::pipeline::{JsonValue as _, Pipeline};
use crate::support::plugins::component;

/// A plugin of the echo fixture with these lines before its routes.
fn echo(name: &str, more: &str, routes: &str) -> String {
    let file = component("echo");
    format!(
        "[plugins.{name}]\ncomponent = \"{}\"\n{more}\nroutes = [{routes}]\n",
        file.display()
    )
}

async fn get(pipeline: &Pipeline, path: &str) -> reqwest::Response {
    let request = pipeline.client.get(format!("http://{}{path}", pipeline.address));
    request
        .bearer_auth(&pipeline.token)
        .send()
        .await
        .expect("an answer")
}

/// The plugins that an event has deliveries to.
fn plugins(event: &Value) -> Vec<&str> {
    let deliveries = event["deliveries"].as_array().expect("deliveries").iter();
    deliveries
        .map(|delivery| delivery["plugin"].as_str().expect("a name"))
        .collect()
}

/// What the echo saw as its body.
fn seen(event: &Value) -> &str {
    let output = &event["deliveries"][0]["attempts"][0]["output"];
    output["trigger"]["body"].as_str().expect("a body")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_decides_over_body_headers_and_event() {
    let text = echo(
        "main",
        "",
        r#"{ source = "git", when = 'body.ref == "refs/heads/main"' }"#,
    ) + &echo(
        "large",
        "",
        r#"{ when = 'size(body.commits) > 1 && body.commits.exists(c, c.author == "ada")' }"#,
    ) + &echo(
        "hot",
        "",
        r#"{ when = 'headers["x-priority"] == "1" && event.type.startsWith("pu")' }, { source = "all" }"#,
    );
    let pipeline = Pipeline::start(&text).await;
    let push = json!({"ref": "refs/heads/main", "commits": [{"author": "bob"}, {"author": "ada"}]});
    let id = pipeline.send("git", "push", &push).await;
    assert_eq!(plugins(&pipeline.event(&id).await), ["large", "main"]);
    let other = json!({"ref": "refs/heads/x", "commits": [{"author": "bob"}, {"author": "bob"}]});
    let id = pipeline.send("git", "push", &other).await;
    assert!(plugins(&pipeline.event(&id).await).is_empty());
    let id = pipeline.send("all", "push", &json!(1)).await;
    assert_eq!(plugins(&pipeline.event(&id).await), ["hot"]);
    let url = format!(
        "http://{}/api/webhooks/receive/?source=git&type=push",
        pipeline.address
    );
    let request = pipeline
        .client
        .post(url)
        .bearer_auth(&pipeline.token)
        .header("X-Priority", "1");
    let sent = request
        .header("content-type", "application/json")
        .body("{}")
        .send()
        .await
        .expect("an answer");
    let sent = sent.json_value().await;
    let id = sent["id"].as_str().expect("an id");
    assert_eq!(plugins(&pipeline.event(id).await), ["hot"]);
    pipeline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_that_cannot_be_worked_out_does_not_match_and_is_counted() {
    let text = echo("main", "", r#"{ when = 'body.ref == "main"' }"#)
        + &echo("safe", "", r#"{ when = 'has(body.ref) && body.ref == "main"' }"#);
    let pipeline = Pipeline::start(&text).await;
    let id = pipeline.send("git", "push", &json!({"no": "ref"})).await;
    assert!(plugins(&pipeline.event(&id).await).is_empty());
    let metrics = get(&pipeline, "/metrics").await.text().await.expect("text");
    assert!(
        metrics.contains("hookyard_route_conditions_failed_total{plugin=\"main\"} 1"),
        "{metrics}"
    );
    assert!(!metrics.contains("hookyard_route_conditions_failed_total{plugin=\"safe\"}"));
    let explained = get(&pipeline, &format!("/api/events/{id}/routes/"))
        .await
        .json_value()
        .await;
    let route = &explained[0]["routes"][0];
    assert!(
        route["when_error"]
            .as_str()
            .is_some_and(|error| error.contains("ref")),
        "{explained:#}"
    );
    assert_eq!(
        (&explained[0]["wants"], &explained[1]["routes"][0]["when_holds"]),
        (&json!(false), &json!(false))
    );
    pipeline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_body_is_looked_into_and_a_larger_one_is_not() {
    let pipeline = Pipeline::start(&echo("main", "", r"{ when = 'body.n == 1' }")).await;
    let id = pipeline
        .send("s", "t", &json!({"n": 1, "pad": "x".repeat(300 << 10)}))
        .await;
    assert_eq!(plugins(&pipeline.event(&id).await), ["main"]);
    pipeline.stop().await;
}

/// How long it is looked whether something waits: it would be over in a few milliseconds.
const MOMENT: Duration = Duration::from_millis(300);

#[tokio::test(flavor = "multi_thread")]
async fn all_who_look_into_bodies_share_the_room_for_it() {
    let pipeline = Pipeline::start(&echo("main", "map = '{\"m\": body.n}'", "{}")).await;
    let (go_on, held) = mpsc::channel::<()>();
    let (begun, begins) = tokio::sync::oneshot::channel();
    let looks = pipeline.looks.clone();
    let held = move || {
        begun.send(()).expect("the test waits");
        held.recv().is_err()
    };
    let holding = tokio::spawn(async move { looks.look(usize::MAX, held).await });
    begins.await.expect("all of the room is taken");
    // No route looks inside.
    let id = pipeline.send("s", "t", &json!({"n": 1})).await;
    let (routes, replay) = (
        format!("/api/events/{id}/routes/"),
        format!("/api/events/{id}/replay/"),
    );
    let nothing = json!({});
    let mut explained = Box::pin(get(&pipeline, &routes));
    let mut replayed = Box::pin(pipeline.post(&replay, &nothing));
    let waits = tokio::time::timeout(MOMENT, explained.as_mut()).await.is_err();
    assert!(waits, "routes are explained without room");
    let waits = tokio::time::timeout(MOMENT, replayed.as_mut()).await.is_err();
    assert!(waits, "an event is routed anew without room");
    let status = &pipeline.event(&id).await["status"];
    assert!(status != "processed", "its payload was mapped without room");
    drop(go_on);
    assert_eq!(holding.await.expect("no panic"), Some(true));
    assert_eq!(explained.await.status(), 200);
    let (status, answer) = replayed.await;
    // The first delivery may be open still.
    assert!(status == 201 || status == 409, "{answer}");
    let event = pipeline.wait_status(&id, "processed").await;
    assert_eq!(seen(&event), "{\"m\":1}");
    pipeline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_does_not_see_what_is_redacted() {
    let text = echo("clear", "", r#"{ when = 'body.card == "4711"' }"#)
        + &echo("masked", "", r#"{ when = 'body.card == "[redacted]"' }"#)
        + "[retention.sources.shop]\nredact = [\"/card\"]\n";
    let pipeline = Pipeline::start(&text).await;
    for (source, wanted) in [("shop", "masked"), ("other", "clear")] {
        let id = pipeline.send(source, "order", &json!({"card": "4711"})).await;
        assert_eq!(plugins(&pipeline.event(&id).await), [wanted], "{source}");
    }
    pipeline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_tells_each_part_and_how_the_plugin_stands() {
    let text = echo("all", "", "{}")
        + &echo("off", "enabled = false", "{}")
        + &echo(
            "git",
            "paused = true",
            r#"{ source = "git*", type = "push", when = 'body.n > 1' }"#,
        )
        + &echo("none", "", "");
    let pipeline = Pipeline::start(&text).await;
    let id = pipeline.send("github", "ping", &json!({"n": 1})).await;
    let explained = get(&pipeline, &format!("/api/events/{id}/routes/"))
        .await
        .json_value()
        .await;
    let by_name = |name: &str| {
        let mut all = explained.as_array().expect("a list").iter();
        all.find(|plugin| plugin["plugin"] == name).expect("the plugin")
    };
    assert_eq!(
        (&by_name("all")["wants"], &by_name("all")["why"]),
        (&json!(true), &json!("a route matches"))
    );
    assert_eq!(
        (&by_name("off")["wants"], &by_name("off")["state"]),
        (&json!(false), &json!("disabled"))
    );
    let route = &by_name("git")["routes"][0];
    for (part, wanted) in [
        ("source_matches", json!(true)),
        ("type_matches", json!(false)),
        ("when_holds", json!(false)),
        ("matches", json!(false)),
    ] {
        assert_eq!(route[part], wanted, "{part}: {route:#}");
    }
    assert_eq!(
        by_name("git")["why"],
        "no route matches: the type is not `push`, and `body.n > 1` does not hold"
    );
    assert_eq!(by_name("none")["why"], "it has no routes");

    // The same from the command line, for a stored event and for one that is imagined.
    let settings = pipeline.dir.clone();
    let told = hookyard_json(&settings, &["routes", "explain", &id]).await;
    assert_eq!(told, explained);
    let file = pipeline.dir.join("imagined.json");
    let imagined = json!({"source": "gitlab", "type": "push", "payload": {"n": 2}, "headers": {"X-A": "1"}});
    std::fs::write(&file, imagined.to_string()).expect("written");
    let told = hookyard_json(&settings, &["routes", "explain", &file.display().to_string()]).await;
    let git = told
        .as_array()
        .expect("a list")
        .iter()
        .find(|plugin| plugin["plugin"] == "git");
    assert_eq!(
        git.expect("the plugin")["why"],
        "a route matches; the plugin is paused, so the delivery waits"
    );
    pipeline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_map_gives_the_plugin_its_own_payload_and_leaves_the_event() {
    let map = r#"map = '{"text": event.source + ": " + body.title, "n": body.n, "all": body}'"#;
    let pipeline = Pipeline::start(&echo("mapped", map, "{}")).await;
    let sent = json!({"title": "Größe", "n": 3, "list": [1, 2.5, null, true]});
    let id = pipeline.send("shop", "order", &sent).await;
    let event = pipeline.wait_status(&id, "processed").await;
    let body: Value = serde_json::from_str(seen(&event)).expect("JSON");
    assert_eq!(body, json!({"text": "shop: Größe", "n": 3, "all": sent}));
    assert_eq!(event["payload"], sent);
    assert_eq!(event["deliveries"][0]["attempts"][0]["mapped"], true);

    // One that it makes nothing of is a dead letter that says where the fault is.
    let id = pipeline.send("shop", "order", &json!({"n": 3})).await;
    let event = pipeline.wait_status(&id, "failed").await;
    let attempt = &event["deliveries"][0]["attempts"][0];
    assert_eq!(
        (&attempt["outcome"], &attempt["mapped"]),
        (&json!("rejected"), &json!(false))
    );
    let error = attempt["error"].as_str().expect("an error");
    assert!(
        error.contains("plugins.toml:3:7") && error.contains("title"),
        "{error}"
    );
    pipeline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn json_that_no_value_can_hold_is_not_null_to_conditions_and_maps() {
    let text = echo("null", "", "{ when = 'body == null' }") + &echo("mapped", "map = 'body'", "{}");
    let pipeline = Pipeline::start(&text).await;
    for body in [r#"{"n":1e999}"#, r#"{"t":"\ud800"}"#] {
        let id = pipeline.send_text("shop", "order", body.to_owned()).await;
        let event = pipeline.wait_status(&id, "failed").await;
        assert_eq!(plugins(&event), ["mapped"], "{event:#}");
        let error = &event["deliveries"][0]["attempts"][0]["error"];
        let says = |error: &Value| {
            let text = error.as_str().unwrap_or_default();
            text.contains("the payload cannot be looked into")
        };
        assert!(says(error), "{event:#}");
        let explained = get(&pipeline, &format!("/api/events/{id}/routes/")).await;
        let explained = explained.json_value().await;
        let mut all = explained.as_array().expect("a list").iter();
        let null = all.find(|plugin| plugin["plugin"] == "null").expect("the plugin");
        assert!(says(&null["routes"][0]["when_error"]), "{explained:#}");
    }
    pipeline.stop().await;
}

#[test]
fn a_mistake_in_an_expression_is_told_with_its_place_in_it() {
    let plugin = "[plugins.a]\ncomponent = \"a.wasm\"\n";
    let deep = format!("{}1{}", "(".repeat(200), ")".repeat(200));
    let wide = vec!["1"; 2_000].join("+");
    for (text, place, says) in [
        (
            "routes = [{ when = 'body.ref ==' }]",
            "3:",
            "`when` cannot be used",
        ),
        (
            "routes = [{ when = 'body.ref == )' }]",
            "3:33",
            "`when` cannot be used",
        ),
        (
            "routes = [{ when = \"\\u0062ody.ref == )\" }]",
            "3:38",
            "`when` cannot be used",
        ),
        (
            "[[plugins.a.routes]]\nwhen = '''\ntrue &&\n  ) '''",
            "6:3",
            "`when` cannot be used",
        ),
        ("map = 'nobody.x'", "3:8", "`nobody`"),
        ("map = 'nothing(body)'", "3:", "`nothing`"),
        ("map = ''", "3:", "empty"),
        (&*format!("map = '{deep}'"), "3:", "`map` cannot be used"),
        (&*format!("map = '{wide}'"), "3:", "`map` cannot be used"),
        ("map = 'body.map(a, body.map(b, b))'", "3:", "inside another"),
        ("routes = [{ when = 'body.a.matches(body.b)' }]", "3:", "matches"),
        ("routes = [{ when = 'body.a.matches(\"(\")' }]", "3:", "matches"),
    ] {
        let error = PluginsFile::parse(&format!("{plugin}{text}\n"), Path::new("plugins.toml"));
        let error = error.expect_err(text).to_string();
        assert!(
            error.starts_with(&format!("plugins.toml:{place}")),
            "{text}: {error}"
        );
        assert!(error.contains(says), "{text}: {error}");
    }
}

#[test]
fn keys_of_delivery_are_read_and_mistakes_told() {
    let plugin = "[plugins.a]\ncomponent = \"a.wasm\"\n";
    let parse = |text: &str| PluginsFile::parse(&format!("{plugin}{text}\n"), Path::new("plugins.toml"));
    let file = parse(
        "map = 'body'\nbreaker = { failures = 3, window = \"2m\", open = \"1s\", max-open = \"4s\" }\n\
         [plugins.a.limits]\nrate = \"60/min\"\nburst = 5\n[plugins.a.retry]\norder-by = \"/customer/id\"",
    );
    let spec = &file.expect("right").plugins[0];
    let breaker = spec.breaker.expect("on");
    assert_eq!((breaker.failures, breaker.max_open.as_secs()), (3, 4));
    assert_eq!(
        spec.limits.rate.expect("a rate").to_string(),
        "60/min (at once 5)"
    );
    assert_eq!(
        spec.order_by.as_ref().expect("a pointer").to_string(),
        "/customer/id"
    );
    let spec = &parse("breaker = \"off\"").expect("right").plugins[0];
    assert_eq!(spec.breaker, None);
    assert!(
        parse("").expect("right").plugins[0].breaker.is_some(),
        "on unless it is switched off"
    );
    for (text, place, says) in [
        (
            "[plugins.a.limits]\nrate = \"60\"",
            "4:8",
            "write it like \"60/min\"",
        ),
        ("[plugins.a.limits]\nburst = 5", "4:9", "set `rate` too"),
        (
            "[plugins.a.limits]\nrate = \"1/s\"\nburst = 0",
            "5:9",
            "must be from 1",
        ),
        (
            "[plugins.a.retry]\norder-by = \"customer\"",
            "4:12",
            "no JSON pointer",
        ),
        ("breaker = \"on\"", "3:11", "\"off\", or a table"),
        (
            "[plugins.a.breaker]\nfailures = 0",
            "4:12",
            "must be from 1 to 1000",
        ),
        (
            "[plugins.a.breaker]\nopen = \"1h\"\nmax-open = \"1m\"",
            "4:8",
            "longer than `max-open`",
        ),
        (
            "[plugins.a.breaker]\nfailure = 1",
            "4:1",
            "unknown field `failure`",
        ),
    ] {
        let error = parse(text).expect_err(text).to_string();
        assert!(
            error.starts_with(&format!("plugins.toml:{place}")),
            "{text}: {error}"
        );
        assert!(error.contains(says), "{text}: {error}");
    }
}
