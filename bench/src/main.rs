//! Benchmarks, as ratios in one run against a named baseline: `cargo xtask bench`.

mod backlog;
mod live;
mod neighbours;
mod reload;
mod requests;
mod service;
mod signin;
mod yard;

/// One row of the table.
struct Row {
    what: String,
    baseline: &'static str,
    /// Measured over baseline.
    ratio: f64,
    detail: String,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // All, or the one that is named.
    let only = std::env::args().nth(1);
    let wanted = |name| only.as_deref().is_none_or(|only| only == name);
    println!("{:<64} {:<24} {:>7}  how", "what", "compared with", "ratio");
    // First: what others leave free in the heap would hide a growth.
    if wanted("reload") {
        tell(vec![reload::memory().await?]);
    }
    if wanted("neighbours") {
        tell(neighbours::rows().await?);
    }
    if wanted("live") {
        tell(live::rows().await?);
    }
    if wanted("signin") {
        tell(vec![signin::unknown_user().await?]);
    }
    if wanted("service") {
        service::measure().await?;
    }
    if wanted("backlog") {
        tell(backlog::rows().await?);
    }
    Ok(())
}

fn tell(rows: Vec<Row>) {
    for row in rows {
        let Row {
            what,
            baseline,
            ratio,
            detail,
        } = row;
        println!("{what:<64} {baseline:<24} {ratio:>6.2}x  {detail}");
    }
}
