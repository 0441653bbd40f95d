//! The pages, as a browser asks for them.

mod acts;
mod browser;
mod editing;
mod escaping;
mod finding;
mod first_run;
mod forms;
mod live;
mod log;
mod mend;
mod names;
mod orders;
mod overview;
mod pages;
mod people;
mod plugins;
mod processes;
mod refusals;
mod refused;
mod schedules;
mod sessions;
mod settings;
mod sources;
mod switching;
