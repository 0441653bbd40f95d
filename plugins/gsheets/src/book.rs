//! A spreadsheet as one read tells it.

use hookyard_plugin_sdk::http::Request;
use serde::Deserialize;
use serde_json::Value;

use crate::api::Api;
use hookyard_plugin_sdk::state::hash;

/// What is read of a spreadsheet and its sheets.
pub(crate) const FIELDS: &str = "spreadsheetId,spreadsheetUrl,properties.title,sheets(properties(sheetId,title,\
                                 sheetType,gridProperties(rowCount,columnCount)),bandedRanges.bandedRangeId,merges)";

/// The same with the texts of the ranges asked for.
const FIELDS_WITH_TEXT: &str = "spreadsheetId,spreadsheetUrl,properties.title,sheets(properties(sheetId,title,\
                                sheetType,gridProperties(rowCount,columnCount)),\
                                data.rowData.values.formattedValue)";

/// The texts alone.
const TEXT: &str = "sheets.data.rowData.values.formattedValue";

/// A spreadsheet.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Book {
    #[serde(rename = "spreadsheetId")]
    pub(crate) id: String,
    #[serde(rename = "spreadsheetUrl")]
    pub(crate) url: String,
    properties: BookProperties,
    pub(crate) sheets: Vec<Sheet>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct BookProperties {
    title: String,
}

/// A sheet (tab).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Sheet {
    pub(crate) properties: SheetProperties,
    pub(crate) banded_ranges: Vec<Banding>,
    pub(crate) merges: Vec<Value>,
    data: Vec<Grid>,
}

/// Its name and size.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct SheetProperties {
    /// Google leaves out a zero.
    pub(crate) sheet_id: u32,
    pub(crate) title: String,
    sheet_type: String,
    pub(crate) grid_properties: GridProperties,
}

/// Rows and columns.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct GridProperties {
    pub(crate) row_count: usize,
    pub(crate) column_count: usize,
}

/// Alternating colours over a range.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Banding {
    pub(crate) banded_range_id: i64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Grid {
    row_data: Vec<Line>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Line {
    values: Vec<Shown>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Shown {
    formatted_value: String,
}

impl Book {
    /// The title of the spreadsheet.
    pub(crate) fn title(&self) -> &str {
        &self.properties.title
    }

    /// The sheet of this title. Google, too, takes no notice of case.
    pub(crate) fn sheet(&self, title: &str) -> Option<&Sheet> {
        let wanted = title.to_lowercase();
        self.sheets
            .iter()
            .find(|sheet| sheet.properties.title.to_lowercase() == wanted)
    }

    /// An id for a sheet that is to be made, so that one batch can make it and write to it. It
    /// follows from the title: when two runs make the same sheet, the second is refused as a whole.
    pub(crate) fn new_sheet_id(&self, title: &str) -> u32 {
        let taken = |id: &u32| self.sheets.iter().any(|sheet| sheet.properties.sheet_id == *id);
        // Google wants 31 bits; 0 is the usual id of a first sheet.
        let [.., a, b, c, d] = hash(&title.to_lowercase()).to_be_bytes();
        let first = u32::from_be_bytes([a, b, c, d]) & 0x7fff_ffff;
        (first.max(1)..=0x7fff_ffff).find(|id| !taken(id)).unwrap_or(1)
    }
}

impl Sheet {
    /// Whether it has cells; a chart or a connected table has none.
    pub(crate) fn is_grid(&self) -> bool {
        matches!(&*self.properties.sheet_type, "" | "GRID")
    }

    /// The texts of the first row of the first range that was read.
    pub(crate) fn first_row(&self) -> Vec<String> {
        let line = self.data.first().and_then(|grid| grid.row_data.first());
        line.map(|line| {
            line.values
                .iter()
                .map(|cell| cell.formatted_value.clone())
                .collect()
        })
        .unwrap_or_default()
    }

    /// The texts of the first column of the ranges that were read.
    pub(crate) fn column(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.data
            .iter()
            .flat_map(|grid| &grid.row_data)
            .filter_map(|line| line.values.first())
            .map(|cell| &*cell.formatted_value)
    }
}

/// Reads names, sizes and formats of every sheet.
pub(crate) fn plain(api: &Api, id: &str) -> Request {
    api.spreadsheet(id, &[], FIELDS)
}

/// Reads the first row of one sheet.
pub(crate) fn header(api: &Api, id: &str, sheet: &str) -> Request {
    api.spreadsheet(id, &[format!("{}!1:1", quoted(sheet))], FIELDS_WITH_TEXT)
}

/// Reads rows `from` to `to` (from 1, both included) of one column (from 0).
pub(crate) fn column(api: &Api, id: &str, sheet: &str, column: usize, from: usize, to: usize) -> Request {
    let name = column_name(column);
    let range = format!("{}!{name}{from}:{name}{to}", quoted(sheet));
    api.spreadsheet(id, &[range], TEXT)
}

/// A sheet's title in A1 notation.
fn quoted(title: &str) -> String {
    format!("'{}'", title.replace('\'', "''"))
}

/// `A` for 0, `AA` for 26.
fn column_name(index: usize) -> String {
    const LETTERS: &[u8; 26] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut name = String::new();
    let mut rest = index + 1;
    while rest > 0 {
        name.insert(0, char::from(LETTERS[(rest - 1) % 26]));
        rest = (rest - 1) / 26;
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn columns_have_letters() {
        for (index, name) in [
            (0, "A"),
            (25, "Z"),
            (26, "AA"),
            (51, "AZ"),
            (701, "ZZ"),
            (702, "AAA"),
            (18_277, "ZZZ"),
        ] {
            assert_eq!(column_name(index), name);
        }
        assert_eq!(quoted("It's"), "'It''s'");
    }

    #[test]
    fn a_new_id_is_steady_and_free() {
        let empty = Book::default();
        let id = empty.new_sheet_id("Orders");
        assert_eq!(id, empty.new_sheet_id("orders"));
        let taken: Book =
            serde_json::from_value(json!({"sheets": [{"properties": {"sheetId": id}}]})).unwrap();
        assert_eq!(taken.new_sheet_id("Orders"), id + 1);
    }
}
