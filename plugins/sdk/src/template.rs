//! Message templates (minijinja, the Jinja language) over what set the plugin running.
//!
//! A template sees `event` (`id`, `source`, `type`, `received_at` in RFC 3339), `body` (the payload
//! as JSON, or its text), `headers` by lower-case name and `delivery` (`id`, `attempt`). For a
//! schedule `body` is its input, `event.source` is `schedule` and `event.type` the cron expression;
//! for an action they are its input, `action` and the action's name.
//!
//! A field that is not there renders as nothing, at any depth: payloads differ from event to event
//! and a message with a gap is worth more than none. A template that is not well formed is a mistake
//! in `plugins.toml` and says its line.

use std::fmt;
use std::io;

use minijinja::{
    AutoEscape, Environment, Output, State, UndefinedBehavior, Value,
    value::{Serde, ValueKind},
};
use serde_json::{Map, json};

use crate::{Delivery, Event, Failure, Trigger};

mod time;

/// Instructions that one template may take: a thousand times what a long message needs, and far
/// below the CPU time of a delivery.
const FUEL: u64 = 200_000;

/// Bytes of text that one template may make; the rest is dropped. Above every vendor's limit on
/// a message, below what the memory of a component bears.
pub const MAX_OUTPUT: usize = 256 * 1024;

/// The name of a template whose values are not escaped; no caller's name has a NUL.
const RAW: &str = "\0raw";

/// Renders templates, escaping the values that stand in them but not the template's own text.
pub struct Renderer {
    environment: Environment<'static>,
    context: Value,
}

impl Renderer {
    /// A renderer for one job. `escape` makes a value's text safe where it will stand; the filter
    /// `safe` exempts a value from it.
    #[must_use]
    pub fn new(trigger: &Trigger, delivery: &Delivery, escape: fn(&str) -> String) -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Chainable);
        environment.set_fuel(Some(FUEL));
        environment.set_formatter(move |out: &mut Output, state: &mut State, value: &Value| {
            write(out, value, state.auto_escape(), escape)
        });
        environment.set_auto_escape_callback(|name| {
            if name == RAW {
                AutoEscape::None
            } else {
                AutoEscape::Html
            }
        });
        let escaped = move |value: Value| Value::from_safe_string(escape(&value.to_string()));
        environment.add_filter("escape", escaped);
        environment.add_filter("e", escaped);
        Self {
            environment,
            context: Value::from(Serde(context(trigger, delivery))),
        }
    }

    /// The text that `template` makes. `name` is what an error calls it, for example `message`.
    pub fn render(&self, name: &str, template: &str) -> Result<String, Error> {
        self.text(name, name, template)
    }

    /// The same without escaping the values, for text that is no markup, such as a URL.
    pub fn render_raw(&self, name: &str, template: &str) -> Result<String, Error> {
        self.text(RAW, name, template)
    }

    fn text(&self, inner: &str, name: &str, template: &str) -> Result<String, Error> {
        let template = self
            .environment
            .template_from_named_str(inner, template)
            .map_err(|e| Error::new(name, &e))?;
        let mut text = Bounded(Vec::new());
        template
            .render_captured_to(self.context.clone(), &mut text)
            .map_err(|e| Error::new(name, &e))?;
        // The bound may fall inside a character.
        Ok(String::from_utf8_lossy(&text.0)
            .trim_end_matches('\u{fffd}')
            .to_owned())
    }
}

fn write(
    out: &mut Output,
    value: &Value,
    auto: &AutoEscape,
    escape: fn(&str) -> String,
) -> Result<(), minijinja::Error> {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => Ok(()),
        ValueKind::Number | ValueKind::Bool => write!(out, "{value}").map_err(Into::into),
        _ if value.is_safe() || matches!(auto, AutoEscape::None) => {
            write!(out, "{value}").map_err(Into::into)
        }
        _ => out.write_str(&escape(&value.to_string())).map_err(Into::into),
    }
}

/// Keeps the first [`MAX_OUTPUT`] bytes.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = MAX_OUTPUT.saturating_sub(self.0.len()).min(bytes.len());
        self.0.extend_from_slice(&bytes[..room]);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a template sees.
