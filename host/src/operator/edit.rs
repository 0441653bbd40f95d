//! Edits of `plugins.toml` that keep the operator's comments and order: one at a time, over what the file
//! holds at that moment, written whole.
//!
//! People and their editors know nothing of the lock; what they save while an edit is made is seen before
//! it would be lost, and edited in its turn.

mod write;

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use self::write::{Written, put};
use crate::domain::plugin::PluginName;
use crate::manifest::{PluginsFile, PluginsFileError};

/// How often an edit begins anew because the file was saved by somebody else: nobody saves for long.
const TRIES: u32 = 3;
/// Longest wait for another process that edits the file: it only writes a few KiB.
const LOCK_WAIT: Duration = Duration::from_secs(5);
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Why the file was not edited. Unless it says otherwise the file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    #[error("{0}")]
    Wrong(#[from] PluginsFileError),
    #[error("{0} has no section [plugins.{1}]")]
    Unknown(String, PluginName),
    #[error("{0} has a section [plugins.{1}] already; choose another name")]
    Taken(String, PluginName),
    #[error("{0} cannot be edited: {1}")]
    Toml(String, toml_edit::TomlError),
    #[error("another process is editing {0}; nothing was written, try again")]
    Busy(String),
    #[error("{0} was saved again and again by somebody else; nothing was written, try again")]
    Changed(String),
    #[error(
        "other nodes have another plugins.toml than this one, so that nothing was edited here: {0}; make the files the \
         same first (`hookyard nodes` shows who has which; a change takes some seconds to be told)"
    )]
    NodesDiffer(String),
    #[error(
        "{0} was saved by somebody else since its change was shown; nothing was written, look at it again"
    )]
    Overtaken(String),
    #[error("cannot write {0}: {1}")]
    Write(String, io::Error),
    /// The edit itself failed in a way that tells nothing of the file.
    #[error("the edit was broken off: {0}")]
    Broken(String),
}

/// What an edit made of the file.
#[derive(Debug)]
pub(super) struct Edited {
    pub(super) text: String,
    pub(super) file: PluginsFile,
    /// What the operator should know of how it was written.
    pub(super) note: Option<String>,
}

/// What a missing file is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    Wrong,
    Empty,
}

/// What becomes of the file: its new text, or `None` when it says already what it should.
pub(super) type Change<'a> = &'a dyn Fn(&str, &PluginsFile) -> Result<Option<String>, EditError>;

/// Makes one edit. Blocks: not for async threads.
pub(super) fn edit(path: &Path, missing: Missing, change: Change<'_>) -> Result<Edited, EditError> {
    let shown = path.display().to_string();
    let write = |error| EditError::Write(shown.clone(), error);
    // A symbolic link stays one: its target is edited.
    let target = match fs::canonicalize(path) {
        Ok(target) => target,
        Err(error) if error.kind() == ErrorKind::NotFound => std::path::absolute(path).map_err(write)?,
        Err(error) => return Err(PluginsFileError::unreadable(path, &error).into()),
    };
    let dir = target.parent().unwrap_or(Path::new("/"));
    let _lock = lock(dir).map_err(|()| EditError::Busy(shown.clone()))?;
    for _ in 0..TRIES {
        let before = match PluginsFile::text(path) {
            Ok(text) => Some(text),
            Err(_) if missing == Missing::Empty && !target.exists() => None,
            Err(error) => return Err(error.into()),
        };
        let text = before.as_deref().unwrap_or("");
        let file = PluginsFile::parse(text, path)?;
        let Some(after) = change(text, &file)? else {
            let text = text.to_owned();
            return Ok(Edited {
                text,
                file,
                note: None,
            });
        };
        let file = PluginsFile::parse(&after, path)?;
        if let Written::Done(note) = put(&target, before.as_deref(), &after).map_err(write)? {
            return Ok(Edited {
                text: after,
                file,
                note,
            });
        }
    }
    Err(EditError::Changed(shown))
}

