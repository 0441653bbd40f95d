//! The pages, as a browser asks for them.

mod acts;
mod browser;
mod escaping;
mod forms;
mod live;
mod overview;
mod pages;
mod sessions;
