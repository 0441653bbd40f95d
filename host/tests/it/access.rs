//! Who may do what, what is noted of it, and how often.

mod audit;
mod commands;
mod keys;
mod rates;
mod roles;
mod store;
mod users;
