//! Puts the file's new text in the place of the old one, whole, with its owner and mode.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;

use tempfile::NamedTempFile;

/// What came of writing.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Written {
    Done(Option<String>),
    /// Somebody else has saved the file since it was read.
    Changed,
}

/// Puts `text` in the place of `before` in one step: whoever reads sees the old or the new, whole. Owner and
/// mode stay. A file that cannot be replaced is written over, which is told.
pub(super) fn put(target: &Path, before: Option<&str>, text: &str) -> io::Result<Written> {
    let Some(before) = before else {
        return make(target, text);
    };
    let new = match like(target, text) {
        Ok(new) => new,
        // Nobody may make files beside it, or give one to its owner.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
            ) =>
        {
            return write_over(target, before, text);
        }
        Err(error) => return Err(error),
    };
    if fs::read(target)? != before.as_bytes() {
        return Ok(Written::Changed);
    }
    match new.persist(target) {
        Ok(_file) => {
            sync_directory_of(target)?;
            Ok(Written::Done(None))
        }
        // Mounted by itself, as containers do.
        Err(error)
            if matches!(
                error.error.kind(),
                ErrorKind::ResourceBusy | ErrorKind::CrossesDevices
            ) =>
        {
            write_over(target, before, text)
        }
        Err(error) => Err(error.error),
    }
}

/// Makes a file that must not be there.
fn make(target: &Path, text: &str) -> io::Result<Written> {
    // The umask takes from it what the user takes from every new file.
    let new = beside(target, 0o666)?;
    fill(&new, text)?;
    match new.persist_noclobber(target) {
        Ok(_file) => {
            sync_directory_of(target)?;
            Ok(Written::Done(None))
        }
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Ok(Written::Changed),
        Err(error) => Err(error.error),
    }
}

/// A new file with this text beside one whose owner and mode it has.
fn like(target: &Path, text: &str) -> io::Result<NamedTempFile> {
    let old = fs::metadata(target)?;
    let new = beside(target, 0o600)?;
    fill(&new, text)?;
    let made = new.as_file().metadata()?;
    if (made.uid(), made.gid()) != (old.uid(), old.gid()) {
        chown(new.path(), Some(old.uid()), Some(old.gid()))?;
    }
    fs::set_permissions(new.path(), fs::Permissions::from_mode(old.mode() & 0o7777))?;
    Ok(new)
}

fn beside(target: &Path, mode: u32) -> io::Result<NamedTempFile> {
    let dir = target.parent().unwrap_or(Path::new("/"));
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    tempfile::Builder::new()
        .prefix(&format!(".{name}."))
        .suffix(".tmp")
        .permissions(fs::Permissions::from_mode(mode))
        .tempfile_in(dir)
}

fn fill(new: &NamedTempFile, text: &str) -> io::Result<()> {
    let mut file = new.as_file();
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn sync_directory_of(target: &Path) -> io::Result<()> {
    File::open(target.parent().unwrap_or(Path::new("/")))?.sync_all()
}

/// Writes over the file, and puts the old text back when that fails half way.
fn write_over(target: &Path, before: &str, text: &str) -> io::Result<Written> {
    let mut file = OpenOptions::new().read(true).write(true).open(target)?;
    let mut now = Vec::new();
    file.read_to_end(&mut now)?;
    if now != before.as_bytes() {
        return Ok(Written::Changed);
    }
    let mut put = |text: &str| -> io::Result<()> {
        file.rewind()?;
        file.write_all(text.as_bytes())?;
        file.set_len(text.len() as u64)?;
        file.sync_all()
    };
    if let Err(error) = put(text) {
        put(before)?;
        return Err(error);
    }
    let note = format!(
        "{} could not be replaced, as it is mounted by itself or nothing can be made beside it; it was written over, \
         so that whoever read it at that moment may have seen half of it",
        target.display()
    );
    tracing::warn!("{note}");
    Ok(Written::Done(Some(note)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_replaced_is_written_over() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("plugins.toml");
        let text = "# a longer text\n";
        fs::write(&path, text).expect("written");
        let read = || fs::read_to_string(&path).expect("read");
        let written = write_over(&path, text, "# short\n").expect("written");
        assert!(matches!(written, Written::Done(Some(_))), "{written:?}");
        assert_eq!(read(), "# short\n");
        let changed = write_over(&path, text, "# other\n").expect("looked");
        assert_eq!(changed, Written::Changed);
        assert_eq!(read(), "# short\n");
    }
}
