//! `plugins new`: a small project that builds, tests and runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::super::output::Output;
use crate::control::Answer;
use crate::domain::plugin::PluginName;

mod kit {
    include!(concat!(env!("OUT_DIR"), "/kit.rs"));
}

#[derive(Args)]
pub struct NewArgs {
    /// The plugin's name, for example notes
    name: PluginName,
    /// The language to write it in
    #[arg(long, value_enum, default_value_t = Language::Rust)]
    lang: Language,
    /// The project's directory, which must not be there or be empty [default: ./NAME]
    #[arg(long)]
    dir: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Language {
    Rust,
    Js,
    Python,
}

impl Language {
    const fn folder(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Js => "js",
            Self::Python => "python",
        }
    }

    /// Where a file of the kit goes in a project of this language; `None` when it does not belong there.
    fn place(self, file: &str) -> Option<PathBuf> {
        let (tree, below) = file.split_once('/')?;
        let below = below.strip_suffix(".tmpl").unwrap_or(below);
        match tree {
            "wit" => Some(Path::new("wit").join(below)),
            "sdk" if self == Self::Rust => Some(Path::new("vendor/sdk/src").join(below)),
            tree if tree == self.folder() && below == "gitignore" => Some(".gitignore".into()),
            tree if tree == self.folder() => Some(below.into()),
            _ => None,
        }
    }
}

pub(super) fn run(args: &NewArgs, output: Output) -> anyhow::Result<ExitCode> {
    let dir = args
        .dir
        .clone()
        .unwrap_or_else(|| PathBuf::from(args.name.as_str()));
    let empty = fs::read_dir(&dir).map_or(true, |mut entries| entries.next().is_none());
    ensure!(
        empty && !dir.is_file(),
        "{} is there already and not empty; name another directory with --dir",
        dir.display()
    );
    let mut written = Vec::new();
    for (file, text) in kit::FILES {
        let Some(place) = args.lang.place(file) else {
            continue;
        };
        let path = dir.join(&place);
        let folder = path.parent().unwrap_or(&dir);
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        // The SDK and the interfaces are copied as they are.
        let text = if file.starts_with("sdk/") || file.starts_with("wit/") {
            (*text).to_owned()
        } else {
            filled(text, &args.name)
        };
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        written.push(place);
    }
    let told = json!({ "directory": dir, "files": written });
    output.print(&Answer::of(&told)?, |_| {
        println!(
            "made {} files in {}; README.md says how to build, test and run it:\n",
            written.len(),
            dir.display()
        );
        println!("  cd {}", dir.display());
        for command in next(args.lang) {
            println!("  {command}");
        }
    });
    Ok(ExitCode::SUCCESS)
}

const fn next(language: Language) -> &'static [&'static str] {
    match language {
        Language::Rust => &["cargo test", "cargo build --release --target wasm32-wasip2"],
        Language::Js => &["npm install", "npm test", "npm run build"],
        Language::Python => &[
            "python3 -m venv .venv",
            ".venv/bin/pip install -r requirements.txt",
            ".venv/bin/componentize-py -d wit -w plugin componentize app -o plugin.wasm",
        ],
    }
}

/// The text with the plugin's name in it: as it is, as a file of Rust, and as a type.
fn filled(text: &str, name: &PluginName) -> String {
    let words = name.as_str().split('-').filter(|word| !word.is_empty());
    let mut camel = String::new();
    for word in words {
        let (first, rest) = word.split_at(1);
        camel.push_str(&first.to_ascii_uppercase());
        camel.push_str(rest);
    }
    text.replace("{{name}}", name.as_str())
        .replace("{{name_}}", &name.as_str().replace('-', "_"))
        .replace("{{Name}}", &camel)
        .replace("{{version}}", env!("CARGO_PKG_VERSION"))
}
