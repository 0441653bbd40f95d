//! Names whose answers change or are mixed, through the client that serves plugins.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use hookyard::domain::grant::PrivateNetwork;
use hookyard::environment::Environment;
use hookyard::wasm::Network;

use super::{call_error, get};
use crate::support::plugins::{Mirror, Yard, http_fixture};

fn addresses(texts: &[&str]) -> Vec<IpAddr> {
    let parse = |text: &&str| text.parse().expect("an address");
    texts.iter().map(parse).collect()
}

/// A name, a section that may reach it, and how often it was looked up.
struct Scene {
    yard: Yard,
    url: String,
    asked: Arc<AtomicUsize>,
}

/// A resolver that gives these answers one after the other, and the last for ever.
async fn scene(mirror: &Mirror, private: PrivateNetwork, answers: Vec<Vec<IpAddr>>) -> Scene {
    let asked = Arc::new(AtomicUsize::new(0));
    let (counted, answers) = (asked.clone(), Mutex::new(answers));
    let network = Network::default().with_names(move |host| {
        assert_eq!(host, "vendor.test");
        counted.fetch_add(1, Ordering::SeqCst);
        let mut answers = answers.lock().expect("no panic");
        Ok(if answers.len() > 1 {
            answers.remove(0)
        } else {
            answers[0].clone()
        })
    });
    let port = mirror.base.rsplit(':').next().expect("a port");
    let base = format!("http://vendor.test:{port}");
    let mut spec = http_fixture(&base, &[&format!("* {base}/**")]);
    spec.grants.private_network = private;
    let yard = Yard::on(network, Environment::default()).await;
    yard.apply_ready(vec![spec]).await;
    Scene {
        yard,
        url: format!("{base}/x"),
        asked,
    }
}

#[tokio::test]
async fn the_address_that_was_checked_is_dialled_whatever_the_name_says_next() {
    let mirror = Mirror::start().await;
    let answers = vec![addresses(&["127.0.0.1"]), addresses(&["169.254.169.254"])];
    let scene = scene(&mirror, PrivateNetwork::All, answers).await;
    let (output, _) = scene.yard.output("http", &get(&scene.url)).await;
    assert_eq!(output["answers"][0]["status"], 200, "{output}");
    assert_eq!(
        scene.asked.load(Ordering::SeqCst),
        1,
        "once, for check and dial together"
    );
    assert_eq!(mirror.requests().len(), 1);
}

#[tokio::test]
async fn a_name_that_turns_to_a_prohibited_address_is_not_dialled_again() {
    let mirror = Mirror::start().await;
    let answers = vec![addresses(&["169.254.169.254"]), addresses(&["127.0.0.1"])];
    let scene = scene(&mirror, PrivateNetwork::All, answers).await;
    let (_, run) = scene.yard.output("http", &get(&scene.url)).await;
    let error = call_error(&run);
    assert!(
        error.contains("vendor.test has the link-local address"),
        "{error}"
    );
    assert!(mirror.requests().is_empty(), "the next answer was not asked for");
    assert_eq!(scene.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_name_with_mixed_answers_is_not_dialled() {
    let mirror = Mirror::start().await;
    // In either order; the one that could be reached is the mirror's.
    for mixed in [["127.0.0.1", "169.254.169.254"], ["169.254.169.254", "127.0.0.1"]] {
        let scene = scene(&mirror, PrivateNetwork::All, vec![addresses(&mixed)]).await;
        let (_, run) = scene.yard.output("http", &get(&scene.url)).await;
        let error = call_error(&run);
        assert!(
            error.contains("169.254.169.254") && error.ends_with("no grant can help"),
            "{error}"
        );
    }
    let mixed = addresses(&["8.8.8.8", "127.0.0.1"]);
    let scene = scene(&mirror, PrivateNetwork::None, vec![mixed]).await;
    let (_, run) = scene.yard.output("http", &get(&scene.url)).await;
    let error = call_error(&run);
    assert!(
        error.contains("127.0.0.1")
            && error.contains("[plugins.http.grants]\nprivate-network = [\"http://vendor.test:"),
        "{error}"
    );
    assert!(mirror.requests().is_empty());
}
