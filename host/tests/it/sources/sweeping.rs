//! What nothing names any more leaves the data directory.

use std::path::Path;

use super::*;

/// The names in a directory, with everything below it.
fn names(dir: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn what_was_fetched_and_is_not_what_was_asked_for_is_not_kept() {
    let shop = Shop::open().await;
    let mut section = fetched(&format!("http://{}/version.wasm", shop.host));
    section.sha256 = Some(digest(&version("version_one")));
    let yard = Yard::new(Environment::default()).await;
    shop.put("/version.wasm", version("version_two"));
    expect_refused(&yard, section.clone(), "has the SHA-256").await;
    assert_eq!(names(&yard.dir.path().join("fetched")), Vec::<String>::new());
    assert_eq!(yard.registry.waiting().len(), 1, "it is tried again");
}

#[tokio::test]
async fn what_no_section_names_is_cleared_away() {
    let shop = Shop::open().await;
    let yard = Yard::new(Environment::default()).await;
    let fetched_dir = yard.dir.path().join("fetched");
    let artifact = shop.component("version_one");
    yard.apply_ready(vec![artifact.clone()]).await;
    assert_eq!(
        names(&fetched_dir).len(),
        2,
        "the component, and which artifact it is of"
    );
    shop.put("/two.wasm", version("version_two"));
    let mut web = fetched(&format!("http://{}/two.wasm", shop.host));
    web.sha256 = Some(digest(&version("version_two")));
    yard.apply_ready(vec![web]).await;
    assert_eq!(
        names(&fetched_dir),
        [format!("{}.wasm", digest(&version("version_two")))]
    );
    yard.registry.apply(Vec::new()).await;
    assert_eq!(names(&fetched_dir), Vec::<String>::new());
}

#[tokio::test]
async fn compiled_code_of_builds_that_are_gone_and_of_other_engines_is_cleared_away() {
    let yard = Yard::new(Environment::default()).await;
    let cache = yard.dir.path().join("cache");
    fs::create_dir_all(cache.join("0123456789abcdef")).expect("made");
    fs::write(cache.join("0123456789abcdef/x.cwasm"), b"old").expect("written");
    let file = yard.dir.path().join("plugin.wasm");
    fs::write(&file, version("version_one")).expect("written");
    yard.apply_ready(vec![spec("version", file.clone())]).await;
    let engines: Vec<String> = names(&cache).into_iter().filter(|name| name != "key").collect();
    assert_eq!(engines.len(), 1, "{engines:?}");
    let code = cache.join(&engines[0]);
    fs::write(
        code.join(format!("{}.cwasm", "0".repeat(64))),
        b"of a build that is gone",
    )
    .expect("written");
    fs::write(code.join("cut-off.tmp"), b"half").expect("written");
    fs::write(&file, version("version_two")).expect("written");
    yard.apply_ready(vec![spec("version", file.clone())]).await;
    let mut both =
        ["version_one", "version_two"].map(|fixture| format!("{}.cwasm", digest(&version(fixture))));
    both.sort();
    assert_eq!(names(&code), both, "the build to go back to stays");
}
