//! Gathers what `hookyard plugins new` writes: the templates, the interfaces, and the SDK's sources.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Folders below the repository, and where their files go in a project.
const TREES: [(&str, &str); 5] = [
    ("host/templates/rust", "rust"),
    ("host/templates/js", "js"),
    ("host/templates/python", "python"),
    ("wit", "wit"),
    ("plugins/sdk/src", "sdk"),
];

fn main() {
    let manifest = env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let root = Path::new(&manifest)
        .join("..")
        .canonicalize()
        .expect("the repository");
    let mut text = "/// Path and content of every file.\npub const FILES: &[(&str, &str)] = &[\n".to_owned();
    for (folder, name) in TREES {
        let folder = root.join(folder);
        println!("cargo::rerun-if-changed={}", folder.display());
        let mut files = Vec::new();
        gather(&folder, &mut files);
        files.sort();
        for file in files {
            let below = file.strip_prefix(&folder).expect("it lies below");
            let below = below.to_str().expect("UTF-8");
            let file = file.to_str().expect("UTF-8");
            writeln!(text, "    (\"{name}/{below}\", include_str!({file:?})),").expect("a String takes all");
        }
    }
    text.push_str("];\n");
    let out = env::var_os("OUT_DIR").expect("cargo sets it");
    fs::write(Path::new(&out).join("kit.rs"), text).expect("written");
}

fn gather(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            gather(&path, files);
        } else {
            files.push(path);
        }
    }
}
