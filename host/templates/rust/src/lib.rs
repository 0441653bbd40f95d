//! Counts the webhooks it gets.

use hookyard_plugin_sdk::{
    Context, Event, Failure, Manifest, Outcome, Plugin, Settle as _, info, register, state,
};
use serde::Deserialize;
use serde_json::json;

/// The table `[plugins.{{name}}.config]`.
#[derive(Deserialize)]
pub struct Config {
    greeting: String,
}

/// The plugin.
pub struct {{Name}};

impl Plugin for {{Name}} {
    type Config = Config;

    /// Who this plugin is and what it asks for: a constant.
    fn manifest() -> Manifest {
        Manifest::new("{{name}}", env!("CARGO_PKG_VERSION"), "Counts the webhooks it gets").config(&json!({
            "type": "object",
            "additionalProperties": false,
            "properties": { "greeting": { "type": "string", "default": "hello" } },
        }))
    }

    fn webhook(ctx: &Context<Config>, event: &Event) -> Result<Outcome, Failure> {
        let number = count()?;
        info!("event {number} is {} from {}", event.event_type, event.source);
        let summary = format!("{}: event {number}", ctx.config.greeting);
        Outcome::new(summary).with_output(&json!({ "number": number }))
    }
}

/// One more than last time; several runs at once never get the same number.
fn count() -> Result<u64, Failure> {
    for _ in 0..10 {
        let last = state::get("count")?;
        let (number, version) = match last {
            Some(entry) => {
                let text = String::from_utf8_lossy(&entry.value).into_owned();
                (text.parse::<u64>().or_reject("the stored count is no number")?, Some(entry.version))
            }
            None => (0, None),
        };
        let next = number + 1;
        if state::compare_and_swap("count", version, next.to_string().as_bytes())?.is_some() {
            return Ok(next);
        }
    }
    Err(Failure::retry("too many events at once"))
}

register!({{Name}});

#[cfg(test)]
mod tests {
    use hookyard_plugin_sdk::testing::{self, Host};
    use serde_json::json;

    use super::{{Name}};

    #[test]
    fn events_are_counted() {
        let host = Host::new().config(json!({ "greeting": "hi" }));
        for number in 1..=2 {
            let event = testing::event("github", "push", &json!({}));
            let outcome = host.webhook::<{{Name}}>(event).expect("an outcome");
            assert_eq!(outcome.summary, format!("hi: event {number}"));
        }
    }
}
