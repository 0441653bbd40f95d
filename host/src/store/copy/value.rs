//! The values of rows, the same whichever database they come from.

use serde::{Deserialize, Serialize};

/// What a column of a row holds, in either database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Value {
    Null,
    Number(i64),
    Flag(bool),
    Text(String),
    Bytes(Vec<u8>),
}

impl Value {
    /// Bytes it takes, about.
    pub fn size(&self) -> usize {
        match self {
            Self::Null | Self::Flag(_) => 1,
            Self::Number(_) => 8,
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }
}

/// The values of a row, in the order of the table's columns.
pub(super) type Values = Vec<Value>;
