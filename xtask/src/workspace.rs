//! Where things lie, and how cargo is called.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use serde_json::Value;

/// The checked-out repository.
pub struct Workspace {
    root: PathBuf,
    metadata: Value,
}

/// A crate of the workspace that is built as a WebAssembly component.
pub struct Guest {
    /// The package, as `cargo build --package` takes it.
    pub package: String,
    /// The file cargo makes: the library's name with underscores, and `.wasm`.
    pub file: String,
    /// Made for tests only; never put among the shipped plugins.
    pub is_fixture: bool,
}

impl Workspace {
    /// The repository this program was built from.
    ///
    /// # Errors
    /// When `cargo metadata` fails; its own message says why.
    pub fn locate() -> anyhow::Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("xtask lies in a folder of the workspace")?
            .to_path_buf();
        let output = cargo_in(&root)
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .output()
            .context("cannot start cargo")?;
        if !output.status.success() {
            bail!(
                "cargo metadata failed:\n{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        let metadata = serde_json::from_slice(&output.stdout).context("cargo metadata is not JSON")?;
        Ok(Self { root, metadata })
    }

    /// A path inside the repository.
    pub fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }

    /// Cargo's target directory, wherever the developer put it.
    pub fn target_dir(&self) -> PathBuf {
        self.metadata["target_directory"]
            .as_str()
            .map_or_else(|| self.path("target"), PathBuf::from)
    }

    /// A binary of the given profile's directory (`debug` or `release`).
    pub fn binary(&self, profile_dir: &str, name: &str) -> PathBuf {
        let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        self.target_dir().join(profile_dir).join(file)
    }

    /// Cargo itself, in the root of the repository.
    pub fn cargo(&self) -> Command {
        cargo_in(&self.root)
    }

    /// Every component of the workspace: the members below `plugins/` that are a `cdylib`.
    pub fn guests(&self) -> Vec<Guest> {
        let packages = self.metadata["packages"].as_array();
        packages
            .into_iter()
            .flatten()
            .filter_map(|package| self.guest(package))
            .collect()
    }

    fn guest(&self, package: &Value) -> Option<Guest> {
        let manifest = Path::new(package["manifest_path"].as_str()?);
        if !manifest.starts_with(self.path("plugins")) {
            return None;
        }
        let library = package["targets"].as_array()?.iter().find(|target| {
            target["crate_types"]
                .as_array()
                .is_some_and(|kinds| kinds.iter().any(|kind| kind == "cdylib"))
        })?;
        Some(Guest {
            package: package["name"].as_str()?.to_owned(),
            file: format!("{}.wasm", library["name"].as_str()?.replace('-', "_")),
            is_fixture: manifest.starts_with(self.path("plugins/fixtures")),
        })
    }
}

fn cargo_in(root: &Path) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(program);
    command.current_dir(root);
    // `cargo run` tells us which package we are. Build scripts (ring's is one) run again when such a variable
    // differs, so that half the tree would be compiled anew at every change between us and a plain cargo.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// Run a command to its end with our own terminal; `what` is told when it fails.
///
/// # Errors
/// When it cannot be started or ends with anything but success.
pub fn run_to_end(command: &mut Command, what: &str) -> anyhow::Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command
        .status()
        .with_context(|| format!("{what}: cannot start {program}"))?;
    if !status.success() {
        bail!("{what} failed ({status})");
    }
    Ok(())
}

/// The first file of this name on the `PATH` of the process.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}
