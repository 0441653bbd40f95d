//! Who gives a command: the operating system's user at the other end of the socket.

use tokio::net::UnixStream;

use crate::domain::audit::{Actor, Via};

/// Where the names of users are, where the machine has no directory service.
const PASSWD: &str = "/etc/passwd";

/// The user at the other end. The kernel vouches for the number; the name is only for readers.
pub(super) fn of(stream: &UnixStream) -> Actor {
    let users = std::fs::read_to_string(PASSWD).unwrap_or_default();
    let name = stream.peer_cred().map(|peer| name_of(&users, peer.uid()));
    actor(name.ok().as_deref())
}

/// The user of this process.
#[must_use]
pub fn own() -> Actor {
    match UnixStream::pair() {
        Ok((one, _other)) => of(&one),
        Err(_) => actor(None),
    }
}

fn actor(name: Option<&str>) -> Actor {
    Actor {
        name: format!("cli:{}", name.unwrap_or("unknown")),
        role: None,
        via: Via::Cli,
        address: None,
        request_id: None,
    }
}

/// The name that `/etc/passwd` has for a number, else the number.
fn name_of(passwd: &str, uid: u32) -> String {
    let named = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        (number.parse() == Ok(uid) && !name.is_empty()).then(|| name.to_owned())
    });
    named.unwrap_or_else(|| uid.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_named_where_they_can_be() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\n# comment\nada:x:1000:1000::/home/ada:/bin/sh\n";
        assert_eq!(name_of(passwd, 1000), "ada");
        assert_eq!(name_of(passwd, 0), "root");
        assert_eq!(name_of(passwd, 7), "7");
    }
}
