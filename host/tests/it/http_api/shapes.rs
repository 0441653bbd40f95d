//! Requests of strange shapes, byte by byte over a socket: what smuggles requests past proxies, what is older or
//! newer than HTTP/1.1, what is no HTTP at all. Each is answered as documented or cut off; none is answered with a
//! 5xx, hangs, or makes the server read a second request out of a first one's body.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::api::Api;

/// How long an answer may take: far above what a loaded machine needs.
const WITHIN: Duration = Duration::from_secs(30);

/// What is smuggled: were it read as a request, it would be answered with 404.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n";

/// Sends the bytes and gives the status of every answer until the server closes the connection.
async fn exchange(api: &Api, bytes: &[u8]) -> Vec<u16> {
    talk(api, bytes, false).await
}

/// The same; at `end` the writing half is closed after the bytes.
async fn talk(api: &Api, bytes: &[u8], end: bool) -> Vec<u16> {
    let talk = async {
        let mut stream = TcpStream::connect(api.address).await.expect("a connection");
        // The server may have answered and closed before it has it all.
        let _cut_off = stream.write_all(bytes).await;
        if end {
            let _cut_off = stream.shutdown().await;
        }
        let mut answers = Vec::new();
        let _reset = stream.read_to_end(&mut answers).await;
        statuses(&answers)
    };
    let shown = || String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
    let answered = tokio::time::timeout(WITHIN, talk).await;
    answered.unwrap_or_else(|_| panic!("it hangs: {:?}", shown()))
}

fn statuses(answers: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(answers);
    let heads = text.split("HTTP/1.").skip(1);
    heads.map(|head| head[2..5].parse().expect("a status")).collect()
}

/// A webhook with these header lines and this body, as they are; the last of its connection.
fn webhook(token: &str, lines: &str, body: &str) -> Vec<u8> {
    let first = "POST /api/webhooks/receive/ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n";
    format!("{first}authorization: Bearer {token}\r\n{lines}\r\n{body}").into_bytes()
}

async fn count(api: &Api, token: &str) -> u64 {
    let list = api
        .get("/api/webhooks/list/?page_size=1", token)
        .await
        .expect(200);
    list.json()["count"].as_u64().expect("a count")
}

const CHUNKED: &str = "transfer-encoding: chunked\r\n";

