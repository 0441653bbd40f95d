//! The real binary in a data directory of its own, one command after the other.

use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

/// What a command did.
pub struct Ran {
    pub status: i32,
    pub out: String,
    pub err: String,
}

/// A data directory and a `plugins.toml`.
pub struct Yard(TempDir);

/// A directory with this `plugins.toml`.
pub fn hookyard(plugins: &str) -> Yard {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("plugins.toml"), plugins).expect("plugins.toml");
    Yard(dir)
}

impl Yard {
    /// Where it is.
    pub fn path(&self) -> &std::path::Path {
        self.0.path()
    }

    /// Runs `hookyard` with these arguments to its end, told nothing by the machine.
    pub fn run(&self, args: &[&str]) -> Ran {
        self.run_with(&[], args)
    }

    /// The same with these variables.
    pub fn run_with(&self, variables: &[(&str, &str)], args: &[&str]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hookyard"));
        self.told(command.args(args)).envs(variables.iter().copied());
        ended(command.stdin(Stdio::null()).output())
    }

    /// The same at a terminal, where a person types this. What it says comes out of one stream.
    pub fn at_terminal(&self, typed: &str, args: &[&str]) -> Ran {
        let mut child = self.terminal(args);
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(typed.as_bytes()).expect("typed");
        let ran = ended(child.wait_with_output());
        drop(stdin);
        ran
    }

    /// The same, where the person types once the terminal shows `mark`.
    pub fn at_terminal_after(&self, mark: &str, typed: &str, args: &[&str]) -> Ran {
        let mut child = self.terminal(args);
        let mut stdin = child.stdin.take().expect("piped");
        let mut stdout = child.stdout.take().expect("piped");
        let (mut out, mut chunk, mut is_typed) = (Vec::new(), [0; 4096], false);
        loop {
            let read = stdout.read(&mut chunk).expect("readable");
            if read == 0 {
                break;
            }
            out.extend_from_slice(&chunk[..read]);
            if !is_typed && String::from_utf8_lossy(&out).contains(mark) {
                is_typed = true;
                stdin.write_all(typed.as_bytes()).expect("typed");
            }
        }
        let status = child.wait().expect("it ends");
        drop(stdin);
        Ran {
            status: status.code().expect("it ended by itself"),
            out: String::from_utf8(out).expect("UTF-8"),
            err: String::new(),
        }
    }

    fn terminal(&self, args: &[&str]) -> Child {
        let quote = |arg: &&str| format!("'{arg}'");
        let args: Vec<String> = args.iter().map(quote).collect();
        // In place of the shell, so that Ctrl-C is for it alone.
        let line = format!("exec '{}' {}", env!("CARGO_BIN_EXE_hookyard"), args.join(" "));
        // `script` is of Debian's essential package bsdutils; it passes the exit code on. A command that waits for
        // what is never typed must not hold the tests up: then the code is 124.
        let mut command = Command::new("/usr/bin/timeout");
        let script = [
            "--foreground",
            "60",
            "/usr/bin/script",
            "-qec",
            &line,
            "/dev/null",
        ];
        self.told(command.args(script))
            .env("SHELL", "/bin/sh")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("script runs")
    }

    fn told<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env_clear()
            .env("HOOKYARD_DATA_DIR", self.0.path().join("data"))
            .env("HOOKYARD_PLUGINS_FILE", self.0.path().join("plugins.toml"))
            .current_dir(self.0.path())
    }
}

fn ended(output: std::io::Result<Output>) -> Ran {
    let output = output.expect("the binary");
    Ran {
        status: output.status.code().expect("it ended by itself"),
        out: String::from_utf8(output.stdout).expect("UTF-8"),
        err: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

/// What `hookyard --json` with these arguments says to a server that runs in this directory.
pub async fn hookyard_json(dir: &std::path::Path, args: &[&str]) -> serde_json::Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookyard"));
    command
        .args(args)
        .arg("--json")
        .env_clear()
        .env("HOOKYARD_DATA_DIR", dir.join("data"))
        .env("HOOKYARD_PLUGINS_FILE", dir.join("plugins.toml"))
        .current_dir(dir)
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.expect("no panic").expect("the binary");
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{err}");
    serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}"))
}
