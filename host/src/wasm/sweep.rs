//! Clears away files of the data directory that nothing names any more.

use std::io;
use std::path::Path;

/// What a write that was cut off leaves.
const UNFINISHED: &str = "tmp";

/// Removes the files of a directory that have one of these extensions and that `is_named` says no to
/// (it is given stem and extension), and those of writes that were cut off: nobody may be writing.
/// Other files are left alone. What cannot be removed costs its room only. Blocks.
pub(super) fn files(dir: &Path, extensions: &[&str], is_named: impl Fn(&str, &str) -> bool) {
    let removed = try_files(dir, extensions, is_named);
    match removed {
        Ok(0) => {}
        Ok(removed) => tracing::debug!(dir = %dir.display(), removed, "cleared away what nothing names"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => tracing::warn!(dir = %dir.display(), %error, "cannot clear away what nothing names"),
    }
}

fn try_files(dir: &Path, extensions: &[&str], is_named: impl Fn(&str, &str) -> bool) -> io::Result<u32> {
    let mut removed = 0;
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let [stem, extension] =
            [path.file_stem(), path.extension()].map(|part| part.and_then(|p| p.to_str()));
        let (Some(stem), Some(extension)) = (stem, extension) else {
            continue;
        };
        let ours = extensions.contains(&extension) && !is_named(stem, extension);
        if (ours || extension == UNFINISHED) && path.is_file() {
            std::fs::remove_file(&path)?;
            removed += 1;
        }
    }
    Ok(removed)
}
