//! Lines kept with the attempt: [`crate::debug!`], [`crate::info!`], [`crate::warn!`] and
//! [`crate::error!`]. What goes to stdout and stderr is kept as well, without a level.

pub use crate::bindings::hookyard::plugin::log::Level;

/// Adds one line; the host cuts it at 4 KiB.
pub fn write(level: Level, message: &str) {
    crate::host::log(level, message);
}

/// A line that only helps when something is being looked into.
#[macro_export]
macro_rules! debug {
    ($($text:tt)*) => { $crate::log::write($crate::log::Level::Debug, &::std::format!($($text)*)) };
}

/// A line that says what was done.
#[macro_export]
macro_rules! info {
    ($($text:tt)*) => { $crate::log::write($crate::log::Level::Info, &::std::format!($($text)*)) };
}

/// A line that somebody should read one day.
#[macro_export]
macro_rules! warn {
    ($($text:tt)*) => { $crate::log::write($crate::log::Level::Warn, &::std::format!($($text)*)) };
}

/// A line that says what failed.
#[macro_export]
macro_rules! error {
    ($($text:tt)*) => { $crate::log::write($crate::log::Level::Error, &::std::format!($($text)*)) };
}
