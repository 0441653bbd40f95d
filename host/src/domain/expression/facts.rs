//! What expressions look at: an event, its headers, its payload. Nothing is parsed before something asks
//! for it, and nothing twice.

use std::cell::OnceCell;
use std::sync::{Arc, LazyLock};

use cel::extractors::This;
use cel::{Context, Env, ExecutionError};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::check::{Form, Searches};
use super::copies::Place;
use super::patterns::Patterns;
use super::values::{from_json, weight, widest};

use crate::domain::event::{Event, EventKind, Header, NewEvent};
use crate::domain::id::EventId;
use crate::domain::time::Timestamp;

/// Largest payload that expressions and order keys look into, in bytes: it is parsed into values of
/// several times its size, while its sender waits.
pub const MAX_PAYLOAD_BYTES: usize = 1 << 20;

/// Most members times bytes of a payload that an expression goes through: at worst each member costs a
/// look at everything. A test holds the time that so much takes.
const MAX_WORK: usize = 256 << 20;

/// The same where each member is looked for in a list: the crate copies what it compares with another kind of value.
const MAX_SEARCHED: usize = MAX_WORK / 8;

/// Most bytes that a macro may copy into the members of a list that it makes, or that are copied to be looked for. Far above what fits into a payload, and
/// little enough to be held many times.
const MAX_COPIED: usize = 16 << 20;

/// CEL's functions and types, which are the same for every expression. Without optional values: few
/// know them, and `has` says the same.
static LANGUAGE: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib().with_optional_support(false)));

/// The language of all expressions.
pub(super) fn language() -> &'static Arc<Env> {
    &LANGUAGE
}

/// An event's values, ready for expressions.
type Values = Context<'static, 'static>;

/// One event, as expressions see it.
pub struct Facts<'a> {
    pub(super) id: EventId,
    pub(super) kind: EventKind,
    pub(super) source: &'a str,
    pub(super) event_type: &'a str,
    pub(super) received_at: Timestamp,
    pub(super) headers: &'a [Header],
    payload: &'a [u8],
    parsed: OnceCell<Result<Value, String>>,
    /// For expressions that look into the payload, and for those that do not.
    with_body: OnceCell<Result<Values, String>>,
    without_body: OnceCell<Values>,
}

impl<'a> Facts<'a> {
    /// Of an event that is about to be stored.
    #[must_use]
    pub fn of_new(event: &'a NewEvent) -> Self {
        Self {
            id: event.id,
            kind: event.kind,
            source: &event.source,
            event_type: &event.event_type,
            received_at: event.received_at,
            headers: &event.headers,
            payload: part(&event.body, event.payload.as_ref()),
            parsed: OnceCell::new(),
            with_body: OnceCell::new(),
            without_body: OnceCell::new(),
        }
    }

    /// Of a stored event.
    #[must_use]
    pub fn of(event: &'a Event) -> Self {
        Self {
            id: event.id,
            kind: event.kind,
            source: &event.source,
            event_type: &event.event_type,
            received_at: event.received_at,
            headers: &event.headers,
            payload: part(&event.body, event.payload.as_ref()),
            parsed: OnceCell::new(),
            with_body: OnceCell::new(),
            without_body: OnceCell::new(),
        }
    }

    /// What kind of thing it is.
    #[must_use]
    pub const fn kind(&self) -> EventKind {
        self.kind
    }

    /// Who sent it.
    #[must_use]
    pub const fn source(&self) -> &str {
        self.source
    }

    /// What happened, in the sender's words.
    #[must_use]
    pub const fn event_type(&self) -> &str {
        self.event_type
    }

    /// The payload as a value: null when it is no JSON.
    ///
    /// # Errors
    /// It is JSON that cannot be looked into: too large, nested too deeply, or with a number or a text that no value
    /// can hold.
    pub fn body(&self) -> Result<&Value, String> {
        let parsed = self.parsed.get_or_init(|| {
            if self.payload.len() > MAX_PAYLOAD_BYTES {
                let (has, most) = (self.payload.len(), MAX_PAYLOAD_BYTES >> 20);
                return Err(format!(
                    "the payload has {has} bytes; expressions look into at most {most} MiB"
                ));
            }
            match serde_json::from_slice(self.payload) {
                Ok(value) => Ok(value),
                // JSON, as intake took it in, but with `1e999`, half a surrogate pair or deeper than is followed: null
                // would be a lie.
                Err(error) if serde_json::from_slice::<&RawValue>(self.payload).is_ok() => {
                    Err(format!("the payload cannot be looked into: {}", obstacle(&error)))
                }
                Err(_) => Ok(Value::Null),
            }
        });
        parsed.as_ref().map_err(Clone::clone)
    }
}

