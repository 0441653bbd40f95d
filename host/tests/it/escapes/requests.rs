//! Requests past the grants, and requests that are two things at once.

use serde_json::{Value, json};

use super::Setting::{Narrow, Open};
use super::{Row, row};

fn send(more: &Value) -> Value {
    let mut payload = json!({"do": "send", "method": "POST", "authority": "{authority}", "path": "/api/x"});
    for (key, value) in more.as_object().into_iter().flatten() {
        payload[key] = value.clone();
    }
    payload
}

fn narrow(id: &'static str, tried: &'static str, more: &Value, sign: &'static str) -> Row {
    let came = "refused; the attempt has the line to add";
    row(id, tried, came, Narrow, send(more), sign)
}

fn open(id: &'static str, tried: &'static str, came: &'static str, more: &Value, sign: &'static str) -> Row {
    row(id, tried, came, Open, send(more), sign)
}

fn arriving(mut row: Row) -> Row {
    row.arrives = 1;
    row
}

pub fn rows() -> Vec<Row> {
    let mut rows = rights();
    rows.extend(tricks());
    rows.extend(overrides());
    rows
}

/// Headers that make a server do something else than the request line says.
fn overrides() -> Vec<Row> {
    [
        (
            "H41",
            "the header `X-HTTP-Method-Override`",
            "x-http-method-override",
            "DELETE",
        ),
        ("H42", "the header `X-HTTP-Method`", "x-http-method", "DELETE"),
        (
            "H43",
            "the header `X-Method-Override`",
            "x-method-override",
            "DELETE",
        ),
        ("H44", "the header `X-Original-URL`", "x-original-url", "/admin"),
        ("H45", "the header `X-Rewrite-URL`", "x-rewrite-url", "/admin"),
        (
            "H46",
            "the header `X_HTTP_Method_Override`",
            "x_http_method_override",
            "DELETE",
        ),
    ]
    .map(|(id, tried, name, value)| {
        let came = "refused: servers take it for another method or path than was checked";
        let sign = "another method or path than the one that was checked";
        open(id, tried, came, &json!({"headers": [[name, value]]}), sign)
    })
    .into()
}