/// Takes the turn of editing files in this directory. The directory is locked, since the file becomes another
/// with each edit. Where the file system has no locks there is none.
fn lock(dir: &Path) -> Result<Option<File>, ()> {
    let Ok(handle) = File::open(dir) else {
        return Ok(None);
    };
    let begun = Instant::now();
    loop {
        match handle.try_lock() {
            Ok(()) => return Ok(Some(handle)),
            Err(TryLockError::Error(_)) => return Ok(None),
            Err(TryLockError::WouldBlock) if begun.elapsed() > LOCK_WAIT => return Err(()),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
        }
    }
}

/// The file's own directory, with links resolved, to which paths in it are relative.
pub(super) fn directory_of(path: &Path) -> io::Result<PathBuf> {
    let file = std::path::absolute(path)?;
    let dir = file.parent().unwrap_or(Path::new("/"));
    Ok(dir.canonicalize().unwrap_or_else(|_| dir.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    use super::super::switch::{self, Switch};
    use super::*;

    const TEXT: &str = "# mine\n[plugins.b]\ncomponent = \"b.wasm\" # there\n\n[plugins.a]\nenabled = true # yes\ncomponent = \"a.wasm\"\n";

    fn file() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("plugins.toml");
        fs::write(&path, TEXT).expect("written");
        (dir, path)
    }

    fn set_enabled(path: &Path, name: &PluginName, enabled: bool) -> Result<Edited, EditError> {
        switch::set_enabled(path, name, &Switch { enabled, seen: None })
    }

    fn read(path: &Path) -> String {
        fs::read_to_string(path).expect("read")
    }

    #[test]
    fn comments_and_order_survive_an_edit() {
        let (_dir, path) = file();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("set");
        set_enabled(&path, &"a".parse().expect("a name"), false).expect("edited");
        assert_eq!(read(&path), TEXT.replace("enabled = true #", "enabled = false #"));
        assert_eq!(fs::metadata(&path).expect("there").mode() & 0o777, 0o640);
        set_enabled(&path, &"b".parse().expect("a name"), false).expect("edited");
        let edited = read(&path);
        assert!(
            edited.contains("component = \"b.wasm\" # there\nenabled = false\n"),
            "{edited}"
        );
        let error = set_enabled(&path, &"c".parse().expect("a name"), true).expect_err("unknown");
        assert!(
            error.to_string().ends_with("has no section [plugins.c]"),
            "{error}"
        );
    }

    #[test]
    fn what_somebody_saves_meanwhile_is_edited_and_not_lost() {
        let (_dir, path) = file();
        let saved = Cell::new(0);
        let edited = edit(&path, Missing::Wrong, &|text, _| {
            if saved.get() == 0 {
                saved.set(1);
                fs::write(&path, format!("# theirs\n{TEXT}")).expect("saved");
            }
            Ok(Some(format!("{text}# ours\n")))
        });
        assert_eq!(edited.expect("edited").note, None);
        assert_eq!(read(&path), format!("# theirs\n{TEXT}# ours\n"));

        let endless = edit(&path, Missing::Wrong, &|text, _| {
            fs::write(&path, format!("{text}#\n")).expect("saved");
            Ok(Some(TEXT.to_owned()))
        });
        assert!(matches!(endless, Err(EditError::Changed(_))), "{endless:?}");
        let new = path.with_file_name("new.toml");
        let made = edit(&new, Missing::Empty, &|_, _| {
            if !new.exists() {
                fs::write(&new, TEXT).expect("saved");
            }
            Ok(Some("# ours\n".to_owned()))
        });
        made.expect("edited in its turn");
        assert_eq!(read(&new), "# ours\n");
        assert!(
            edit(&path.with_file_name("none.toml"), Missing::Wrong, &|_, _| Ok(
                None
            ))
            .is_err()
        );
    }

    #[test]
    fn edits_at_the_same_time_all_count() {
        let (_dir, path) = file();
        std::thread::scope(|threads| {
            for number in 0..8 {
                let path = &path;
                threads.spawn(move || {
                    let add = |text: &str, _: &PluginsFile| Ok(Some(format!("{text}# {number}\n")));
                    edit(path, Missing::Wrong, &add).expect("edited");
                });
            }
        });
        let text = read(&path);
        for number in 0..8 {
            assert!(text.contains(&format!("# {number}\n")), "{text}");
        }
    }
}
