//! The program as it is run.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn sim(args: &[&str]) -> Output {
    let ran = Command::new(env!("CARGO_BIN_EXE_sim")).args(args).output();
    ran.expect("it runs")
}

/// Times that nobody measured.
fn made_up(dir: &Path) -> PathBuf {
    let step = "{ \"alone_us\": [2000, 2630], \"busy_us\": [200, 830] }";
    let text = format!(
        "{{ \"on\": \"nowhere\", \"database\": \"none\", \"items\": 64, \"accept\": {step}, \"claim\": {step}, \
         \"mark\": {step}, \"finish\": {step}, \"run_cpu_us\": 500, \"request_cpu_us\": 100 }}"
    );
    let file = dir.join("measured.json");
    std::fs::write(&file, text).expect("written");
    file
}

#[test]
fn what_was_not_measured_is_not_made_up() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("measured.json");
    std::fs::write(
        &file,
        "{ \"items\": 64, \"accept\": { \"alone_us\": [null, null] } }",
    )
    .expect("written");
    let ran = sim(&["--measured", &file.display().to_string()]);
    let told = String::from_utf8_lossy(&ran.stderr);
    assert!(
        !ran.status.success() && told.contains("accept.alone_us"),
        "{told}"
    );
    assert!(told.contains("cargo xtask bench"), "{told}");
}

#[test]
fn the_table_goes_to_its_place() {
    let dir = tempfile::tempdir().expect("a directory");
    let measured = made_up(dir.path()).display().to_string();
    let page = dir.path().join("page.md");
    std::fs::write(&page, "# A\n<!-- sim: begin -->\nold\n<!-- sim: end -->\nend\n").expect("written");
    let shown = page.display().to_string();
    let ran = sim(&[
        "--measured",
        &measured,
        "--nodes",
        "2",
        "--seconds",
        "1",
        "--write",
        &shown,
    ]);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let text = std::fs::read_to_string(&page).expect("readable");
    assert!(
        text.starts_with("# A\n<!-- sim: begin -->\nTimes measured on: none, nowhere."),
        "{text}"
    );
    assert!(
        text.ends_with("<!-- sim: end -->\nend\n") && !text.contains("old"),
        "{text}"
    );
    assert_eq!(
        text.lines()
            .filter(|line| line.starts_with("| 1 |") || line.starts_with("| 2 |"))
            .count(),
        2
    );
}

/// The page that is shipped has a place for it.
#[test]
fn the_shipped_page_has_a_place() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/scaling.md");
    let text = std::fs::read_to_string(page).expect("docs/scaling.md");
    assert_eq!(text.matches("<!-- sim: begin -->\n").count(), 1);
    assert_eq!(text.matches("<!-- sim: end -->").count(), 1);
}
