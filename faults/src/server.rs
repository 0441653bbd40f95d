//! The real binary: started, listened to, killed by its own id.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal};

use crate::bound;

/// How long a start may take: a first one compiles the components.
const READY_WITHIN: Duration = Duration::from_mins(2);

/// How often a wait looks again.
pub const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Lines shown of a server that failed.
const TAIL_LINES: usize = 25;

/// How it is started.
#[derive(Clone)]
pub struct Launch {
    pub binary: PathBuf,
    /// Everything it is told; it inherits nothing but `PATH`.
    pub environment: Vec<(String, OsString)>,
    /// Most open files.
    pub files: u64,
    /// Takes what it logs, of every start.
    pub log: PathBuf,
    /// Where it is started.
    pub folder: PathBuf,
}

/// A process that may not serve yet.
pub struct Server {
    child: Child,
    told: Receiver<()>,
    /// It has said that it serves.
    serves: bool,
    log: PathBuf,
}

impl Server {
    /// Starts the binary and does not wait. Only from the main thread: see [`bound`].
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(launch: &Launch) -> anyhow::Result<Self> {
        let log = OpenOptions::new().create(true).append(true).open(&launch.log);
        let log = log.with_context(|| format!("cannot write {}", launch.log.display()))?;
        let mut child = bound::command(launch.files)?
            .arg("--")
            .arg(&launch.binary)
            .arg("serve")
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(launch.environment.iter().cloned())
            .current_dir(&launch.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .context("cannot start hookyard")?;
        let (tell, told) = mpsc::channel();
        let output = child.stdout.take().context("it is piped")?;
        thread::spawn(move || {
            // To the end, so that whatever else it prints does not fill the pipe.
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if line.starts_with("listening on ") {
                    let _nobody_waits = tell.send(());
                }
            }
        });
        Ok(Self {
            child,
            told,
            serves: false,
            log: launch.log.clone(),
        })
    }

    /// Starts the binary and waits until it serves.
    ///
    /// # Errors
    /// When it ends or does not serve in time, with the last lines of its log.
    pub fn start(launch: &Launch) -> anyhow::Result<Self> {
        let mut server = Self::spawn(launch)?;
        if server.serves_within(READY_WITHIN)? {
            return Ok(server);
        }
        let how = server
            .ended()?
            .map_or_else(|| "still runs".to_owned(), |how| how.to_string());
        bail!("hookyard does not serve ({how}):\n{}", server.tail())
    }

    /// Whether it serves before the time is over or it ends.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub fn serves_within(&mut self, within: Duration) -> anyhow::Result<bool> {
        if self.serves {
            return Ok(true);
        }
        match self.told.recv_timeout(within) {
            Ok(()) => {
                self.serves = true;
                Ok(true)
            }
            Err(RecvTimeoutError::Timeout) => Ok(false),
            Err(RecvTimeoutError::Disconnected) => {
                self.child.wait()?;
                Ok(false)
            }
        }
    }

    /// SIGKILL, and wait until it is gone.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// SIGSTOP: it stands still wherever it is, and knows nothing of it.
    ///
    /// # Errors
    /// When it is gone.
    pub fn pause(&self) -> anyhow::Result<()> {
        Ok(rustix::process::kill_process(self.pid()?, Signal::STOP)?)
    }

    /// SIGCONT: it goes on as if no time had passed.
    ///
    /// # Errors
    /// When it is gone.
    pub fn resume(&self) -> anyhow::Result<()> {
        Ok(rustix::process::kill_process(self.pid()?, Signal::CONT)?)
    }

    /// SIGTERM; how it ended and how long that took.
    ///
    /// # Errors
    /// When it has not ended within `within`; it is then killed.
    pub fn terminate(mut self, within: Duration) -> anyhow::Result<(ExitStatus, Duration)> {
        let began = Instant::now();
        rustix::process::kill_process(self.pid()?, Signal::TERM)?;
        let status = self.ends_within(within)?;
        Ok((status, began.elapsed()))
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When the time is over first.
    pub fn ends_within(&mut self, within: Duration) -> anyhow::Result<ExitStatus> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if began.elapsed() > within {
                bail!("hookyard did not end in {} s:\n{}", within.as_secs(), self.tail());
            }
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Resident memory, in KiB.
    ///
    /// # Errors
    /// When it has ended.
    pub fn resident_kib(&self) -> anyhow::Result<u64> {
        let file = format!("/proc/{}/status", self.child.id());
        let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {file}"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let word = line.and_then(|line| line.split_whitespace().next());
        word.context("no VmRSS")?.parse().context("VmRSS")
    }

    fn pid(&self) -> anyhow::Result<Pid> {
        let id = i32::try_from(self.child.id())?;
        Pid::from_raw(id).context("a process id")
    }

    /// The last lines of its log.
    pub fn tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}
