//! The versions of the plugin world that the host serves, one module each. Conversions to the
//! domain's types happen there, so that nothing else knows a version.

pub(super) mod v0_1;
