//! An event's page: another event made of it, the command that sends it once more, and its payload in pieces.

use std::process::Command;

use hookyard::domain::access::Role;
use serde_json::{Value, json};

use super::acts::noted;
use super::browser::Browser;
use super::escaping::{EVIL, assert_inert};
use crate::http_api::deliveries::{dead_letter, put_in_force};
use crate::support::api::{Api, send};

/// A text of a page as a browser reads it.
fn unescaped(text: &str) -> String {
    text.replace("&#60;", "<")
        .replace("&#62;", ">")
        .replace("&#34;", "\"")
        .replace("&#39;", "'")
        .replace("&#38;", "&")
}

/// What stands between these two.
fn between<'a>(page: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = page
        .split_once(start)
        .unwrap_or_else(|| panic!("{start}: {page}"));
    rest.split_once(end).expect(end).0
}

/// What the box of the form holds.
fn boxed(page: &str) -> String {
    unescaped(between(page, "data-editor>\n", "</textarea>"))
}

async fn seen(api: &Api, token: &str, id: &str) -> Value {
    let path = format!("/api/webhooks/{id}/");
    api.get(&path, token).await.expect(200).json()
}

#[tokio::test]
async fn an_event_is_edited_and_the_original_stays() {
    let api = Api::start().await;
    put_in_force(&api);
    let token = api.token_for("sending", Role::Operator).await;
    let (original, _) = dead_letter(&api, &token, &json!({"n": 1, "text": EVIL})).await;
    let browser = Browser::of(&api, Role::Operator).await;
    let page = browser.page(&format!("/admin/events/{original}/")).await;
    let path = format!("/admin/events/{original}/edit/");
    assert!(page.contains(&format!("href=\"{path}\"")), "{page}");
    let form = browser.page(&path).await;
    assert_inert(&form, &path);
    let payload = boxed(&form);
    let read: Value = serde_json::from_str(&payload).expect("the payload as it was sent");
    assert_eq!(read, json!({"n": 1, "text": EVIL}));

    // What cannot be is told, and what was typed stays.
    for (payload, to, status, why) in [
        ("{\"n\": 2", "", 400, "JSON parse error"),
        ("", "", 400, "JSON parse error"),
        ("{\"n\": 2}", "off", 409, "disabled"),
        ("{\"n\": 2}", "none", 409, "no plugin"),
    ] {
        let fields = [("payload", payload), ("to", to), ("note", "mended")];
        let told = browser.submit(&path, &fields).await.expect(status);
        assert!(told.text.contains("role=\"alert\""), "{}", told.text);
        assert!(told.text.contains(why), "{why}: {}", told.text);
        assert_eq!(boxed(&told.text), payload);
    }
    // Line ends are as a browser sends them.
    let fields = [("payload", "{\r\n  \"n\": 2\r\n}"), ("note", "mended")];
    let made = browser.submit(&path, &fields).await.expect(303);
    let location = made.header("location");
    let id = between(location, "/admin/events/", "/");
    assert_ne!(id, original);
    assert_eq!(location, format!("/admin/events/{id}/?done=edited"));
    let page = browser.page(location).await;
    assert!(page.contains("role=\"status\">This event was made"), "{page}");
    assert!(
        page.contains(&format!("<a href=\"/admin/events/{original}/\">")),
        "it names the original: {page}"
    );
    let event = seen(&api, &token, id).await;
    assert_eq!(
        (&event["payload"], &event["edited_from"]),
        (&json!({"n": 2}), &json!(original))
    );
    let raw = browser.get(&format!("/admin/events/{id}/raw/")).await.expect(200);
    assert_eq!(raw.text, "{\n  \"n\": 2\n}");
    let before = seen(&api, &token, &original).await;
    assert_eq!(before["payload"], json!({"n": 1, "text": EVIL}));
    let entry = noted(&api).await;
    assert_eq!(
        (entry.action.as_str(), entry.target.as_str()),
        ("event.replay", original.as_str())
    );

    let viewer = Browser::of(&api, Role::Viewer).await;
    viewer.get(&path).await.expect(403);
    viewer.submit(&path, &[("payload", "{}")]).await.expect(403);
    let page = viewer.page(&format!("/admin/events/{original}/")).await;
    assert!(!page.contains("/edit/"), "{page}");
    browser.get("/admin/events/none/edit/").await.expect(404);
    api.stop().await;
}

