//! Files: whether they are there, whose they are, and who else may read or write them.

use std::fs::{File, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::Access;

use super::report::Report;
use crate::config::{JwtSettings, Settings};
use crate::domain::grant::SecretSource;
use crate::manifest::PluginsFile;
use crate::store;

const AREA: &str = "files";

/// The bits of a mode that let anybody but the owner in.
const OTHERS: u32 = 0o077;
/// The bits that let everybody on the machine read or write. A secret that another program puts there (systemd,
/// Kubernetes) may belong to a group.
const EVERYBODY: u32 = 0o007;
/// The bits that let group or everybody write.
const WRITERS: u32 = 0o022;

/// Looks at the data directory, the keys in it, the database's file, `plugins.toml` and the files of secrets.
pub(super) fn examine(settings: &Settings, file: Option<&PluginsFile>, report: &mut Report) {
    data_dir(&settings.data_dir, report);
    for path in kept_keys(&settings.data_dir) {
        private(&path, "a key", OTHERS, report);
    }
    if let Ok(Some(path)) = store::file_of(settings.database_url.expose())
        && path.exists()
    {
        private(&path, "the database", OTHERS, report);
    }
    if let JwtSettings::Files(files) = &settings.jwt {
        for path in files {
            private(path, "a key that signs tokens", EVERYBODY, report);
        }
    }
    let dotenv = Path::new(".env");
    if dotenv.is_file() {
        private(dotenv, "settings and secrets", EVERYBODY, report);
    }
    plugins_file(&settings.plugins_file, report);
    for path in file.into_iter().flat_map(secret_files) {
        private(&path, "a secret", EVERYBODY, report);
    }
}

fn data_dir(path: &Path, report: &mut Report) {
    let what = path.display().to_string();
    let meta = match std::fs::metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let parent = nearest(path);
            if rustix::fs::access(&parent, Access::WRITE_OK).is_ok() {
                report.ok(AREA, &what, "not there yet; `hookyard serve` makes it");
            } else {
                let told = format!("not there, and {} is not writable by this user", parent.display());
                let mend = "make it and give it to the user that Hookyard runs as, or name another (HOOKYARD_DATA_DIR)";
                report.fail(AREA, &what, &told, mend);
            }
            return;
        }
        Err(error) => {
            let mend = "let the user that Hookyard runs as enter the directories above it";
            report.fail(AREA, &what, &format!("it cannot be looked at: {error}"), mend);
            return;
        }
    };
    if !meta.is_dir() {
        let mend = "move it away, or name another data directory (HOOKYARD_DATA_DIR)";
        report.fail(AREA, &what, "it is no directory", mend);
    } else if rustix::fs::access(path, Access::WRITE_OK).is_err() {
        let told = format!("this user cannot write in it; it belongs to user {}", meta.uid());
        let mend = format!("run this as that user, or give it away: chown -R USER {what}");
        report.fail(AREA, &what, &told, &mend);
    } else {
        told_mode(&meta, path, "the data directory", OTHERS, "700", report);
    }
}

/// The directory that is there and would hold `path`.
fn nearest(path: &Path) -> PathBuf {
    let above = path.ancestors().skip(1);
    let named = above
        .filter(|path| !path.as_os_str().is_empty())
        .find(|path| path.exists());
    named.unwrap_or_else(|| Path::new(".")).to_owned()
}

/// The keys that are made and kept.
fn kept_keys(data_dir: &Path) -> Vec<PathBuf> {
    let signing = std::fs::read_dir(data_dir.join("keys"))
        .into_iter()
        .flatten()
        .flatten();
    let mut paths: Vec<_> = signing
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|found| found == "key"))
        .collect();
    paths.sort();
    let master = data_dir.join("vault/master.key");
    paths.extend(master.exists().then_some(master));
    paths
}

/// The files that secrets of plugins and sources are read from, each once.
fn secret_files(file: &PluginsFile) -> Vec<PathBuf> {
    let granted = file.plugins.iter().filter(|spec| spec.enabled);
    let granted = granted.flat_map(|spec| spec.grants.secrets.values().map(|grant| &grant.source));
    let sources = file.sources.iter().flat_map(|spec| &spec.secrets);
    let mut paths: Vec<_> = granted
        .chain(sources)
        .filter_map(|source| match source {
            SecretSource::File(path) => Some(path.clone()),
            SecretSource::Env(_) | SecretSource::Stored(_) => None,
        })
        .collect();
    paths.sort();
    paths.dedup();
    paths
}

/// A file that must be readable here and to nobody whom `forbidden` names.
fn private(path: &Path, is: &str, forbidden: u32, report: &mut Report) {
    let what = path.display().to_string();
    match File::open(path).and_then(|file| file.metadata()) {
        Ok(meta) => told_mode(&meta, path, is, forbidden, "600", report),
        Err(error) => {
            let mend = match error.kind() {
                ErrorKind::NotFound => format!("put {is} there, or name another file"),
                _ => format!("let the user that Hookyard runs as read it: chown USER {what}"),
            };
            report.fail(AREA, &what, &format!("{is}; it cannot be read: {error}"), &mend);
        }
    }
}

fn told_mode(meta: &Metadata, path: &Path, is: &str, forbidden: u32, right: &str, report: &mut Report) {
    let what = path.display().to_string();
    let mode = meta.permissions().mode() & 0o7777;
    let told = format!("{is}, mode {mode:04o}");
    if mode & forbidden == 0 {
        report.ok(AREA, &what, &told);
    } else {
        let told = format!("{told}: other users of this machine can get at it");
        report.warn(AREA, &what, &told, &format!("chmod {right} {what}"));
    }
}

/// Whoever writes this file grants rights; that it can be read was told with the settings.
fn plugins_file(path: &Path, report: &mut Report) {
    let Ok(meta) = std::fs::metadata(path) else {
        return;
    };
    let what = path.display().to_string();
    let mode = meta.permissions().mode() & 0o7777;
    if mode & WRITERS == 0 {
        report.ok(AREA, &what, &format!("the operator's file, mode {mode:04o}"));
    } else {
        let told =
            format!("mode {mode:04o}: others than its owner can write it, and so grant rights to plugins");
        report.warn(AREA, &what, &told, &format!("chmod go-w {what}"));
    }
}
