//! Folders of `.py` files: out.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::super::output::Output;
use super::folder::{count, show_failures};
use crate::control::{Answer, Caller, Request};

/// What stands in a file name as it is; the rest is written as `%XX`, so that no code leads out of
/// the folder or collides with another.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b' ');

/// Longest file name, in bytes: what Linux, macOS and Windows take.
const MAX_FILE_NAME: usize = 255;

/// Writes every process into a folder.
pub async fn export(caller: &Caller, folder: &Path, output: Output) -> anyhow::Result<ExitCode> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let mut results = Vec::new();
    for (code, name) in file_names(codes(caller).await?) {
        results.push(match export_one(caller, folder, &code, &name).await {
            Ok(()) => json!({"code": code, "file": folder.join(name), "result": "written"}),
            Err(why) => {
                json!({"code": code, "file": folder.join(name), "result": "failed", "reason": format!("{why:#}")})
            }
        });
    }
    let failures = count(&results, "failed");
    output.print(&Answer::of(&results)?, |_| {
        show_failures(&results);
        println!(
            "{} processes written into {}, {failures} failed",
            count(&results, "written"),
            folder.display()
        );
    });
    Ok(if failures == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// All codes, in their order.
async fn codes(caller: &Caller) -> anyhow::Result<Vec<String>> {
    let mut codes = Vec::new();
    for page in 1.. {
        let request = Request::ProcessList { search: None, page };
        let found = caller.call(request).await?.value();
        let rows = found["results"].as_array().map_or(&[][..], Vec::as_slice);
        if rows.is_empty() {
            break;
        }
        let text = |row: &Value| row["code"].as_str().map(str::to_owned);
        codes.extend(rows.iter().filter_map(text));
    }
    Ok(codes)
}

/// Codes with the names of their files. Capital letters are escaped too where codes differ in nothing else: some
/// file systems make no difference between `A` and `a`.
fn file_names(codes: Vec<String>) -> Vec<(String, String)> {
    let mut alike: HashMap<String, usize> = HashMap::new();
    for code in &codes {
        *alike.entry(code.to_ascii_lowercase()).or_default() += 1;
    }
    let name = |code: String| {
        let mut stem = utf8_percent_encode(&code, PLAIN).to_string();
        if alike
            .get(&code.to_ascii_lowercase())
            .is_some_and(|&alike| alike > 1)
        {
            stem = with_capitals_escaped(&code);
        }
        (code, format!("{stem}.py"))
    };
    codes.into_iter().map(name).collect()
}

fn with_capitals_escaped(code: &str) -> String {
    let escaped = |character: char| match character {
        'A'..='Z' => format!("%{:02X}", u32::from(character)),
        other => utf8_percent_encode(other.encode_utf8(&mut [0; 4]), PLAIN).to_string(),
    };
    code.chars().map(escaped).collect()
}

async fn export_one(caller: &Caller, folder: &Path, code: &str, name: &str) -> anyhow::Result<()> {
    anyhow::ensure!(
        name.len() <= MAX_FILE_NAME,
        "its file name would have {} bytes; file systems take {MAX_FILE_NAME}; `hookyard processes show` prints it",
        name.len()
    );
    let request = Request::ProcessShow {
        code: code.to_owned(),
    };
    let process = caller.call(request).await?.value();
    let script = process["script"].as_str().unwrap_or_default();
    fs::write(folder.join(name), script).context("it cannot be written")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_codes_share_a_file_where_capitals_make_no_difference() {
        let names = file_names(
            ["Invoice", "invoice", "Other", "a/b", "%41"]
                .map(str::to_owned)
                .into(),
        );
        let names: Vec<_> = names.iter().map(|(_, name)| name.as_str()).collect();
        assert_eq!(
            names,
            ["%49nvoice.py", "invoice.py", "Other.py", "a%2Fb.py", "%2541.py"]
        );
    }
}
