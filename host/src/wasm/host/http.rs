//! `wasi:http/outgoing-handler`: every request of a guest passes through here and nowhere else.

use std::future::Future;
use std::sync::Arc;

use http::Request;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::RunContext;
use crate::wasm::egress;

/// The hooks of one call's store.
pub(super) struct Egress(Option<Arc<RunContext>>);

impl Egress {
    /// Sends for this run; without one every request is denied.
    pub(super) fn new(context: Option<Arc<RunContext>>) -> Self {
        Self(context)
    }
}

type Conclusion = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sent = Box<dyn Future<Output = Result<(http::Response<WasiBody>, Conclusion), Error>> + Send>;

/// Bytes of one chunk of a request's body. A chunk waits on its way and one more in the channel, in the host's memory,
/// even of a request that is never sent; wasmtime-wasi-http's default is 1 MiB.
const BODY_CHUNK_BYTES: usize = 16 << 10;

impl WasiHttpHooks for Egress {
    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_CHUNK_BYTES
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _body_sent: Conclusion,
    ) -> Sent {
        let Some(run) = self.0.clone() else {
            return Box::new(async { Err(Error::HttpRequestDenied) });
        };
        Box::new(async move {
            let response = egress::send(run, request, options.unwrap_or_default()).await?;
            Ok((response, Box::new(async { Ok(()) }) as Conclusion))
        })
    }
}
