//! The words of the pipeline. Knows no axum, sqlx or wasmtime.

pub mod access;
pub mod api_key;
pub mod attempt;
pub mod audit;
pub mod breaker;
pub mod delivery;
pub mod event;
pub mod expression;
pub mod grant;
pub mod id;
pub mod node;
pub mod order;
pub mod page;
pub mod plugin;
pub mod process;
pub mod rate;
pub mod rate_limit;
pub mod redaction;
pub mod retention;
pub mod retry;
pub mod route;
pub mod schedule;
pub mod time;
pub mod user;
pub mod waiting;
pub mod words;
