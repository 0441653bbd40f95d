//! Formats: the default one, colours in both forms, bands, and what is in effect.

use serde_json::{Map, Value, json};

use super::book::{Band, Sheet};
use super::cell::Entered;
use super::mask::Mask;

/// The format of a cell that nobody formatted, as Google describes it in a new spreadsheet.
pub fn default_format() -> Map<String, Value> {
    let white = json!({"red": 1, "green": 1, "blue": 1});
    let format = json!({
        "backgroundColor": white,
        "padding": {"top": 2, "right": 3, "bottom": 2, "left": 3},
        "verticalAlignment": "BOTTOM",
        "wrapStrategy": "OVERFLOW_CELL",
        "textFormat": {
            "foregroundColor": {},
            "fontFamily": "arial,sans,sans-serif",
            "fontSize": 10,
            "bold": false,
            "italic": false,
            "strikethrough": false,
            "underline": false,
            "foregroundColorStyle": {"rgbColor": {}},
        },
        "backgroundColorStyle": {"rgbColor": white},
    });
    match format {
        Value::Object(format) => format,
        _ => Map::new(),
    }
}

/// Fields that hold a colour and have a `…Style` twin.
const COLOURS: [&str; 8] = [
    "backgroundColor",
    "foregroundColor",
    "color",
    "tabColor",
    "headerColor",
    "firstBandColor",
    "secondBandColor",
    "footerColor",
];

/// Gives every colour its `…Style` twin and the other way; the style wins, as Google documents.
pub fn twin_colours(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(twin_colours),
        Value::Object(fields) => twin_fields(fields),
        _ => {}
    }
}

/// [`twin_colours`] for the fields of an object.
pub fn twin_fields(fields: &mut Map<String, Value>) {
    for name in COLOURS {
        let style = format!("{name}Style");
        if let Some(rgb) = fields
            .get(&style)
            .and_then(|style| style.get("rgbColor"))
            .cloned()
        {
            fields.insert(name.to_owned(), rgb);
        } else if let Some(rgb) = fields.get(name).filter(|rgb| rgb.is_object()).cloned()
            && !fields.contains_key(&style)
        {
            fields.insert(style, json!({ "rgbColor": rgb }));
        }
    }
    for (name, value) in fields.iter_mut() {
        if !name.ends_with("Style") && !COLOURS.contains(&name.as_str()) {
            twin_colours(value);
        }
    }
}

/// Names both twins in a mask that names one.
pub fn twin_mask(mask: &mut Mask) {
    for name in COLOURS {
        let style = format!("{name}Style");
        if mask.0.contains_key(name) || mask.0.contains_key(&style) {
            mask.0.insert(name.to_owned(), Mask::default());
            mask.0.insert(style, Mask::default());
        }
    }
    for (name, below) in &mut mask.0 {
        if !name.ends_with("Style") && !COLOURS.contains(&name.as_str()) {
            twin_mask(below);
        }
    }
}

/// What is in effect in a cell.
pub fn effective(sheet: &Sheet, row: usize, column: usize) -> Map<String, Value> {
    let cell = sheet.cell(row, column);
    let mut format = default_format();
    format.insert(
        "horizontalAlignment".to_owned(),
        json!(alignment(cell.entered.as_ref())),
    );
    let band = sheet.bands.iter().find(|band| band.area.contains(row, column));
    if let Some(colour) = band.and_then(|band| band.colour(row, column)) {
        format.insert("backgroundColor".to_owned(), colour.clone());
        format.insert("backgroundColorStyle".to_owned(), json!({ "rgbColor": colour }));
    }
    if let Some(entered) = &cell.format {
        overlay(&mut format, entered);
    }
    format
}

fn alignment(entered: Option<&Entered>) -> &'static str {
    match entered {
        Some(Entered::Number(_)) => "RIGHT",
        Some(Entered::Bool(_)) => "CENTER",
        _ => "LEFT",
    }
}

fn overlay(under: &mut Map<String, Value>, over: &Map<String, Value>) {
    for (name, value) in over {
        match (under.get_mut(name), value) {
            (Some(Value::Object(under)), Value::Object(over)) if name == "textFormat" => overlay(under, over),
            _ => {
                under.insert(name.clone(), value.clone());
            }
        }
    }
}

impl Band {
    /// The colour of a cell inside.
    #[must_use]
    pub fn colour(&self, row: usize, column: usize) -> Option<Value> {
        let of_rows = self
            .rows
            .as_ref()
            .and_then(|set| banded(set, row - self.area.rows.start, self.area.rows.len()));
        let of_columns = || {
            let set = self.columns.as_ref()?;
            banded(set, column - self.area.columns.start, self.area.columns.len())
        };
        of_rows.or_else(of_columns)
    }
}

/// Header first, footer last, two colours in turn between.
fn banded(set: &Map<String, Value>, at: usize, count: usize) -> Option<Value> {
    let header = set.get("headerColor");
    if at == 0 && header.is_some() {
        return header.cloned();
    }
    if at + 1 == count && set.contains_key("footerColor") {
        return set.get("footerColor").cloned();
    }
    let turn = at - usize::from(header.is_some());
    let name = if turn.is_multiple_of(2) {
        "firstBandColor"
    } else {
        "secondBandColor"
    };
    set.get(name).cloned()
}

/// A colour as `#rrggbb`; parts left out are 0.
pub fn hex(colour: &Value) -> String {
    let part = |name: &str| {
        let share = colour[name].as_f64().unwrap_or(0.0).clamp(0.0, 1.0);
        format!(
            "{:02x}",
            Value::from((share * 255.0).round()).as_f64().map_or(0, to_byte)
        )
    };
    format!("#{}{}{}", part("red"), part("green"), part("blue"))
}

fn to_byte(rounded: f64) -> u8 {
    (0..=u8::MAX)
        .find(|byte| f64::from(*byte) >= rounded)
        .unwrap_or(u8::MAX)
}
