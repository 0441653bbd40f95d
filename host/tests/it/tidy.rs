//! The rules of `docs/architecture.md` that a machine can check, read off the source.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Longer files are split by what they are about.
const MAX_LINES: usize = 500;

/// Parts that everything may use, and that know the domain at most.
const HELPERS: &[&str] = &[
    "batch",
    "clock",
    "data_dir",
    "environment",
    "fault",
    "lifecycle",
    "metrics",
    "secret",
    "telemetry",
    "wake",
];

/// The top: builds the application, and drives it from the command line or the control socket. May name all, and
/// is named by nothing below.
const ROOTS: &[&str] = &["app", "cli", "control"];

/// Which modules of the crate each module may name, beside itself and the helpers.
const ARROWS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("config", &["domain"]),
    ("manifest", &["domain"]),
    ("store", &["domain"]),
    ("auth", &["domain", "store"]),
    ("audit", &["domain", "store"]),
    ("vault", &["domain", "store"]),
    ("intake", &["domain", "store", "vault"]),
    ("wasm", &["domain", "store", "vault"]),
    ("watcher", &["domain"]),
    ("processes", &["auth", "domain", "store"]),
    ("actions", &["domain", "store", "wasm"]),
    ("operator", &["domain", "manifest", "store", "wasm", "watcher"]),
    ("nodes", &["domain", "operator", "store", "wasm"]),
    ("dispatch", &["domain", "manifest", "operator", "store", "wasm"]),
    ("scheduler", &["domain", "store"]),
    ("retention", &["domain", "store"]),
    ("routing", &["domain", "wasm"]),
    ("replays", &["domain", "intake", "store"]),
    ("counts", &["store"]),
    ("rehearsal", &["domain", "store", "vault", "wasm"]),
    ("import", &["auth", "domain", "store"]),
    (
        "http",
        &[
            "actions",
            "audit",
            "auth",
            "config",
            "dispatch",
            "domain",
            "intake",
            "manifest",
            "nodes",
            "operator",
            "processes",
            "replays",
            "routing",
            "scheduler",
            "store",
            "wasm",
        ],
    ),
];

/// The frameworks, and the modules that may know them.
const FRAMEWORKS: &[(&str, &[&str])] = &[
    ("axum", &["http", "app", "intake"]),
    ("cel", &["domain"]),
    ("clap", &["cli", "config"]),
    ("opentelemetry", &["telemetry"]),
    ("opentelemetry_proto", &["telemetry"]),
    ("prost", &["telemetry"]),
    ("sqlx", &["store"]),
    ("utoipa", &["http"]),
    ("wasmtime", &["wasm"]),
];

/// A file of the host, with what follows its unit tests cut off.
struct Source {
    /// Below `src`.
    path: PathBuf,
    /// The module of the crate it belongs to.
    module: String,
    text: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    walk(&root, "rs", &mut files);
    assert!(files.len() > 20, "the walk is broken");
    files
        .into_iter()
        .map(|file| {
            let path = file.strip_prefix(&root).expect("below src").to_path_buf();
            let first = path.iter().next().expect("a name").to_string_lossy();
            let text = std::fs::read_to_string(&file).expect("UTF-8");
            Source {
                module: first.trim_end_matches(".rs").to_owned(),
                path,
                text,
            }
        })
        .collect()
}

fn walk(dir: &Path, extension: &str, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(dir)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().expect("a name").to_string_lossy();
        if path.is_dir() && !["target", "node_modules", "dist", ".git", "data"].contains(&&*name) {
            walk(&path, extension, files);
        } else if path.extension().is_some_and(|found| found == extension) {
            files.push(path);
        }
    }
}

/// Without comments and without the unit tests at the end of a file.
fn code(text: &str) -> String {
    let product = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    product
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .fold(String::new(), |mut kept, line| {
            kept.push_str(line);
            kept.push('\n');
            kept
        })
}

