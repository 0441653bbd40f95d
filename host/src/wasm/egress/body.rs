//! Bodies, counted as they pass.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::time::Sleep;
use wasmtime_wasi_http::{Error, WasiBody};

use super::answer::section_bytes;
use super::errors::Refusal;
use super::mask::Mask;
use super::too_large;
use crate::wasm::host::RunContext;

/// Reads a request's body whole. Whole, because then it has a length, and a connection that the
/// far side closed meanwhile can be made anew and the same bytes sent again. Each frame is taken
/// from the room that the run's request bodies share.
pub(super) async fn collect(mut body: WasiBody, run: &RunContext) -> Result<Bytes, Refusal> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Refusal {
            code: Error::HttpProtocolError,
            text: format!("the plugin did not finish the request's body: {error}"),
        })?;
        // Trailers are not sent.
        let Ok(data) = frame.into_data() else { continue };
        if !take(&run.request_room, data.len() as u64) {
            let limit = run.limits.request_bytes;
            return Err(Refusal {
                code: Error::HttpRequestBodySize(Some(limit)),
                text: too_large(run, "the requests' bodies", "request-bytes", limit),
            });
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}

/// Takes `bytes` from the room that is left; `false` when there is not so much.
fn take(room: &AtomicU64, bytes: u64) -> bool {
    room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |room| {
        room.checked_sub(bytes)
    })
    .is_ok()
}

/// Takes what came from the room that the answers of the run share.
pub(super) fn charge_answer(run: &RunContext, bytes: u64) -> Result<(), Refusal> {
    if take(&run.response_room, bytes) {
        return Ok(());
    }
    let limit = run.limits.response_bytes;
    Err(Refusal {
        code: Error::HttpResponseBodySize(Some(limit)),
        text: too_large(run, "the answers", "response-bytes", limit),
    })
}

/// A response's body that counts against the run and notes why it ended early.
struct Counted {
    inner: reqwest::Body,
    run: Arc<RunContext>,
    call: usize,
    /// Longest wait for the next frame.
    between: Duration,
    /// Runs while the next frame is waited for.
    pause: Option<Pin<Box<Sleep>>>,
    /// Searches for secrets that come back.
    mask: Option<Mask>,
}

/// Wraps a response's body, whose frames may be `between` apart.
pub(super) fn counted(
    inner: reqwest::Body,
    run: Arc<RunContext>,
    call: usize,
    between: Duration,
    mask: Option<Mask>,
) -> WasiBody {
    Counted {
        inner,
        run,
        call,
        between,
        pause: None,
        mask,
    }
    .boxed_unsync()
}

impl Counted {
    fn fail(&self, refusal: Refusal) -> Error {
        let refusal = refusal.masked(&self.run, "");
        super::note(&self.run, self.call, &refusal);
        refusal.code
    }

    /// Counts a frame, or says that there is no room for it.
    fn count(&self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, Error> {
        let data = frame.data_ref().map_or(0, Bytes::len) as u64;
        let trailers = frame.trailers_ref().map_or(0, section_bytes);
        match charge_answer(&self.run, data + trailers) {
            Ok(()) => Ok(frame),
            Err(refusal) => Err(self.fail(refusal)),
        }
    }

    /// The frame without secrets; `None` when all of it is held back.
    fn masked(&mut self, frame: Frame<Bytes>) -> Option<Frame<Bytes>> {
        let Some(mask) = &mut self.mask else {
            return Some(frame);
        };
        match frame.into_data() {
            Ok(data) => {
                let harmless = mask.push(&data);
                (!harmless.is_empty()).then(|| Frame::data(harmless))
            }
            Err(frame) => {
                let mut trailers = frame.into_trailers().ok()?;
                mask.headers(&mut trailers);
                Some(Frame::trailers(trailers))
            }
        }
    }

    /// What was held back when the body ends.
    fn rest(&mut self) -> Option<Frame<Bytes>> {
        let rest = self.mask.as_mut()?.finish();
        (!rest.is_empty()).then(|| Frame::data(rest))
    }

    /// Ready once the far side has been silent for too long.
    fn poll_pause(&mut self, context: &mut Context<'_>) -> Poll<Error> {
        let between = self.between;
        let pause = self
            .pause
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(between)));
        ready!(pause.as_mut().poll(context));
        Poll::Ready(self.fail(Refusal {
            code: Error::ConnectionReadTimeout,
            text: format!(
                "the answer broke off: nothing came for {}",
                humantime::format_duration(between)
            ),
        }))
    }
}

impl Body for Counted {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        loop {
            let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(context) else {
                return self.poll_pause(context).map(|error| Some(Err(error)));
            };
            self.pause = None;
            let frame = match frame {
                None => return Poll::Ready(self.rest().map(Ok)),
                Some(Err(error)) => {
                    let refusal = super::errors::of_reqwest(error, &self.run, "");
                    return Poll::Ready(Some(Err(self.fail(refusal))));
                }
                Some(Ok(frame)) => self.count(frame),
            };
            // A frame of which all is held back is no frame yet.
            match frame.map(|frame| self.masked(frame)) {
                Ok(None) => {}
                Ok(Some(frame)) => return Poll::Ready(Some(Ok(frame))),
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream() && !self.mask.as_ref().is_some_and(Mask::holds)
    }

    fn size_hint(&self) -> SizeHint {
        match self.mask {
            // What is held back is not the inner body's any more.
            Some(_) => SizeHint::default(),
            None => self.inner.size_hint(),
        }
    }
}
