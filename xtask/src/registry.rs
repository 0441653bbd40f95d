//! Components from a real OCI registry: the one that Debian packages.

use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::steps::Ended;
use crate::workspace::{Workspace, on_path, run_to_end};

/// Longest wait for the registry to listen.
const START: Duration = Duration::from_secs(20);

/// Start the registry, push a component and load it from there.
///
/// # Errors
/// When it does not start, or the component does not load.
pub fn run(workspace: &Workspace) -> anyhow::Result<Ended> {
    let Some(program) = on_path("docker-registry") else {
        return Ok(Ended::Skipped(
            "no registry; apt-get install docker-registry".to_owned(),
        ));
    };
    let address = free_address()?;
    let dir = workspace.target_dir().join("registry");
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let config = dir.join("config.yml");
    let text =
        format!("version: 0.1\nlog:\n  level: error\nstorage:\n  inmemory: {{}}\nhttp:\n  addr: {address}\n");
    fs::write(&config, text).with_context(|| format!("cannot write {}", config.display()))?;
    let mut command = Command::new(program);
    command.arg("serve").arg(&config).stdout(Stdio::null());
    let registry = Running(command.spawn().context("cannot start the registry")?);
    wait_for(&address)?;
    let mut cargo = workspace.cargo();
    cargo
        .args([
            "test",
            "--workspace",
            "--test",
            "it",
            "a_real_registry",
            "--",
            "--ignored",
        ])
        .env("HOOKYARD_TEST_REGISTRY", &address);
    run_to_end(&mut cargo, "the test against the registry")?;
    drop(registry);
    Ok(Ended::Done)
}

/// Ended when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_address() -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").context("no free port")?;
    Ok(listener.local_addr()?.to_string())
}

fn wait_for(address: &str) -> anyhow::Result<()> {
    let began = Instant::now();
    while std::net::TcpStream::connect(address).is_err() {
        ensure!(
            began.elapsed() < START,
            "the registry did not listen at {address}"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
