//! `hookyard`, the binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    hookyard::cli::run()
}
