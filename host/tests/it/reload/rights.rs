//! Rights change with the section: less holds at once, more only when the section fits the build.

use std::time::Duration;

use hookyard::domain::grant::PrivateNetwork;
use hookyard::domain::plugin::PluginSpec;
use hookyard::environment::Environment;
use hookyard::wasm::{PluginState, RunEnd};
use serde_json::{Value, json};

use crate::support::plugins::{
    Mirror, Yard, grant_secret, http_fixture, name, run_one, secret_value, webhook,
};

fn strict(urls: &[String]) -> Value {
    let requests: Vec<Value> = urls.iter().map(|url| json!({"url": url})).collect();
    json!({"strict": true, "requests": requests})
}

/// Grants every path below each of these.
fn everywhere(base: &str, granted: &[&str]) -> PluginSpec {
    let grants: Vec<String> = granted.iter().map(|base| format!("* {base}/**")).collect();
    let grants: Vec<&str> = grants.iter().map(String::as_str).collect();
    http_fixture(base, &grants)
}

#[tokio::test]
async fn rights_taken_away_beside_wrong_settings_hold_and_the_old_settings_do_not_run_without_them() {
    let (old, new) = (Mirror::start().await, Mirror::start().await);
    let yard = Yard::with(everywhere(&old.base, &[&old.base])).await;
    let running = yard.registry.plugin(&name("http")).expect("loaded");

    let mut changed = everywhere(&new.base, &[&new.base]);
    changed.config = json!({"base": 7});
    let status = yard.apply(changed.clone()).await;
    assert_eq!(status.state, PluginState::Broken, "{status:?}");
    assert!(status.error.expect("an error").contains("`base`"));
    assert!(
        yard.registry.plugin(&name("http")).is_none(),
        "nothing is claimed"
    );
    let late = run_one(&running, webhook(&strict(&[format!("{}/x", old.base)]))).await;
    assert!(matches!(late.end, RunEnd::Defer { .. }), "{late:?}");
    assert!(old.requests().is_empty());

    changed.config = json!({"base": new.base});
    yard.apply_ready(vec![changed]).await;
    yard.output("http", &strict(&[format!("{}/x", new.base)])).await;
    assert_eq!(new.requests().len(), 1);
}

#[tokio::test]
async fn settings_that_do_not_fit_widen_nothing() {
    let mirror = Mirror::start().await;
    let narrow = http_fixture(&mirror.base, &[&format!("* {}/api/*", mirror.base)]);
    let yard = Yard::with(narrow.clone()).await;
    let mut wide = everywhere(&mirror.base, &[&mirror.base]);
    wide.config = json!({"base": 7});
    wide.limits.requests = 1_000;
    let status = yard.apply(wide.clone()).await;
    assert_eq!(status.state, PluginState::LastGood, "{status:?}");
    let plugin = yard.registry.plugin(&name("http")).expect("serves");
    assert_eq!(plugin.spec().limits, narrow.limits);
    yard.output("http", &strict(&[format!("{}/api/x", mirror.base)]))
        .await;
    let run = yard
        .run("http", &strict(&[format!("{}/other", mirror.base)]))
        .await;
    assert!(matches!(&run.end, RunEnd::Rejected(_)), "{run:?}");

    wide.config = json!({"base": mirror.base});
    yard.apply_ready(vec![wide]).await;
    yard.output("http", &strict(&[format!("{}/other", mirror.base)]))
        .await;
}

#[tokio::test]
async fn smaller_limits_hold_at_once() {
    let yard = Yard::with(http_fixture("http://127.0.0.1:9", &[])).await;
    let mut smaller = http_fixture("http://127.0.0.1:9", &[]);
    smaller.config = json!({"base": 7});
    smaller.limits.memory = 8 << 20;
    assert_eq!(yard.apply(smaller.clone()).await.state, PluginState::Broken);
    smaller.config = json!({"base": "http://127.0.0.1:9"});
    yard.apply_ready(vec![smaller.clone()]).await;
    let plugin = yard.registry.plugin(&name("http")).expect("serves");
    assert_eq!(plugin.spec().limits, smaller.limits);
}

#[tokio::test]
async fn a_run_under_way_that_loses_a_right_to_a_change_is_not_lost() {
    let mirror = Mirror::start().await;
    let yard = Yard::with(everywhere(&mirror.base, &[&mirror.base])).await;
    let plugin = yard.registry.plugin(&name("http")).expect("loaded");
    let urls = ["/api/held", "/late"].map(|path| format!("{}{path}", mirror.base));
    let run = tokio::spawn(async move { run_one(&plugin, webhook(&strict(&urls))).await });
    mirror.arrived(1).await;

    let mut changed = everywhere("http://127.0.0.1:9", &["http://127.0.0.1:9"]);
    changed.grants.private_network = PrivateNetwork::None;
    yard.apply_ready(vec![changed]).await;
    mirror.gate.add_permits(1);
    let run = tokio::time::timeout(Duration::from_mins(1), run).await;
    let run = run.expect("an end in time").expect("no panic");
    assert!(
        run.calls[1].error.is_some(),
        "what is revoked is refused: {run:?}"
    );
    assert!(
        matches!(&run.end, RunEnd::Defer { reason, .. } if reason.contains("plugins.toml")),
        "{run:?}"
    );
    assert_eq!(mirror.requests().len(), 1);
}

#[tokio::test]
async fn another_source_of_a_secret_takes_the_old_one_away() {
    let mirror = Mirror::start().await;
    let mut spec = everywhere(&mirror.base, &[&mirror.base]);
    grant_secret(&mut spec, "plain", "OLD");
    let yard = Yard::new(Environment::of([("OLD", secret_value())])).await;
    yard.apply_ready(vec![spec.clone()]).await;
    grant_secret(&mut spec, "plain", "NEW");
    spec.config = json!({"base": 7});
    assert_eq!(yard.apply(spec).await.state, PluginState::Broken);
    assert!(yard.registry.plugin(&name("http")).is_none());
}
