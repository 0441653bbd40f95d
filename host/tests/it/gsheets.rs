//! The Google Sheets plugin: the real component in the real application, against the stand-in of
//! Google.

mod append;
mod refusals;
mod scene;
mod table;
mod titles;
mod together;
