//! The named points at which a process can be made to die are not in what is shipped.

use std::path::Path;

/// The variable that arms a point: a build that has the points has its name.
const VARIABLE: &[u8] = b"HOOKYARD_FAULT";

fn has_points(binary: &Path) -> bool {
    let bytes = std::fs::read(binary).expect("a binary");
    memchr::memmem::find(&bytes, VARIABLE).is_some()
}

#[test]
fn the_binary_has_no_named_points() {
    assert!(!has_points(Path::new(env!("CARGO_BIN_EXE_hookyard"))));
    // This test's own binary has the name, so the search would find it.
    assert!(has_points(&std::env::current_exe().expect("this test")));
}
