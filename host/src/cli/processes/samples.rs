//! `create-sample-processes`: something to try the backup with.

use std::process::ExitCode;

use super::super::output::Output;
use super::print_writes;
use crate::control::{Caller, Request};
use crate::processes::Draft;

/// Code, name and script of each sample.
const SAMPLES: [(&str, &str, &str); 3] = [
    (
        "hello-world",
        "Hello, world",
        "\"\"\"Says hello.\"\"\"\n\nprint(\"Hello, world\")\n",
    ),
    (
        "daily-report",
        "Daily report",
        "\"\"\"Counts yesterday's orders.\"\"\"\n\nfrom datetime import date, timedelta\n\n\ndef report(orders):\n    \
         yesterday = date.today() - timedelta(days=1)\n    \
         return sum(1 for order in orders if order[\"day\"] == yesterday)\n",
    ),
    (
        "data-cleanup",
        "Data clean-up",
        "\"\"\"Drops empty rows and trims texts.\"\"\"\n\n\ndef clean(rows):\n    \
         return [{key: value.strip() for key, value in row.items()} for row in rows if any(row.values())]\n",
    ),
];

/// Stores the samples; a second time changes nothing.
pub async fn create(caller: &Caller, output: Output) -> anyhow::Result<ExitCode> {
    let processes = SAMPLES.map(|(code, name, script)| Draft {
        code: code.to_owned(),
        name: Some(name.to_owned()),
        script: script.to_owned(),
    });
    let put = Request::ProcessPut {
        processes: processes.into(),
        dry_run: false,
    };
    print_writes(&caller.call(put).await?, output);
    Ok(ExitCode::SUCCESS)
}
