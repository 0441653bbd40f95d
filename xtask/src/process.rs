//! Programs that run beside us: started, listened to, stopped in order, and never left behind.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal};

/// How long a program has to say that it is ready: a first start compiles the plugins.
const READY_WITHIN: Duration = Duration::from_mins(1);

/// How long a program has to end by itself after SIGTERM; past that it is killed.
const STOP_WITHIN: Duration = Duration::from_secs(20);

/// How often a wait looks again.
pub const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Lines shown of a program that ended too soon.
const TAIL_LINES: usize = 30;

/// The hidden sub-command that turns into the program named after it, once bound to our life.
pub const BOUND: &str = "bound";

/// A program that runs beside us; dropping it stops it.
pub struct Service {
    name: String,
    child: Child,
    log: PathBuf,
    /// While set, what the program writes is also shown.
    shown: Arc<AtomicBool>,
}

impl Service {
    /// Start a program and wait until `ready` finds what it looks for in one of its lines.
    ///
    /// All the lines go to `log`; none is shown until [`Service::show`].
    ///
    /// # Errors
    /// When it cannot be started, ends, or says nothing in time; with the last lines it wrote.
    pub fn start<T: Send + 'static>(
        name: &str,
        command: &Command,
        log: &Path,
        ready: fn(&str) -> Option<T>,
    ) -> anyhow::Result<(Self, T)> {
        let mut child = bound(command)?
            // Its own group: Ctrl-C at the terminal reaches only us, and we stop it in order.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let file = Arc::new(Mutex::new(file));
        let shown = Arc::new(AtomicBool::new(false));
        let (tell, told) = mpsc::channel();
        let outputs: [Option<Box<dyn Read + Send>>; 2] = [
            child.stdout.take().map(|out| Box::new(out) as _),
            child.stderr.take().map(|err| Box::new(err) as _),
        ];
        for output in outputs.into_iter().flatten() {
            let (file, shown, tell) = (Arc::clone(&file), Arc::clone(&shown), tell.clone());
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                    // A full disk must not stop the program by a full pipe.
                    let _unwritten = writeln!(file, "{line}");
                    if shown.load(Ordering::Relaxed) {
                        println!("{line}");
                    }
                    if let Some(found) = ready(&line) {
                        let _nobody_waits = tell.send(found);
                    }
                }
            });
        }
        drop(tell);
        let mut service = Self {
            name: name.to_owned(),
            child,
            log: log.to_path_buf(),
            shown,
        };
        let found = match told.recv_timeout(READY_WITHIN) {
            Ok(found) => found,
            Err(RecvTimeoutError::Disconnected) => bail!("{name} ended at once:\n{}", service.tail()),
            Err(RecvTimeoutError::Timeout) => {
                bail!(
                    "{name} was not ready in {} s:\n{}",
                    READY_WITHIN.as_secs(),
                    service.tail()
                )
            }
        };
        service.check()?;
        Ok((service, found))
    }

    /// From now on show what the program writes.
    pub fn show(&self) {
        self.shown.store(true, Ordering::Relaxed);
    }

    /// An error when the program has ended.
    ///
    /// # Errors
    /// Says how it ended and the last lines it wrote.
    pub fn check(&mut self) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("{} ended ({status}):\n{}", self.name, self.tail());
        }
        Ok(())
    }

    /// Ask the program to stop and wait for it; kill it when it does not.
    ///
    /// # Errors
    /// When it ended with a failure or had to be killed.
    pub fn stop(mut self) -> anyhow::Result<()> {
        self.end()
    }

    fn end(&mut self) -> anyhow::Result<()> {
        if self.child.try_wait()?.is_none()
            && let Ok(id) = i32::try_from(self.child.id())
            && let Some(pid) = Pid::from_raw(id)
        {
            rustix::process::kill_process(pid, Signal::TERM)?;
        }
        let started = Instant::now();
        while started.elapsed() < STOP_WITHIN {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => bail!("{} ended ({status}):\n{}", self.name, self.tail()),
                None => thread::sleep(LOOK_AGAIN),
            }
        }
        self.child.kill()?;
        self.child.wait()?;
        bail!(
            "{} did not stop in {} s and was killed",
            self.name,
            STOP_WITHIN.as_secs()
        )
    }

    /// The last lines that the program wrote.
    pub fn tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None))
            && let Err(error) = self.end()
        {
            eprintln!("{error:#}");
        }
    }
}

/// The same command, run through ourselves as `xtask bound PROGRAM …`: see [`become_bound`].
fn bound(command: &Command) -> anyhow::Result<Command> {
    let mut through = Command::new(std::env::current_exe().context("where this program lies")?);
    through
        .arg(BOUND)
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => through.env(name, value),
            None => through.env_remove(name),
        };
    }
    if let Some(dir) = command.get_current_dir() {
        through.current_dir(dir);
    }
    Ok(through)
}

/// Turn into the given program, which gets SIGTERM when our parent dies, however that dies.
///
/// # Errors
/// When the program cannot be started; otherwise it does not return.
pub fn become_bound(program: &[std::ffi::OsString]) -> anyhow::Result<()> {
    let (name, args) = program.split_first().context("no program named")?;
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(Signal::TERM))?;
    let error = Command::new(name).args(args).exec();
    Err(error).with_context(|| format!("cannot start {}", Path::new(name).display()))
}

/// Set by SIGINT and SIGTERM.
#[derive(Clone)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Catch the signals from now on.
    ///
    /// # Errors
    /// When the system refuses the handlers.
    pub fn catch() -> anyhow::Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&flag))?;
        }
        Ok(Self(flag))
    }

    /// Whether somebody asked us to end.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Ask again and again until there is an answer, it is an error, `within` is over or a signal came.
    ///
    /// # Errors
    /// The error of `ask`, or one saying that `what` did not happen.
    pub fn wait_for<T>(
        &self,
        what: &str,
        within: Duration,
        mut ask: impl FnMut() -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<T> {
        let started = Instant::now();
        loop {
            if let Some(answer) = ask()? {
                return Ok(answer);
            }
            if self.is_set() {
                bail!("interrupted while waiting for {what}");
            }
            if started.elapsed() > within {
                bail!("{what} did not happen in {} s", within.as_secs());
            }
            thread::sleep(LOOK_AGAIN);
        }
    }
}
