//! Drive's files, folders, shared drives and who may do what with them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// How deep folders nest at most, which also bounds the walk to the top.
const DEPTH_MAX: usize = 100;

/// Kinds of files that the stand-in has.
#[derive(Debug)]
pub struct Mime;

impl Mime {
    /// A spreadsheet.
    pub const SPREADSHEET: &'static str = "application/vnd.google-apps.spreadsheet";
    /// A folder.
    pub const FOLDER: &'static str = "application/vnd.google-apps.folder";
}

/// What someone may do, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// See.
    Reader,
    /// See and comment.
    Commenter,
    /// Change.
    Writer,
    /// Change, and organise files of a shared drive.
    FileOrganizer,
    /// Everything in a shared drive.
    Organizer,
    /// Everything.
    Owner,
}

impl Role {
    const NAMES: [(Self, &'static str); 6] = [
        (Self::Reader, "reader"),
        (Self::Commenter, "commenter"),
        (Self::Writer, "writer"),
        (Self::FileOrganizer, "fileOrganizer"),
        (Self::Organizer, "organizer"),
        (Self::Owner, "owner"),
    ];

    /// The role of that name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::NAMES
            .iter()
            .find(|(_, known)| *known == name)
            .map(|(role, _)| *role)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES
            .iter()
            .find(|(role, _)| *role == self)
            .map_or("reader", |(_, name)| name)
    }
}

/// Who may do what.
#[derive(Clone, Debug)]
pub struct Permission {
    /// Its id.
    pub id: String,
    /// `user`, `group`, `domain` or `anyone`.
    pub kind: String,
    /// What they may do.
    pub role: Role,
    /// The address of a user or group, or the name of a domain.
    pub who: String,
}

impl Permission {
    /// A permission with a new id.
    pub(super) fn new(kind: &str, role: Role, who: &str) -> Self {
        Self {
            id: if kind == "anyone" {
                "anyoneWithLink".to_owned()
            } else {
                format!("{:020}", rand::random::<u64>())
            },
            kind: kind.to_owned(),
            role,
            who: who.to_owned(),
        }
    }

    fn covers(&self, email: &str) -> bool {
        match self.kind.as_str() {
            "anyone" => true,
            "domain" => email
                .rsplit_once('@')
                .is_some_and(|(_, domain)| domain.eq_ignore_ascii_case(&self.who)),
            _ => self.who.eq_ignore_ascii_case(email),
        }
    }

    /// As Drive shows it.
    pub(super) fn json(&self) -> Value {
        let mut out =
            json!({"kind": "drive#permission", "id": self.id, "type": self.kind, "role": self.role.name()});
        match self.kind.as_str() {
            "user" | "group" => {
                out["emailAddress"] = json!(self.who);
                out["displayName"] = json!(self.who.split('@').next());
            }
            "domain" => out["domain"] = json!(self.who),
            _ => {}
        }
        out
    }
}

/// A file or folder.
#[derive(Clone, Debug)]
pub struct File {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its kind.
    pub mime: String,
    /// The folders (or the shared drive) it is in.
    pub parents: Vec<String>,
    /// The shared drive it is in.
    pub drive: Option<String>,
    /// Whether it is in the bin.
    pub trashed: bool,
    /// When it was made, microseconds since 1970.
    pub created_micros: i64,
    /// When it was last changed, microseconds since 1970.
    pub modified_micros: i64,
    /// Who may do what, besides what folders and drives grant.
    pub permissions: Vec<Permission>,
    /// Whether a client of the interface made it, which the scope `drive.file` asks.
    pub by_client: bool,
    /// A place in the order of making.
    pub number: u64,
}

/// A shared drive.
#[derive(Clone, Debug)]
pub struct SharedDrive {
    /// Its id, which is also the id of its top folder.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its members.
    pub members: Vec<Permission>,
}

/// All files and shared drives.
#[derive(Debug, Default)]
pub struct Files {
    /// Files by id.
    pub by_id: BTreeMap<String, File>,
    /// Shared drives by id.
    pub drives: BTreeMap<String, SharedDrive>,
    made: u64,
}

/// A new id in Drive's alphabet.
fn new_id(prefix: &str) -> String {
    format!(
        "{prefix}{:032x}{:010x}",
        rand::random::<u128>(),
        rand::random::<u32>()
    )
}

impl Files {
    /// Adds a file and gives its id; in a shared drive it has no owner of its own.
    pub fn add(&mut self, name: &str, mime: &str, owner: &str, parents: Vec<String>, now: i64) -> String {
        let id = new_id("1");
        let drive = parents.iter().find_map(|parent| self.drive_of(parent));
        let permissions = match drive {
            Some(_) => Vec::new(),
            None => vec![Permission::new("user", Role::Owner, owner)],
        };
        self.made += 1;
        let file = File {
            id: id.clone(),
            name: name.to_owned(),
            mime: mime.to_owned(),
            parents,
            drive,
            trashed: false,
            created_micros: now,
            modified_micros: now,
            permissions,
            by_client: false,
            number: self.made,
        };
        self.by_id.insert(id.clone(), file);
        id
    }

    /// Adds a shared drive and gives its id.
    pub fn add_drive(&mut self, name: &str, organizer: &str) -> String {
        let id = new_id("0A").chars().take(19).collect::<String>();
        let drive = SharedDrive {
            id: id.clone(),
            name: name.to_owned(),
            members: vec![Permission::new("user", Role::Organizer, organizer)],
        };
        self.drives.insert(id.clone(), drive);
        id
    }

    /// The shared drive that a folder (or the drive itself) belongs to.
    pub fn drive_of(&self, folder: &str) -> Option<String> {
        if self.drives.contains_key(folder) {
            return Some(folder.to_owned());
        }
        self.by_id.get(folder).and_then(|file| file.drive.clone())
    }

    /// The strongest role someone has for a file, folder or shared drive.
    pub fn role(&self, id: &str, email: &str) -> Option<Role> {
        self.role_above(id, email, 0)
    }

    fn role_above(&self, id: &str, email: &str, depth: usize) -> Option<Role> {
        let strongest = |permissions: &[Permission]| {
            let mine = permissions.iter().filter(|permission| permission.covers(email));
            mine.map(|permission| permission.role).max()
        };
        if let Some(drive) = self.drives.get(id) {
            return strongest(&drive.members);
        }
        let file = self.by_id.get(id).filter(|_| depth < DEPTH_MAX)?;
        let above = file
            .parents
            .iter()
            .map(|parent| self.role_above(parent, email, depth + 1));
        above.max().flatten().max(strongest(&file.permissions))
    }
}
