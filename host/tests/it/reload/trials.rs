//! `rollback-after`: a new build that fails its first deliveries makes way for the one before, by itself.

use std::path::Path;

use hookyard::environment::Environment;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::files::{bytes, digest, plugin, wait};
use super::replace;
use crate::support::pipeline::{JsonValue as _, Pipeline};

/// A plugin on trial after two failures, whose first build works.
struct Scene {
    dir: TempDir,
    pipeline: Pipeline,
}

fn section(file: &Path, paused: bool) -> String {
    format!(
        "[plugins.version]\ncomponent = \"{}\"\nroutes = [{{ source = \"shop\" }}]\nrollback-after = 2\n\
         paused = {paused}\nretry = {{ schedule = [\"10ms\", \"10ms\"] }}\n",
        file.display()
    )
}

impl Scene {
    /// The working build, and this one in its place.
    async fn with(second: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("plugin.wasm");
        std::fs::write(&file, bytes("version_one")).expect("written");
        let pipeline = Self::serve(dir.path()).await;
        let scene = Self { dir, pipeline };
        let id = scene.send("ok").await;
        scene.pipeline.wait_status(&id, "processed").await;
        replace(&file, &bytes(second));
        scene.serving(second).await;
        scene
    }

    async fn serve(dir: &Path) -> Pipeline {
        let text = section(&dir.join("plugin.wasm"), false);
        Pipeline::start_in(dir, &text, Environment::default()).await
    }

    async fn send(&self, what: &str) -> String {
        self.pipeline.send("shop", "order", &json!({ "do": what })).await
    }

    async fn fails(&self, what: &str) {
        let id = self.send(what).await;
        self.pipeline.wait_status(&id, "failed").await;
    }

    async fn serving(&self, fixture: &str) -> Value {
        let digest = digest(&bytes(fixture));
        wait(&self.pipeline, fixture, |plugin| {
            plugin["digest"] == json!(digest)
        })
        .await
    }

    /// Lets all that is under way come to its end, and begins anew.
    async fn restart(self) -> Self {
        self.pipeline.stop().await;
        let pipeline = Self::serve(self.dir.path()).await;
        Self { pipeline, ..self }
    }

    async fn history(&self) -> Value {
        let url = format!("http://{}/api/plugins/version/reloads/", self.pipeline.address);
        let request = self.pipeline.client.get(url).bearer_auth(&self.pipeline.token);
        request.send().await.expect("an answer").json_value().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_is_rolled_back_for_deliveries_and_not_for_attempts() {
    // Three attempts of one event, which is one delivery; over the restart the count goes on.
    let scene = Scene::with("fail").await;
    scene.fails("retry").await;
    let scene = scene.restart().await;
    scene.serving("fail").await;

    scene.fails("reject").await;
    scene.serving("version_one").await;
    // It serves from before the file is compared with it.
    let status = wait(&scene.pipeline, "last-good", |plugin| {
        plugin["state"] == "last-good"
    });
    let status = status.await;
    let id = scene.send("reject").await;
    scene.pipeline.wait_status(&id, "processed").await;
    let error = status["error"].as_str().unwrap_or_default();
    assert!(error.contains("its first 2 deliveries all failed"), "{status:#}");
    let newest = &scene.history().await[0];
    assert_eq!(
        (&newest["cause"], &newest["result"]),
        (&json!("failures"), &json!("loaded"))
    );
    assert_eq!(
        newest["why"], "its first 2 deliveries all failed (rollback-after)",
        "{newest:#}"
    );

    let scene = scene.restart().await;
    let status = plugin(&scene.pipeline).await;
    assert_eq!(status["state"], "last-good", "{status:#}");
    scene.serving("version_one").await;
    scene.pipeline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_works_ends_the_trial() {
    let scene = Scene::with("fail").await;
    scene.fails("reject").await;
    let id = scene.send("ok").await;
    scene.pipeline.wait_status(&id, "processed").await;
    for _ in 0..3 {
        scene.fails("reject").await;
    }
    let scene = scene.restart().await;
    scene.serving("fail").await;
    scene.pipeline.stop().await;
}

/// A call of four is ended by one of them: nobody knows whose failure it was, until each ran alone.
#[tokio::test(flavor = "multi_thread")]
async fn one_delivery_does_not_condemn_a_build_through_its_neighbours() {
    let scene = Scene::with("batch").await;
    let file = scene.dir.path().join("plugin.wasm");
    scene.pipeline.write_plugins(&section(&file, true));
    scene.pipeline.wait_plugin("version", "paused").await;
    let mut ids = Vec::new();
    for what in ["panic", "ok", "ok", "ok"] {
        ids.push(scene.send(what).await);
    }
    scene.pipeline.write_plugins(&section(&file, false));
    let failed = scene.pipeline.wait_status(&ids[0], "failed").await;
    assert_eq!(
        failed["deliveries"][0]["attempts"][0]["batch"]["size"], 4,
        "{failed:#}"
    );
    for id in &ids[1..] {
        scene.pipeline.wait_status(id, "processed").await;
    }
    let scene = scene.restart().await;
    scene.serving("batch").await;
    scene.pipeline.stop().await;
}