/// The modules that come after `crate::`, alone or in braces.
fn named_modules(code: &str) -> BTreeSet<String> {
    let word = |text: &str| {
        text.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect::<String>()
    };
    let mut modules = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        let Some(group) = rest.strip_prefix('{') else {
            modules.insert(word(rest));
            continue;
        };
        let mut depth = 0;
        let mut starts = true;
        for (position, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => starts = true,
                c if starts && c.is_alphanumeric() => {
                    modules.insert(word(&group[position..]));
                    starts = false;
                }
                _ => {}
            }
        }
    }
    modules
}

fn names_crate(code: &str, name: &str) -> bool {
    let path = format!("{name}::");
    code.match_indices(&path).any(|(at, _)| {
        code[..at]
            .chars()
            .next_back()
            .is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':')
    })
}

fn wrong_arrows(module: &str, code: &str) -> Vec<String> {
    let allowed = if HELPERS.contains(&module) {
        &["domain", "config"][..]
    } else if let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == module) {
        allowed
    } else {
        return Vec::new();
    };
    let named = named_modules(code).into_iter().filter(|named| {
        let is_module = ARROWS.iter().any(|(name, _)| name == named) || ROOTS.contains(&&**named);
        is_module && named != module && !allowed.contains(&&**named)
    });
    named
        .map(|named| format!("{module} must not name crate::{named}"))
        .collect()
}

fn report(findings: &[String]) {
    let mut text = String::new();
    for finding in findings {
        writeln!(text, "  {finding}").expect("a string takes everything");
    }
    assert!(findings.is_empty(), "\n{text}");
}

#[test]
fn arrows_between_modules_point_one_way() {
    let mut findings = Vec::new();
    for source in sources() {
        let path = source.path.display();
        for wrong in wrong_arrows(&source.module, &code(&source.text)) {
            findings.push(format!("{path}: {wrong}"));
        }
    }
    report(&findings);
}

#[test]
fn every_module_has_its_place_in_the_map() {
    let known = |module: &str| {
        HELPERS.contains(&module)
            || ARROWS.iter().any(|(name, _)| *name == module)
            || ROOTS.contains(&module)
            || ["lib", "main"].contains(&module)
    };
    let unknown: BTreeSet<String> = sources()
        .into_iter()
        .map(|source| source.module)
        .filter(|module| !known(module))
        .collect();
    report(
        &unknown
            .into_iter()
            .map(|module| format!("add {module} to ARROWS or HELPERS"))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn frameworks_stay_in_their_layer() {
    let mut findings = Vec::new();
    for source in sources() {
        let code = code(&source.text);
        for (framework, modules) in FRAMEWORKS {
            if names_crate(&code, framework) && !modules.contains(&source.module.as_str()) {
                findings.push(format!(
                    "{}: only {modules:?} may know {framework}",
                    source.path.display()
                ));
            }
        }
    }
    report(&findings);
}

#[test]
fn the_check_of_arrows_sees_wrong_ones() {
    assert_eq!(wrong_arrows("domain", "use crate::store::Store;").len(), 1);
    assert_eq!(
        wrong_arrows(
            "store",
            "use crate::{\n    clock::Clock,\n    http::{A, B}, domain::Id};"
        )
        .len(),
        1
    );
    assert_eq!(wrong_arrows("dispatch", "let x = crate::http::serve();").len(), 1);
    assert_eq!(
        wrong_arrows("http", "pub(crate) fn x(a: crate::app::App)").len(),
        1
    );
    assert_eq!(wrong_arrows("clock", "use crate::store;").len(), 1);
    assert!(wrong_arrows("store", "use crate::domain::{event::Event, http};").is_empty());
    assert!(names_crate("use sqlx::Row;", "sqlx") && !names_crate("crate::my_sqlx::x", "sqlx"));
}

#[test]
fn files_are_short_and_without_shortcuts() {
    let shortcuts = [
        (
            ".unwrap()",
            "say with expect why it cannot fail, or return an error",
        ),
        ("#[allow(", "use #[expect(lint, reason = \"…\")]"),
        ("#![allow(", "use #[expect(lint, reason = \"…\")]"),
        ("todo!(", "do it"),
        ("unimplemented!(", "do it"),
    ];
    let mut findings = Vec::new();
    for source in sources() {
        let path = source.path.display();
        let lines = source.text.lines().count();
        if lines > MAX_LINES {
            findings.push(format!(
                "{path}: {lines} lines, more than {MAX_LINES}; split it by what it is about"
            ));
        }
        if source.path.file_stem().is_some_and(|stem| stem == "tests") {
            continue;
        }
        let code = code(&source.text);
        for (shortcut, mend) in shortcuts {
            if code.contains(shortcut) {
                findings.push(format!("{path}: {shortcut}: {mend}"));
            }
        }
    }
    report(&findings);
}

/// How the vendors' secrets begin, and how many characters of one follow. In two parts each, so that this file
/// has none.
const SECRETS: &[(&str, &str, usize)] = &[
    ("xox", "b-", 10),
    ("xox", "p-", 10),
    ("gh", "p_", 20),
    ("github", "_pat_", 20),
    ("hooks.slack.com", "/services/T", 16),
    ("AK", "IA", 16),
    ("-----BEGIN PRIV", "ATE KEY-----", 16),
    ("-----BEGIN RSA PRIV", "ATE KEY-----", 16),
];

fn looks_secret(text: &str) -> Option<&'static str> {
    for (first, second, length) in SECRETS {
        let start = format!("{first}{second}");
        for (at, _) in text.match_indices(&start) {
            let rest = text[at + start.len()..].trim_start_matches(['\\', 'n', '\n']);
            let word = rest
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || "-_/+=".contains(*c))
                .count();
            if word >= *length {
                return Some(first);
            }
        }
    }
    None
}

