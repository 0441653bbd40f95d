//! `man` and `completions`, for packages.

use std::path::Path;

use anyhow::Context as _;

/// Writes a page for the program and for each of its commands into a directory that is there.
pub fn write(command: clap::Command, dir: &Path) -> anyhow::Result<()> {
    clap_mangen::generate_to(command, dir).with_context(|| format!("cannot write pages to {}", dir.display()))
}
