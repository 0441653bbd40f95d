//! `cargo xtask plugins`: the guests, compiled to WebAssembly components.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::workspace::{Guest, Workspace, on_path, run_to_end};

/// What the host loads: components, in the form `rustc` links by itself for this target.
const TARGET: &str = "wasm32-wasip2";

/// Read by everyone, written by the owner: an ordinary file, unlike a temporary one.
const ORDINARY_MODE: u32 = 0o644;

#[derive(clap::Args)]
pub struct Options {
    /// Build the guests that only tests use as well, into target/fixtures/
    #[arg(long)]
    pub fixtures: bool,
}

/// Build the guests and put them where the host and the tests look for them.
///
/// # Errors
/// When the target is missing and cannot be added, or a guest does not compile.
pub fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<()> {
    ensure_target()?;
    let guests: Vec<Guest> = workspace
        .guests()
        .into_iter()
        .filter(|guest| options.fixtures || !guest.is_fixture)
        .collect();
    if guests.is_empty() {
        println!("no member under plugins/ has crate-type cdylib: nothing to build");
        return Ok(());
    }
    let built = build(workspace, &guests)?;
    for guest in &guests {
        let folder = if guest.is_fixture {
            workspace.target_dir().join("fixtures")
        } else {
            workspace.path("plugins/dist")
        };
        publish(&built.join(&guest.file), &folder.join(&guest.file))?;
    }
    Ok(())
}

/// One cargo call for all, so that what they share is compiled once; cargo shows the progress.
fn build(workspace: &Workspace, guests: &[Guest]) -> anyhow::Result<std::path::PathBuf> {
    let target_dir = workspace.target_dir().join("guest");
    println!("building {} plugins for {TARGET}", guests.len());
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--profile", "plugin", "--target", TARGET, "--target-dir"]);
    cargo.arg(&target_dir);
    for guest in guests {
        cargo.args(["--package", &guest.package]);
    }
    run_to_end(&mut cargo, "building the plugins")?;
    Ok(target_dir.join(TARGET).join("plugin"))
}

/// Copy so that a watching host sees the old file or the new one, never half of it; an unchanged file is
/// left alone, so that nothing is reloaded for nothing.
fn publish(from: &Path, to: &Path) -> anyhow::Result<()> {
    let bytes = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    let size = bytes.len().div_ceil(1024);
    if fs::read(to).is_ok_and(|present| present == bytes) {
        println!("  {} is up to date ({size} KiB)", to.display());
        return Ok(());
    }
    write_atomically(to, &bytes).with_context(|| format!("cannot write {}", to.display()))?;
    println!("  {} ({size} KiB)", to.display());
    Ok(())
}

fn write_atomically(to: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = to.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file()
        .set_permissions(fs::Permissions::from_mode(ORDINARY_MODE))?;
    file.as_file().sync_all()?;
    file.persist(to)?;
    Ok(())
}

/// Add the target through rustup when this toolchain lacks it.
fn ensure_target() -> anyhow::Result<()> {
    if has_target()? {
        return Ok(());
    }
    if on_path("rustup").is_none() {
        bail!(
            "this Rust toolchain has no {TARGET}, and there is no rustup to add it.\n\
             Install rustup from https://rustup.rs, or your distribution's package of the Rust standard \
             library for {TARGET}, then run this again."
        );
    }
    println!("adding {TARGET} through rustup");
    run_to_end(
        Command::new("rustup").args(["target", "add", TARGET]),
        &format!("rustup target add {TARGET}"),
    )
}

/// Looks at the toolchain itself, so that one from a distribution serves as well as rustup's.
fn has_target() -> anyhow::Result<bool> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"));
    let output = Command::new(rustc)
        .args(["--print", "sysroot"])
        .output()
        .context("cannot start rustc")?;
    let sysroot = String::from_utf8(output.stdout).context("rustc's sysroot is not text")?;
    Ok(Path::new(sysroot.trim())
        .join("lib/rustlib")
        .join(TARGET)
        .join("lib")
        .is_dir())
}
