//! The fault harness: see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    faults::main()
}
