//! Benchmarks, as ratios in one run against a named baseline: `cargo xtask bench`.

mod backlog;
mod live;
mod neighbours;
mod reload;
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
    println!("{:<64} {:<22} {:>7}  how", "what", "compared with", "ratio");
    // First: what others leave free in the heap would hide a growth.
    tell(vec![reload::memory().await?]);
    tell(neighbours::rows().await?);
    tell(live::rows().await?);
    tell(backlog::rows().await?);
    tell(vec![signin::unknown_user().await?]);
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
        println!("{what:<64} {baseline:<22} {ratio:>6.2}x  {detail}");
    }
}
