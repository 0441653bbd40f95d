//! Which column is where: by the titles in the first row, wherever people have moved them.

/// The heading of the hidden column that holds the id of each row's delivery.
pub(crate) const KEY: &str = "hookyard_delivery";

/// A first row that has all of the titles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// The texts of the first row as they shall be.
    pub(crate) texts: Vec<String>,
    /// How many of them are there already; the others are added behind them.
    pub(crate) present: usize,
    /// The column of each title asked for, in their order.
    pub(crate) places: Vec<usize>,
    /// The column of the keys.
    pub(crate) key: usize,
}

impl Header {
    /// Finds the titles in what the first row has, and adds the missing ones and the key column at
    /// the end. Of two columns with the same title the first counts.
    pub(crate) fn new(found: &[String], titles: &[&str]) -> Self {
        let used = found
            .iter()
            .rposition(|text| !text.trim().is_empty())
            .map_or(0, |at| at + 1);
        let mut texts = found[..used].to_vec();
        let places = titles.iter().map(|title| place(&mut texts, title)).collect();
        let key = place(&mut texts, KEY);
        Self {
            texts,
            present: used,
            places,
            key,
        }
    }

    /// Whether the key column has to be made.
    pub(crate) fn key_is_new(&self) -> bool {
        self.key >= self.present
    }

    /// Whether columns have to be added.
    pub(crate) fn grows(&self) -> bool {
        self.texts.len() > self.present
    }
}

/// The column of the keys, if there is one.
pub(crate) fn key_column(found: &[String]) -> Option<usize> {
    found.iter().position(|text| text.trim() == KEY)
}

fn place(texts: &mut Vec<String>, title: &str) -> usize {
    let title = title.trim();
    texts
        .iter()
        .position(|text| text.trim() == title)
        .unwrap_or_else(|| {
            texts.push(title.to_owned());
            texts.len() - 1
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn an_empty_sheet_gets_all_columns_and_the_key_last() {
        let header = Header::new(&texts(&["", " "]), &["A", "B"]);
        assert_eq!(header.texts, ["A", "B", KEY]);
        assert_eq!((header.present, &*header.places, header.key), (0, &[0, 1][..], 2));
        assert!(header.key_is_new() && header.grows());
    }

    #[test]
    fn moved_inserted_and_missing_columns() {
        let found = texts(&["Notes", "B ", "", KEY, "A", "B", ""]);
        let header = Header::new(&found, &["A", "B", "New"]);
        assert_eq!(header.texts[..6], found[..6]);
        assert_eq!(header.texts[6..], ["New"]);
        assert_eq!(
            (header.present, &*header.places, header.key),
            (6, &[4, 1, 6][..], 3)
        );
        assert!(!header.key_is_new() && header.grows());
        assert!(!Header::new(&found, &["A"]).grows());
        assert_eq!(key_column(&found), Some(3));
    }
}
