//! Files, the environment, processes, sockets.

use serde_json::json;

use super::Setting::{Open, Other};
use super::{Row, row};

fn system(
    id: &'static str,
    what: (&'static str, &'static str),
    tried: &'static str,
    came: &'static str,
    sign: &'static str,
) -> Row {
    row(id, tried, came, Open, json!({"do": what.0, "at": what.1}), sign)
}

#[expect(clippy::too_many_lines, reason = "a table")]
pub fn rows() -> Vec<Row> {
    const NO_FILES: &str = "no directory is open to it: refused by the guest's own library";
    const NO_SOCKETS: &str = "the socket is refused";
    let refused = "refused: ";
    vec![
        system(
            "F01",
            ("read", "/etc/passwd"),
            "read `/etc/passwd`",
            NO_FILES,
            refused,
        ),
        system(
            "F02",
            ("read", "/proc/self/environ"),
            "read the host's environment in `/proc`",
            NO_FILES,
            refused,
        ),
        system(
            "F03",
            ("read", "../../data/hookyard.db"),
            "read the database by a relative path",
            NO_FILES,
            refused,
        ),
        system(
            "F04",
            ("write", "/tmp/escaped"),
            "write a file",
            NO_FILES,
            refused,
        ),
        system("F05", ("list", "/"), "list the root", NO_FILES, refused),
        system(
            "F06",
            ("list", "."),
            "list the current directory",
            NO_FILES,
            refused,
        ),
        system(
            "F07",
            ("make-directory", "/tmp/escaped"),
            "make a directory",
            NO_FILES,
            refused,
        ),
        system(
            "F08",
            ("remove", "/etc/hostname"),
            "remove a file",
            NO_FILES,
            refused,
        ),
        system(
            "F09",
            ("rename", "/etc/hostname"),
            "rename a file",
            NO_FILES,
            refused,
        ),
        system(
            "F10",
            ("link", "/etc/passwd"),
            "make a hard link",
            NO_FILES,
            refused,
        ),
        system(
            "F11",
            ("canonicalize", ".."),
            "resolve `..`",
            "answered from the text alone: nothing is opened",
            "got ",
        ),
        system(
            "F12",
            ("metadata", "/etc/shadow"),
            "look at a file's metadata",
            NO_FILES,
            refused,
        ),
        system(
            "F13",
            ("directories", ""),
            "list WASI's open directories",
            "there are none",
            "0 directories",
        ),
        system(
            "P01",
            ("environment", ""),
            "list the environment",
            "it is empty",
            "0 variables",
        ),
        system(
            "P02",
            ("arguments", ""),
            "list the arguments",
            "there are none",
            "0 arguments",
        ),
        system(
            "P03",
            ("directory", ""),
            "ask for the current directory",
            "there is none",
            "None",
        ),
        system(
            "P04",
            ("input", ""),
            "read standard input",
            "it is at its end",
            "got 0",
        ),
        system(
            "P05",
            ("exit", "0"),
            "`exit(0)`",
            "ends the run as a trap; the host goes on",
            "Trapped(",
        ),
        system(
            "P06",
            ("exit", "1"),
            "`exit(1)`",
            "ends the run as a trap; the host goes on",
            "Trapped(",
        ),
        system(
            "P07",
            ("process", "/bin/sh"),
            "start a process",
            "there is no such call",
            refused,
        ),
        system(
            "P08",
            ("thread", ""),
            "start a thread",
            "there is no such call",
            refused,
        ),
        system(
            "N01",
            ("connect", "{authority}"),
            "connect a TCP socket to loopback",
            NO_SOCKETS,
            refused,
        ),
        system(
            "N02",
            ("connect", "1.1.1.1:80"),
            "connect a TCP socket to a public address",
            NO_SOCKETS,
            refused,
        ),
        system(
            "N03",
            ("connect", "[::1]:80"),
            "connect a TCP socket over IPv6",
            NO_SOCKETS,
            refused,
        ),
        system(
            "N04",
            ("listen", "0.0.0.0:0"),
            "listen on a TCP port",
            NO_SOCKETS,
            refused,
        ),
        system(
            "N05",
            ("datagram", "0.0.0.0:0"),
            "bind a UDP socket",
            NO_SOCKETS,
            refused,
        ),
        system(
            "N06",
            ("look-up", "localhost:80"),
            "look a name up",
            "refused",
            refused,
        ),
        row(
            "P09",
            "panic",
            "ends the run; its words are in the attempt",
            Other("misbehave"),
            json!({"do": "panic"}),
            "misbehave panics as it was told",
        ),
        row(
            "P10",
            "execute `unreachable`",
            "ends the run as a trap",
            Other("misbehave"),
            json!({"do": "trap"}),
            "Trapped(",
        ),
    ]
}
