//! `env:NAME` in a plugin's configuration.

use hookyard::environment::Environment;
use serde_json::json;

use crate::support::plugins::{Mirror, Yard, fixture, grant_secret, http_fixture};

#[tokio::test]
async fn a_variable_named_in_the_configuration_gives_its_value() {
    let yard = Yard::new(Environment::of([("OWNER", "octocat")])).await;
    let mut named = fixture("echo");
    named.config = json!({"owner": "env:OWNER", "list": [{"deep": "env:OWNER"}], "kept": "see env:OWNER"});
    yard.apply_ready(vec![named.clone()]).await;
    let (output, _) = yard.output("echo", &json!({})).await;
    let filled = json!({"owner": "octocat", "list": [{"deep": "octocat"}], "kept": "see env:OWNER"});
    assert_eq!(output["config"], filled);

    named.config = json!({"list": [{"deep": "env:NOT_SET_ANYWHERE"}]});
    let error = yard.apply(named.clone()).await.error.expect("an error");
    assert!(
        error.contains("[plugins.echo.config]")
            && error.contains("`list.0.deep`")
            && error.contains("NOT_SET_ANYWHERE")
            && error.contains(".env"),
        "{error}"
    );
    named.enabled = false;
    assert_eq!(yard.apply(named).await.error, None);
}

#[tokio::test]
async fn a_variable_is_looked_up_before_the_schema_is_asked() {
    let mirror = Mirror::start().await;
    let yard = Yard::new(Environment::of([("BASE", mirror.base.clone())])).await;
    let mut http = http_fixture("env:BASE", &[&format!("* {}/**", mirror.base)]);
    yard.apply_ready(vec![http.clone()]).await;
    let request = json!({"requests": [{"url": format!("{}/x", mirror.base)}]});
    let (output, _) = yard.output("http", &request).await;
    assert_eq!(output["answers"][0]["status"], 200, "{output}");

    grant_secret(&mut http, "plain", "BASE");
    let error = yard.apply(http).await.error.expect("an error");
    assert!(error.contains("`base`") && error.contains("secret"), "{error}");
}
