//! What packages are made of: pages, completions, and units that name what is there.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::command::hookyard;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn there_is_a_page_for_every_command() {
    let yard = hookyard("");
    let ran = yard.run(&["man", "."]);
    assert_eq!(ran.status, 0, "{}", ran.err);
    let page = |name: &str| {
        fs::read_to_string(yard.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    assert!(
        page("hookyard.1").contains("hookyard\\-doctor(1)"),
        "{}",
        page("hookyard.1")
    );
    assert!(page("hookyard-doctor.1").contains("egress"));
    assert!(page("hookyard-db-backup.1").contains("overwritten"));
    for shell in ["bash", "zsh", "fish"] {
        assert!(
            yard.run(&["completions", shell]).out.contains("doctor"),
            "{shell}"
        );
    }
}

#[test]
fn a_server_that_is_not_there_is_not_ready() {
    let yard = hookyard("");
    let ran = yard.run(&["ready", "--listen", "127.0.0.1:9"]);
    assert!(
        ran.status == 1 && ran.err.contains("no answer from http://127.0.0.1:9/readyz"),
        "{}",
        ran.err
    );
}

/// A package that names a file of the repository which is not there is not built.
#[test]
fn the_package_names_files_that_are_there() {
    let manifest = fs::read_to_string(root().join("host/Cargo.toml")).expect("readable");
    let named = manifest
        .split('"')
        .filter_map(|text| text.strip_prefix("../"))
        .filter(|path| !path.starts_with("target/") && !path.starts_with("plugins/dist"));
    let mut count = 0;
    for path in named {
        let path = root().join(path.split('*').next().unwrap_or_default());
        assert!(path.exists(), "{} is not there", path.display());
        count += 1;
    }
    assert!(count > 8, "the search is broken");
    let unit = fs::read_to_string(root().join("packaging/hookyard.service")).expect("readable");
    assert!(unit.contains("ExecStart=/usr/bin/hookyard serve\n"), "{unit}");
}
