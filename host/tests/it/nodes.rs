//! Several nodes over one PostgreSQL database.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hookyard::environment::Environment;
use serde_json::{Value, json};

use crate::support::pipeline::{JsonValue as _, PATIENCE, Pipeline};
use crate::support::plugins::component;
use crate::support::postgres;

async fn start(dir: &Path, url: &str, text: &str) -> Pipeline {
    let env = Environment::of([("DATABASE_URL", url)]);
    Pipeline::start_in(dir, text, env).await
}

async fn nodes(pipeline: &Pipeline) -> Value {
    let request = pipeline
        .client
        .get(format!("http://{}/api/nodes/", pipeline.address));
    let answer = request.bearer_auth(&pipeline.token).send().await;
    answer.expect("an answer").json_value().await
}

/// Waits until the list of nodes is as wanted.
async fn wait(pipeline: &Pipeline, what: &str, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let began = Instant::now();
    loop {
        let nodes = nodes(pipeline).await;
        let nodes = nodes.as_array().expect("a list");
        if wanted(nodes) {
            return nodes.clone();
        }
        assert!(began.elapsed() < PATIENCE, "{what}: {nodes:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn agree(nodes: &[Value]) -> bool {
    let first = &nodes[0]["plugins_digest"];
    nodes.len() == 2 && first.is_string() && nodes.iter().all(|node| node["plugins_digest"] == *first)
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_are_refused_while_the_nodes_have_different_files() {
    let Some(url) = postgres::fresh_database().await else {
        return;
    };
    let section = format!(
        "[plugins.echo]\ncomponent = \"{}\"\n",
        component("echo").display()
    );
    let [one, two] = [(); 2].map(|()| tempfile::tempdir().expect("a directory"));
    let a = start(one.path(), &url, &section).await;
    let b = start(two.path(), &url, &section).await;
    let known = wait(&a, "both report the same", agree).await;
    assert_eq!(known.iter().filter(|node| node["this"] == true).count(), 1);
    for node in &known {
        assert_eq!(node["live"], true, "{node:#}");
        assert_eq!(
            node["builds"]["echo"].as_str().map(str::len),
            Some(64),
            "{node:#}"
        );
    }

    // The first edit makes the files differ: the next has to wait until the other node has it too.
    let (status, answer) = a.post("/api/plugins/echo/disable/", &json!({})).await;
    assert_eq!(status, 200, "{answer:#}");
    wait(&b, "told of the edit", |nodes| nodes.len() == 2 && !agree(nodes)).await;
    for node in [&a, &b] {
        let (status, answer) = node.post("/api/plugins/echo/enable/", &json!({})).await;
        assert_eq!(status, 409, "{answer:#}");
        let detail = answer["detail"].as_str().unwrap_or_default();
        let other = known.iter().filter_map(|node| node["id"].as_str());
        assert_eq!(
            other.filter(|id| detail.contains(id)).count(),
            1,
            "the other one is named: {detail}"
        );
    }
    let edited = std::fs::read_to_string(one.path().join("plugins.toml")).expect("read");
    assert!(edited.contains("enabled = false"), "{edited}");
    b.write_plugins(&edited);
    wait(&a, "the same again", agree).await;
    let (status, answer) = b.post("/api/plugins/echo/enable/", &json!({})).await;
    assert_eq!((status, &answer["state"]), (200, &json!("ready")), "{answer:#}");

    // Who has stopped has no say.
    b.stop().await;
    wait(&a, "one is left", |nodes| nodes.len() == 1).await;
    let (status, answer) = a.post("/api/plugins/echo/enable/", &json!({})).await;
    assert_eq!(status, 200, "{answer:#}");
    a.stop().await;
    postgres::drop_database(&url).await;
}

/// A SQLite file serves one process: whoever died there before has no say either.
#[tokio::test(flavor = "multi_thread")]
async fn a_lone_node_is_known_by_the_command_too() {
    let yard = Arc::new(crate::support::command::hookyard(""));
    let server = Pipeline::start_in(yard.path(), "", Environment::default()).await;
    wait(&server, "it reports", |nodes| nodes.len() == 1).await;
    let command = yard.clone();
    let ran = tokio::task::spawn_blocking(move || command.run(&["nodes"]));
    let ran = ran.await.expect("no panic");
    assert_eq!(ran.status, 0, "{}", ran.err);
    assert!(
        ran.out.starts_with("NODE") && ran.out.lines().count() == 2,
        "{}",
        ran.out
    );
    server.stop().await;
}

/// A node that takes requests stores, one that works delivers, and neither ticks.
#[tokio::test(flavor = "multi_thread")]
async fn roles_share_the_work() {
    let Some(url) = postgres::fresh_database().await else {
        return;
    };
    let section = format!(
        "[plugins.echo]\ncomponent = \"{}\"\n[[plugins.echo.routes]]\nsource = \"*\"\ntype = \"*\"\n",
        component("echo").display()
    );
    let of_role = async |role: &str, dir: &Path| {
        let env = Environment::of([("DATABASE_URL", url.as_str()), ("HOOKYARD_ROLE", role)]);
        Pipeline::start_in(dir, &section, env).await
    };
    let [one, two] = [(); 2].map(|()| tempfile::tempdir().expect("a directory"));
    let intake = of_role("intake", one.path()).await;
    let waiting = intake.send("s", "t", &json!({})).await;
    assert_eq!(
        intake.event(&waiting).await["status"],
        "pending",
        "nobody works yet"
    );

    let worker = of_role("worker", two.path()).await;
    intake.wait_status(&waiting, "processed").await;
    let roles = |nodes: &[Value]| {
        let mut roles: Vec<_> = nodes.iter().map(|node| node["role"].to_string()).collect();
        roles.sort();
        roles == ["\"intake\"", "\"worker\""]
    };
    wait(&intake, "both tell their roles", roles).await;

    // It is ready for its own work, and says to whom requests go.
    let ready = worker.client.get(format!("http://{}/readyz", worker.address));
    assert_eq!(ready.send().await.expect("an answer").status(), 200);
    let (status, answer) = worker.post("/api/webhooks/receive/", &json!({})).await;
    assert_eq!(status, 503, "{answer:#}");
    assert!(
        answer["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("takes no requests")),
        "{answer:#}"
    );
    intake.stop().await;
    worker.stop().await;
    postgres::drop_database(&url).await;
}
