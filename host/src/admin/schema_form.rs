//! A form for the arguments that a JSON Schema describes, and what a person put into it, as JSON.
//!
//! What it knows: texts, numbers, truth values, choices, lists of texts, and objects of these, one level deep. Anything
//! else is a box for JSON. It shows and gathers; whether the arguments fit is for the schema to say.

mod property;
mod read;

use serde_json::Value;

use super::form::Form;
use property::{Kind, Property, properties};
use read::{below, read_object};

/// The field for the arguments as a whole, as JSON.
pub const WHOLE: &str = "input";

/// A form.
#[derive(Debug, Default)]
pub struct SchemaForm {
    pub groups: Vec<Group>,
    /// The arguments as JSON, where nothing else can be asked for, or is.
    pub whole: Option<String>,
}

/// Fields that belong together.
#[derive(Debug)]
pub struct Group {
    /// The object that they are in; empty for those of the arguments themselves.
    pub legend: String,
    pub help: String,
    pub fields: Vec<Field>,
}

/// One field.
#[derive(Debug)]
pub struct Field {
    pub id: String,
    /// The JSON pointer of its place in the arguments.
    pub name: String,
    pub label: String,
    pub help: String,
    pub is_required: bool,
    /// `text`, `password`, `number`, `choice`, `lines` or `json`.
    pub control: &'static str,
    pub value: String,
    /// Of a choice.
    pub choices: Vec<Choice>,
}

/// One of a choice.
#[derive(Debug)]
pub struct Choice {
    /// JSON.
    pub value: String,
    pub label: String,
    pub is_chosen: bool,
}

impl SchemaForm {
    /// The form for this schema, with what was entered before. `as_json` asks for JSON whatever the schema is.
    #[must_use]
    pub fn of(schema: &Value, entered: Option<&Form>, as_json: bool) -> Self {
        let whole = || entered.map_or_else(|| "{}".to_owned(), |form| form.lines(WHOLE));
        match properties(schema) {
            Some(listed) if !as_json => Self {
                groups: groups(&listed, entered),
                whole: None,
            },
            _ => Self {
                groups: Vec::new(),
                whole: Some(whole()),
            },
        }
    }

    /// The arguments that were entered; which field cannot be read, and why.
    pub fn read(schema: &Value, form: &Form) -> Result<Value, String> {
        if form.has(WHOLE) {
            let text = form.lines(WHOLE);
            return serde_json::from_str(&text).map_err(|error| format!("This is no JSON: {error}."));
        }
        let listed = properties(schema).unwrap_or_default();
        read_object(&listed, form, "").map(Value::Object)
    }
}

/// The fields of the arguments themselves, and a group for each object in them.
fn groups(listed: &[Property<'_>], entered: Option<&Form>) -> Vec<Group> {
    let mut own = Vec::new();
    let mut objects = Vec::new();
    for (at, property) in listed.iter().enumerate() {
        let pointer = below("", property.name);
        let kind = property.kind(0);
        if kind != Kind::Group {
            own.push(field(property, kind, format!("field-{at}"), pointer, entered));
            continue;
        }
        let inner = properties(property.schema).unwrap_or_default();
        let fields = inner.iter().enumerate().map(|(within, inner)| {
            let id = format!("field-{at}-{within}");
            field(inner, inner.kind(1), id, below(&pointer, inner.name), entered)
        });
        objects.push(Group {
            legend: property.name.to_owned(),
            help: property.text("description"),
            fields: fields.collect(),
        });
    }
    let first = Group {
        legend: String::new(),
        help: String::new(),
        fields: own,
    };
    std::iter::once(first).chain(objects).collect()
}

fn field(property: &Property<'_>, kind: Kind, id: String, name: String, entered: Option<&Form>) -> Field {
    let value = match entered {
        Some(_) if kind == Kind::Password => String::new(),
        Some(form) => form.lines(&name),
        None => property.default(kind),
    };
    let choice = |choice: Value| {
        let json = choice.to_string();
        Choice {
            is_chosen: json == value,
            label: match &choice {
                Value::String(text) => text.clone(),
                Value::Bool(true) => "yes".to_owned(),
                Value::Bool(false) => "no".to_owned(),
                _ => json.clone(),
            },
            value: json,
        }
    };
    Field {
        choices: if kind == Kind::Choice {
            property.choices().into_iter().map(choice).collect()
        } else {
            Vec::new()
        },
        id,
        name,
        label: property.name.to_owned(),
        help: property.text("description"),
        is_required: property.is_required,
        control: match kind {
            Kind::Text => "text",
            Kind::Password => "password",
            Kind::Number => "number",
            Kind::Choice => "choice",
            Kind::Lines => "lines",
            Kind::Group | Kind::Json => "json",
        },
        value,
    }
}

#[cfg(test)]
mod tests;
