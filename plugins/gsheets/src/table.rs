//! A table as it was given: headings and rows of cells.

use std::collections::HashMap;
use std::fmt;

use hookyard_plugin_sdk::{Call, Delivery, Failure, Trigger};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::cell::{Cell, Type};
use crate::column::{self, Column, too_long};

/// The most columns and cells of a spreadsheet.
/// <https://support.google.com/drive/answer/37603>
const MAX_COLUMNS: usize = 18_278;
const MAX_CELLS: usize = 10_000_000;

/// A table ready to be written. Each row has as many cells as there are titles.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Table {
    pub(crate) titles: Vec<String>,
    pub(crate) rows: Vec<Vec<Cell>>,
}

/// The arguments of `write-table`, and the payload of an event in mode `write`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    pub(crate) spreadsheet: Option<String>,
    pub(crate) sheet: Option<String>,
    #[serde(default)]
    columns: Vec<Heading>,
    rows: Vec<RowInput>,
}

/// A heading with or without a type.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Heading {
    Title(String),
    Typed {
        title: String,
        #[serde(default, rename = "type")]
        kind: Type,
    },
}

impl Heading {
    fn parts(self) -> (String, Type) {
        match self {
            Self::Title(title) => (title, Type::Auto),
            Self::Typed { title, kind } => (title, kind),
        }
    }
}

/// A row; the fields of an object keep their order.
#[derive(Debug)]
enum RowInput {
    List(Vec<Value>),
    Object(Vec<(String, Value)>),
}

impl Input {
    /// The same from a sender, who may name types and is not to put a formula in: its texts stay texts.
    fn without_formulas(mut self) -> Self {
        for heading in &mut self.columns {
            if let Heading::Typed { kind, .. } = heading
                && *kind == Type::Formula
            {
                *kind = Type::Text;
            }
        }
        self
    }

    /// The table.
    pub(crate) fn table(self) -> Result<Table, Failure> {
        let (titles, kinds): (Vec<_>, Vec<_>) = self.columns.into_iter().map(Heading::parts).unzip();
        let shape = Shape::new(titles, kinds, &self.rows)?;
        let rows = self.rows.into_iter().enumerate();
        let rows = rows
            .map(|(at, row)| shape.row(at, row))
            .collect::<Result<_, _>>()?;
        bounded(Table {
            titles: shape.titles,
            rows,
        })
    }
}

/// Headings, their types, and where each is.
struct Shape {
    titles: Vec<String>,
    kinds: Vec<Type>,
    places: HashMap<String, usize>,
}

impl Shape {
    /// Without headings those of the objects, in order of appearance. A list longer than the
    /// headings gets columns without one, so that nothing is lost.
    fn new(mut titles: Vec<String>, mut kinds: Vec<Type>, rows: &[RowInput]) -> Result<Self, Failure> {
        let given = !titles.is_empty();
        let mut places: HashMap<String, usize> = HashMap::new();
        for (at, title) in titles.iter().enumerate() {
            if places.insert(title.clone(), at).is_some() {
                return Err(Failure::reject(format!(
                    "two columns are called `{title}`; give each its own title"
                )));
            }
        }
        let mut widest = 0;
        for (at, row) in rows.iter().enumerate() {
            match row {
                RowInput::List(_) if !given => {
                    return Err(Failure::reject(format!(
                        "row {} is a list, and there are no headings; name them in `columns`",
                        at + 1
                    )));
                }
                RowInput::List(cells) => widest = widest.max(cells.len()),
                RowInput::Object(fields) if !given => {
                    for (title, _) in fields {
                        if !places.contains_key(title) {
                            places.insert(title.clone(), titles.len());
                            titles.push(title.clone());
                        }
                    }
                }
                RowInput::Object(_) => {}
            }
        }
        let width = titles.len().max(widest);
        titles.resize(width, String::new());
        kinds.resize(width, Type::Auto);
        Ok(Self {
            titles,
            kinds,
            places,
        })
    }

    fn row(&self, at: usize, row: RowInput) -> Result<Vec<Cell>, Failure> {
        let cells: Vec<(usize, Value)> = match row {
            RowInput::List(cells) => cells.into_iter().enumerate().collect(),
            RowInput::Object(fields) => fields
                .into_iter()
                .filter_map(|(title, value)| Some((*self.places.get(&title)?, value)))
                .collect(),
        };
        let mut line = vec![Cell::Empty; self.titles.len()];
        for (place, value) in cells {
            let title = &self.titles[place];
            line[place] = Cell::new(self.kinds[place], title, &value)
                .map_err(|long| too_long(long, &format!("row {}, column `{title}`", at + 1)))?;
        }
        Ok(line)
    }
}

/// The table of an event in mode `write`: the arguments of `write-table` or a bare list of rows.
/// With columns in the configuration each row is put through them.
pub(crate) fn of_payload(columns: &[Column], body: &Value, delivery: &Delivery) -> Result<Table, Failure> {
    let rows = body.as_array().or_else(|| body["rows"].as_array());
    let no_table = || {
        Failure::reject(
            "the payload is no table: in mode `write` it must be a list of rows, or an object with `rows`; set \
             `mode = \"append\"` in plugins.toml to add a row for each event instead",
        )
    };
    let rows = rows.ok_or_else(no_table)?;
    if columns.is_empty() {
        let input = serde_json::json!({"rows": rows, "columns": body.get("columns").cloned().unwrap_or(Value::Array(vec![]))});
        let input: Input = serde_json::from_value(input).map_err(|_| no_table())?;
        return input.without_formulas().table();
    }
    let mapped = rows
        .iter()
        .enumerate()
        .map(|(at, row)| mapped(columns, at, row, delivery));
    bounded(Table {
        titles: columns.iter().map(|column| column.title.clone()).collect(),
        rows: mapped.collect::<Result<_, _>>()?,
    })
}

