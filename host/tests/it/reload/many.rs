//! A thousand reloads while deliveries run.

use std::fs;
use std::sync::{Arc, Weak};

use hookyard::wasm::{Plugin, PluginState};
use serde_json::json;

use super::replace;
use crate::support::pipeline::Pipeline;
use crate::support::plugins::{component, name};

const RELOADS: usize = 1_000;
/// Events that wait at most: enough that every reload meets runs.
const IN_FLIGHT: usize = 16;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_reloads_cost_no_delivery_and_leave_nothing_behind() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("version.wasm");
    let builds = ["version_one", "version_two"].map(|build| fs::read(component(build)).expect("read"));
    fs::write(&file, &builds[0]).expect("written");
    let section = format!(
        "[plugins.version]\ncomponent = \"{}\"\nroutes = [{{ source = \"*\" }}]\n",
        file.display()
    );
    let env = hookyard::environment::Environment::default();
    let pipeline = Arc::new(Pipeline::start_in(dir.path(), &section, env).await);
    let over = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let sender = {
        let (pipeline, over) = (pipeline.clone(), over.clone());
        tokio::spawn(async move {
            let mut sent = Vec::new();
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                let payload = json!({});
                let batch = (0..IN_FLIGHT).map(|_| pipeline.send("s", "t", &payload));
                let batch = futures_util::future::join_all(batch).await;
                pipeline.wait_status(&batch[0], "processed").await;
                sent.extend(batch);
            }
            sent
        })
    };
    let version = name("version");
    let mut generations: Vec<Weak<Plugin>> = Vec::new();
    for number in 0..RELOADS {
        let broken = number % 3 == 2;
        if broken {
            replace(&file, format!("rubbish {number}").as_bytes());
        } else {
            replace(&file, &builds[number % 2]);
        }
        let status = pipeline.registry.refresh(&version).await.expect("known");
        let wanted = if broken {
            PluginState::LastGood
        } else {
            PluginState::Ready
        };
        assert_eq!(status.state, wanted, "{number}: {status:?}");
        let plugin = pipeline.registry.plugin(&version).expect("something serves");
        generations.push(Arc::downgrade(&plugin));
    }
    over.store(true, std::sync::atomic::Ordering::Relaxed);
    let sent = sender.await.expect("no panic");
    assert!(sent.len() > IN_FLIGHT, "the load was a load");
    for id in &sent {
        let event = pipeline.wait_status(id, "processed").await;
        let attempts = event["deliveries"][0]["attempts"].as_array().expect("attempts");
        assert_eq!(attempts.len(), 1, "{event:#}");
        assert_eq!(attempts[0]["outcome"], "succeeded", "{event:#}");
    }
    let serving = pipeline.registry.plugin(&version).expect("something serves");
    let others = generations.iter().filter_map(Weak::upgrade);
    let left = others.filter(|plugin| !Arc::ptr_eq(plugin, &serving)).count();
    assert_eq!(left, 0, "earlier generations are gone");
    drop(serving);
    Arc::into_inner(pipeline).expect("the only one").stop().await;
}
