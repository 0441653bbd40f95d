//! The checksum of a table: the same for the same rows, in whichever order a database gives them.

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::side::Side;
use super::tables::Table;
use super::value::Value;
use crate::store::StoreResult;

/// Rows that are read at a time.
const BATCH_ROWS: u32 = 1_000;

/// A table that was copied, and what both databases were compared by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Copied {
    pub table: &'static str,
    pub rows: u64,
    /// The digests of all rows (SHA-256), combined by exclusive or: keys are unique, so no two cancel each other out.
    pub sha256: String,
}

/// Reads every row of a table.
pub(super) async fn of(side: &dyn Side, table: &'static Table) -> StoreResult<Copied> {
    let (mut rows, mut sum) = (0_u64, [0_u8; 32]);
    let mut after = None;
    loop {
        let batch = side.rows_after(table, after.as_deref(), BATCH_ROWS).await?;
        let Some(last) = batch.last() else { break };
        after = Some(last[..table.key].to_vec());
        for row in &batch {
            for (byte, of_row) in sum.iter_mut().zip(digest(row)) {
                *byte ^= of_row;
            }
        }
        rows += batch.len() as u64;
    }
    Ok(Copied {
        table: table.name,
        rows,
        sha256: hex::encode(sum),
    })
}

/// Each value with its type and length before it, so that no two rows have one text.
fn digest(row: &[Value]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for value in row {
        match value {
            Value::Null => hash.update([0]),
            Value::Number(number) => {
                hash.update([1]);
                hash.update(number.to_be_bytes());
            }
            Value::Flag(flag) => hash.update([2, u8::from(*flag)]),
            Value::Text(text) => sized(&mut hash, 3, text.as_bytes()),
            Value::Bytes(bytes) => sized(&mut hash, 4, bytes),
        }
    }
    hash.finalize().into()
}

fn sized(hash: &mut Sha256, kind: u8, bytes: &[u8]) {
    hash.update([kind]);
    hash.update((bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_read_alike_have_different_digests() {
        let text = |text: &str| Value::Text(text.to_owned());
        let rows = [
            vec![text("ab"), text("c")],
            vec![text("a"), text("bc")],
            vec![text("abc"), Value::Null],
            vec![Value::Null, text("abc")],
            vec![Value::Bytes(b"ab".to_vec()), text("c")],
            vec![Value::Number(0), Value::Null],
            vec![Value::Flag(false), Value::Null],
        ];
        let digests: std::collections::BTreeSet<_> = rows.iter().map(|row| digest(row)).collect();
        assert_eq!(digests.len(), rows.len());
    }
}