fn rights() -> Vec<Row> {
    const LINE: &str = "[plugins.escape.grants]";
    const NO_GRANT: &str = "no grant can help: the path has an empty segment";
    const NOT_ASKED: &str = "does not ask for";
    vec![
        narrow(
            "H01",
            "a method that is not granted",
            &json!({"method": "GET"}),
            LINE,
        ),
        narrow(
            "H02",
            "a path that is not granted",
            &json!({"path": "/other"}),
            LINE,
        ),
        narrow(
            "H03",
            "a deeper path than `*` covers",
            &json!({"path": "/api/a/b"}),
            LINE,
        ),
        narrow(
            "H04",
            "a host that is not granted",
            &json!({"authority": "127.0.0.2:9"}),
            LINE,
        ),
        row(
            "H05",
            "a host that the manifest does not ask for",
            "refused: nobody can grant it",
            Narrow,
            send(&json!({"authority": "example.com"})),
            NOT_ASKED,
        ),
        row(
            "H06",
            "another port of a granted host",
            "refused: nobody can grant it",
            Narrow,
            send(&json!({"authority": "127.0.0.1:9"})),
            NOT_ASKED,
        ),
        row(
            "H07",
            "another scheme of a granted host",
            "refused: nobody can grant it",
            Narrow,
            send(&json!({"scheme": "https"})),
            NOT_ASKED,
        ),
        narrow("H08", "`..` in the path", &json!({"path": "/api/../other"}), LINE),
        row(
            "H09",
            "`%2e%2e` in the path",
            "refused: it is read as `..`, and no grant covers that",
            Narrow,
            send(&json!({"path": "/api/%2e%2e/other"})),
            LINE,
        ),
        row(
            "H10",
            "an encoded slash, `%2f`",
            "refused: no pattern covers it",
            Narrow,
            send(&json!({"path": "/api/x%2f..%2fother"})),
            NO_GRANT,
        ),
        row(
            "H11",
            "an empty segment, `//`",
            "refused: no pattern covers it",
            Narrow,
            send(&json!({"path": "/api//x"})),
            NO_GRANT,
        ),
        row(
            "H12",
            "a backslash",
            "refused: it is read as a slash, and no grant covers that",
            Narrow,
            send(&json!({"path": "/api\\..\\other"})),
            LINE,
        ),
        row(
            "H13",
            "a method in lower case, `post`",
            "refused: methods are case-sensitive",
            Narrow,
            send(&json!({"method": "post"})),
            "`post` is none",
        ),
    ]
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn tricks() -> Vec<Row> {
    const DROPPED: &str = "left without it: the host sets what belongs to the connection";
    const NEVER: &str = "refused: never sent";
    const BY_WASI: &str = "refused when it is set";
    let header = |name: &str, value: &str| json!({"headers": [[name, value]]});
    vec![
        open(
            "H14",
            "a user name in the URL, `http://granted@other`",
            "refused",
            &json!({"authority": "granted.example@{authority}"}),
            "holds a user name",
        ),
        open(
            "H15",
            "a user name and password in the URL",
            "refused",
            &json!({"authority": "a:b@{authority}"}),
            "holds a user name",
        ),
        open(
            "H16",
            "the header `Host`",
            BY_WASI,
            &header("host", "evil.example"),
            "refused header: ",
        ),
        open(
            "H17",
            "CR LF in a header's value",
            BY_WASI,
            &header("x-a", "b\r\nx-c: d"),
            "refused header: ",
        ),
        open(
            "H18",
            "LF in a header's value",
            BY_WASI,
            &header("x-a", "b\nx-c: d"),
            "refused header: ",
        ),
        open(
            "H19",
            "NUL in a header's value",
            BY_WASI,
            &header("x-a", "b\u{0}c"),
            "refused header: ",
        ),
        open(
            "H20",
            "a header named `:authority`",
            BY_WASI,
            &header(":authority", "evil.example"),
            "refused header: ",
        ),
        open(
            "H21",
            "a header named `:path`",
            BY_WASI,
            &header(":path", "/admin"),
            "refused header: ",
        ),
        open(
            "H22",
            "a blank in a header's name",
            BY_WASI,
            &header("x a", "b"),
            "refused header: ",
        ),
        open(
            "H23",
            "the header `Transfer-Encoding`",
            BY_WASI,
            &header("transfer-encoding", "chunked"),
            "refused header: ",
        ),
        open(
            "H24",
            "the header `Connection`",
            BY_WASI,
            &header("connection", "x-a, close"),
            "refused header: ",
        ),
        open(
            "H25",
            "the header `Upgrade`",
            BY_WASI,
            &header("upgrade", "websocket"),
            "refused header: ",
        ),
        open(
            "H26",
            "the header `Proxy-Authorization`",
            BY_WASI,
            &header("proxy-authorization", "Basic YTpi"),
            "refused header: ",
        ),
        open(
            "H27",
            "a false `Content-Length`",
            "the body is refused: it is longer than was said",
            &json!({"headers": [["content-length", "0"]], "body": "hello"}),
            "refused body: ",
        ),
        arriving(open(
            "H28",
            "the header `TE`",
            DROPPED,
            &header("te", "trailers"),
            "arrived POST /api/x {",
        )),
        open(
            "H29",
            "the method CONNECT",
            NEVER,
            &json!({"method": "CONNECT"}),
            "the method CONNECT is never sent",
        ),
        open(
            "H30",
            "the method TRACE",
            NEVER,
            &json!({"method": "TRACE"}),
            "the method TRACE is never sent",
        ),
        open(
            "H31",
            "a request line within the method",
            BY_WASI,
            &json!({"method": "GET /admin HTTP/1.1\r\nx: "}),
            "refused method",
        ),
        open(
            "H32",
            "an absolute URL as the path",
            "refused",
            &json!({"path": "http://evil.example/x"}),
            "refused path",
        ),
        open(
            "H33",
            "a path without a slash, to lengthen the host",
            "refused",
            &json!({"path": ".evil.example/x"}),
            "refused path",
        ),
        open(
            "H34",
            "CR LF in the path",
            BY_WASI,
            &json!({"path": "/api/x HTTP/1.1\r\nx: y"}),
            "refused path",
        ),
        open(
            "H35",
            "the scheme `file`",
            NEVER,
            &json!({"scheme": "file"}),
            "refused: ErrorCode::HttpProtocolError",
        ),
        open(
            "H36",
            "the scheme `ftp`",
            NEVER,
            &json!({"scheme": "ftp"}),
            "refused: ErrorCode::HttpProtocolError",
        ),
        open(
            "H37",
            "a path of 9 KiB",
            NEVER,
            &json!({"path-bytes": 9_216}),
            "longer than 8 KiB",
        ),
        open(
            "H38",
            "headers of 80 KiB",
            "a trap: at most 64 KiB",
            &json!({"header-bytes": 81_920}),
            "size of fields exceeds limit",
        ),
        arriving(open(
            "H39",
            "a redirect to elsewhere",
            "given to the plugin, not followed",
            &json!({"path": "/api/redirect"}),
            "got 302",
        )),
    ]
}
