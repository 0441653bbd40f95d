//! One sheet as an HTML table, with its formats, bands, borders, merges, widths, hidden and frozen parts.

use std::fmt::Write;

use serde_json::Value;

use super::a1::column_name;
use super::book::Sheet;
use super::look;
use crate::html::escape;

/// Rows and columns shown at most: a page for people.
const ROWS_SHOWN: usize = 500;
const COLUMNS_SHOWN: usize = 60;

/// Empty rows and columns shown beyond what is used, so that the grid looks like one.
const ROWS_BEYOND: usize = 3;
const COLUMNS_BEYOND: usize = 2;

/// Width of the column of row numbers, in pixels.
const NUMBERS_PIXELS: u32 = 46;

/// Height of a row and of the column letters, in pixels, as the style sheet sets it.
const ROW_PIXELS: usize = 25;

/// Draws a sheet.
pub fn html(sheet: &Sheet) -> String {
    let (rows, columns) = shown_size(sheet);
    let hidden = if sheet.hidden { " · hidden" } else { "" };
    let mut out = format!(
        "<section id=\"s{}\"><h2>{}</h2><p class=\"meta\">{} rows, {} columns{hidden}</p><div class=\"grid\"><table><colgroup><col style=\"width:{NUMBERS_PIXELS}px\">",
        sheet.id,
        escape(&sheet.title),
        sheet.row_count,
        sheet.column_count,
    );
    let visible: Vec<usize> = (0..columns)
        .filter(|column| !sheet.column_hidden(*column))
        .collect();
    for column in &visible {
        let _ = write!(out, "<col style=\"width:{}px\">", sheet.column_pixels(*column));
    }
    out.push_str("</colgroup><thead><tr><th class=\"corner\"></th>");
    for (at, column) in visible.iter().enumerate() {
        // A column after hidden ones is marked, as in the editor.
        let before = at
            .checked_sub(1)
            .and_then(|at| visible.get(at))
            .map_or(0, |before| before + 1);
        let class = if *column > before { " class=\"gap\"" } else { "" };
        let _ = write!(out, "<th{class}>{}</th>", column_name(*column));
    }
    out.push_str("</tr></thead><tbody>");
    for row in (0..rows).filter(|row| !sheet.rows.get(row).is_some_and(|set| set.hidden)) {
        out.push_str(&line(sheet, row, &visible));
    }
    out.push_str("</tbody></table></div>");
    if sheet.touched().0 > rows {
        let _ = write!(out, "<p class=\"meta\">The first {rows} rows are shown.</p>");
    }
    out.push_str("</section>");
    out
}

fn shown_size(sheet: &Sheet) -> (usize, usize) {
    let (rows, columns) = sheet.touched();
    let banded =
        |of: fn(&super::a1::Area) -> usize| sheet.bands.iter().map(|band| of(&band.area)).max().unwrap_or(0);
    let rows = rows.max(banded(|area| area.rows.end)) + ROWS_BEYOND;
    let columns = columns.max(banded(|area| area.columns.end)) + COLUMNS_BEYOND;
    (
        rows.min(sheet.row_count).min(ROWS_SHOWN),
        columns.min(sheet.column_count).min(COLUMNS_SHOWN),
    )
}

fn line(sheet: &Sheet, row: usize, visible: &[usize]) -> String {
    let frozen = row < sheet.frozen_rows;
    let class = match (frozen, row + 1 == sheet.frozen_rows) {
        (true, true) => " class=\"frozen last\"",
        (true, false) => " class=\"frozen\"",
        _ => "",
    };
    let top = if frozen {
        format!(" style=\"--top:{}px\"", ROW_PIXELS * (row + 1))
    } else {
        String::new()
    };
    let mut out = format!("<tr{class}{top}><th>{}</th>", row + 1);
    for column in visible {
        let merge = sheet.merges.iter().find(|merge| merge.contains(row, *column));
        let spans = match merge {
            Some(merge) if (merge.rows.start, merge.columns.start) == (row, *column) => {
                let across = visible
                    .iter()
                    .filter(|column| merge.columns.contains(column))
                    .count();
                format!(" rowspan=\"{}\" colspan=\"{across}\"", merge.rows.len())
            }
            Some(_) => continue,
            None => String::new(),
        };
        let note = sheet.cell(row, *column).note.as_ref();
        let title = note.map_or_else(String::new, |note| format!(" title=\"{}\"", escape(note)));
        let _ = write!(
            out,
            "<td{spans}{title} style=\"{}\">{}</td>",
            style(sheet, row, *column),
            escape(&sheet.text(row, *column))
        );
    }
    out.push_str("</tr>");
    out
}

/// The style of a cell; every value is computed here, none is taken as sent.
fn style(sheet: &Sheet, row: usize, column: usize) -> String {
    let format = sheet.effective_format(row, column);
    let format = Value::Object(format);
    let mut out = String::new();
    let background = look::hex(&format["backgroundColor"]);
    if background != "#ffffff" {
        let _ = write!(out, "background:{background};");
    }
    let text = &format["textFormat"];
    let colour = look::hex(&text["foregroundColor"]);
    if colour != "#000000" {
        let _ = write!(out, "color:{colour};");
    }
    if text["bold"] == true {
        out.push_str("font-weight:700;");
    }
    if text["italic"] == true {
        out.push_str("font-style:italic;");
    }
    match (text["underline"] == true, text["strikethrough"] == true) {
        (true, true) => out.push_str("text-decoration:underline line-through;"),
        (true, false) => out.push_str("text-decoration:underline;"),
        (false, true) => out.push_str("text-decoration:line-through;"),
        (false, false) => {}
    }
    if let Some(size) = text["fontSize"]
        .as_u64()
        .filter(|size| *size != 10 && *size < 100)
    {
        let _ = write!(out, "font-size:{size}pt;");
    }
    match format["horizontalAlignment"].as_str() {
        Some("CENTER") => out.push_str("text-align:center;"),
        Some("RIGHT") => out.push_str("text-align:right;"),
        _ => {}
    }
    if format["wrapStrategy"] == "WRAP" {
        out.push_str("white-space:pre-wrap;overflow-wrap:anywhere;");
    }
    for side in ["top", "right", "bottom", "left"] {
        out.push_str(&edge(side, &format["borders"][side]));
    }
    out
}

fn edge(side: &str, border: &Value) -> String {
    let Some(style) = border["style"].as_str() else {
        return String::new();
    };
    let (width, line) = match style {
        "SOLID_MEDIUM" => (2, "solid"),
        "SOLID_THICK" => (3, "solid"),
        "DOUBLE" => (3, "double"),
        "DOTTED" => (1, "dotted"),
        "DASHED" => (1, "dashed"),
        _ => (1, "solid"),
    };
    format!("border-{side}:{width}px {line} {};", look::hex(&border["color"]))
}
