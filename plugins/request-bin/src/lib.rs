//! Takes whatever it is given, logs it, and says that it did: where a first event goes, and what a sender is tried
//! against. It asks for no rights and has no settings.

use hookyard_plugin_sdk::{
    Context, Event, Failure, Manifest, NoConfig, Outcome, Plugin, Trigger, info, register,
};
use serde_json::json;

/// Characters of a body that are logged: the event has all of it.
const LOGGED_CHARS: usize = 2_000;

/// Headers that are logged one by one; more are counted.
const LOGGED_HEADERS: usize = 50;

/// The plugin.
pub struct RequestBin;

impl Plugin for RequestBin {
    type Config = NoConfig;

    fn manifest() -> Manifest {
        Manifest::new(
            "request-bin",
            env!("CARGO_PKG_VERSION"),
            "Takes whatever it is given and logs it",
        )
    }

    fn job(_: &Context<NoConfig>, trigger: &Trigger) -> Result<Outcome, Failure> {
        match trigger {
            Trigger::Webhook(event) => took(event),
            Trigger::Schedule(tick) => {
                info!("input: {}", start_of(&tick.input));
                Ok(Outcome::new(format!("took a tick of `{}`", tick.cron)))
            }
            Trigger::Action(call) => Err(Failure::reject(format!(
                "request-bin has no action `{}`",
                call.action
            ))),
        }
    }
}

fn took(event: &Event) -> Result<Outcome, Failure> {
    info!(
        "{} from {}, {}",
        event.event_type, event.source, event.content_type
    );
    for header in event.headers.iter().take(LOGGED_HEADERS) {
        info!("{}: {}", header.name, header.value);
    }
    let more = event.headers.len().saturating_sub(LOGGED_HEADERS);
    if more > 0 {
        info!("and {more} more headers");
    }
    info!("{}", start_of(&event.text()));
    let summary = format!("took {} bytes of {}", event.body.len(), event.content_type);
    Outcome::new(summary).with_output(&json!({
        "bytes": event.body.len(),
        "headers": event.headers.len(),
    }))
}

/// The start of a text that may be long.
fn start_of(text: &str) -> String {
    let mut start: String = text.chars().take(LOGGED_CHARS).collect();
    if start.len() < text.len() {
        start.push('…');
    }
    start
}

register!(RequestBin);

#[cfg(test)]
mod tests {
    use hookyard_plugin_sdk::testing;

    use super::*;

    #[test]
    fn what_it_is_given_is_logged_and_told() {
        let host = testing::Host::new();
        let event = testing::event("first-run", "hello", &json!({"hello": "world"}));
        let outcome = host.webhook::<RequestBin>(event).expect("taken");
        assert_eq!(outcome.summary, "took 17 bytes of application/json");
        let logs: Vec<_> = host.logs().into_iter().map(|(_, line)| line).collect();
        assert_eq!(
            logs,
            [
                "hello from first-run, application/json",
                "user-agent: test",
                "{\"hello\":\"world\"}"
            ]
        );
    }

    #[test]
    fn much_is_cut() {
        let host = testing::Host::new();
        let long = "é".repeat(LOGGED_CHARS * 2);
        let mut event = testing::event("s", "t", &json!(long));
        let header = event.headers[0].clone();
        event.headers = vec![header; LOGGED_HEADERS + 2];
        host.webhook::<RequestBin>(event).expect("taken");
        let logs = host.logs();
        let last = |back: usize| logs[logs.len() - back].1.clone();
        assert_eq!(last(1).chars().count(), LOGGED_CHARS + 1);
        assert_eq!(last(2), "and 2 more headers");
        assert_eq!(logs.len(), 1 + LOGGED_HEADERS + 1 + 1);
    }

    #[test]
    fn a_tick_is_taken_and_an_action_is_not() {
        let host = testing::Host::new();
        let tick = host.schedule::<RequestBin>(&json!({"n": 1})).expect("taken");
        assert_eq!(tick.summary, "took a tick of `0 3 * * *`");
        let action = host.action::<RequestBin>("empty", &json!({}));
        assert!(action.is_err_and(|failure| failure.reason().contains("has no action `empty`")));
    }
}
