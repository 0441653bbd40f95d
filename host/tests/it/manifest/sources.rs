//! `[sources.NAME]`: what is taken, and what every kind of mistake is told.

use std::time::Duration;

use hookyard::domain::grant::SecretSource;
use hookyard::domain::source::pick::Pick;
use hookyard::domain::source::scheme::{Layout, Part, Scheme, Stamp, TokenScheme};
use hookyard::domain::source::{Dedupe, Format, Verifier};

use super::{assert_refused, parse};

#[test]
fn every_key_of_a_source_is_read() {
    let file = parse(
        r#"
        [sources.git-hub_1]
        verify = "github"
        secret = ["env:NEW", "file:old.txt", "stored:older"]
        tolerance = "1m"
        dedupe = { window = "1h", pointer = "/id" }
        type = { header = "X-Kind" }

        [sources.mine]
        verify = "hmac"
        secret = "env:MINE"
        header = "X-Proof"
        prefix = "mac "
        algorithm = "sha512"
        encoding = "base64"
        signed = "{method}:{timestamp}.{header:X-Id}.{body}"
        timestamp-header = "X-At"
        timestamp-format = "rfc3339"
        dedupe = "off"

        [sources.open]
        verify = "none"
        format = "cloudevents"
        origins = ["A.example"]
        "#,
    )
    .expect("a right file");
    let [github, mine, open] = &file.sources[..] else {
        panic!("three: {:?}", file.sources);
    };
    assert_eq!(
        (github.name.as_str(), github.verifier),
        ("git-hub_1", Verifier::Github)
    );
    assert_eq!(
        github.secrets[1],
        SecretSource::File("/etc/hookyard/old.txt".into())
    );
    assert_eq!(
        (github.secrets.len(), github.tolerance),
        (3, Duration::from_mins(1))
    );
    assert_eq!(github.event_type, Some(Pick::Header("x-kind".to_owned())));
    assert_eq!(
        github.dedupe,
        Dedupe::On {
            window: Duration::from_hours(1),
            key: Some(Pick::Pointer("/id".to_owned())),
        }
    );
    let Scheme::Signed(scheme) = &mine.scheme else {
        panic!("{:?}", mine.scheme);
    };
    assert_eq!(
        (&*scheme.header, &scheme.layout),
        ("x-proof", &Layout::Prefixed("mac ".into()))
    );
    assert_eq!(
        scheme.signed[..],
        [
            Part::Method,
            Part::Text(":".into()),
            Part::Timestamp,
            Part::Text(".".into()),
            Part::Header("x-id".into()),
            Part::Text(".".into()),
            Part::Body
        ]
    );
    assert!(matches!(&scheme.timestamp, Some(Stamp::Header(name, _)) if name == "x-at"));
    assert_eq!(mine.dedupe, Dedupe::Off);
    assert_eq!((&open.scheme, open.format), (&Scheme::Open, Format::CloudEvents));
    assert_eq!(open.origins.as_deref(), Some(&["a.example".to_owned()][..]));
}

#[test]
fn each_verifier_has_a_scheme() {
    for word in Verifier::WORDS {
        let more = match *word {
            "none" => "",
            "hmac" | "api-key" => "secret = \"env:S\"\nheader = \"X-Key\"\n",
            _ => "secret = \"env:S\"\n",
        };
        let file = parse(&format!("[sources.s]\nverify = \"{word}\"\n{more}"));
        let spec = &file.unwrap_or_else(|error| panic!("{error}")).sources[0];
        assert_eq!(spec.scheme == Scheme::Open, *word == "none");
        assert_eq!(spec.format == Format::CloudEvents, *word == "cloudevents");
        if *word == "cloudevents" {
            assert_eq!(spec.scheme, Scheme::Token(TokenScheme::Bearer { query: true }));
        }
    }
}

