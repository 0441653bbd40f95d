//! Write a Hookyard plugin: a component that Hookyard runs for a webhook, a moment of a schedule
//! or a person's command.
//!
//! # A plugin in 20 lines
//!
//! ```
//! use hookyard_plugin_sdk::{
//!     Context, Event, Failure, Manifest, Outcome, Plugin, Settle, http::Request, register, secrets,
//! };
//! use serde_json::{Value, json};
//!
//! struct Notes;
//!
//! impl Plugin for Notes {
//!     type Config = Value;
//!     fn manifest() -> Manifest {
//!         Manifest::new("notes", "1.0.0", "Writes a note for every push")
//!             .config(&json!({"type": "object", "properties": {"api": {"type": "string"}}}))
//!             .secret("token", "A token of the notes service")
//!             .http("POST {config:api}/notes")
//!     }
//!     fn webhook(ctx: &Context<Value>, event: &Event) -> Result<Outcome, Failure> {
//!         let api = ctx.config["api"].as_str().or_reject("set `api` in plugins.toml")?;
//!         let bearer = format!("Bearer {}", secrets::reference("token")?);
//!         let note = Request::post(format!("{api}/notes")).header("authorization", bearer);
//!         let answer = note.json(&json!({"text": event.event_type}))?.send()?;
//!         Ok(Outcome::new(format!("noted, HTTP {}", answer.status)))
//!     }
//! }
//! register!(Notes);
//!
//! // The same code runs natively, against a host that the test plays:
//! use hookyard_plugin_sdk::testing;
//! let host = testing::Host::new().config(json!({"api": "https://notes.test"})).secret("token", "t");
//! host.expect("POST https://notes.test/notes").answer(testing::text(201, ""));
//! let outcome = host.webhook::<Notes>(testing::event("github", "push", &json!({}))).unwrap();
//! assert_eq!(outcome.summary, "noted, HTTP 201");
//! ```
//!
//! Make the crate a `cdylib`, build it with `cargo build --release --target wasm32-wasip2`, and
//! name the `.wasm` file in `plugins.toml`. The WIT package `hookyard:plugin` is the contract.
//!
//! # How a job ends
//!
//! [`Outcome`] when it is done. [`Failure::retry`] when it may work later, [`Failure::defer`] when
//! a known limit says to wait, [`Failure::reject`] when it can never work as it stands: the text
//! is what a person reads in the dead letters, so say what to mend. `?` on this crate's errors
//! chooses rightly (no answer is a retry, a refusal by the host a rejection); for your own errors
//! [`Settle`] makes you choose.

pub use wit_bindgen;

// The bindings and `register!` name this crate by its full name, here as well as in a plugin.
extern crate self as hookyard_plugin_sdk;

pub mod bindings;
pub mod clock;
mod config;
mod failure;
mod host;
pub mod http;
pub mod log;
mod manifest;
mod plugin;
pub mod processes;
pub mod secrets;
pub mod state;
#[cfg(feature = "template")]
pub mod template;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
mod trigger;

pub use bindings::hookyard::plugin::types::{
    Call, Delivery, Event, Failure, Header, Job, Outcome, Tick, Trigger,
};
pub use config::NoConfig;
pub use failure::Settle;
pub use manifest::{Manifest, SecretKind};
pub use plugin::{Context, Plugin, run};

/// The manifest as it goes over the wire.
pub mod wit {
    pub use crate::bindings::hookyard::plugin::manifest::{Action, Manifest, SecretAsk};
}
