//! `plugins.toml`: what is taken, and what every kind of mistake is told.

mod sources;

use std::path::Path;
use std::time::Duration;

use hookyard::domain::grant::{PrivateNetwork, SecretKind, SecretSource};
use hookyard::domain::retry::Backoff;
use hookyard::domain::schedule::{CatchUp, Overlap};
use hookyard::manifest::PluginsFile;

fn parse(text: &str) -> Result<PluginsFile, String> {
    PluginsFile::parse(text, Path::new("/etc/hookyard/plugins.toml")).map_err(|e| e.to_string())
}

#[test]
fn the_shipped_file_is_right() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins.toml");
    let file = PluginsFile::read(&path).expect("the shipped plugins.toml");
    let mut names: Vec<_> = file.plugins.iter().map(|spec| spec.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["github-backup", "gsheets", "slack-sdk", "slack-webhook"]);
    assert!(
        file.plugins.iter().all(|spec| !spec.enabled),
        "nothing runs unasked"
    );
}

#[test]
fn every_key_is_read() {
    let file = parse(
        r#"
        [plugins.full]
        enabled = true
        paused = true
        component = "full.wasm"
        routes = [{ source = "git*", type = "{push,ping}" }]
        [[plugins.full.schedules]]
        cron = "0 3 * * *"
        [[plugins.full.schedules]]
        name = "workdays"
        cron = "0 9 * * mon-fri"
        timezone = "europe/paris"
        input = { a = 1, at = 2026-01-02 }
        overlap = "queue"
        catch-up = "none"
        [plugins.full.grants]
        http = ["POST https://a.example/x/*"]
        permissions = ["read-processes"]
        private-network = ["http://127.0.0.1:9"]
        [plugins.full.grants.secrets]
        one = "env:ONE"
        two = { from = "file:two.txt", to = ["https://a.example"] }
        three = { from = "env:THREE", kind = "google-service-account", scopes = ["https://a.example/s"] }
        [plugins.full.config]
        text = "x"
        when = 2026-01-02T03:04:05Z
        [plugins.full.limits]
        memory = "8MiB"
        timeout = "1m 30s"
        concurrency = 2
        [plugins.full.retry]
        schedule = ["1s", "2m"]
        max-age = "1d"
        on-unknown = "hold"
        "#,
    )
    .expect("a full file");
    let spec = &file.plugins[0];
    assert_eq!(spec.component.file(), Some(Path::new("/etc/hookyard/full.wasm")));
    assert!(spec.routes[0].matches("github", "push") && !spec.routes[0].matches("github", "issues"));
    let [plain, full] = &spec.schedules[..] else {
        panic!("two schedules: {:?}", spec.schedules);
    };
    assert_eq!(
        (&*plain.name.to_string(), &*plain.zone.to_string(), &plain.input),
        ("0 3 * * *", "UTC", &serde_json::json!({}))
    );
    assert_eq!((plain.overlap, plain.catch_up), (Overlap::Skip, CatchUp::Once));
    assert_eq!(
        (
            &*full.name.to_string(),
            full.cron.as_str(),
            &*full.zone.to_string()
        ),
        ("workdays", "0 9 * * mon-fri", "Europe/Paris")
    );
    assert_eq!(full.input, serde_json::json!({"a": 1, "at": "2026-01-02"}));
    assert_eq!((full.overlap, full.catch_up), (Overlap::Queue, CatchUp::None));
    assert_eq!(
        spec.grants.secrets["two"].source,
        SecretSource::File("/etc/hookyard/two.txt".into())
    );
    let three = &spec.grants.secrets["three"];
    assert_eq!(three.kind, Some(SecretKind::GoogleServiceAccount));
    assert_eq!(
        three.scopes.as_deref(),
        Some(&["https://a.example/s".to_owned()][..])
    );
    assert!(matches!(&spec.grants.private_network, PrivateNetwork::Only(origins) if origins.len() == 1));
    assert_eq!(
        spec.config,
        serde_json::json!({"text": "x", "when": "2026-01-02T03:04:05Z"})
    );
    assert_eq!(
        (spec.limits.memory, spec.limits.timeout),
        (8 << 20, Duration::from_secs(90))
    );
    assert_eq!(
        spec.retry.backoff,
        Backoff::Schedule(vec![Duration::from_secs(1), Duration::from_mins(2)])
    );
}

