//! The switches of `shim/trouble.c`: a disk and a clock in trouble while the server runs.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;

/// The compiled shim.
pub const SHIM: &str = concat!(env!("OUT_DIR"), "/trouble.so");

/// Numbers that the shim and we share.
const NUMBERS: u64 = 7;

const WRITE_ERRNO: u64 = 0;
const SYNC_ERRNO: u64 = 1;
const SYNC_DELAY_MS: u64 = 2;
const CLOCK_SHIFT_NS: u64 = 3;
const WRITES_FAILED: u64 = 4;
const SYNCS_FAILED: u64 = 5;
const SYNCS_DELAYED: u64 = 6;

/// What an operation fails with, as Linux numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i64)]
pub enum Errno {
    Io = 5,
    NoSpace = 28,
    ReadOnly = 30,
}

/// The switches.
pub struct Trouble {
    control: File,
    path: PathBuf,
    directory: PathBuf,
}

impl Trouble {
    /// Switches for the files below `directory`, all off. The control file lies beside it.
    ///
    /// # Errors
    /// When the control file cannot be made.
    pub fn new(directory: &Path) -> anyhow::Result<Self> {
        // The shim compares paths that the kernel has resolved.
        let directory = directory.canonicalize()?;
        let path = directory.with_extension("trouble");
        let control = File::options()
            .create(true)
            .truncate(true)
            .read(true)
            .write(true)
            .open(&path)
            .with_context(|| format!("cannot make {}", path.display()))?;
        control.set_len(NUMBERS * 8)?;
        Ok(Self {
            control,
            path,
            directory,
        })
    }

    /// What lets a program have the trouble.
    pub fn variables(&self) -> Vec<(String, OsString)> {
        vec![
            ("LD_PRELOAD".to_owned(), SHIM.into()),
            ("TROUBLE_CONTROL".to_owned(), self.path.clone().into()),
            ("TROUBLE_DIR".to_owned(), self.directory.clone().into()),
        ]
    }

    /// Every write fails from now on, or none.
    pub fn writes_fail(&self, with: Option<Errno>) -> anyhow::Result<()> {
        self.set(WRITE_ERRNO, with.map_or(0, |errno| errno as i64))
    }

    /// Every sync fails from now on, or none.
    pub fn syncs_fail(&self, with: Option<Errno>) -> anyhow::Result<()> {
        self.set(SYNC_ERRNO, with.map_or(0, |errno| errno as i64))
    }

    /// Every sync takes so much longer.
    pub fn syncs_wait(&self, wait: Duration) -> anyhow::Result<()> {
        self.set(SYNC_DELAY_MS, i64::try_from(wait.as_millis())?)
    }

    /// The clock of the day stands so many seconds from the right time.
    pub fn shift_clock(&self, seconds: i64) -> anyhow::Result<()> {
        self.set(CLOCK_SHIFT_NS, seconds * 1_000_000_000)
    }

    /// How many operations were in trouble: writes failed, syncs failed, syncs delayed.
    pub fn counts(&self) -> anyhow::Result<[u64; 3]> {
        Ok([
            self.get(WRITES_FAILED)?,
            self.get(SYNCS_FAILED)?,
            self.get(SYNCS_DELAYED)?,
        ])
    }

    fn set(&self, which: u64, value: i64) -> anyhow::Result<()> {
        Ok(self.control.write_all_at(&value.to_ne_bytes(), which * 8)?)
    }

    fn get(&self, which: u64) -> anyhow::Result<u64> {
        let mut bytes = [0; 8];
        self.control.read_exact_at(&mut bytes, which * 8)?;
        Ok(u64::try_from(i64::from_ne_bytes(bytes))?)
    }
}
