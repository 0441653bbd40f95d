//! How deliveries are paced, ordered, held back and told to wait, from the front door.

mod breaker;
mod limited;
mod order;
mod rate;
mod waiting;

use serde_json::Value;

use crate::support::pipeline::{JsonValue as _, Pipeline};
use crate::support::plugins::component;

/// A plugin of the fixture `component` for events of source `name`.
fn section(name: &str, fixture: &str, more: &str) -> String {
    let file = component(fixture);
    format!(
        "[plugins.{name}]\ncomponent = \"{}\"\nroutes = [{{ source = \"{name}\" }}]\n{more}\n",
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

/// How a plugin stands.
async fn plugin(pipeline: &Pipeline, name: &str) -> Value {
    let plugins = get(pipeline, "/api/plugins/").await.json_value().await;
    let mut plugins = plugins.as_array().expect("a list").iter();
    plugins
        .find(|plugin| plugin["name"] == name)
        .expect("the plugin")
        .clone()
}

/// What the only delivery of an event waits for.
fn reason(event: &Value) -> &Value {
    &event["deliveries"][0]["waiting_for"]["reason"]
}

fn attempts(event: &Value) -> &[Value] {
    let attempts = event["deliveries"][0]["attempts"].as_array();
    attempts.expect("attempts").as_slice()
}