/// A name for people, header lines and a body.
type Shape = (&'static str, &'static str, &'static str);

/// What a body must not say of its length.
const REFUSED: &[Shape] = &[
    (
        "two lengths that differ",
        "content-length: 2\r\ncontent-length: 40\r\n",
        "{}",
    ),
    ("a list of lengths", "content-length: 2, 2\r\n", "{}"),
    ("a signed length", "content-length: +2\r\n", "{}"),
    ("a negative length", "content-length: -2\r\n", "{}"),
    ("a length in hexadecimal", "content-length: 0x2\r\n", "{}"),
    ("an empty length", "content-length:\r\n", "{}"),
    (
        "a length beyond 64 bits",
        "content-length: 99999999999999999999\r\n",
        "{}",
    ),
    (
        "a coding nobody knows",
        "transfer-encoding: xchunked\r\n",
        "2\r\n{}\r\n0\r\n\r\n",
    ),
    ("identity", "transfer-encoding: identity\r\n", "{}"),
    (
        "another, and then chunked",
        "transfer-encoding: gzip, chunked\r\n",
        "2\r\n{}\r\n0\r\n\r\n",
    ),
    (
        "another line, and then chunked",
        "transfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n",
        "2\r\n{}\r\n0\r\n\r\n",
    ),
    (
        "chunked, and then another",
        "transfer-encoding: chunked, gzip\r\n",
        "2\r\n{}\r\n0\r\n\r\n",
    ),
    (
        "chunked, and then another line",
        "transfer-encoding: chunked\r\ntransfer-encoding: x\r\n",
        "2\r\n{}\r\n0\r\n\r\n",
    ),
    (
        "a space before the colon",
        "transfer-encoding : chunked\r\n",
        "2\r\n{}\r\n0\r\n\r\n",
    ),
    (
        "a folded header",
        "x-folded: a\r\n b\r\ncontent-length: 2\r\n",
        "{}",
    ),
    (
        "a bare CR in a header",
        "x-cr: a\rb\r\ncontent-length: 2\r\n",
        "{}",
    ),
    ("a NUL in a header", "x-nul: a\0b\r\ncontent-length: 2\r\n", "{}"),
    (
        "a header without a colon",
        "x-nothing\r\ncontent-length: 2\r\n",
        "{}",
    ),
    ("a chunk size that is no number", CHUNKED, "z\r\n{}\r\n0\r\n\r\n"),
    ("a signed chunk size", CHUNKED, "+2\r\n{}\r\n0\r\n\r\n"),
    ("a chunk size with a prefix", CHUNKED, "0x2\r\n{}\r\n0\r\n\r\n"),
    (
        "a chunk size beyond 64 bits",
        CHUNKED,
        "fffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    ),
    (
        "a chunk that is longer than it says",
        CHUNKED,
        "1\r\n{}\r\n0\r\n\r\n",
    ),
    ("two hosts", "host: y\r\ncontent-length: 2\r\n", "{}"),
];

/// Whoever says that nothing more comes may not be there for an answer.
const BROKEN_OFF: &[Shape] = &[
    (
        "a chunk that is shorter than it says",
        CHUNKED,
        "9\r\n{}\r\n0\r\n\r\n",
    ),
    ("no last chunk", CHUNKED, "2\r\n{}\r\n"),
    ("less than the length", "content-length: 9\r\n", "{}"),
];

/// Unusual, and clear.
const TAKEN: &[Shape] = &[
    (
        "the same length twice",
        "content-length: 2\r\ncontent-length: 2\r\n",
        "{}",
    ),
    ("a chunk with an extension", CHUNKED, "2;x=y\r\n{}\r\n0\r\n\r\n"),
    (
        "chunked in capitals",
        "transfer-encoding: Chunked\r\n",
        "2\r\n{}\r\n0\r\n\r\n",
    ),
    ("a trailer", CHUNKED, "2\r\n{}\r\n0\r\nx-trailer: a\r\n\r\n"),
    (
        "an upgrade that is not done",
        "upgrade: h2c\r\ncontent-length: 2\r\n",
        "{}",
    ),
];

#[tokio::test]
async fn a_body_has_one_length_or_none() {
    let api = Api::start().await;
    let token = api.token_of("ada", false).await;
    for (shape, lines, body) in REFUSED {
        let statuses = exchange(&api, &webhook(&token, lines, body)).await;
        assert_eq!(statuses, [400], "{shape}");
    }
    for (shape, lines, body) in BROKEN_OFF {
        let statuses = talk(&api, &webhook(&token, lines, body), true).await;
        assert!(
            statuses.iter().all(|status| *status == 400),
            "{shape}: {statuses:?}"
        );
    }
    assert_eq!(count(&api, &token).await, 0, "nothing of it is stored");
    for (shape, lines, body) in TAKEN {
        let statuses = exchange(&api, &webhook(&token, lines, body)).await;
        assert_eq!(statuses, [200], "{shape}");
    }
    assert_eq!(count(&api, &token).await, 5);
    api.stop().await;
}

#[tokio::test]
async fn what_can_be_read_in_two_ways_is_not_read() {
    let api = Api::start().await;
    let token = api.token_of("ada", true).await;
    let again = format!("authorization: Bearer {token}\r\ncontent-length: 2\r\n");
    assert_eq!(
        exchange(&api, &webhook(&token, &again, "{}")).await,
        [401],
        "two tokens"
    );
    for query in ["source=%ff%fe", "source=a&%c3=b", "type=%c3%28"] {
        let path = format!("/api/webhooks/receive/?{query}");
        let problem = api.post(&path, &token, "{}").await.problem(400);
        assert_eq!(problem["type"], "urn:hookyard:problem:bad-parameter", "{query}");
    }
    assert_eq!(count(&api, &token).await, 0, "nothing of it is stored");
    // An order has six members; a list of as many values is none.
    for body in ["[]", "[\"replay\", {}, [], null, true, null]", "1", "\"x\""] {
        let problem = api.post("/api/replays/", &token, body).await.problem(400);
        assert_eq!(problem["type"], "urn:hookyard:problem:bad-input", "{body}");
        assert_eq!(problem["detail"], "Invalid data. Expected an object.", "{body}");
    }
    let problem = api.post("/api/replays/", &token, "[").await.problem(400);
    assert_eq!(problem["type"], "urn:hookyard:problem:bad-json");
    api.stop().await;
}

/// With both, the chunks count, and the connection ends with the answer (RFC 9112, section 6.1): what a proxy that
/// counted bytes takes for the next request is never one here.
#[tokio::test]
async fn nothing_is_read_behind_a_body_of_two_kinds() {
    let api = Api::start().await;
    let token = api.token_of("ada", false).await;
    let chunks = "2\r\n{}\r\n0\r\n\r\n";
    let both = format!(
        "content-length: {}\r\ntransfer-encoding: chunked\r\n",
        chunks.len() + SMUGGLED.len()
    );
    let swapped = "transfer-encoding: chunked\r\ncontent-length: 4\r\n";
    for lines in [both.as_str(), swapped] {
        let statuses = exchange(&api, &webhook(&token, lines, &format!("{chunks}{SMUGGLED}"))).await;
        assert_eq!(statuses, [200], "{lines}");
    }
    assert_eq!(count(&api, &token).await, 2);
    // A body with one length is followed by the next request, whatever the body holds.
    let body = format!("{SMUGGLED:?}");
    let one = webhook(&token, &format!("content-length: {}\r\n", body.len()), &body);
    let kept = String::from_utf8_lossy(&one)
        .replace("connection: close\r\n", "")
        .into_bytes();
    let two = [kept, one].concat();
    assert_eq!(exchange(&api, &two).await, [200, 200]);
    // And whatever follows a refused one is not read at all.
    let refused = webhook(
        &token,
        "content-length: 2\r\ncontent-length: 3\r\n",
        &format!("{{}}{SMUGGLED}"),
    );
    assert_eq!(exchange(&api, &refused).await, [400]);
    api.stop().await;
}

#[tokio::test]
async fn first_lines_of_every_kind() {
    let api = Api::start().await;
    let rest = "host: x\r\nconnection: close\r\n\r\n";
    let shapes: &[(&str, &[u16])] = &[
        ("GET /healthz HTTP/1.1\r\n", &[200]),
        ("\r\n\r\nGET /healthz HTTP/1.1\r\n", &[200]),
        ("GET /healthz HTTP/1.0\r\n", &[200]),
        ("GET http://elsewhere.example/healthz HTTP/1.1\r\n", &[200]),
        ("HEAD /healthz HTTP/1.1\r\n", &[200]),
        ("OPTIONS * HTTP/1.1\r\n", &[404]),
        ("OPTIONS /healthz HTTP/1.1\r\n", &[405]),
        ("get /healthz HTTP/1.1\r\n", &[405]),
        ("TRACE /healthz HTTP/1.1\r\n", &[405]),
        ("CONNECT elsewhere.example:443 HTTP/1.1\r\n", &[404]),
        ("GET elsewhere.example:443 HTTP/1.1\r\n", &[404]),
        ("GET /../../etc/passwd HTTP/1.1\r\n", &[404]),
        ("GET /%00 HTTP/1.1\r\n", &[404]),
        ("GET /api/webhooks/%ff%fe/ HTTP/1.1\r\n", &[401]),
        ("GET /healthz\r\n", &[400]),
        ("GET /healthz HTTP/1.2\r\n", &[400]),
        ("GET /healthz HTTP/2.0\r\n", &[400]),
        ("GET  /healthz HTTP/1.1\r\n", &[400]),
        ("GET\t/healthz\tHTTP/1.1\r\n", &[400]),
        ("GET /healthz HTTP/1.1 x\r\n", &[400]),
        ("G\0T /healthz HTTP/1.1\r\n", &[400]),
        ("GET /heal\0thz HTTP/1.1\r\n", &[400]),
        ("\u{16}\u{3}\u{1}\0\u{1}", &[400]),
    ];
    for (line, wanted) in shapes {
        let statuses = exchange(&api, format!("{line}{rest}").as_bytes()).await;
        assert_eq!(&statuses, wanted, "{line:?}");
    }
    assert_eq!(
        exchange(&api, b"GET /healthz HTTP/1.1\r\n\r\n").await,
        [400],
        "no host"
    );
    assert_eq!(
        exchange(&api, b"GET /healthz HTTP/1.0\r\n\r\n").await,
        [200],
        "HTTP/1.0 needs none"
    );
    let strange = b"GET /healthz HTTP/1.1\r\nhost: a b\r\n\r\n";
    assert_eq!(exchange(&api, strange).await, [400], "a host that is none");
    let lines = b"GET /healthz HTTP/1.1\nhost: x\nconnection: close\n\n";
    assert_eq!(
        exchange(&api, lines).await,
        [200],
        "a recipient may take a bare LF (RFC 9112, 2.2)"
    );
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let statuses = exchange(&api, preface).await;
    assert!(
        statuses.iter().all(|status| *status == 400),
        "HTTP/2 is not spoken here: {statuses:?}"
    );
    api.stop().await;
}

#[tokio::test]
async fn heads_have_an_end() {
    let api = Api::start().await;
    let headers =
        |count: u32| (0..count).fold(String::new(), |all, number| all + &format!("x-{number}: a\r\n"));
    let (many, some) = (headers(100_000), headers(101));
    for headers in [&many, &some] {
        let request = format!("GET /healthz HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
        assert_eq!(exchange(&api, request.as_bytes()).await, [431]);
    }
    let name = format!(
        "GET /healthz HTTP/1.1\r\nhost: x\r\n{}: a\r\n\r\n",
        "x".repeat(70_000)
    );
    assert_eq!(exchange(&api, name.as_bytes()).await, [431]);
    let path = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(65_535));
    let statuses = exchange(&api, path.as_bytes()).await;
    assert!(matches!(statuses[..], [414 | 431]), "{statuses:?}");
    api.stop().await;
}
