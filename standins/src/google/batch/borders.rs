//! `updateBorders`.

use serde_json::{Map, Value, json};

use super::super::book::Spreadsheet;
use super::super::look;
use super::super::mask::Mask;
use super::super::refusal::Outcome;
use super::super::span;
use super::cells::Writer;

/// `updateBorders`: the four outer edges and the two kinds of inner ones; what is left out stays.
pub fn update(book: &mut Spreadsheet, what: &Value) -> Outcome<Value> {
    let (at, area) = span::grid_range(book, &what["range"])?;
    let sides = [
        "top",
        "bottom",
        "left",
        "right",
        "innerHorizontal",
        "innerVertical",
    ];
    let named: Map<String, Value> = sides
        .iter()
        .filter_map(|side| Some(((*side).to_owned(), border(what.get(side)?))))
        .collect();
    let mut writer = Writer::new(Mask::default())?;
    for row in area.rows.clone() {
        for column in area.columns.clone() {
            let cell = book.sheets[at].cell_mut(row, column);
            let mut format = cell.format.as_deref().cloned().unwrap_or_default();
            let mut edges = format
                .get("borders")
                .and_then(Value::as_object)
                .cloned()
                .unwrap_or_default();
            let picks = [
                ("top", row == area.rows.start, "top", "innerHorizontal"),
                ("bottom", row + 1 == area.rows.end, "bottom", "innerHorizontal"),
                ("left", column == area.columns.start, "left", "innerVertical"),
                ("right", column + 1 == area.columns.end, "right", "innerVertical"),
            ];
            for (edge, outer, at_edge, within) in picks {
                match named.get(if outer { at_edge } else { within }) {
                    Some(Value::Null) => drop(edges.remove(edge)),
                    Some(border) => drop(edges.insert(edge.to_owned(), border.clone())),
                    None => {}
                }
            }
            format.remove("borders");
            if !edges.is_empty() {
                format.insert("borders".to_owned(), Value::Object(edges));
            }
            cell.format = (!format.is_empty()).then(|| writer.share(format));
        }
    }
    Ok(super::nothing())
}

/// A border as kept; null when the style is none.
fn border(sent: &Value) -> Value {
    let mut border = sent.clone();
    let width = match sent["style"].as_str().unwrap_or("STYLE_UNSPECIFIED") {
        "NONE" | "STYLE_UNSPECIFIED" => return Value::Null,
        "SOLID_MEDIUM" => 2,
        "SOLID_THICK" | "DOUBLE" => 3,
        _ => 1,
    };
    border["width"] = json!(width);
    if border.get("color").is_none() && border.get("colorStyle").is_none() {
        border["color"] = json!({});
    }
    look::twin_colours(&mut border);
    border
}
