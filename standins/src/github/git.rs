//! Git itself: objects named as git names them, trees, commits, history. It knows nothing of GitHub.

mod changes;
mod commit;
mod history;
mod id;
mod objects;
mod tree;

pub use changes::{FileChange, changes};
pub use commit::{Commit, Person};
pub use history::{ancestors, last_changes, reaches};
pub use id::{Kind, ObjectId};
pub use objects::{EditError, Object, Objects};
pub use tree::{Entry, Mode, Tree};
