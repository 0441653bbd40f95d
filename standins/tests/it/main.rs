//! The stand-ins over loopback, as the host and its plugins meet them.

mod contract;
mod faults;
mod google_drive;
mod google_faults;
mod google_formats;
mod google_metadata;
mod google_page;
mod google_recorded;
mod google_refusals;
mod google_semantics;
mod google_token;
mod google_values;
mod page;
mod rejections;
mod semantics;
mod support;
mod webhooks;
