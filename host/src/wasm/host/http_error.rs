//! `wasi:http/types.http-error-code`: which of wasi:http's errors broke a body off.
//!
//! wasmtime-wasi-http 48 keeps a body's error as its own type and looks for the other one here, so
//! that a guest never learns the reason. This takes that function's place.

use wasmtime::component::{Linker, Resource};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::p2::bindings::io::error::Error as IoError;
use wasmtime_wasi_http::Error;
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;

use super::HostState;

/// The interface as wasmtime-wasi-http names it.
const TYPES: &str = "wasi:http/types@0.2.12";

/// Puts our function in the place of wasmtime-wasi-http's.
pub(super) fn add_to_linker(linker: &mut Linker<HostState>) -> Result<()> {
    linker.allow_shadowing(true);
    linker.instance(TYPES)?.func_wrap("http-error-code", code_of)?;
    linker.allow_shadowing(false);
    Ok(())
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the linker hands the arguments over by value"
)]
fn code_of(
    store: StoreContextMut<'_, HostState>,
    (error,): (Resource<IoError>,),
) -> Result<(Option<ErrorCode>,)> {
    let error = store.data().table.get(&error)?;
    let ours = error.downcast_ref::<Error>().and_then(told);
    Ok((ours.or_else(|| error.downcast_ref::<ErrorCode>().cloned()),))
}

/// The errors that the bodies of `egress` end with.
fn told(error: &Error) -> Option<ErrorCode> {
    match error {
        Error::HttpResponseBodySize(limit) => Some(ErrorCode::HttpResponseBodySize(*limit)),
        Error::ConnectionReadTimeout => Some(ErrorCode::ConnectionReadTimeout),
        Error::HttpResponseTimeout => Some(ErrorCode::HttpResponseTimeout),
        Error::HttpResponseIncomplete => Some(ErrorCode::HttpResponseIncomplete),
        Error::ConnectionTerminated => Some(ErrorCode::ConnectionTerminated),
        Error::HttpProtocolError => Some(ErrorCode::HttpProtocolError),
        _ => None,
    }
}