#[test]
fn nothing_looks_like_a_secret() {
    let planted = format!("token = \"{}{}{}\"", "xox", "b-", "1234567890-abc");
    assert_eq!(looks_secret(&planted), Some("xox"), "the search is broken");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for extension in [
        "rs", "toml", "md", "mjs", "json", "wit", "sql", "example", "py", "sh",
    ] {
        walk(&root, extension, &mut files);
    }
    let mut findings = Vec::new();
    for file in files {
        let Ok(text) = std::fs::read_to_string(&file) else {
            continue;
        };
        if let Some(kind) = looks_secret(&text) {
            findings.push(format!(
                "{} holds what looks like a secret ({kind}…): make it at run time",
                file.display()
            ));
        }
    }
    report(&findings);
}

/// The names of types and functions in a WIT file.
fn wit_names(text: &str) -> Vec<String> {
    let named = |line: &str| {
        let line = line.trim();
        let words = ["record ", "variant ", "enum "];
        let of_type = words.iter().find_map(|word| line.strip_prefix(word));
        let of_function = line.split_once(": func(").map(|(name, _)| name);
        let name = of_type.or(of_function)?;
        name.split([' ', '{'])
            .find(|word| !word.is_empty() && *word != "export")
            .map(str::to_owned)
    };
    text.lines().filter_map(named).collect()
}

#[test]
fn the_guide_for_authors_names_every_item_of_the_interfaces() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let guide = std::fs::read_to_string(root.join("docs/plugins.md")).expect("the guide");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(root.join("wit")).expect("a folder") {
        let path = entry.expect("an entry").path();
        files.extend(
            path.extension()
                .is_some_and(|found| found == "wit")
                .then_some(path),
        );
    }
    let names: Vec<_> = files
        .iter()
        .flat_map(|file| wit_names(&std::fs::read_to_string(file).expect("readable")))
        .collect();
    assert!(names.len() > 20, "{names:?}");
    let missing: Vec<_> = names
        .iter()
        .filter(|name| !guide.contains(name.as_str()))
        .collect();
    assert!(missing.is_empty(), "docs/plugins.md does not name {missing:?}");
}
