//! Benchmarks, as ratios in one run against a named baseline: `cargo xtask bench`.

mod neighbours;
mod reload;
mod signin;
mod yard;

/// One row of the table.
struct Row {
    what: &'static str,
    baseline: &'static str,
    /// Measured over baseline.
    ratio: f64,
    detail: String,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut rows = neighbours::rows().await?;
    rows.extend(reload::rows().await?);
    rows.push(signin::unknown_user().await?);
    println!("{:<42} {:<34} {:>7}  how", "what", "compared with", "ratio");
    for Row {
        what,
        baseline,
        ratio,
        detail,
    } in rows
    {
        println!("{what:<42} {baseline:<34} {ratio:>6.2}x  {detail}");
    }
    Ok(())
}
