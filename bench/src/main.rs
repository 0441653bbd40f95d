//! Benchmarks, as ratios in one run against a named baseline: `cargo xtask bench`.

mod backlog;
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
    // All, or the one that is named.
    let only = std::env::args().nth(1);
    let wanted = |name| only.as_deref().is_none_or(|only| only == name);
    let mut rows = Vec::new();
    if wanted("neighbours") {
        rows.extend(neighbours::rows().await?);
    }
    if wanted("reload") {
        rows.extend(reload::rows().await?);
    }
    if wanted("signin") {
        rows.push(signin::unknown_user().await?);
    }
    if wanted("backlog") {
        rows.extend(backlog::rows().await?);
    }
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