fn mapped(columns: &[Column], at: usize, row: &Value, delivery: &Delivery) -> Result<Vec<Cell>, Failure> {
    let trigger = Trigger::Action(Call {
        id: String::new(),
        action: String::new(),
        input: row.to_string(),
    });
    let row = column::row(columns, &trigger, delivery)
        .map_err(|failure| failure.context(format!("row {}", at + 1)))?;
    Ok(row.into_iter().map(|(_, cell)| cell).collect())
}

fn bounded(table: Table) -> Result<Table, Failure> {
    let (width, rows) = (table.titles.len(), table.rows.len());
    if width > MAX_COLUMNS || width.saturating_mul(rows + 1) > MAX_CELLS {
        return Err(Failure::reject(format!(
            "the table has {rows} rows of {width} columns, and a spreadsheet holds {MAX_COLUMNS} columns and \
             {MAX_CELLS} cells; write a part of it"
        )));
    }
    Ok(table)
}

impl<'de> Deserialize<'de> for RowInput {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RowVisitor)
    }
}

struct RowVisitor;

impl<'de> Visitor<'de> for RowVisitor {
    type Value = RowInput;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a row: a list of cells, or an object of cells by heading")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<RowInput, A::Error> {
        let mut cells = Vec::with_capacity(items.size_hint().unwrap_or(0).min(MAX_COLUMNS));
        while let Some(cell) = items.next_element()? {
            cells.push(cell);
        }
        Ok(RowInput::List(cells))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> Result<RowInput, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = items.next_entry()? {
            fields.push(field);
        }
        Ok(RowInput::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hookyard_plugin_sdk::testing::Host;
    use serde_json::json;

    fn table(input: &Value) -> Result<Table, Failure> {
        serde_json::from_str::<Input>(&input.to_string()).unwrap().table()
    }

    fn text(value: &str) -> Cell {
        Cell::Text(value.to_owned())
    }

    #[test]
    fn lists_and_objects_and_ragged_rows() {
        let _host = Host::new();
        let made = table(&json!({"columns": ["A", {"title": "B", "type": "date"}],
            "rows": [["x"], ["y", "2026-01-01", 3], {"B": "1970-01-01", "other": 1}, []]}))
        .unwrap();
        assert_eq!(made.titles, ["A", "B", ""]);
        let e = Cell::Empty;
        assert_eq!(
            made.rows,
            [
                vec![text("x"), e.clone(), e.clone()],
                vec![text("y"), Cell::Date(46_023.0), Cell::Number(3.0)],
                vec![e.clone(), Cell::Date(25_569.0), e.clone()],
                vec![e.clone(), e.clone(), e],
            ]
        );
    }

    #[test]
    fn headings_of_objects_in_order_of_appearance() {
        let _host = Host::new();
        let input: Input = serde_json::from_str(r#"{"rows":[{"z":1,"a":2},{"a":3,"né🦀":4}]}"#).unwrap();
        assert_eq!(input.table().unwrap().titles, ["z", "a", "né🦀"]);
    }

    #[test]
    fn what_is_no_table_says_where() {
        let _host = Host::new();
        for (input, words) in [
            (json!({"rows": [[1]]}), "name them in `columns`"),
            (
                json!({"columns": ["A", "A"], "rows": []}),
                "two columns are called `A`",
            ),
            (
                json!({"columns": ["A"], "rows": [["ok"], ["x".repeat(50_001)]]}),
                "row 2, column `A`: the text has 50001",
            ),
            (
                json!({"columns": ["A"], "rows": [vec![0; 18_279]]}),
                "18279 columns",
            ),
        ] {
            let failure = table(&input).unwrap_err();
            assert!(failure.reason().contains(words), "{failure:?}");
            assert!(!failure.is_retryable());
        }
        assert_eq!(table(&json!({"rows": []})).unwrap(), Table::default());
    }

    #[test]
    fn a_payload_as_a_table() {
        let _host = Host::new();
        let delivery = Delivery {
            id: "d".to_owned(),
            attempt: 1,
        };
        let columns: Vec<Column> = serde_json::from_value(json!([
            {"title": "Name", "value": "/name"}, {"title": "Twice", "value": "{{ body.n * 2 }}", "type": "number"},
        ]))
        .unwrap();
        let made = of_payload(&columns, &json!([{"name": "=x", "n": 2}]), &delivery).unwrap();
        assert_eq!(made.titles, ["Name", "Twice"]);
        assert_eq!(made.rows, [vec![text("=x"), Cell::Number(4.0)]]);
        let bare = of_payload(
            &[],
            &json!({"rows": [{"a": 1}], "spreadsheet": "another"}),
            &delivery,
        )
        .unwrap();
        assert_eq!(bare.titles, ["a"]);
        let formula = json!({"columns": [{"title": "x", "type": "formula"}], "rows": [["=IMPORTXML(A1)"]]});
        let made = of_payload(&[], &formula, &delivery).unwrap();
        assert_eq!(
            made.rows,
            [vec![text("=IMPORTXML(A1)")]],
            "a sender puts no formula in"
        );
        assert!(
            of_payload(&[], &json!({"a": 1}), &delivery)
                .unwrap_err()
                .reason()
                .contains("mode")
        );
    }
}
