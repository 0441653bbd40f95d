//! `hookyard top`: how everything stands, as text, as JSON, and on a terminal that is given back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hookyard::environment::Environment;
use serde_json::json;

use crate::support::command::{Ran, Yard, hookyard, hookyard_json};
use crate::support::pipeline::{PATIENCE, Pipeline};
use crate::support::plugins::component;

/// A plugin that delivers and one that holds what it gets.
fn plugins() -> String {
    let file = component("echo");
    let section = |name: &str, more: &str| {
        format!(
            "[plugins.{name}]\ncomponent = \"{}\"\nroutes = [{{ source = \"{name}\" }}]\n{more}",
            file.display()
        )
    };
    section("echo", "") + &section("held", "paused = true\n")
}

/// A server with three deliveries that wait and one that is done.
async fn served() -> (Arc<Yard>, Pipeline) {
    let yard = Arc::new(hookyard(""));
    let server = Pipeline::start_in(yard.path(), &plugins(), Environment::default()).await;
    for _ in 0..3 {
        server.send("held", "t", &json!({})).await;
    }
    let done = server.send("echo", "t", &json!({})).await;
    server.wait_status(&done, "processed").await;
    (yard, server)
}

async fn run(yard: &Arc<Yard>, does: impl FnOnce(&Yard) -> Ran + Send + 'static) -> Ran {
    let yard = yard.clone();
    let ran = tokio::task::spawn_blocking(move || does(&yard));
    ran.await.expect("no panic")
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_and_pipes_get_one_view() {
    let (yard, server) = served().await;
    // The node reports itself within moments.
    let began = Instant::now();
    let view = loop {
        let view = hookyard_json(yard.path(), &["top", "--interval", "500ms"]).await;
        if view["nodes"].as_array().is_some_and(|nodes| !nodes.is_empty()) {
            break view;
        }
        assert!(began.elapsed() < PATIENCE, "{view:#}");
    };
    let of = |name: &str| {
        let plugins = view["plugins"].as_array().expect("a list");
        plugins
            .iter()
            .find(|plugin| plugin["name"] == name)
            .expect("there")
    };
    let (held, echo, total) = (of("held"), of("echo"), &view["total"]);
    assert_eq!(
        (&held["waiting"], &held["running"]),
        (&json!(3), &json!(0)),
        "{view:#}"
    );
    assert!(held["oldest_ms"].is_u64(), "{held:#}");
    assert_eq!(
        (&echo["succeeded"], &echo["oldest_ms"]),
        (&json!(1), &json!(null)),
        "{view:#}"
    );
    assert_eq!(echo["breaker"], "closed", "{echo:#}");
    assert_eq!(
        (&total["waiting"], &total["dead"]),
        (&json!(3), &json!(0)),
        "{view:#}"
    );
    assert_eq!(
        total["taken_per_second"],
        json!(0.0),
        "nothing came between: {view:#}"
    );
    assert_eq!(
        (&view["nodes"][0]["this"], &view["nodes"][0]["live"]),
        (&json!(true), &json!(true))
    );

    let ran = run(&yard, |yard| yard.run(&["top", "--interval", "500ms"])).await;
    assert_eq!(ran.status, 0, "{}", ran.err);
    assert!(
        ran.out.starts_with("3 waiting, the oldest due for "),
        "{}",
        ran.out
    );
    assert!(!ran.out.contains('\x1b'), "no terminal looks on: {}", ran.out);
    let line = ran.out.lines().find(|line| line.starts_with("held "));
    let cells: Vec<&str> = line.expect("a line").split_whitespace().collect();
    assert_eq!(cells[1], "3", "{}", ran.out);
    server.stop().await;
}

/// The other screen is left and typing is shown again, however the view ends.
#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_is_given_back() {
    let (yard, server) = served().await;
    let interrupt = "\u{3}";
    for typed in ["q", interrupt] {
        let ran = run(&yard, move |yard| {
            yard.at_terminal_after("BREAKER", typed, &["top", "--interval", "500ms"])
        })
        .await;
        assert_eq!(ran.status, 0, "{typed:?}: {}", ran.out);
        let (taken, left) = (ran.out.find("\x1b[?1049h"), ran.out.rfind("\x1b[?1049l"));
        assert!(taken.is_some() && left > taken, "{typed:?}: {:?}", ran.out);
        assert!(
            ran.out.contains("held") && ran.out.contains("q quits"),
            "{:?}",
            ran.out
        );
        assert!(
            ran.out.rfind("\x1b[?25h") > taken,
            "the cursor is back: {:?}",
            ran.out
        );
    }
    let typed = run(&yard, |yard| {
        yard.at_terminal_after("BREAKER", "q", &["top", "--once", "--interval", "500ms"])
    })
    .await;
    assert!(
        typed.status == 0 && !typed.out.contains("\x1b[?1049h"),
        "{:?}",
        typed.out
    );
    server.stop().await;
}

/// Rates are of what came and went between two looks.
#[tokio::test(flavor = "multi_thread")]
async fn rates_are_told() {
    let (yard, server) = served().await;
    let looking = tokio::spawn({
        let dir = yard.path().to_owned();
        async move { hookyard_json(&dir, &["top", "--interval", "3s"]).await }
    });
    // Something comes in the whole time, whenever the first look is.
    while !looking.is_finished() {
        server.send("held", "t", &json!({})).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let view = looking.await.expect("no panic");
    let rate = |row: &serde_json::Value| row["taken_per_second"].as_f64().expect("known");
    assert!(rate(&view["total"]) > 0.0, "{view:#}");
    server.stop().await;
}

#[test]
fn without_a_server_the_database_is_shown_once() {
    let yard = hookyard("");
    let ran = yard.run(&["top"]);
    assert_eq!(ran.status, 0, "{}", ran.err);
    assert!(
        ran.out.contains("no plugins") && ran.out.contains("no server has reported"),
        "{}",
        ran.out
    );
    let ran = yard.at_terminal("", &["top"]);
    assert!(
        ran.status == 1 && ran.out.contains("no server runs"),
        "{}",
        ran.out
    );
}

#[test]
fn intervals_are_bounded() {
    for wrong in ["1ms", "2h", "soon"] {
        let ran = hookyard("").run(&["top", "--interval", wrong]);
        assert_eq!(ran.status, 2, "{}", ran.err);
    }
}
