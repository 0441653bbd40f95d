//! Schedules over HTTP. Whether their ticks come is another module's question.

use std::sync::Arc;

use hookyard::domain::plugin::PluginSpec;
use hookyard::manifest::PluginsFile;
use serde_json::{Value, json};

use crate::support::api::Api;

const LIST: &str = "/api/schedules/";

/// An interface to one plugin with two schedules.
async fn api() -> Api {
    let api = Api::start().await;
    put_in_force(&api, "");
    api
}

fn put_in_force(api: &Api, more: &str) {
    let text = format!(
        "[plugins.a]\ncomponent = \"a.wasm\"\n{more}\n[[plugins.a.schedules]]\nname = \"nightly\"\n\
         cron = \"0 3 * * *\"\ntimezone = \"Europe/Paris\"\n[[plugins.a.schedules]]\ncron = \"*/15 * * * *\"\n"
    );
    let file = PluginsFile::parse(&text, std::path::Path::new("plugins.toml")).expect("right");
    let by_name = |spec: PluginSpec| (spec.name.clone(), Arc::new(spec));
    api.specs
        .store(Arc::new(file.plugins.into_iter().map(by_name).collect()));
}

#[tokio::test]
async fn staff_see_schedules_run_them_and_read_their_history() {
    let api = api().await;
    let staff = api.token_of("ada", true).await;
    let listed = api.get(LIST, &staff).await.expect(200).json();
    assert_eq!(
        listed[0],
        json!({
            "plugin": "a", "name": "nightly", "cron": "0 3 * * *", "timezone": "Europe/Paris",
            "overlap": "skip", "catch-up": "once", "next": "2026-08-02T01:00:00.000Z", "last": null,
            "paused": null,
        })
    );
    // One without a name, addressed by its expression.
    let path = "/api/schedules/a/*%2F15%20*%20*%20*%20*/";
    for _ in 0..3 {
        let started = api
            .post(&format!("{path}run/"), &staff, "")
            .await
            .expect(202)
            .json();
        let event = started["event"].as_str().expect("an id");
        let event = api
            .get(&format!("/api/webhooks/{event}/"), &staff)
            .await
            .expect(200)
            .json();
        assert_eq!(
            (&event["kind"], &event["type"]),
            (&json!("schedule"), &json!("*/15 * * * *"))
        );
        assert_eq!(event["deliveries"][0]["id"], started["delivery"]);
    }
    let page = api
        .get(&format!("{path}runs/?page_size=2"), &staff)
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&page["count"], &page["results"][0]["outcome"]),
        (&json!(3), &json!("manual"))
    );
    assert_eq!(page["results"][0]["status"], "pending");
    let next = page["next"].as_str().expect("a next page");
    assert!(next.starts_with(&api.url(path)), "{next}");
    let rest = api
        .get(next.trim_start_matches(&api.url("")), &staff)
        .await
        .expect(200)
        .json();
    assert_eq!(
        (rest["results"].as_array().map(Vec::len), &rest["next"]),
        (Some(1), &Value::Null)
    );
    let empty = api
        .get("/api/schedules/a/nightly/runs", &staff)
        .await
        .expect(200)
        .json();
    assert_eq!(empty["count"], 0);
    api.stop().await;
}

#[tokio::test]
async fn a_schedule_is_paused_and_resumed() {
    let api = api().await;
    let staff = api.token_of("ada", true).await;
    let (pause, resume) = (
        "/api/schedules/a/nightly/pause/",
        "/api/schedules/a/nightly/resume/",
    );
    let paused = api.post(pause, &staff, "").await.expect(200).json();
    let by = json!({"since": "2026-08-01T12:00:00.000Z", "by": "ada"});
    assert_eq!((&paused["paused"], &paused["next"]), (&by, &Value::Null));
    // Whoever comes later changes nothing.
    api.clock.advance(std::time::Duration::from_mins(1));
    let other = api.token_of("bob", true).await;
    let again = api.post(pause, &other, "").await.expect(200).json();
    assert_eq!(again["paused"], by);
    let listed = api.get(LIST, &staff).await.expect(200).json();
    assert_eq!((&listed[0]["paused"], &listed[1]["paused"]), (&by, &Value::Null));
    // A person may run it all the same.
    api.post("/api/schedules/a/nightly/run/", &staff, "")
        .await
        .expect(202);
    for _ in 0..2 {
        let resumed = api.post(resume, &staff, "").await.expect(200).json();
        assert_eq!(
            (&resumed["paused"], &resumed["next"]),
            (&Value::Null, &json!("2026-08-02T01:00:00.000Z"))
        );
    }
    for path in ["a/no/pause/", "b/nightly/resume/"] {
        api.post(&format!("{LIST}{path}"), &staff, "").await.problem(404);
    }
    api.stop().await;
}

#[tokio::test]
async fn what_cannot_be_done_is_a_problem() {
    let api = api().await;
    let (staff, user) = (api.token_of("ada", true).await, api.token_of("bob", false).await);
    let run = "/api/schedules/a/nightly/run/";
    api.get(LIST, "").await.problem(401);
    api.get(LIST, &user).await.problem(403);
    api.post(run, &user, "").await.problem(403);
    api.get("/api/schedules/a/nightly/runs/", &user)
        .await
        .problem(403);
    for path in ["a/no/run/", "b/nightly/run/", "A/nightly/run/"] {
        api.post(&format!("{LIST}{path}"), &staff, "").await.problem(404);
    }
    for path in ["a/no/runs/", "B/nightly/runs/", "a/nightly/runs/?page=2"] {
        api.get(&format!("{LIST}{path}"), &staff).await.problem(404);
    }
    api.get("/api/schedules/a/nightly/runs/?page=x", &staff)
        .await
        .problem(400);
    for (state, more) in [("paused", "paused = true"), ("disabled", "enabled = false")] {
        put_in_force(&api, more);
        let problem = api.post(run, &staff, "").await.problem(409);
        assert!(
            problem["detail"]
                .as_str()
                .is_some_and(|detail| detail.contains(state)),
            "{problem}"
        );
    }
    let listed = api.get(LIST, &staff).await.expect(200).json();
    assert_eq!(listed[0]["next"], Value::Null);
    api.stop().await;
}
