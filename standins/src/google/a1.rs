//! A1 notation: `Sheet1!A1:B2`, `'My sheet'!A:C`, `Sheet1!2:2`, `A1:1`, `Sheet1`.
//!
//! Source: <https://developers.google.com/workspace/sheets/api/guides/concepts#cell>.

use std::ops::Range;

/// The longest column name: `ZZZ` is 18,278, the most columns a sheet may have.
const COLUMN_LETTERS_MAX: usize = 3;

/// A rectangle of cells, half open, counted from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Area {
    /// The rows.
    pub rows: Range<usize>,
    /// The columns.
    pub columns: Range<usize>,
}

impl Area {
    /// Whether both have a cell in common.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.rows.start < other.rows.end
            && other.rows.start < self.rows.end
            && self.columns.start < other.columns.end
            && other.columns.start < self.columns.end
    }

    /// Whether the cell is inside.
    #[must_use]
    pub fn contains(&self, row: usize, column: usize) -> bool {
        self.rows.contains(&row) && self.columns.contains(&column)
    }
}

/// A range as written: ends left open are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// The first row.
    pub start_row: Option<usize>,
    /// The row after the last.
    pub end_row: Option<usize>,
    /// The first column.
    pub start_column: Option<usize>,
    /// The column after the last.
    pub end_column: Option<usize>,
}

/// Splits `title!cells`; the title is unquoted, and said to be quoted or not.
pub fn split(text: &str) -> Option<(Option<String>, bool, Option<&str>)> {
    if let Some(rest) = text.strip_prefix('\'') {
        let mut title = String::new();
        let mut chars = rest.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            if c != '\'' {
                title.push(c);
            } else if chars.peek().is_some_and(|(_, next)| *next == '\'') {
                chars.next();
                title.push('\'');
            } else {
                let cells = match rest.get(at + 1..)? {
                    "" => None,
                    more => Some(more.strip_prefix('!')?),
                };
                return Some((Some(title), true, cells));
            }
        }
        return None;
    }
    match text.rsplit_once('!') {
        Some((title, cells)) => Some((Some(title.to_owned()), false, Some(cells))),
        None => Some((None, false, Some(text))),
    }
}

/// Reads `A1`, `A1:B2`, `A:C`, `2:3`, `A2:C`, `A1:1`.
pub fn cells(text: &str) -> Option<Written> {
    let (first, last) = match text.split_once(':') {
        Some((first, last)) => (corner(first)?, Some(corner(last)?)),
        None => (corner(text)?, None),
    };
    let Some(last) = last else {
        let (row, column) = (first.0?, first.1?);
        return Some(Written {
            start_row: Some(row),
            end_row: Some(row + 1),
            start_column: Some(column),
            end_column: Some(column + 1),
        });
    };
    let (start_row, end_row) = ordered(first.0, last.0);
    let (start_column, end_column) = ordered(first.1, last.1);
    Some(Written {
        start_row,
        end_row,
        start_column,
        end_column,
    })
}

/// Both ends given: lower one first; an end left open stays open.
fn ordered(first: Option<usize>, last: Option<usize>) -> (Option<usize>, Option<usize>) {
    match (first, last) {
        (Some(first), Some(last)) => (Some(first.min(last)), Some(first.max(last) + 1)),
        // `A:B2` reads as `A1:B2` would with an open end: the open side is unbounded.
        (first, last) => (first.or(last), None),
    }
}

type Corner = (Option<usize>, Option<usize>);

fn corner(text: &str) -> Option<Corner> {
    let text: String = text.chars().filter(|c| *c != '$').collect();
    let letters = text
        .find(|c: char| !c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let (letters, digits) = text.split_at(letters);
    if (letters.is_empty() && digits.is_empty()) || letters.len() > COLUMN_LETTERS_MAX {
        return None;
    }
    let column = (!letters.is_empty()).then(|| column_index(letters));
    let row = match digits {
        "" => None,
        digits if digits.bytes().all(|b| b.is_ascii_digit()) => {
            Some(digits.parse::<u32>().ok()?.checked_sub(1)? as usize)
        }
        _ => return None,
    };
    Some((row, column))
}

fn column_index(letters: &str) -> usize {
    letters.bytes().fold(0, |sum, letter| {
        sum * 26 + usize::from(letter.to_ascii_uppercase() - b'A') + 1
    }) - 1
}

/// The name of a column: 0 is `A`, 26 is `AA`.
pub fn column_name(mut index: usize) -> String {
    let mut letters = Vec::new();
    loop {
        letters.push(b'A' + u8::try_from(index % 26).unwrap_or(0));
        match (index / 26).checked_sub(1) {
            Some(next) => index = next,
            None => break,
        }
    }
    letters.iter().rev().map(|letter| char::from(*letter)).collect()
}

/// A title as Google writes it before `!`: quoted unless it is letters, digits and `_`.
pub fn quoted(title: &str) -> String {
    let plain = !title.is_empty()
        && title.chars().all(|c| c.is_alphanumeric() || c == '_')
        && !title.starts_with(|c: char| c.is_ascii_digit());
    if plain {
        title.to_owned()
    } else {
        format!("'{}'", title.replace('\'', "''"))
    }
}

/// The full name of a rectangle: `Sheet1!A1:B2`, or `Sheet1!A1` for one cell.
pub fn name(title: &str, area: &Area) -> String {
    let at = |row: usize, column: usize| format!("{}{}", column_name(column), row + 1);
    let first = at(area.rows.start, area.columns.start);
    let last = at(
        area.rows.end.saturating_sub(1),
        area.columns.end.saturating_sub(1),
    );
    let title = quoted(title);
    if first == last {
        format!("{title}!{first}")
    } else {
        format!("{title}!{first}:{last}")
    }
}
