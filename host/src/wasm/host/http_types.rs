//! Functions of `wasi:http/types` that take the place of wasmtime-wasi-http's.
//!
//! `http-error-code`: version 48 keeps a body's error as its own type and looks for the other one, so that a
//! guest never learns which of wasi:http's errors broke a body off. `set-method` and `set-authority`: it keeps
//! texts of any length with a request, outside what the guest's own memory is limited to.

use wasmtime::component::{Linker, Resource};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::p2::bindings::io::error::Error as IoError;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, HostOutgoingRequest as _, Method};
use wasmtime_wasi_http::p2::types::HostOutgoingRequest;
use wasmtime_wasi_http::{Error, WasiHttpView as _};

use super::HostState;

/// The interface as wasmtime-wasi-http names it.
const TYPES: &str = "wasi:http/types@0.2.12";

/// Bytes of a method's name: the longest that is registered has 16 (IANA, HTTP Method Registry).
const MAX_METHOD_BYTES: usize = 32;

/// Bytes of an authority: a host name of 253 (RFC 1035, 2.3.4), a colon, a port; and as much again, so that
/// what is wrong with a longer one is told when it is sent.
const MAX_AUTHORITY_BYTES: usize = 512;

/// Puts our functions in the place of wasmtime-wasi-http's.
pub(super) fn add_to_linker(linker: &mut Linker<HostState>) -> Result<()> {
    linker.allow_shadowing(true);
    let mut types = linker.instance(TYPES)?;
    types.func_wrap("http-error-code", code_of)?;
    types.func_wrap("[method]outgoing-request.set-method", set_method)?;
    types.func_wrap("[method]outgoing-request.set-authority", set_authority)?;
    linker.allow_shadowing(false);
    Ok(())
}

/// What WASI's setters answer.
type Set = Result<(std::result::Result<(), ()>,)>;

fn set_method(
    mut store: StoreContextMut<'_, HostState>,
    (request, method): (Resource<HostOutgoingRequest>, Method),
) -> Set {
    if matches!(&method, Method::Other(name) if name.len() > MAX_METHOD_BYTES) {
        return Ok((Err(()),));
    }
    Ok((store.data_mut().http().set_method(request, method)?,))
}

fn set_authority(
    mut store: StoreContextMut<'_, HostState>,
    (request, authority): (Resource<HostOutgoingRequest>, Option<String>),
) -> Set {
    if authority
        .as_ref()
        .is_some_and(|text| text.len() > MAX_AUTHORITY_BYTES)
    {
        return Ok((Err(()),));
    }
    Ok((store.data_mut().http().set_authority(request, authority)?,))
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
