//! The id that git gives a file's content: the SHA-1 of a header and the bytes.
//! <https://git-scm.com/book/en/v2/Git-Internals-Git-Objects#_object_storage>

use sha1::{Digest as _, Sha1};

use crate::names::hex;

/// The id of a file with this content.
pub(crate) fn id(content: &[u8]) -> String {
    let mut hash = Sha1::new();
    hash.update(format!("blob {}\0", content.len()));
    hash.update(content);
    hex(&hash.finalize())
}

#[cfg(test)]
mod tests {
    /// `printf 'hello\n' | git hash-object --stdin`, and of an empty file.
    #[test]
    fn git_agrees() {
        assert_eq!(super::id(b"hello\n"), "ce013625030ba8dba906f756967f9e9ca394464a");
        assert_eq!(super::id(b""), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
    }
}