impl Facts<'_> {
    /// Lets an expression of this form see the event.
    ///
    /// # Errors
    /// The payload is past a bound.
    pub(super) fn show<T>(&self, form: &Form, see: impl FnOnce(&Values) -> T) -> Result<T, String> {
        if form.body && form.loops {
            self.check_width(form)?;
            self.check_copies(&form.copies)?;
        }
        if !form.patterns.is_empty() {
            // Its functions are its own.
            let mut values = self.values(form.body)?;
            add_matches(&mut values, form.patterns.clone())?;
            return Ok(see(&values));
        }
        if form.body {
            let values = self.with_body.get_or_init(|| self.values(true));
            return values.as_ref().map(see).map_err(Clone::clone);
        }
        if self.without_body.get().is_none() {
            let values = self.values(false)?;
            let _only_here = self.without_body.set(values);
        }
        self.without_body.get().map(see).ok_or_else(String::new)
    }

    /// What an expression goes through has a bounded width.
    fn check_width(&self, form: &Form) -> Result<(), String> {
        let members = widest(self.body()?);
        if form.searches == Searches::Again
            && members.saturating_mul(members).saturating_mul(self.payload.len()) > MAX_WORK
        {
            let bytes = self.payload.len();
            return Err(format!(
                "a payload of {bytes} bytes with {members} members in one list or object is too much to look for the \
                 same value again for each member"
            ));
        }
        let most = match form.searches {
            Searches::Nothing => MAX_WORK,
            Searches::Each | Searches::Again => MAX_SEARCHED,
        };
        if members.saturating_mul(self.payload.len()) > most {
            let (bytes, most) = (self.payload.len(), most >> 20);
            return Err(format!(
                "a payload of {bytes} bytes with {members} members in one list or object is too much to go through: \
                 at most {most} Mi, one times the other"
            ));
        }
        Ok(())
    }

    /// What is put into every member of a list is copied as often as there are members.
    fn check_copies(&self, copies: &[Place]) -> Result<(), String> {
        if copies.is_empty() {
            return Ok(());
        }
        let body = self.body()?;
        let each: usize = copies.iter().map(|place| self.weight_of(body, place)).sum();
        let members = widest(body);
        if members.saturating_mul(each) > MAX_COPIED {
            let most = MAX_COPIED >> 20;
            return Err(format!(
                "it copies about {each} bytes for each member of a list, and the payload has one of {members}: \
                 at most {most} MiB, one times the other"
            ));
        }
        Ok(())
    }

    /// About how many bytes a copy of what is at this place takes; of what is not there none.
    fn weight_of(&self, body: &Value, place: &[String]) -> usize {
        match place.split_first() {
            Some((name, below)) if name == "body" => {
                let found = below
                    .iter()
                    .try_fold(body, |value, name| value.get(name.as_str()));
                found.map_or(0, weight)
            }
            Some((name, _)) if name == "headers" => weight(&headers(self.headers)),
            _ => 0,
        }
    }

    fn values(&self, body: bool) -> Result<Values, String> {
        let mut values = Context::with_env(Arc::clone(language()));
        let event = json!({
            "id": self.id.to_string(),
            "kind": self.kind,
            "source": self.source,
            "type": self.event_type,
            "received_at": self.received_at.to_string(),
        });
        values.add_variable_as_val("event", from_json(&event));
        values.add_variable_as_val("headers", from_json(&headers(self.headers)));
        if body {
            values.add_variable_as_val("body", from_json(self.body()?));
        }
        Ok(values)
    }
}

/// What of a JSON text cannot be made a value. The parser's words say what and where, and quote nothing.
fn obstacle(error: &serde_json::Error) -> String {
    let text = error.to_string();
    if text.starts_with("recursion limit") {
        "it is nested too deeply".to_owned()
    } else {
        text
    }
}

/// By name; the values of one that came several times joined, as RFC 9110 (5.3) does.
fn headers(headers: &[Header]) -> Value {
    let mut joined = serde_json::Map::new();
    for header in headers {
        match joined.get_mut(&header.name) {
            Some(Value::String(before)) => {
                before.push_str(", ");
                before.push_str(&header.value);
            }
            _ => {
                joined.insert(header.name.clone(), Value::from(header.value.clone()));
            }
        }
    }
    Value::Object(joined)
}

fn add_matches(values: &mut Values, patterns: Patterns) -> Result<(), String> {
    let matches = move |This(text): This<Arc<String>>, pattern: Arc<String>| {
        let matched = patterns.matches(&text, &pattern);
        matched.ok_or_else(|| ExecutionError::function_error("matches", "the pattern is not known"))
    };
    values
        .add_function("matches", matches)
        .map_err(|error| error.to_string())
}

fn part<'a>(body: &'a [u8], payload: Option<&std::ops::Range<usize>>) -> &'a [u8] {
    payload.and_then(|range| body.get(range.clone())).unwrap_or(body)
}
