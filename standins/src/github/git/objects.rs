//! The objects of one repository, and trees made from other trees.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::commit::Commit;
use super::id::{Kind, ObjectId};
use super::tree::{self, Entry, Mode, Tree};

/// One object.
#[derive(Clone, Debug)]
pub enum Object {
    /// The content of a file.
    Blob(Bytes),
    /// A folder.
    Tree(Tree),
    /// A commit.
    Commit(Commit),
}

/// Why a tree cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// A path to remove is not there.
    #[error("{0} is not in the tree")]
    Missing(String),
    /// Two changes meet at one path.
    #[error("{0} is changed twice")]
    Twice(String),
}

/// All objects of a repository, by name.
#[derive(Debug, Default)]
pub struct Objects(HashMap<ObjectId, Object>);

impl Objects {
    /// Keeps a file's content.
    pub fn put_blob(&mut self, content: Bytes) -> ObjectId {
        let id = ObjectId::of(Kind::Blob, &content);
        self.0.entry(id).or_insert(Object::Blob(content));
        id
    }

    /// Keeps a folder.
    pub fn put_tree(&mut self, tree: Tree) -> ObjectId {
        let id = ObjectId::of(Kind::Tree, &tree::encode(&tree));
        self.0.entry(id).or_insert(Object::Tree(tree));
        id
    }

    /// Keeps a commit.
    pub fn put_commit(&mut self, commit: Commit) -> ObjectId {
        let id = ObjectId::of(Kind::Commit, &commit.encode());
        self.0.entry(id).or_insert(Object::Commit(commit));
        id
    }

    /// An object.
    #[must_use]
    pub fn get(&self, id: ObjectId) -> Option<&Object> {
        self.0.get(&id)
    }

    /// A file's content.
    #[must_use]
    pub fn blob(&self, id: ObjectId) -> Option<&Bytes> {
        match self.0.get(&id) {
            Some(Object::Blob(content)) => Some(content),
            _ => None,
        }
    }

    /// A folder.
    #[must_use]
    pub fn tree(&self, id: ObjectId) -> Option<&Tree> {
        match self.0.get(&id) {
            Some(Object::Tree(tree)) => Some(tree),
            _ => None,
        }
    }

    /// A commit.
    #[must_use]
    pub fn commit(&self, id: ObjectId) -> Option<&Commit> {
        match self.0.get(&id) {
            Some(Object::Commit(commit)) => Some(commit),
            _ => None,
        }
    }

    /// What a path names in a tree; the tree itself has no entry.
    #[must_use]
    pub fn at(&self, root: ObjectId, path: &str) -> Option<Entry> {
        let mut entry = Entry {
            mode: Mode::Directory,
            id: root,
        };
        for name in path.split('/') {
            entry = *self.tree(entry.id)?.get(name)?;
        }
        Some(entry)
    }

    /// Every entry below a tree, folders too, each with its path, in git's order.
    #[must_use]
    pub fn walk(&self, root: ObjectId) -> Vec<(String, Entry)> {
        let mut out = Vec::new();
        self.walk_into(root, "", &mut out);
        out
    }

    fn walk_into(&self, id: ObjectId, prefix: &str, out: &mut Vec<(String, Entry)>) {
        let Some(tree) = self.tree(id) else { return };
        for (name, entry) in tree::in_order(tree) {
            let path = format!("{prefix}{name}");
            out.push((path.clone(), *entry));
            if entry.mode == Mode::Directory {
                self.walk_into(entry.id, &format!("{path}/"), out);
            }
        }
    }

    /// Makes a tree from another: each path gets an entry, or loses it. Folders appear and vanish as needed.
    pub fn edit(
        &mut self,
        base: Option<ObjectId>,
        changes: Vec<(String, Option<Entry>)>,
    ) -> Result<ObjectId, EditError> {
        let mut root = Node::default();
        for (path, entry) in changes {
            root.insert(&path, entry)?;
        }
        let tree = self.apply(base, root, "")?;
        Ok(self.put_tree(tree))
    }

    fn apply(&mut self, base: Option<ObjectId>, node: Node, prefix: &str) -> Result<Tree, EditError> {
        let mut tree = base.and_then(|id| self.tree(id)).cloned().unwrap_or_default();
        for (name, change) in node.0 {
            let path = format!("{prefix}{name}");
            match change {
                Change::Leaf(Some(entry)) => {
                    tree.insert(name, entry);
                }
                Change::Leaf(None) => {
                    tree.remove(&name).ok_or(EditError::Missing(path))?;
                }
                Change::Folder(inner) => {
                    let old = tree.get(&name).filter(|entry| entry.mode == Mode::Directory);
                    let inner = self.apply(old.map(|entry| entry.id), inner, &format!("{path}/"))?;
                    if inner.is_empty() {
                        tree.remove(&name);
                    } else {
                        let id = self.put_tree(inner);
                        let mode = Mode::Directory;
                        tree.insert(name, Entry { mode, id });
                    }
                }
            }
        }
        Ok(tree)
    }

    /// The object as git transfers it alone: header and content, deflated by zlib.
    #[must_use]
    pub fn loose(&self, id: ObjectId) -> Option<Vec<u8>> {
        let (kind, content) = match self.get(id)? {
            Object::Blob(content) => (Kind::Blob, content.to_vec()),
            Object::Tree(tree) => (Kind::Tree, tree::encode(tree)),
            Object::Commit(commit) => (Kind::Commit, commit.encode()),
        };
        let mut out = ZlibEncoder::new(Vec::new(), Compression::fast());
        out.write_all(format!("{} {}\0", kind.as_str(), content.len()).as_bytes())
            .ok()?;
        out.write_all(&content).ok()?;
        out.finish().ok()
    }
}

/// Changes below one folder.
#[derive(Debug, Default)]
struct Node(BTreeMap<String, Change>);

#[derive(Debug)]
enum Change {
    Leaf(Option<Entry>),
    Folder(Node),
}

impl Node {
    fn insert(&mut self, path: &str, entry: Option<Entry>) -> Result<(), EditError> {
        let twice = || EditError::Twice(path.to_owned());
        let mut node = self;
        let mut rest = path;
        while let Some((folder, below)) = rest.split_once('/') {
            let change = node
                .0
                .entry(folder.to_owned())
                .or_insert_with(|| Change::Folder(Self::default()));
            let Change::Folder(inner) = change else {
                return Err(twice());
            };
            (node, rest) = (inner, below);
        }
        if node.0.insert(rest.to_owned(), Change::Leaf(entry)).is_some() {
            return Err(twice());
        }
        Ok(())
    }
}
