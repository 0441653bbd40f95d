//! `plugins new`: what it writes. That the projects build and run is shown by
//! `cargo xtask verify --only guests`.

use std::fs;

use crate::support::command::hookyard;

#[test]
fn a_project_is_complete_and_has_its_name_everywhere() {
    let yard = hookyard("");
    for (lang, files) in [
        (
            "rust",
            &[
                "Cargo.toml",
                "src/lib.rs",
                "vendor/sdk/Cargo.toml",
                "vendor/sdk/src/lib.rs",
            ][..],
        ),
        (
            "js",
            &["package.json", "build.mjs", "plugin.js", "test/plugin.test.mjs"][..],
        ),
        ("python", &["app.py", "test_app.py", "requirements.txt"][..]),
    ] {
        let made = yard.run(&["plugins", "new", "my-notes", "--lang", lang, "--dir", lang]);
        assert_eq!(made.status, 0, "{}", made.err);
        let common = [
            "README.md",
            "event.json",
            ".gitignore",
            "wit/world.wit",
            "wit/deps/http.wit",
        ];
        for file in common.iter().chain(files) {
            let path = yard.path().join(lang).join(file);
            let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            assert!(!text.contains("{{"), "{}", path.display());
        }
        let readme = fs::read_to_string(yard.path().join(lang).join("README.md")).expect("read");
        assert!(readme.starts_with("# my-notes"), "{readme}");
        let again = yard.run(&["plugins", "new", "my-notes", "--lang", lang, "--dir", lang]);
        assert!(
            again.status == 1 && again.err.contains("not empty"),
            "{}",
            again.err
        );
    }
    let wrong = yard.run(&["plugins", "new", "Bad_Name"]);
    assert!(
        wrong.status == 2 && wrong.err.contains("is not a plugin name"),
        "{}",
        wrong.err
    );
}