/// What a shell gives to curl: its arguments, and the body.
fn run(command: &str, token: &str) -> (Vec<String>, Vec<u8>) {
    let script = format!("curl() {{ printf '%s\\0' \"$@\"; printf '\\0'; cat; }}\n{command}\n");
    let done = Command::new("sh")
        .arg("-c")
        .arg(script)
        .env("HOOKYARD_TOKEN", token)
        .output()
        .expect("a shell");
    assert!(done.status.success(), "{done:?}");
    let end = done
        .stdout
        .windows(2)
        .position(|two| two == b"\0\0")
        .expect("an end");
    let words = done.stdout[..end].split(|byte| *byte == 0);
    let words = words.map(|word| String::from_utf8(word.to_vec()).expect("text"));
    (words.collect(), done.stdout[end + 2..].to_vec())
}

#[tokio::test]
async fn the_command_sends_the_same_once_more() {
    let api = Api::start().await;
    let token = api.token_for("sending", Role::Operator).await;
    let body = format!(
        "{{\"it's\": [1.50, \"$HOME `id` \\\\\"],\n \"evil\": {}}}",
        json!(EVIL)
    );
    let request = api
        .request(
            reqwest::Method::POST,
            "/api/webhooks/receive/?source=it%27s&type=a%20b",
        )
        .bearer_auth(&token)
        .header("content-type", "application/json")
        .header("x-note", "it's \"$HOME\"")
        .header("x-api-token", "hush")
        .header("idempotency-key", "once")
        .body(body.clone());
    let id = send(request).await.expect(200).json()["id"].clone();
    let id = id.as_str().expect("an id");
    let browser = Browser::of(&api, Role::Viewer).await;
    let page = browser.page(&format!("/admin/events/{id}/")).await;
    let command = unescaped(between(&page, "<pre id=\"curl\" tabindex=\"0\">", "</pre>"));
    assert!(command.contains("$HOOKYARD_TOKEN") && !command.contains("hush"));
    assert!(!command.contains(&token) && !command.contains("idempotency-key"));
    let (words, read) = run(&command, &token);
    assert_eq!(read, body.as_bytes());

    // As curl would send it.
    let mut request = api.client.post(&words[1]).body(read);
    for pair in words.windows(2).filter(|pair| pair[0] == "-H") {
        let (name, value) = pair[1].split_once(": ").expect("a header");
        request = request.header(name, value);
    }
    let again = send(request).await.expect(200).json();
    assert_ne!(again["id"], json!(id));
    let (first, second) = (
        seen(&api, &token, id).await,
        seen(&api, &token, again["id"].as_str().expect("an id")).await,
    );
    for member in ["source", "type", "payload", "content_type"] {
        assert_eq!(first[member], second[member], "{member}");
    }
    let note = json!({"name": "x-note", "value": "it's \"$HOME\""});
    assert!(second["headers"].as_array().expect("headers").contains(&note));
    api.stop().await;
}

#[tokio::test]
async fn a_large_payload_is_shown_piece_by_piece() {
    let api = Api::start().await;
    let token = api.token_for("sending", Role::Operator).await;
    let items: Vec<_> = (0..20_000)
        .map(|n| json!({"n": n, "a/b": "xxxxxxxxxxxxxxxxxxxx"}))
        .collect();
    let id = api
        .receive(&token, "", json!({"items": items, "last": EVIL}))
        .await;
    let browser = Browser::of(&api, Role::Viewer).await;
    let event = format!("/admin/events/{id}/");
    let page = browser.page(&event).await;
    assert!(page.len() < 600_000, "{} bytes", page.len());
    assert!(page.contains("19800 more</a>"), "the first 200 are there");
    assert!(page.contains("&#34;last&#34;: "), "and what comes after them");
    let body = format!("{event}body/");
    let rest = format!("{body}?at=%2Fitems&from=200");
    assert!(page.contains(&rest.replace('&', "&#38;")), "{rest}");
    let part = browser.page(&rest).await;
    assert!(part.contains("<span class=\"value number\">399</span>"));
    assert!(part.contains("19600 more</a>") && part.contains("without the first 200"));
    let one = browser.page(&format!("{body}?at=%2Fitems%2F19999%2Fn")).await;
    assert!(one.contains("<span class=\"value number\">19999</span>"), "{one}");
    assert!(
        one.contains(&format!("href=\"{body}?at=%2Fitems%2F19999\"")),
        "{one}"
    );
    let evil = browser.page(&format!("{body}?at=%2Flast")).await;
    assert!(evil.contains("onerror=alert(1)"));
    assert_inert(&evil, "a part");
    for (query, status) in [
        ("?at=%2Fitems%2F20000", 404),
        ("?at=nonsense", 404),
        ("?at=%2Fitems&from=x", 400),
        ("?at=%2Fitems&from=20000", 200),
        ("", 200),
    ] {
        browser.get(&format!("{body}{query}")).await.expect(status);
    }
    let nobody = Browser::new(&api);
    nobody.get(&body).await.expect(303);
    api.stop().await;
}
