//! Loopback stand-ins of the vendors that Hookyard's plugins talk to. For development and tests only.
//!
//! A stand-in answers from the vendor's own published description (`contracts/`) and refuses what the vendor
//! refuses: one that says yes to everything proves nothing. Each vendor is one module; what they share is
//! here: [`wire`] (HTTP and broken connections), [`fault`] (faults on demand), [`journal`] (what was asked and
//! how it was answered). Nothing here leaves the loopback interface, and tokens are made anew at every start.

pub mod fault;
pub mod github;
mod html;
pub mod journal;
pub mod slack;
mod wall;
pub mod wire;
