//! A command for a shell that sends an event's body and headers once more. No secret is in it: credentials and
//! signatures are not kept with events, what sounds like one is left out, and the token is a variable's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::mask;
use super::super::shell::quoted;
use crate::domain::event::{Event, Header};
use crate::intake::media;

/// Largest body that stands in the command, in bytes: a person pastes it.
const MAX_INLINE_BYTES: usize = 48 << 10;

/// Headers that curl makes itself, that the command gives apart, or that must not come twice.
const NOT_SENT: [&str; 9] = [
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "idempotency-key",
    "transfer-encoding",
];

/// The command, and what is to be known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Curl {
    pub text: String,
    /// Names of headers that are left out since they may hold a secret.
    pub left_out: Vec<String>,
    /// The body is to be downloaded first: it is too large for a command.
    pub needs_file: bool,
    /// The way in for tokens takes JSON alone.
    pub is_json: bool,
    /// The source proves itself with each request, and takes none with a token.
    pub is_protected: bool,
}

/// The path that a webhook is sent to, with the event's source and type.
#[must_use]
pub fn path(event: &Event) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("source", &event.source);
    query.append_pair("type", &event.event_type);
    format!("/api/webhooks/receive/?{}", query.finish())
}

impl Curl {
    /// The command that sends the event to this address.
    #[must_use]
    pub fn of(event: &Event, address: &str, is_protected: bool) -> Self {
        let secret = |header: &&Header| mask::sounds_secret(&header.name);
        let sent = |header: &&Header| !NOT_SENT.contains(&header.name.as_str());
        let (before, source, needs_file) = body(event);
        let content_type = header("content-type", &event.content_type);
        let mut words = vec![
            format!("{before}curl -sS {}", quoted(address)),
            "-H \"Authorization: Bearer $HOOKYARD_TOKEN\"".to_owned(),
            format!("-H {}", quoted(&content_type)),
        ];
        let kept = event.headers.iter().filter(sent).filter(|kept| !secret(kept));
        words.extend(kept.map(|kept| format!("-H {}", quoted(&header(&kept.name, &kept.value)))));
        words.push(format!("--data-binary {}", quoted(&source)));
        let left_out = event.headers.iter().filter(sent).filter(secret);
        Self {
            text: words.join(" \\\n  "),
            left_out: left_out.map(|header| header.name.clone()).collect(),
            needs_file,
            is_json: media::is_json(&event.content_type),
            is_protected,
        }
    }
}

/// A header as curl takes it: one without a value ends in a semicolon, since with a colon it would be left out.
fn header(name: &str, value: &str) -> String {
    if value.trim().is_empty() {
        format!("{name};")
    } else {
        format!("{name}: {value}")
    }
}

/// What comes before curl to give it the body, where it reads that from, and whether it is in a file.
fn body(event: &Event) -> (String, String, bool) {
    if event.body.len() > MAX_INLINE_BYTES {
        return (String::new(), format!("@{}.body", event.id), true);
    }
    let from_before = "@-".to_owned();
    let before = match std::str::from_utf8(&event.body) {
        Ok(text) if text.chars().all(is_pasted) => format!("printf '%s' {} | ", quoted(text)),
        _ => {
            let coded = STANDARD.encode(&event.body);
            format!("printf '%s' {} | base64 -d | ", quoted(&coded))
        }
    };
    (before, from_before, false)
}

