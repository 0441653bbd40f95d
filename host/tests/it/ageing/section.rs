//! `[retention]` as it is written: what is taken, and what every mistake is told.

use std::path::Path;
use std::time::Duration;

use hookyard::domain::retention::{RedactWhat, Retention};
use hookyard::manifest::PluginsFile;

fn parse(text: &str) -> Result<Retention, String> {
    let file = PluginsFile::parse(text, Path::new("/etc/hookyard/plugins.toml"));
    file.map(|file| file.retention).map_err(|e| e.to_string())
}

#[test]
fn every_key_is_read_and_a_source_says_only_what_differs() {
    let rules = parse(
        r#"
        [retention]
        max-age = "90d"
        max-events = 1000
        purge-failed = true
        failed-max-age = "1y"
        audit-max-age = "2d"
        redact = ["/a"]
        [retention.sources."my shop"]
        max-age = "7d"
        purge-failed = false
        redact = ["/card/number", "/items/*/code"]
        redact-after = { age = "1h", pointers = ["/name"] }
        [retention.sources.mail]
        redact-after = { age = "2h", pointers = "body" }
        "#,
    )
    .expect("right");
    let days = |days: u64| Some(Duration::from_hours(24 * days));
    assert_eq!(rules.audit_max_age, days(2));
    let general = rules.of("anything");
    assert_eq!((general.max_age, general.max_events), (days(90), Some(1000)));
    let shop = rules.of("my shop");
    assert_eq!(
        (shop.max_age, shop.max_events, shop.purge_failed),
        (days(7), Some(1000), false)
    );
    assert_eq!(shop.failed_max_age, general.failed_max_age);
    let pointers: Vec<_> = shop.redact.iter().map(ToString::to_string).collect();
    assert_eq!(pointers, ["/card/number", "/items/*/code"]);
    let after = shop.redact_after.as_ref().expect("given");
    assert!(matches!(&after.what, RedactWhat::Pointers(pointers) if pointers.len() == 1));
    let mail = rules.of("mail");
    assert_eq!(mail.redact, general.redact);
    assert_eq!(
        mail.redact_after.as_ref().map(|after| &after.what),
        Some(&RedactWhat::Body)
    );
    assert_eq!(parse("").expect("right"), Retention::default());
}

#[test]
fn every_mistake_has_its_place_and_its_mend() {
    let cases = [
        (
            "[retention]\nmax-age = \"1 fortnight\"",
            "2:11",
            "is no time; write it like \"12h\"",
        ),
        (
            "[retention]\nmax-age = \"1s\"",
            "2:11",
            "must be from 1 minute to 100 years",
        ),
        ("[retention]\nmax-events = 0", "2:14", "must be at least 1"),
        (
            "[retention]\nredact = [\"card\"]",
            "2:11",
            "is no JSON pointer below the top",
        ),
        (
            "[retention]\nredact = []",
            "2:10",
            "must have 1 to 32 JSON pointers",
        ),
        ("[retention]\nkeep = 1", "2:1", "unknown field `keep`"),
        (
            "[retention]\nredact-after = { age = \"1d\", pointers = \"head\" }",
            "2:41",
            "is neither \"body\" nor a list of JSON pointers",
        ),
        (
            "[retention]\nredact-after = { age = \"1d\", pointers = [\"x\"] }",
            "2:41",
            "is no JSON pointer below the top",
        ),
        (
            "[retention.sources.\"\"]\nmax-events = 1",
            "1:20",
            "a source's name has 1 to 100 characters",
        ),
    ];
    for (text, place, wanted) in cases {
        let error = parse(text).expect_err(text);
        assert!(
            error.contains(&format!("plugins.toml:{place}: ")),
            "{text}: {error}"
        );
        assert!(error.contains(wanted), "{text}: {error}");
    }
}
