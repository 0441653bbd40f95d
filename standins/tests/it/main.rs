//! The stand-ins over loopback, as the host and its plugins meet them.

mod contract;
mod faults;
mod github_access;
mod github_app;
mod github_clone;
mod github_contents;
mod github_contract;
mod github_data;
mod github_faults;
mod github_limits;
mod github_page;
mod github_recorded;
mod github_refs;
mod github_repositories;
mod page;
mod rejections;
mod semantics;
mod support;
mod webhooks;
