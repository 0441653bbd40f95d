//! The compiled code of the shipped components, made once and lent to every test, which starts as a server does that
//! has started before. What a first start does is seen by `cargo xtask run` and by the tests of reloading.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hookyard::wasm::Runtime;
use tokio::sync::OnceCell;

use super::plugins::shipped;

/// Those that take seconds to compile.
const SHIPPED: [&str; 4] = ["github_backup", "gsheets", "slack_sdk", "slack_webhook"];

/// The digests of those, once their code is in [`lender`].
static DIGESTS: [OnceCell<String>; SHIPPED.len()] = [const { OnceCell::const_new() }; SHIPPED.len()];
static COMPILER: OnceCell<Arc<Runtime>> = OnceCell::const_new();

/// Puts the code of the shipped components that this `plugins.toml` names into a data directory that has none yet.
pub async fn lend(data: &Path, plugins: &str) {
    let cache = data.join("cache");
    if cache.exists() {
        return;
    }
    for (name, digest) in SHIPPED.into_iter().zip(&DIGESTS) {
        if plugins.contains(&format!("/{name}.wasm")) {
            let digest = digest.get_or_init(|| compiled(name)).await;
            link(&lender().join("cache"), &cache, digest);
        }
    }
}

/// A data directory of ours.
fn lender() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled")
}

/// Sees that a component's code is there; its digest.
async fn compiled(name: &str) -> String {
    let start = || async { Runtime::with_cache(&lender()).expect("a runtime") };
    let compiler = COMPILER.get_or_init(start).await;
    let inspected = compiler.inspect(&shipped(name)).await;
    inspected.expect("a shipped component").digest
}

/// Gives the code of a digest and the key that seals it from one cache to another.
fn link(from: &Path, to: &Path, digest: &str) {
    let folder = |path: &Path| {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.expect("a directory");
    };
    folder(to);
    if !to.join("key").exists() {
        fs::copy(from.join("key"), to.join("key")).expect("the key");
    }
    for engine in fs::read_dir(from).expect("the cache").flatten() {
        let file = engine.path().join(format!("{digest}.cwasm"));
        if file.is_file() {
            let there = to.join(engine.file_name());
            folder(&there);
            fs::hard_link(&file, there.join(file.file_name().expect("a name"))).expect("the code");
        }
    }
}
