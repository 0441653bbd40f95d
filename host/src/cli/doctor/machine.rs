//! The machine: room on its disks, open files, the address to serve on.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use rustix::process::{Resource, getrlimit};

use super::report::Report;
use crate::config::Settings;
use crate::http::serve::MAX_CONNECTIONS;
use crate::store;

const AREA: &str = "machine";

/// Free bytes below which the next busy minute may fill the disk: the write-ahead log may keep 64 MiB, and one
/// commit of the largest bodies, a compiled component and an upload take as much again.
const LEAST_FREE: u64 = 256 << 20;
/// Free bytes below which it is time to do something: a day of some ten events of 1 KiB a second.
const GOOD_FREE: u64 = 2 << 30;
/// Free inodes below which builds and journals may find no name.
const LEAST_INODES: u64 = 1_000;
/// Open files beside connections: database, components, plugins' requests, log.
const OTHER_FILES: u64 = 256;

/// Looks at disks, limits and the address.
pub(super) fn examine(settings: &Settings, server_runs: bool, report: &mut Report) {
    disk(&settings.data_dir, "the data directory's disk", report);
    if let Ok(Some(path)) = store::file_of(settings.database_url.expose())
        && !path.starts_with(&settings.data_dir)
    {
        disk(&path, "the database's disk", report);
    }
    open_files(report);
    if !server_runs {
        address(settings, report);
    }
    let told_by_proxy = settings.public_url.as_ref().map(ToString::to_string);
    let in_clear = told_by_proxy.is_none_or(|url| !url.starts_with("https:"));
    if in_clear && settings.serving.tls.is_none() && !settings.listen.ip().is_loopback() {
        let told = "other machines reach it without TLS: tokens and webhooks can be read on the way";
        let mend = "set HOOKYARD_TLS_CERT and HOOKYARD_TLS_KEY; or put a proxy with TLS in front, listen on 127.0.0.1 only \
                    and set HOOKYARD_PUBLIC_URL to the proxy's https:// address";
        report.warn(AREA, &settings.listen.to_string(), told, mend);
    }
}

fn disk(path: &Path, what: &str, report: &mut Report) {
    let there = path.ancestors().find(|path| path.exists());
    let there = there.map_or_else(|| PathBuf::from("."), Path::to_path_buf);
    let stat = match rustix::fs::statvfs(&there) {
        Ok(stat) => stat,
        Err(error) => {
            let told = format!("cannot ask how full it is: {error}");
            report.warn(
                AREA,
                what,
                &told,
                &format!("look at it with df {}", there.display()),
            );
            return;
        }
    };
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let told = format!("{} free", bytesize::ByteSize::b(free));
    let mend = "make room, let [retention] in plugins.toml remove old events, or move the data directory";
    if free < LEAST_FREE {
        report.fail(AREA, what, &told, mend);
    } else if free < GOOD_FREE {
        report.warn(AREA, what, &told, mend);
    } else if stat.f_files > 0 && stat.f_favail < LEAST_INODES {
        let told = format!("{told}, and room for {} more files", stat.f_favail);
        report.warn(
            AREA,
            what,
            &told,
            "remove files that nothing needs: df -i shows the count",
        );
    } else {
        report.ok(AREA, what, &told);
    }
}

fn open_files(report: &mut Report) {
    let needed = OTHER_FILES + MAX_CONNECTIONS as u64;
    match getrlimit(Resource::Nofile).current {
        Some(limit) if limit < needed => {
            let told = format!(
                "{limit} at most, and {MAX_CONNECTIONS} connections with what is beside them take {needed}: \
                 connections will be refused when many come"
            );
            let mend = "LimitNOFILE=65536 in the systemd unit, or ulimit -n 65536 before the start";
            report.warn(AREA, "open files", &told, mend);
        }
        Some(limit) => report.ok(AREA, "open files", &format!("{limit} at most")),
        None => report.ok(AREA, "open files", "no limit"),
    }
}

/// Tries the address for a moment, while no server has it.
fn address(settings: &Settings, report: &mut Report) {
    let what = settings.listen.to_string();
    match TcpListener::bind(settings.listen) {
        Ok(_listener) => report.ok(AREA, &what, "free to listen on"),
        Err(error) => {
            let mend = match error.kind() {
                ErrorKind::AddrInUse => {
                    "stop what listens there (ss -ltnp shows it), or name another address (HOOKYARD_LISTEN)"
                }
                ErrorKind::PermissionDenied => {
                    "name a port from 1024 on, or give the service CAP_NET_BIND_SERVICE"
                }
                _ => "name an address of this machine (HOOKYARD_LISTEN)",
            };
            report.fail(AREA, &what, &format!("cannot listen there: {error}"), mend);
        }
    }
}
