//! Bodies, counted as they pass.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Limited};
use wasmtime_wasi_http::{Error, WasiBody};

use super::errors::Refusal;
use super::too_large;
use crate::wasm::host::RunContext;

/// Reads a request's body whole. Whole, because then it has a length, and a connection that the
/// far side closed meanwhile can be made anew and the same bytes sent again.
pub(super) async fn collect(body: WasiBody, limit: u64) -> Result<Bytes, Refusal> {
    let size = usize::try_from(limit).unwrap_or(usize::MAX);
    match Limited::new(body, size).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(Refusal {
            code: Error::HttpRequestBodySize(Some(limit)),
            text: too_large("the request's body is too large", "request-bytes", limit),
        }),
        Err(error) => Err(Refusal {
            code: Error::HttpProtocolError,
            text: format!("the plugin did not finish the request's body: {error}"),
        }),
    }
}

/// A response's body that counts against the run and notes why it ended early.
struct Counted {
    inner: reqwest::Body,
    run: Arc<RunContext>,
    call: usize,
}

/// Wraps a response's body.
pub(super) fn counted(inner: reqwest::Body, run: Arc<RunContext>, call: usize) -> WasiBody {
    Counted { inner, run, call }.boxed_unsync()
}

impl Counted {
    fn fail(&self, refusal: Refusal) -> Error {
        self.run.recorder.end_call(self.call, None, Some(refusal.text));
        refusal.code
    }

    /// Takes `bytes` from the room that is left, or says that there is not so much.
    fn take(&self, bytes: u64) -> Result<(), Error> {
        let room = &self.run.response_room;
        let taken = room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |room| {
            room.checked_sub(bytes)
        });
        taken.map(drop).map_err(|_| {
            let limit = self.run.limits.response_bytes;
            self.fail(Refusal {
                code: Error::HttpResponseBodySize(Some(limit)),
                text: too_large("the responses of this run are too large", "response-bytes", limit),
            })
        })
    }
}

impl Body for Counted {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        Poll::Ready(match frame {
            None => None,
            Some(Err(error)) => {
                let refusal = super::errors::of_reqwest(error, &self.run);
                Some(Err(self.fail(refusal)))
            }
            Some(Ok(frame)) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
                Some(self.take(bytes).map(|()| frame))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
