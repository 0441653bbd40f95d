//! Acts on what is not a delivery, each with its entry in the audit log: the API and the admin's pages both come here,
//! so that both do the same and the log says it in the same words.

mod keys;
mod plugins;
mod processes;
mod schedules;
mod users;
