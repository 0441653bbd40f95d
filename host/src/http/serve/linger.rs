//! A stream that closes so that the last answer arrives.
//!
//! A server that answers before it has read the whole request (413, 401) and then closes has unread
//! bytes in its buffer; the kernel answers those with a reset, which can destroy the answer on its
//! way. RFC 9112 section 9.6: close the writing half, go on reading until the client closes too, or
//! for a while.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

use super::slots::Progress;

/// How long a closing connection is read from.
const LINGER_TIME: Duration = Duration::from_secs(2);

/// How much of it: several times the largest body that is commonly sent by mistake.
const LINGER_BYTES: usize = 16 << 20;

/// Bytes thrown away at a time.
const SCRATCH_BYTES: usize = 16 << 10;

pub(super) struct LingeringStream {
    inner: TcpStream,
    progress: Progress,
    closing: Closing,
}

enum Closing {
    NotYet,
    Reading { until: Pin<Box<Sleep>>, left: usize },
    Done,
}

impl LingeringStream {
    pub const fn new(inner: TcpStream, progress: Progress) -> Self {
        Self {
            inner,
            progress,
            closing: Closing::NotYet,
        }
    }

    /// Tells of what was written.
    fn told(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(1..)) = written {
            self.progress.written();
        }
        written
    }
}

/// Reads and forgets; ready at the end of the stream, the time or the allowance.
fn discard(
    inner: &mut TcpStream,
    until: &mut Pin<Box<Sleep>>,
    left: &mut usize,
    cx: &mut Context<'_>,
) -> Poll<()> {
    let mut scratch = [0; SCRATCH_BYTES];
    loop {
        if until.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let mut buffer = ReadBuf::new(&mut scratch);
        match ready!(Pin::new(&mut *inner).poll_read(cx, &mut buffer)) {
            Ok(()) if !buffer.filled().is_empty() && *left > 0 => {
                *left = left.saturating_sub(buffer.filled().len());
            }
            // The end, an error (the client is gone), or enough.
            _ => return Poll::Ready(()),
        }
    }
}

impl AsyncWrite for LingeringStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.told(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            match &mut this.closing {
                Closing::NotYet => {
                    ready!(Pin::new(&mut this.inner).poll_shutdown(cx))?;
                    this.closing = Closing::Reading {
                        until: Box::pin(tokio::time::sleep(LINGER_TIME)),
                        left: LINGER_BYTES,
                    };
                }
                Closing::Reading { until, left } => {
                    ready!(discard(&mut this.inner, until, left, cx));
                    this.closing = Closing::Done;
                }
                Closing::Done => return Poll::Ready(Ok(())),
            }
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, slices);
        self.told(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

impl AsyncRead for LingeringStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}
