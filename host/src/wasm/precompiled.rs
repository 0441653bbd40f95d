//! The one place that turns compiled code into executable code.

use wasmtime::Engine;
use wasmtime::component::Component;

/// Loads code that [`super::compiler`] has just made, or that [`super::cache`] has found under this host's
/// own seal.
pub(super) fn load(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    #[expect(
        unsafe_code,
        reason = "one caller has the bytes from the compiler of this process; the other has verified a MAC over \
                  them whose key only this host has, so they are what a compiler of this host gave; wasmtime \
                  itself checks version and settings"
    )]
    // SAFETY: see above; this module has these two callers.
    unsafe {
        Component::deserialize(engine, code)
    }
}
