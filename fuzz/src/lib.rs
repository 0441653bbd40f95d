//! What must hold for any input. `cargo xtask verify --only fuzz` searches inputs with libFuzzer; the
//! tests here try the seeds, and what once failed, at every `cargo test`.

mod arrival;
mod keys;
mod senders;
mod verify;

use std::path::Path;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use hookyard::domain::access::Role;
use hookyard::domain::api_key::SourceScope;
use hookyard::domain::grant::{HttpPattern, Target};
use hookyard::domain::id::UserId;
use hookyard::domain::time::Timestamp;
use hookyard::domain::user::User;
use hookyard::intake::request::{SourceQuery, Unverified};
use hookyard::manifest::PluginsFile;
use hookyard::wasm::{Runtime, fuzzing};
use hookyard_plugin_sdk::template::Renderer;
use hookyard_plugin_sdk::testing;

pub use arrival::arrival;
pub use verify::verify;

/// A webhook's body: it is taken as it came or refused with a place within it, and a payload in an
/// envelope is JSON.
pub fn body(input: &[u8]) {
    let request = Unverified {
        headers: http::HeaderMap::new(),
        query: SourceQuery::default(),
        content_type: "application/json".to_owned(),
        body: Bytes::copy_from_slice(input),
    };
    let Ok(event) = request
        .sent_by(sender(), SourceScope::default())
        .into_event(Timestamp::from_millis(0))
    else {
        return;
    };
    assert_eq!(event.body, input, "the body is kept as it came");
    let payload = event.payload.map_or(input, |range| &input[range]);
    let parsed = serde_json::from_slice::<&serde_json::value::RawValue>(payload);
    assert!(parsed.is_ok(), "what is taken is JSON");
}

fn sender() -> User {
    User {
        id: UserId::generate(),
        username: "fuzz".to_owned(),
        email: String::new(),
        first_name: String::new(),
        last_name: String::new(),
        role: Role::Sender,
        is_active: true,
        date_joined: Timestamp::from_millis(0),
        last_login: None,
        signed_out_at: None,
    }
}

/// A grant and a URL, on two lines: a pattern reads back as it was written, and one that names a
/// host exactly never matches a request to another.
pub fn grant(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let (pattern, url) = text.split_once('\n').unwrap_or((text, ""));
    let Ok(granted) = pattern.parse::<HttpPattern>() else {
        return;
    };
    let written = granted.to_string();
    assert_eq!(
        written.parse::<HttpPattern>().ok().as_ref(),
        Some(&granted),
        "{written}"
    );
    let Ok(url) = url::Url::parse(url) else { return };
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return;
    };
    let target = Target {
        method: "POST",
        scheme: url.scheme(),
        host,
        port,
        path: url.path(),
    };
    if granted.matches(&target) && !written.contains('*') {
        let origin = format!("{}://{host}", url.scheme());
        assert!(
            written.contains(origin.trim_end_matches('.')),
            "{written} matched {url}"
        );
    }
}

/// `plugins.toml`: read, or refused with a text that names the file.
pub fn plugins_file(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let path = Path::new("/etc/hookyard/plugins.toml");
    match PluginsFile::parse(text, path) {
        Ok(file) => assert!(
            file.plugins
                .iter()
                .all(|plugin| plugin.component.file().is_none_or(std::path::Path::is_absolute))
        ),
        Err(error) => assert!(error.to_string().starts_with("/etc/hookyard/plugins.toml")),
    }
}

/// A secret and an answer, on two lines: whatever the pieces, nothing of the secret is left, and no
/// length changes.
pub fn placeholder(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let (secret, answer) = text.split_once('\n').unwrap_or((text, ""));
    // Stars stand in its place, and shorter ones are let be.
    if secret.len() < 6 || secret.contains('*') {
        return;
    }
    for piece in [1, 3, secret.len(), answer.len().max(1)] {
        let masked = fuzzing::masked(secret, answer.as_bytes(), piece);
        assert_eq!(masked.len(), answer.len());
        let left = masked
            .windows(secret.len())
            .any(|window| window == secret.as_bytes());
        assert!(!left, "{secret} is left in {answer}");
    }
    let word = "hookyard-secret-0123";
    let put = fuzzing::replaced(format!("{answer}{word}").as_bytes(), word, secret);
    assert!(put.ends_with(secret.as_bytes()));
}

/// A manifest: a name, a secret's name, a schema and patterns, a line each. Checked or refused.
pub fn manifest(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let mut lines = text.lines();
    let (name, secret) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let schema = lines.next().unwrap_or_default();
    let http = lines.map(str::to_owned).collect();
    // Either answer is right; what must not happen is a panic or a loop without end.
    let _answer = fuzzing::manifest(name, schema, http, secret);
}

/// Made once: an engine takes longer to start than most inputs to load.
static LOADER: OnceLock<(tokio::runtime::Runtime, Arc<Runtime>)> = OnceLock::new();

/// A component, in binary or (from an opening bracket on) as text: loaded or refused with a reason.
pub fn component(input: &[u8]) {
    let built = input.starts_with(b"(").then(|| wat::parse_bytes(input));
    let input = match &built {
        Some(Ok(bytes)) => bytes,
        Some(Err(_)) => return,
        None => input,
    };
    let (executor, runtime) = LOADER.get_or_init(|| {
        let executor = tokio::runtime::Builder::new_current_thread().enable_all().build();
        (executor.expect("an executor"), Runtime::new().expect("a runtime"))
    });
    if let Err(reason) = executor.block_on(fuzzing::component(runtime, input.to_vec())) {
        assert!(!reason.is_empty());
    }
}

/// A message template: rendered or refused, always within its fuel.
pub fn template(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let payload = serde_json::json!({"ref": "refs/heads/main", "commits": [{"id": 1}, {"id": "two"}]});
    let event = testing::event("github", "push", &payload);
    let delivery = hookyard_plugin_sdk::Delivery {
        id: testing::DELIVERY_ID.to_owned(),
        attempt: 1,
    };
    let trigger = hookyard_plugin_sdk::Trigger::Webhook(event);
    let renderer = Renderer::new(&trigger, &delivery, str::to_owned);
    // Either answer is right; what must not happen is a panic or a loop without end.
    let _answer = renderer.render("message", text);
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    /// Runs a target over its seeds.
    fn seeds(target: &str, run: fn(&[u8])) {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("seeds")
            .join(target);
        let files = std::fs::read_dir(&folder).expect("a folder of seeds");
        let mut tried = 0;
        for file in files {
            run(&std::fs::read(file.expect("an entry").path()).expect("a seed"));
            tried += 1;
        }
        assert!(tried > 0, "{} has no seed", folder.display());
    }

    #[test]
    fn every_seed_holds() {
        seeds("arrival", super::arrival);
        seeds("body", super::body);
        seeds("grant", super::grant);
        seeds("plugins_file", super::plugins_file);
        seeds("template", super::template);
        seeds("placeholder", super::placeholder);
        seeds("manifest", super::manifest);
        seeds("component", super::component);
        seeds("verify", super::verify);
    }
}
