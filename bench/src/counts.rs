//! Instruction counts of the hot paths, by callgrind: a regression shows without a clock, on a busy machine too.
//!
//! Each path is done a few times and many times; the difference is the path's own. What the counts were is in
//! `bench/counts.json`, by profile, with how far they may be from it.

use std::path::{Path as File, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::{Map, Value};

use crate::hot::Path;
use crate::row::figure;

/// How often a path is done, for the two counts.
const FEW: u32 = 20;
const MANY: u32 = 120;

/// What is counted, and against what.
#[derive(Args, Clone, Debug)]
pub struct Counting {
    /// The committed counts
    #[arg(long)]
    pub file: PathBuf,
    /// Write what was counted as what is expected from now on
    #[arg(long)]
    pub renew: bool,
}

/// The profile that this program was built with: others compile to other instructions.
const PROFILE: &str = if cfg!(debug_assertions) { "dev" } else { "release" };

/// Counts and compares; whether all counts are within what is allowed.
///
/// # Errors
/// When there is no valgrind, or no committed count.
pub fn run(counting: &Counting) -> anyhow::Result<bool> {
    let text = std::fs::read_to_string(&counting.file)
        .with_context(|| format!("cannot read {}", counting.file.display()))?;
    let mut committed: Value = serde_json::from_str(&text).context("the committed counts are not JSON")?;
    let tolerance = committed["tolerance_percent"]
        .as_f64()
        .context("no tolerance_percent")?;
    // Where compiled code lies from the first call on: compiling under callgrind takes a minute.
    let room = tempfile::tempdir()?;
    let mut counted = Map::new();
    for path in Path::ALL {
        counted.insert(path.name().to_owned(), per_time(path, room.path())?.into());
    }
    if counting.renew {
        committed[PROFILE] = Value::Object(counted);
        std::fs::write(&counting.file, serde_json::to_string_pretty(&committed)? + "\n")?;
        println!("wrote {}", counting.file.display());
        return Ok(true);
    }
    let mut all_well = true;
    for path in Path::ALL {
        let name = path.name();
        let now = counted[name].as_u64().context("a count")?;
        let Some(before) = committed[PROFILE][name].as_u64() else {
            bail!(
                "{} has no count of `{name}` for the profile {PROFILE} (now {now}): cargo xtask bench --counts --renew",
                counting.file.display()
            );
        };
        let verdict = judge(now, before, tolerance);
        println!(
            "{name:<10} {now:>12} instructions, committed {before:>12}: {}",
            verdict.words()
        );
        all_well &= verdict != Verdict::More;
    }
    if !all_well {
        println!(
            "more than {tolerance} % above: find out why, or renew with `cargo xtask bench --counts --renew`"
        );
    }
    Ok(all_well)
}

/// How a count stands to the committed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Within,
    More,
    /// To be renewed, so that the gain is kept.
    Fewer,
}

impl Verdict {
    const fn words(self) -> &'static str {
        match self {
            Self::Within => "as it was",
            Self::More => "MORE",
            Self::Fewer => "fewer; renew, so that it stays so",
        }
    }
}

fn judge(now: u64, before: u64, tolerance_percent: f64) -> Verdict {
    let change = figure(now) / figure(before.max(1)) - 1.0;
    match change * 100.0 {
        change if change > tolerance_percent => Verdict::More,
        change if change < -tolerance_percent => Verdict::Fewer,
        _ => Verdict::Within,
    }
}

/// Instructions of one time.
fn per_time(path: Path, room: &File) -> anyhow::Result<u64> {
    if path == Path::Run {
        // Not counted: compiles and keeps the code.
        counted(path, 0, room)?;
    }
    let (few, many) = (counted(path, FEW, room)?, counted(path, MANY, room)?);
    let own = many.checked_sub(few).context("many times cost less than few")?;
    Ok(own / u64::from(MANY - FEW))
}

/// Instructions of a whole call of this program.
fn counted(path: Path, times: u32, room: &File) -> anyhow::Result<u64> {
    let out = room.join("callgrind.out");
    let status = Command::new("valgrind")
        .args(["--quiet", "--tool=callgrind"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(std::env::current_exe().context("where this program lies")?)
        .args(["hot", path.name(), "--times", &times.to_string(), "--room"])
        .arg(room.join("yard"))
        .stdin(Stdio::null())
        .status()
        .context("cannot start valgrind: apt-get install valgrind")?;
    if !status.success() {
        bail!("{} under callgrind ended with {status}", path.name());
    }
    let text = std::fs::read_to_string(&out).with_context(|| format!("cannot read {}", out.display()))?;
    total(&text).with_context(|| format!("no total in {}", out.display()))
}

/// The total of a file of callgrind's.
fn total(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| {
        line.strip_prefix("totals:")
            .or_else(|| line.strip_prefix("summary:"))
    })?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_found() {
        assert_eq!(
            total("events: Ir\nfn=(1) main\n1 5\ntotals: 123456\n"),
            Some(123_456)
        );
        assert_eq!(total("summary: 42\n"), Some(42));
        assert_eq!(total("nothing"), None);
    }

    #[test]
    fn only_more_is_a_failure() {
        assert_eq!(judge(104, 100, 3.0), Verdict::More);
        assert_eq!(judge(102, 100, 3.0), Verdict::Within);
        assert_eq!(judge(96, 100, 3.0), Verdict::Fewer);
    }

    #[test]
    fn the_committed_file_has_the_form_that_is_read() {
        let file = File::new(env!("CARGO_MANIFEST_DIR")).join("counts.json");
        let text = std::fs::read_to_string(file).expect("the committed counts");
        let committed: Value = serde_json::from_str(&text).expect("JSON");
        assert!(committed["tolerance_percent"].is_number());
        for profile in ["dev", "release"] {
            assert!(committed[profile].is_object(), "{profile}");
        }
    }
}