#[must_use]
pub fn context(trigger: &Trigger, delivery: &Delivery) -> serde_json::Value {
    let (source, event_type, at, body, headers) = match trigger {
        Trigger::Webhook(event) => (
            &*event.source,
            &*event.event_type,
            Some(event.received_at),
            body(event),
            headers(event),
        ),
        Trigger::Schedule(tick) => (
            "schedule",
            &*tick.cron,
            Some(tick.planned_at),
            parsed(&tick.input),
            Map::new(),
        ),
        Trigger::Action(call) => ("action", &*call.action, None, parsed(&call.input), Map::new()),
    };
    json!({
        "event": {
            "id": trigger.id(),
            "source": source,
            "type": event_type,
            "received_at": at.map(time::rfc3339),
        },
        "body": body,
        "headers": headers,
        "delivery": {"id": delivery.id, "attempt": delivery.attempt},
    })
}

fn body(event: &Event) -> serde_json::Value {
    serde_json::from_slice(&event.body).unwrap_or_else(|_| event.text().into())
}

fn parsed(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

fn headers(event: &Event) -> Map<String, serde_json::Value> {
    event
        .headers
        .iter()
        .map(|header| (header.name.clone(), header.value.clone().into()))
        .collect()
}

/// A template that does not render. The text has its name, the line and the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(String);

impl Error {
    fn new(name: &str, error: &minijinja::Error) -> Self {
        let line = error
            .line()
            .map_or_else(String::new, |line| format!(", line {line}"));
        let detail = error
            .detail()
            .map_or_else(String::new, |detail| format!(": {detail}"));
        Self(format!(
            "the template `{name}`{line}: {}{detail}; correct it in plugins.toml",
            error.kind()
        ))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::reject(error.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn render(template: &str) -> Result<String, Error> {
        let event = testing::event(
            "github",
            "push",
            &json!({"n": 7, "text": "a < b", "list": [1, 2]}),
        );
        let delivery = Delivery {
            id: testing::DELIVERY_ID.to_owned(),
            attempt: 2,
        };
        let escape = |text: &str| text.replace('<', "&lt;");
        Renderer::new(&Trigger::Webhook(event), &delivery, escape).render("message", template)
    }

    #[test]
    fn values_are_escaped_and_the_template_is_not() {
        let text = render("<b> {{ body.text }} {{ body.text|safe }} {{ body.text|e }} {{ body.n }}").unwrap();
        assert_eq!(text, "<b> a &lt; b a < b a &lt; b 7");
    }

    #[test]
    fn the_context_is_what_the_manual_says() {
        let text = render("{{ event.source }} {{ event.type }} {{ event.received_at }} {{ delivery.attempt }} {{ headers['user-agent'] }}").unwrap();
        assert_eq!(text, "github push 2026-01-01T00:00:00Z 2 test");
    }

    #[test]
    fn what_is_not_there_renders_as_nothing() {
        assert_eq!(render("[{{ body.a.b.c }}{{ nothing }}]").unwrap(), "[]");
        assert_eq!(render("{% for x in body.none %}{{ x }}{% endfor %}").unwrap(), "");
    }

    #[test]
    fn a_malformed_template_says_its_line() {
        let error = render("one\n{{ body.text ").unwrap_err().to_string();
        assert!(error.contains("`message`, line 2"), "{error}");
        assert!(
            render("{{ body.text|nosuch }}")
                .unwrap_err()
                .to_string()
                .contains("nosuch")
        );
    }

    #[test]
    fn an_endless_template_ends() {
        let nested = "{% for a in range(1000) %}{% for b in range(1000) %}x{% endfor %}{% endfor %}";
        assert!(render(nested).unwrap_err().to_string().contains("fuel"));
    }

    #[test]
    fn text_past_the_bound_is_dropped() {
        let long = "é".repeat(MAX_OUTPUT / 2 + 10);
        assert_eq!(render(&format!("x{long}")).unwrap().len(), MAX_OUTPUT - 1);
    }
}
