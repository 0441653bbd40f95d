//! The server's end of the control socket. Who may open the socket (its owner) may do everything.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::{MAX_LINE, Reply, actor, execute};
use crate::app::App;
use crate::lifecycle::Lifecycle;

/// Commands at the same time: people and scripts of one machine.
const MAX_CONNECTIONS: usize = 16;

/// How long a caller may take to send its line.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a caller may take to read the reply: it waits for it, on the same machine. Shorter than
/// [`GRACE`](crate::lifecycle::GRACE), so that a caller that hangs does not make a stop a forced one.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Opens the socket, readable by its owner only, and serves it until the soft stop; commands under
/// way then are waited for.
///
/// # Errors
/// When the socket cannot be made.
pub fn listen(app: Arc<App>, path: &Path, lifecycle: &Lifecycle) -> anyhow::Result<()> {
    // The directory's lock is held: a socket that is there belongs to a process that is gone.
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(error).with_context(|| format!("cannot replace {}", path.display()));
    }
    let listener = UnixListener::bind(path).with_context(|| {
        format!(
            "cannot listen at {} (a socket's path has at most 107 bytes; a shorter HOOKYARD_DATA_DIR helps)",
            path.display()
        )
    })?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    let (path, stop, life) = (path.to_owned(), lifecycle.soft.clone(), lifecycle.clone());
    lifecycle.spawn("control socket", async move {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let place = tokio::select! {
                () = stop.cancelled() => break,
                place = places.clone().acquire_owned() => place,
            };
            let Ok(place) = place else { break };
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    let (app, hard) = (app.clone(), life.hard.clone());
                    life.tasks.spawn(async move {
                        tokio::select! {
                            served = serve(&app, stream) => if let Err(error) = served {
                                tracing::debug!(%error, "control connection");
                            },
                            () = hard.cancelled() => {}
                        }
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept on the control socket");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        // Left behind it would only make callers wait for nobody.
        let _gone = std::fs::remove_file(path);
    });
    Ok(())
}

async fn serve(app: &App, stream: UnixStream) -> anyhow::Result<()> {
    let by = actor::of(&stream);
    let (read, mut write) = stream.into_split();
    // May hold a secret that is being set.
    let mut line = Zeroizing::new(String::new());
    let mut read = BufReader::new(read.take(MAX_LINE));
    tokio::select! {
        read = tokio::time::timeout(READ_TIMEOUT, read.read_line(&mut line)) => read??,
        () = app.lifecycle.soft.cancelled() => return Ok(()),
    };
    let reply = match serde_json::from_str(&line) {
        Ok(request) => match execute::execute(app, request, &by).await {
            Ok(answer) => Reply::Done(answer.0),
            Err(error) => Reply::Failed(format!("{error:#}")),
        },
        Err(error) => Reply::Failed(format!(
            "the server does not know this command ({error}); is it of another version?"
        )),
    };
    let reply = format!("{}\n", serde_json::to_string(&reply)?);
    tokio::time::timeout(WRITE_TIMEOUT, write.write_all(reply.as_bytes())).await??;
    Ok(())
}
