//! Reads rows into domain values. A value that does not parse is an error that names its place.

use std::fmt::Display;
use std::str::FromStr;

use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use trait_gen::trait_gen;

use super::{StoreError, StoreResult};
use crate::domain::time::Timestamp;

/// The column types that the schema uses, read from either database.
pub trait Columns {
    fn text(&self, column: &str) -> sqlx::Result<String>;
    fn text_opt(&self, column: &str) -> sqlx::Result<Option<String>>;
    fn integer(&self, column: &str) -> sqlx::Result<i64>;
    fn integer_opt(&self, column: &str) -> sqlx::Result<Option<i64>>;
    fn bytes(&self, column: &str) -> sqlx::Result<Vec<u8>>;
    fn bytes_opt(&self, column: &str) -> sqlx::Result<Option<Vec<u8>>>;
    fn flag(&self, column: &str) -> sqlx::Result<bool>;
}

#[trait_gen(Row -> SqliteRow, PgRow)]
impl Columns for Row {
    fn text(&self, column: &str) -> sqlx::Result<String> {
        self.try_get(column)
    }
    fn text_opt(&self, column: &str) -> sqlx::Result<Option<String>> {
        self.try_get(column)
    }
    fn integer(&self, column: &str) -> sqlx::Result<i64> {
        self.try_get(column)
    }
    fn integer_opt(&self, column: &str) -> sqlx::Result<Option<i64>> {
        self.try_get(column)
    }
    fn bytes(&self, column: &str) -> sqlx::Result<Vec<u8>> {
        self.try_get(column)
    }
    fn bytes_opt(&self, column: &str) -> sqlx::Result<Option<Vec<u8>>> {
        self.try_get(column)
    }
    fn flag(&self, column: &str) -> sqlx::Result<bool> {
        self.try_get(column)
    }
}

/// One row on its way into a domain value; knows what to name when that fails.
pub struct RowReader<'r, R> {
    row: &'r R,
    table: &'static str,
    key: String,
}

impl<'r, R: Columns> RowReader<'r, R> {
    /// A reader of a row of `table` that is known by its column `key`.
    pub fn new(row: &'r R, table: &'static str, key: &str) -> Self {
        let key = row.text(key).unwrap_or_else(|_| "?".to_owned());
        Self { row, table, key }
    }

    /// A text column.
    pub fn text(&self, column: &'static str) -> StoreResult<String> {
        self.row.text(column).map_err(|e| self.corrupt(column, &e))
    }

    /// A text column that may be NULL.
    pub fn text_opt(&self, column: &'static str) -> StoreResult<Option<String>> {
        self.row.text_opt(column).map_err(|e| self.corrupt(column, &e))
    }

    /// A column of bytes.
    pub fn bytes(&self, column: &'static str) -> StoreResult<Vec<u8>> {
        self.row.bytes(column).map_err(|e| self.corrupt(column, &e))
    }

    /// A column of bytes that may be NULL.
    pub fn bytes_opt(&self, column: &'static str) -> StoreResult<Option<Vec<u8>>> {
        self.row.bytes_opt(column).map_err(|e| self.corrupt(column, &e))
    }

    /// A truth value.
    pub fn flag(&self, column: &'static str) -> StoreResult<bool> {
        self.row.flag(column).map_err(|e| self.corrupt(column, &e))
    }

    /// A text column parsed, such as an id or one of an enum's words.
    pub fn parsed<T: FromStr<Err: Display>>(&self, column: &'static str) -> StoreResult<T> {
        self.text(column)?.parse().map_err(|e| self.corrupt(column, &e))
    }

    /// A text column parsed, unless it is NULL.
    pub fn parsed_opt<T: FromStr<Err: Display>>(&self, column: &'static str) -> StoreResult<Option<T>> {
        let text = self.text_opt(column)?;
        text.map(|text| text.parse().map_err(|e| self.corrupt(column, &e)))
            .transpose()
    }

    /// A JSON text column.
    pub fn json<T: serde::de::DeserializeOwned>(&self, column: &'static str) -> StoreResult<T> {
        serde_json::from_str(&self.text(column)?).map_err(|e| self.corrupt(column, &e))
    }

    /// A moment.
    pub fn moment(&self, column: &'static str) -> StoreResult<Timestamp> {
        let millis = self.row.integer(column).map_err(|e| self.corrupt(column, &e))?;
        Ok(Timestamp::from_millis(millis))
    }

    /// A moment, unless it is NULL.
    pub fn moment_opt(&self, column: &'static str) -> StoreResult<Option<Timestamp>> {
        let millis = self
            .row
            .integer_opt(column)
            .map_err(|e| self.corrupt(column, &e))?;
        Ok(millis.map(Timestamp::from_millis))
    }

    /// A whole number in the range of `T`.
    pub fn number<T: TryFrom<i64, Error: Display>>(&self, column: &'static str) -> StoreResult<T> {
        let number = self.row.integer(column).map_err(|e| self.corrupt(column, &e))?;
        T::try_from(number).map_err(|e| self.corrupt(column, &e))
    }

    /// A whole number in the range of `T`, unless it is NULL.
    pub fn number_opt<T: TryFrom<i64, Error: Display>>(
        &self,
        column: &'static str,
    ) -> StoreResult<Option<T>> {
        let number = self
            .row
            .integer_opt(column)
            .map_err(|e| self.corrupt(column, &e))?;
        number
            .map(|n| T::try_from(n).map_err(|e| self.corrupt(column, &e)))
            .transpose()
    }

    /// The error for a column whose value cannot be read.
    pub fn corrupt(&self, column: &'static str, why: &dyn Display) -> StoreError {
        StoreError::Corrupt {
            table: self.table,
            column,
            row: self.key.clone(),
            why: why.to_string(),
        }
    }
}
