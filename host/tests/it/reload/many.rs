//! A thousand reloads while deliveries run.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use hookyard::wasm::{Plugin, PluginState};
use serde_json::{Value, json};

use super::files::{digest, wait};
use super::replace;
use crate::support::pipeline::Pipeline;
use crate::support::plugins::{Mirror, component, name};

const RELOADS: usize = 1_000;
/// Builds with digests of their own, in turn: as many as are kept, so that each is compiled once and the
/// reloads come as fast as they can.
const BUILDS: u8 = 4;
/// Events that wait at most: enough that every reload meets runs.
const IN_FLIGHT: usize = 16;

/// Builds that differ in a custom section alone: an id of 0, a length, a name and a byte (Core Specification, 5.5.3).
fn builds() -> Vec<Vec<u8>> {
    let first = fs::read(component("http")).expect("read");
    let build = |number| [&first[..], &[0, 3, 1, b'n', number]].concat();
    (0..BUILDS).map(build).collect()
}

/// What cannot be loaded: a text, half a build, a component of another world, nothing.
fn broken(build: &[u8]) -> Vec<Vec<u8>> {
    vec![
        b"rubbish".to_vec(),
        build[..build.len() / 2].to_vec(),
        fs::read(component("wrong_world")).expect("read"),
        Vec::new(),
    ]
}

/// Sends events in groups until told to stop; the id of each and the path it makes a request to.
async fn send(pipeline: Arc<Pipeline>, base: String, over: Arc<AtomicBool>) -> Vec<(String, String)> {
    let mut sent = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let group = (0..IN_FLIGHT).map(|_| {
            let path = format!("/api/{}", uuid::Uuid::new_v4().simple());
            let payload = json!({"requests": [{"method": "POST", "url": format!("{base}{path}")}]});
            let pipeline = &pipeline;
            async move { (pipeline.send("s", "t", &payload).await, path) }
        });
        let group = futures_util::future::join_all(group).await;
        pipeline.wait_status(&group[0].0, "processed").await;
        sent.extend(group);
    }
    sent
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_reloads_cost_no_delivery_and_leave_nothing_behind() {
    let dir = tempfile::tempdir().expect("a directory");
    let mirror = Mirror::start().await;
    let file = dir.path().join("plugin.wasm");
    let builds = builds();
    let broken = broken(&builds[0]);
    fs::write(&file, &builds[0]).expect("written");
    let section = format!(
        "[plugins.http]\ncomponent = \"{}\"\nroutes = [{{ source = \"*\" }}]\n\
         [plugins.http.grants]\nhttp = [\"POST {base}/**\"]\nprivate-network = true\n\
         [plugins.http.config]\nbase = \"{base}\"\n",
        file.display(),
        base = mirror.base,
    );
    let env = hookyard::environment::Environment::default();
    let pipeline = Arc::new(Pipeline::start_in(dir.path(), &section, env).await);
    for build in &builds {
        replace(&file, build);
        let optimised = |plugin: &Value| plugin["digest"] == digest(build) && plugin["code"] == "optimised";
        wait(&pipeline, "compiled", optimised).await;
    }
    let over = Arc::new(AtomicBool::new(false));
    let sender = tokio::spawn(send(pipeline.clone(), mirror.base.clone(), over.clone()));
    let plugin = name("http");
    let mut generations: Vec<Weak<Plugin>> = Vec::new();
    for number in 0..RELOADS {
        let (build, wanted) = if number % 3 == 2 {
            (&broken[number % broken.len()], PluginState::LastGood)
        } else {
            (&builds[number % builds.len()], PluginState::Ready)
        };
        replace(&file, build);
        let status = pipeline.registry.refresh(&plugin).await.expect("known");
        assert_eq!(status.state, wanted, "{number}: {status:?}");
        let serving = pipeline.registry.plugin(&plugin).expect("something serves");
        generations.push(Arc::downgrade(&serving));
    }
    over.store(true, Ordering::Relaxed);
    let sent = sender.await.expect("no panic");
    assert!(sent.len() > IN_FLIGHT, "the load was a load");
    each_ran_once(&pipeline, &mirror, &sent).await;
    let serving = pipeline.registry.plugin(&plugin).expect("something serves");
    let others = generations.iter().filter_map(Weak::upgrade);
    let left = others.filter(|plugin| !Arc::ptr_eq(plugin, &serving)).count();
    assert_eq!(left, 0, "earlier generations are gone");
    drop(serving);
    Arc::into_inner(pipeline).expect("the only one").stop().await;
}

/// Every event has one attempt, which succeeded, and one effect at the vendor; and they ran on many builds.
async fn each_ran_once(pipeline: &Pipeline, mirror: &Mirror, sent: &[(String, String)]) {
    let mut digests: BTreeMap<String, usize> = BTreeMap::new();
    for (id, _) in sent {
        let event = pipeline.wait_status(id, "processed").await;
        let attempts = event["deliveries"][0]["attempts"].as_array().expect("attempts");
        assert_eq!(attempts.len(), 1, "{event:#}");
        assert_eq!(attempts[0]["outcome"], "succeeded", "{event:#}");
        let digest = attempts[0]["digest"].as_str().expect("a digest").to_owned();
        *digests.entry(digest).or_default() += 1;
    }
    let mut effects: BTreeMap<String, usize> = BTreeMap::new();
    for request in mirror.requests() {
        let path = request.line.trim_start_matches("POST ").to_owned();
        *effects.entry(path).or_default() += 1;
    }
    let paths = sent.iter().map(|(_, path)| (path.clone(), 1));
    assert_eq!(effects, paths.collect(), "each event has had its effect once");
    assert!(digests.len() > 1, "the events met reloads: {digests:?}");
}