/// Whether a terminal takes this character as it is when it is pasted.
fn is_pasted(c: char) -> bool {
    c == '\n' || !c.is_control()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use bytes::Bytes;

    use super::*;
    use crate::domain::event::{EventKind, EventStatus};
    use crate::domain::id::EventId;
    use crate::domain::time::Timestamp;

    fn event(body: &[u8], headers: &[(&str, &str)]) -> Event {
        let headers = headers.iter().map(|(name, value)| Header {
            name: (*name).to_owned(),
            value: (*value).to_owned(),
        });
        Event {
            id: EventId::generate(),
            kind: EventKind::Webhook,
            source: "it's & <me>".to_owned(),
            event_type: "$(x) `y`".to_owned(),
            headers: headers.collect(),
            content_type: "application/json; charset='utf-8'".to_owned(),
            body: Bytes::copy_from_slice(body),
            payload: None,
            received_at: Timestamp::from_millis(0),
            processed_at: None,
            status: EventStatus::Processed,
            error_message: None,
            owner: None,
            redacted: Vec::new(),
            edited_from: None,
        }
    }

    fn curl(event: &Event) -> Curl {
        Curl::of(event, &format!("http://localhost{}", path(event)), false)
    }

    /// Runs a command with a curl that tells what it was given: its arguments, and what it read.
    fn run(command: &str) -> (Vec<String>, Vec<u8>) {
        let script = format!(
            "curl() {{ printf '%s\\0' \"$@\"; printf '\\0'; cat; }}\nHOOKYARD_TOKEN='to ken'\n{command}\n"
        );
        let done = Command::new("sh")
            .arg("-c")
            .arg(script)
            .output()
            .expect("a shell");
        assert!(done.status.success() && done.stderr.is_empty(), "{done:?}");
        let end = done
            .stdout
            .windows(2)
            .position(|two| two == b"\0\0")
            .expect("two");
        let (given, read) = done.stdout.split_at(end + 2);
        let given = given[..end].split(|byte| *byte == 0);
        let given = given.map(|word| String::from_utf8(word.to_vec()).expect("text"));
        (given.collect(), read.to_vec())
    }

    #[test]
    fn a_shell_gives_curl_the_very_bytes_and_headers() {
        let odd = "{\"a\": \"it's $HOME `id` $(id) \\\\ \\n! % %s\",\n\t\"é\": '''}";
        let all: Vec<u8> = (0..=255).collect();
        for body in [
            &b"{}"[..],
            b"",
            b"'",
            b"-n",
            odd.as_bytes(),
            b"\r\n\x1b[31m\x7f",
            b"line\n\n",
            &all[..],
            &[0; 1_000][..],
        ] {
            let event = event(
                body,
                &[
                    ("x-plain", "1"),
                    ("x-odd", "a'b \"$HOME\" `id` \\ ; é #"),
                    ("x-empty", ""),
                ],
            );
            let (given, read) = run(&curl(&event).text);
            assert_eq!(read, body, "{:?}", String::from_utf8_lossy(body));
            let address =
                "http://localhost/api/webhooks/receive/?source=it%27s+%26+%3Cme%3E&type=%24%28x%29+%60y%60";
            assert_eq!(
                given,
                [
                    "-sS",
                    address,
                    "-H",
                    "Authorization: Bearer to ken",
                    "-H",
                    "content-type: application/json; charset='utf-8'",
                    "-H",
                    "x-plain: 1",
                    "-H",
                    "x-odd: a'b \"$HOME\" `id` \\ ; é #",
                    "-H",
                    "x-empty;",
                    "--data-binary",
                    "@-",
                ]
            );
        }
    }

    #[test]
    fn secrets_and_what_curl_makes_itself_are_left_out() {
        let sent = event(
            b"{}",
            &[
                ("x-api-token", "hush"),
                ("host", "a"),
                ("content-length", "2"),
                ("idempotency-key", "k"),
                ("accept-encoding", "gzip"),
                ("user-agent", "me"),
            ],
        );
        let curl = curl(&sent);
        assert_eq!(curl.left_out, ["x-api-token"]);
        assert!(!curl.text.contains("hush") && curl.text.contains("'user-agent: me'"));
        for name in ["host:", "content-length:", "idempotency-key:", "accept-encoding:"] {
            assert!(!curl.text.contains(name), "{name}");
        }
    }

    #[test]
    fn a_large_body_is_read_from_its_download() {
        let large = event(&vec![b'x'; MAX_INLINE_BYTES + 1], &[]);
        let curl = curl(&large);
        assert!(curl.needs_file && curl.text.len() < 1_000);
        let (given, _) = run(&format!("{} </dev/null", curl.text));
        assert_eq!(given.last(), Some(&format!("@{}.body", large.id)));
    }
}