#[test]
fn mistakes_are_told_with_their_place() {
    let plugin = "[plugins.a]\ncomponent = \"a.wasm\"\n";
    for (text, place, says) in [
        ("[plugins.a\n", "1:11", "unclosed"),
        ("[plugins.a]\nenabled = true\n", "1:", "missing field `component`"),
        (
            "[plugins.Bad]\ncomponent = \"a.wasm\"\n",
            "1:",
            "`Bad` is not a plugin name",
        ),
        (
            &format!("{plugin}enabeld = true\n"),
            "3:1",
            "unknown field `enabeld`, expected one of `enabled`",
        ),
        (
            &format!("{plugin}enabled = \"yes\"\n"),
            "3:11",
            "expected a boolean",
        ),
        (
            &format!("{plugin}sha256 = \"abc\"\n"),
            "3:10",
            "64 lower-case hexadecimal digits",
        ),
        (
            &format!("{plugin}routes = [{{ source = \"[a\" }}]\n"),
            "3:11",
            "glob is malformed",
        ),
        (
            &format!("{plugin}[plugins.a.grants]\nhttp = [\"https://x\"]\n"),
            "4:9",
            "a method, or *, comes first",
        ),
        (
            &format!("{plugin}[plugins.a.grants]\nsecrets = {{ t = \"hush\" }}\n"),
            "4:17",
            "a secret is named, not written here",
        ),
        (
            &format!("{plugin}[plugins.a.grants]\npermissions = [\"all\"]\n"),
            "4:16",
            "unknown variant `all`",
        ),
        (
            &format!(
                "{plugin}[plugins.a.grants]\nsecrets = {{ t = {{ from = \"env:T\", kind = \"odd\" }} }}\n"
            ),
            "4:",
            "unknown variant `odd`, expected one of `plain`, `url`, `google-service-account`, `github-app`",
        ),
        (
            &format!("{plugin}[plugins.a.grants]\nsecrets = {{ t = {{ from = \"env:T\", scopes = [] }} }}\n"),
            "4:",
            "name at least one",
        ),
        (
            &format!(
                "{plugin}[plugins.a.grants]\nsecrets = {{ t = {{ from = \"env:T\", scopes = [\"a b\"] }} }}\n"
            ),
            "4:",
            "without spaces",
        ),
        (
            &format!("{plugin}[plugins.a.limits]\nmemory = \"64\"\n"),
            "4:10",
            "must be from 1.0 MiB to 1.0 GiB",
        ),
        (
            &format!("{plugin}[plugins.a.limits]\nmemory = \"big\"\n"),
            "4:10",
            "`big` is no size",
        ),
        (
            &format!("{plugin}[plugins.a.limits]\ntimeout = \"0s\"\n"),
            "4:11",
            "more than zero",
        ),
        (
            &format!("{plugin}[plugins.a.limits]\nconcurrency = 0\n"),
            "4:15",
            "must be from 1 to 256",
        ),
        (
            &format!("{plugin}[plugins.a.retry]\nschedule = [\"1s\"]\nbase = \"1s\"\n"),
            "4:12",
            "keep one of the two",
        ),
        (
            "[plugins.a]\ncomponent = \"https://x/a.wasm\"\n",
            "2:13",
            "needs `sha256` beside it",
        ),
    ] {
        assert_refused(text, place, says);
    }
}

#[test]
fn mistakes_in_schedules_are_told_with_their_place() {
    let plugin = "[plugins.a]\ncomponent = \"a.wasm\"\n";
    for (text, place, says) in [
        (
            &format!("{plugin}[[plugins.a.schedules]]\ncron = \"0 25 * * *\"\n"),
            "4:8",
            "hour `25`: it must be from 0 to 23",
        ),
        (
            &format!("{plugin}[[plugins.a.schedules]]\ncron = \"0 0 30 feb *\"\n"),
            "4:8",
            "never comes",
        ),
        (
            &format!("{plugin}[[plugins.a.schedules]]\ntimezone = \"UTC\"\n"),
            "3:1",
            "missing field `cron`",
        ),
        (
            &format!("{plugin}[[plugins.a.schedules]]\ncron = \"@daily\"\ntimezone = \"Paris\"\n"),
            "5:12",
            "`timezone` `Paris` is no time zone; use an IANA name",
        ),
        (
            &format!("{plugin}schedules = [{{ cron = \"@daily\" }}, {{ cron = \"@daily\" }}]\n"),
            "3:44",
            "give each a `name` of its own",
        ),
        (
            &format!("{plugin}[[plugins.a.schedules]]\ncron = \"@daily\"\nname = \"\"\n"),
            "5:8",
            "1 to 100 characters",
        ),
        (
            &format!("{plugin}[[plugins.a.schedules]]\ncron = \"@daily\"\noverlap = \"never\"\n"),
            "5:11",
            "unknown variant `never`, expected `skip` or `queue`",
        ),
        (
            &format!("{plugin}[[plugins.a.schedules]]\ncron = \"@daily\"\ncatch-up = \"all\"\n"),
            "5:12",
            "unknown variant `all`, expected `once` or `none`",
        ),
    ] {
        assert_refused(text, place, says);
    }
}

/// Fails unless the text is refused at this place with these words.
fn assert_refused(text: &str, place: &str, says: &str) {
    let error = parse(text).expect_err(text);
    let first = error.lines().next().unwrap_or_default();
    assert!(
        first.starts_with(&format!("/etc/hookyard/plugins.toml:{place}")),
        "{text}\n{error}"
    );
    assert!(error.contains(says), "{text}\n{error}");
}

#[test]
fn a_pasted_secret_is_not_repeated() {
    let plugin = "[plugins.a]\ncomponent = \"a.wasm\"\n";
    for pasted in [
        "[plugins.a.grants]\nsecrets = { t = \"hush-hush\" }\n",
        "[plugins.a.grants]\nsecrets = { t = 'hush-hush' }\n",
        "[plugins.a.grants]\nsecrets = \"hush-hush\"\n",
        "[plugins.a.grants.secrets]\nbot-token = \"hush-hush\"\n",
        "grants = { secrets = \"hush-hush\" }\n",
    ] {
        let error = parse(&format!("{plugin}{pasted}")).expect_err("refused");
        assert!(error.starts_with("/etc/hookyard/plugins.toml:"), "{error}");
    }
}

#[test]
fn a_missing_file_says_what_to_do() {
    let error = PluginsFile::read(Path::new("/nowhere/plugins.toml"))
        .expect_err("missing")
        .to_string();
    assert!(error.contains("HOOKYARD_PLUGINS_FILE"), "{error}");
}
