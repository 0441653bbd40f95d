//! Reading what set the plugin running.

use serde::de::DeserializeOwned;

use crate::{Call, Event, Failure, Tick, Trigger};

impl Event {
    /// The body as JSON; a body that is not is a rejection that says where it breaks off.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Failure::reject(format!("the event's body is not the JSON expected: {error}")))
    }

    /// The body as text; bytes that are no UTF-8 become replacement characters.
    #[must_use]
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// The first header of this name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case(name))
            .map(|header| &*header.value)
    }
}

impl Tick {
    /// The schedule's `input`.
    pub fn input<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        parse_input("the schedule's input", &self.input)
    }
}

impl Call {
    /// The action's arguments.
    pub fn input<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        parse_input("the action's input", &self.input)
    }
}

impl Trigger {
    /// UUIDv7 of the event that stands for the trigger.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Webhook(event) => &event.id,
            Self::Schedule(tick) => &tick.id,
            Self::Action(call) => &call.id,
        }
    }
}

fn parse_input<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, Failure> {
    let mut reader = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        Failure::reject(format!(
            "{what} does not fit at `{}`: {}",
            error.path(),
            error.inner()
        ))
    })
}
