//! Stopping: a first signal asks every part to finish what it has begun, a second one or the end
//! of the grace time makes them drop it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long parts may take to finish after the first signal. Below the 30 s that Kubernetes and
/// half of what systemd give before they kill.
pub const GRACE: Duration = Duration::from_secs(25);

/// How long parts may take after they were told to drop what they do: time for one commit.
pub const HARD_GRACE: Duration = Duration::from_secs(3);

/// The two tokens and the tasks that heed them.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    /// Take nothing new, finish what is under way.
    pub soft: CancellationToken,
    /// Drop what is under way, record it, return.
    pub hard: CancellationToken,
    /// Every long-lived task.
    pub tasks: TaskTracker,
    died: Arc<AtomicBool>,
}

/// Whether everything ended in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    Clean,
    /// Something had to be dropped.
    Forced,
    /// A part had died, and that was why.
    Died,
}

impl Lifecycle {
    /// Starts a task that is waited for at the end. A panic in it is logged and begins the stop:
    /// a process that lost one of its parts must not go on as if nothing were.
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let (soft, died) = (self.soft.clone(), self.died.clone());
        self.tasks.spawn(async move {
            if let Err(error) = tokio::spawn(task).await {
                tracing::error!(task = name, %error, "a part of hookyard died; stopping");
                died.store(true, Ordering::Relaxed);
                soft.cancel();
            }
        });
    }

    /// Waits for SIGTERM, SIGINT or a part that died.
    ///
    /// # Errors
    /// When signals cannot be listened for.
    pub async fn stop_asked(&self) -> std::io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
            _ = interrupt.recv() => tracing::info!("interrupt: stopping"),
            () = self.soft.cancelled() => {}
        }
        Ok(())
    }

    /// Ends everything: softly at first, hard after [`GRACE`] or at a second signal.
    pub async fn stop(&self) -> Stopped {
        self.soft.cancel();
        self.tasks.close();
        let second = async {
            match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
                (Ok(mut terminate), Ok(mut interrupt)) => {
                    tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
                }
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.tasks.wait() => return if self.died.load(Ordering::Relaxed) { Stopped::Died } else { Stopped::Clean },
            () = second => tracing::warn!("second signal: dropping what is under way"),
            () = tokio::time::sleep(GRACE) => tracing::warn!(grace_s = GRACE.as_secs(), "still busy: dropping what is under way"),
        }
        self.hard.cancel();
        if tokio::time::timeout(HARD_GRACE, self.tasks.wait()).await.is_err() {
            tracing::error!("parts did not end; leaving anyway");
        }
        Stopped::Forced
    }
}