#[test]
fn mistakes_in_sources_are_told_with_their_place() {
    let github = "[sources.s]\nverify = \"github\"\nsecret = \"env:S\"\n";
    for (text, place, says) in [
        (
            "[sources.\"a b\"]\nverify = \"none\"\n",
            "1:",
            "`a b` is no name of a source",
        ),
        (
            "[sources.s]\nsecret = \"env:S\"\n",
            "1:",
            "missing field `verify`",
        ),
        (
            "[sources.s]\nverify = \"magic\"\n",
            "2:10",
            "unknown variant `magic`",
        ),
        (
            "[sources.s]\nverify = \"github\"\n",
            "2:10",
            "needs `secret = \"env:NAME\"`",
        ),
        (
            "[sources.s]\nverify = \"none\"\nsecret = \"env:S\"\n",
            "3:10",
            "means nothing with verify = \"none\"",
        ),
        (
            &format!("{github}secrets = \"env:S\"\n"),
            "4:1",
            "unknown field `secrets`",
        ),
        (
            &format!("{github}encoding = \"hex\"\n"),
            "4:12",
            "it goes with \"hmac\"",
        ),
        (&format!("{github}tolerance = \"2d\"\n"), "4:13", "at most 24h"),
        (
            &format!("{github}type = {{}}\n"),
            "4:8",
            "needs `header` or `pointer`",
        ),
        (
            &format!("{github}type = {{ header = \"X\", pointer = \"/x\" }}\n"),
            "4:8",
            "keep one of",
        ),
        (
            &format!("{github}dedupe = {{ pointer = \"id\" }}\n"),
            "4:10",
            "no JSON pointer",
        ),
        (
            &format!("{github}dedupe = \"no\"\n"),
            "4:10",
            "expected \"off\", or a table",
        ),
        (
            &format!("{github}dedupe = {{ window = \"0s\" }}\n"),
            "4:",
            "more than zero",
        ),
        (
            "[sources.s]\nverify = \"stripe\"\nsecret = \"env:S\"\ndedupe = { window = \"9m\" }\n",
            "4:10",
            "at least twice `tolerance`, 10m",
        ),
        (
            &format!("{github}origins = []\n"),
            "4:11",
            "goes with format = \"cloudevents\"",
        ),
    ] {
        assert_refused(text, place, says);
    }
}

#[test]
fn mistakes_about_signatures_are_told_with_their_place() {
    let hmac = "[sources.s]\nverify = \"hmac\"\nsecret = \"env:S\"\n";
    for (text, place, says) in [
        (hmac, "2:10", "needs `header`"),
        (
            &format!("{hmac}header = \"X Y\"\n"),
            "4:10",
            "cannot be the name of a header",
        ),
        (
            &format!("{hmac}header = \"X\"\nsigned = \"{{timestamp}}\"\n"),
            "5:10",
            "`{body}` is missing",
        ),
        (
            &format!("{hmac}header = \"X\"\nsigned = \"{{timestamp}}{{body}}\"\n"),
            "5:10",
            "`timestamp-header` must say",
        ),
        (
            &format!("{hmac}header = \"X\"\nsigned = \"{{boby}}\"\n"),
            "5:10",
            "`{boby}` is unknown",
        ),
        (
            &format!("{hmac}header = \"X\"\ntimestamp-header = \"T\"\n"),
            "5:20",
            "put `{timestamp}` into `signed`",
        ),
        (
            &format!("{hmac}header = \"X\"\ntimestamp-format = \"unix\"\n"),
            "5:20",
            "needs `timestamp-header`",
        ),
        (
            &format!("{hmac}header = \"X\"\nalgorithm = \"md5\"\n"),
            "5:13",
            "`md5` is no algorithm; use sha1, sha256 or sha512",
        ),
        (
            "[sources.s]\nverify = \"http-signature\"\nsecret = \"env:S\"\nalgorithm = \"rsa\"\n",
            "4:13",
            "use hmac-sha256, ed25519",
        ),
    ] {
        assert_refused(text, place, says);
    }
}

#[test]
fn a_pasted_secret_of_a_source_is_not_repeated() {
    for pasted in [
        "secret = \"hush-hush\"\n",
        "secret = [\"env:S\", \"hush-hush\"]\n",
        "secret = [\n  \"env:S\",\n  \"hush-hush\",\n]\n",
        "secret = 'hush-hush'\n",
    ] {
        let error = parse(&format!("[sources.s]\nverify = \"github\"\n{pasted}")).expect_err("refused");
        assert!(error.starts_with("/etc/hookyard/plugins.toml:"), "{error}");
        assert!(!error.contains("hush"), "{error}");
        assert!(error.contains("a secret is named, not written here"), "{error}");
    }
}
