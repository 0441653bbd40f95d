//! The stand-ins over loopback, as the host and its plugins meet them.

mod contract;
mod faults;
mod page;
mod rejections;
mod semantics;
mod support;
mod webhooks;
