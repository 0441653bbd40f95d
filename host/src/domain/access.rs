//! Who may do what. The one place that decides: handlers and commands ask [`Role::may`].

use super::words::words;

/// What an account is for. Each role but `sender` can do what the one below it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// An operator who also manages accounts and keys, and reads the audit log.
    Admin,
    /// A viewer who also changes what runs, and sends events.
    Operator,
    /// Sees everything that was received and what became of it. Changes nothing, sends nothing.
    Viewer,
    /// Sends events and sees those it sent.
    Sender,
}

words!(Role, "role" { Admin = "admin", Operator = "operator", Viewer = "viewer", Sender = "sender" });

/// A kind of thing that is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Right {
    /// Bring events in.
    Send,
    /// See the events of everybody, plugins, schedules, processes, metrics.
    Read,
    /// Change what runs: plugins, actions, schedules, processes, replays.
    Operate,
    /// Manage accounts and keys; read the audit log.
    Administer,
}

words!(Right, "right" { Send = "send", Read = "read", Operate = "operate", Administer = "administer" });

impl Role {
    /// Whether an account of this role may do such a thing. What one has sent oneself one always sees.
    #[must_use]
    pub const fn may(self, right: Right) -> bool {
        match (self, right) {
            (Self::Admin, _)
            | (Self::Operator, Right::Send | Right::Read | Right::Operate)
            | (Self::Viewer, Right::Read)
            | (Self::Sender, Right::Send) => true,
            (Self::Operator, Right::Administer)
            | (Self::Viewer, Right::Send | Right::Operate | Right::Administer)
            | (Self::Sender, Right::Read | Right::Operate | Right::Administer) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schemas_know_every_role() {
        for schema in [
            include_str!("../../../migrations/sqlite/0002_access.sql"),
            include_str!("../../../migrations/postgres/0002_access.sql"),
        ] {
            let dense: String = schema.split_whitespace().collect();
            let check = format!("IN('{}')", Role::WORDS.join("','"));
            assert!(dense.contains(&check), "{check}");
        }
    }
}
