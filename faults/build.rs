//! Compiles the shims that the scenarios and the durability tests preload.

use std::path::Path;
use std::process::Command;

/// The shims of `shim/`, each of which becomes a shared library of its own.
const SHIMS: [&str; 2] = ["lose_unsynced", "trouble"];

fn main() {
    let out = std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    for name in SHIMS {
        let source = format!("shim/{name}.c");
        println!("cargo:rerun-if-changed={source}");
        let status = Command::new("cc")
            .args(["-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"])
            .arg(Path::new(&out).join(format!("{name}.so")))
            .args([&source, "-ldl", "-lpthread"])
            .status()
            .expect("a C compiler `cc` is needed (Debian: apt-get install gcc libc6-dev)");
        assert!(status.success(), "{source} does not compile");
    }
}
