//! Expressions of `plugins.toml` in CEL (<https://cel.dev>): conditions of routes, and payloads made of
//! payloads. Pure: text and an event in, a value or words out.
//!
//! A sender chooses what they are worked out over, and the crate that does it stops nothing by itself. So
//! the cost is bounded before: by an expression's form when the file is read (`check`), by the
//! payload's size and width when it is looked into (`facts`).

mod check;
mod copies;
mod facts;
mod failures;
mod patterns;
mod values;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use cel::{Program, Value};

use super::event::Event;
use check::{Form, check};
use facts::language;

pub use facts::{Facts, MAX_PAYLOAD_BYTES};

/// Longest expression, in bytes: what is longer belongs into a plugin.
const MAX_BYTES: usize = 4 << 10;

/// Most characters of an error that somebody reads: it may quote what it was about.
const MAX_ERROR_CHARS: usize = 300;

/// What is wrong with an expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct InvalidExpression {
    /// The byte of the text that it is about.
    pub at: usize,
    pub why: String,
}

impl InvalidExpression {
    fn new(at: usize, why: impl Into<String>) -> Self {
        Self { at, why: why.into() }
    }
}

/// An expression that may be worked out.
#[derive(Clone)]
struct Expression {
    text: Arc<str>,
    program: Arc<Program>,
    form: Form,
}

impl Expression {
    fn new(text: &str) -> Result<Self, InvalidExpression> {
        if text.trim().is_empty() {
            return Err(InvalidExpression::new(0, "it is empty"));
        }
        if text.len() > MAX_BYTES {
            let (has, most) = (text.len(), MAX_BYTES);
            return Err(InvalidExpression::new(
                0,
                format!("it has {has} bytes; at most {most} are allowed"),
            ));
        }
        check::nesting(text)?;
        let program = compile(text)?;
        let form = check(&program)?;
        Ok(Self {
            text: text.into(),
            program: Arc::new(program),
            form,
        })
    }

    /// The value for this event.
    ///
    /// # Errors
    /// Why it cannot be worked out, for people.
    fn value(&self, facts: &Facts<'_>) -> Result<Value, String> {
        facts.show(&self.form, |values| {
            // The crate is young: a panic in it must not take the request with it.
            let worked_out = catch_unwind(AssertUnwindSafe(|| self.program.execute(values)));
            let value = worked_out.map_err(|_panic| "it cannot be worked out for this payload".to_owned())?;
            value.map_err(|error| shortened(&failures::in_words(&error, &self.text)))
        })?
    }
}

fn compile(text: &str) -> Result<Program, InvalidExpression> {
    let compiled = catch_unwind(|| language().compile(text));
    let compiled = compiled.map_err(|_panic| InvalidExpression::new(0, "it cannot be read"))?;
    compiled.map_err(|errors| {
        let Some(first) = errors.errors.first() else {
            return InvalidExpression::new(0, "it cannot be read");
        };
        let why = first.msg.lines().next().filter(|line| !line.trim().is_empty());
        let why = why.unwrap_or("it cannot be read");
        InvalidExpression::new(offset(text, first.pos), shortened(why))
    })
}

/// The byte at a line and column, both from 1, the column in characters.
fn offset(text: &str, (line, column): (isize, isize)) -> usize {
    let line = usize::try_from(line).unwrap_or(1).max(1) - 1;
    let column = usize::try_from(column).unwrap_or(1).max(1) - 1;
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let rest = text.get(start..).unwrap_or_default();
    let within = rest
        .char_indices()
        .nth(column)
        .map_or(rest.trim_end().len(), |(at, _)| at);
    (start + within).min(text.len())
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_ERROR_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.text)
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// How far into a payload somebody looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// Not at all.
    #[default]
    Outside,
    /// It is parsed.
    Inside,
    /// It is parsed, and its lists or objects are gone through: that costs up to its width times its size.
    Through,
}

/// The condition of a route.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition(Expression);

impl Condition {
    /// Reads a condition.
    ///
    /// # Errors
    /// When it is not CEL, or more than we work out; with the place in the text.
    pub fn new(text: &str) -> Result<Self, InvalidExpression> {
        Expression::new(text).map(Self)
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// How far it looks into the payload.
    #[must_use]
    pub const fn depth(&self) -> Depth {
        match &self.0.form {
            Form { body: false, .. } => Depth::Outside,
            Form { loops: false, .. } => Depth::Inside,
            Form { loops: true, .. } => Depth::Through,
        }
    }

    /// Whether it holds for this event.
    ///
    /// # Errors
    /// Why it cannot be worked out: a member that is not there, values of the wrong kind, a payload past
    /// the bounds, an answer that is neither true nor false.
    pub fn holds(&self, facts: &Facts<'_>) -> Result<bool, String> {
        match self.0.value(facts)? {
            Value::Bool(holds) => Ok(holds),
            other => Err(format!(
                "it is neither true nor false but a {}",
                values::kind(&other)
            )),
        }
    }
}

/// What a plugin sees of a webhook's payload.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    expression: Expression,
    /// Where it is written, for errors: file, line and column.
    place: String,
}

impl Map {
    /// Reads an expression that is written at `place`.
    ///
    /// # Errors
    /// When it is not CEL, or more than we work out; with the place in the text.
    pub fn new(text: &str, place: String) -> Result<Self, InvalidExpression> {
        let expression = Expression::new(text)?;
        Ok(Self { expression, place })
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.expression.text
    }

    /// The payload that is made of this event's, as JSON.
    ///
    /// # Errors
    /// Why it cannot be made, with the place of the expression.
    pub fn apply(&self, event: &Event) -> Result<Bytes, String> {
        let facts = Facts::of(event);
        let made = self
            .expression
            .value(&facts)
            .and_then(|value| values::to_text(&value));
        match made {
            Ok(text) => Ok(Bytes::from(text)),
            Err(why) => Err(format!(
                "`map` at {} made no payload of this event: {why}",
                self.place
            )),
        }
    }
}

#[cfg(test)]
mod tests;
