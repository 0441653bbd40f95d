//! The way to a file: every directory in which a change can make its path lead elsewhere.

use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// Most symbolic links that are followed on the way to a file: as many as Linux does.
const MAX_LINKS: u32 = 40;

/// What to watch for some files.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Way {
    /// The directories of the files, and of the symbolic links on the way to them.
    pub(super) directories: BTreeSet<PathBuf>,
    /// The names in these directories whose changes count, and the directories themselves.
    pub(super) marks: BTreeSet<PathBuf>,
}

impl Way {
    /// Walks to this file, link by link. Where the way ends before it, the last directory that is there
    /// tells when it goes on. Blocks.
    pub(super) fn add(&mut self, path: &Path) {
        let mut at = PathBuf::new();
        let mut links = 0;
        let mut rest = steps(path);
        while let Some(step) = rest.pop_front() {
            let name = match step {
                Step::Root(root) => {
                    at = root;
                    continue;
                }
                Step::Up => {
                    at.pop();
                    continue;
                }
                Step::Down(name) => name,
            };
            let next = at.join(name);
            match std::fs::read_link(&next) {
                Ok(target) if links < MAX_LINKS => {
                    links += 1;
                    self.mark(&at, next);
                    let mut turned = steps(&target);
                    turned.append(&mut rest);
                    rest = turned;
                }
                _ if rest.is_empty() || !next.is_dir() => {
                    self.mark(&at, next);
                    return;
                }
                _ => at = next,
            }
        }
    }

    fn mark(&mut self, directory: &Path, name: PathBuf) {
        self.directories.insert(directory.to_owned());
        self.marks.insert(directory.to_owned());
        self.marks.insert(name);
    }
}

enum Step {
    Root(PathBuf),
    Up,
    Down(OsString),
}

fn steps(path: &Path) -> VecDeque<Step> {
    let mut steps = VecDeque::new();
    for component in path.components() {
        match component {
            Component::RootDir => steps.push_back(Step::Root(PathBuf::from("/"))),
            Component::ParentDir => steps.push_back(Step::Up),
            Component::Normal(name) => steps.push_back(Step::Down(name.to_owned())),
            Component::CurDir | Component::Prefix(_) => {}
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_link_and_the_file_are_on_the_way() {
        let dir = tempfile::tempdir().expect("a directory");
        let base = dir.path().canonicalize().expect("a path");
        std::fs::create_dir_all(base.join("app/v1/dist")).expect("made");
        std::fs::write(base.join("app/v1/dist/x.wasm"), "1").expect("written");
        std::os::unix::fs::symlink("v1", base.join("app/current")).expect("linked");
        std::os::unix::fs::symlink(base.join("app/current/dist/x.wasm"), base.join("x.wasm"))
            .expect("linked");
        let mut way = Way::default();
        way.add(&base.join("x.wasm"));
        let directories = [base.clone(), base.join("app"), base.join("app/v1/dist")];
        assert_eq!(way.directories, directories.clone().into());
        let names = ["x.wasm", "app/current", "app/v1/dist/x.wasm"].map(|name| base.join(name));
        assert_eq!(way.marks, directories.into_iter().chain(names).collect());

        let mut absent = Way::default();
        absent.add(&base.join("app/../later/dist/x.wasm"));
        assert_eq!(absent.directories, [base.clone()].into());
        assert!(absent.marks.contains(&base.join("later")));

        std::os::unix::fs::symlink("round", base.join("round")).expect("linked");
        Way::default().add(&base.join("round"));
    }
}
