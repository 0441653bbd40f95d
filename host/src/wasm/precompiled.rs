//! The one place that turns bytes into executable code without compiling them.

use wasmtime::Engine;
use wasmtime::component::Component;

/// Loads code that [`super::cache`] has found under this host's own seal.
pub(super) fn load(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    #[expect(
        unsafe_code,
        reason = "the caller has verified a MAC over these bytes whose key only this host has, so they are what \
                  Component::serialize gave; wasmtime itself checks version and settings"
    )]
    // SAFETY: see above; this module has one caller.
    unsafe {
        Component::deserialize(engine, code)
    }
}
