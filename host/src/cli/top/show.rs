//! A view as lines of text.

use super::rates::{Row, View};
use crate::cli::output::cell;
use crate::control::StandingNode;
use crate::domain::breaker::BreakerState;

/// How a line is to be seen on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Heading,
    /// Somebody should look at it.
    Alarm,
}

/// One line, without its end.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub text: String,
    pub tone: Tone,
}

impl Line {
    fn plain(text: String) -> Self {
        let tone = Tone::Plain;
        Self { text, tone }
    }

    fn heading(text: String) -> Self {
        let tone = Tone::Heading;
        Self { text, tone }
    }
}

/// Everything, the most important first.
pub(super) fn lines(view: &View) -> Vec<Line> {
    let total = &view.total.now;
    let mut lines = vec![
        Line::plain(format!(
            "{} waiting, the oldest due for {}; {} running, {} retrying, {} dead, {} unknown",
            total.waiting,
            age(total.oldest_ms),
            total.running,
            total.retrying,
            total.dead,
            total.unknown
        )),
        Line::plain(format!(
            "{}/s taken in, {}/s done, {}/s given up",
            per_second(view.total.taken_per_second),
            per_second(view.total.done_per_second),
            per_second(view.total.dead_per_second)
        )),
        Line::plain(String::new()),
    ];
    lines.push(Line::heading(format!(
        "{:<20} {:>9} {:>8} {:>8} {:>9} {:>8} {:>8} {:>8} {:>8}  {}",
        "PLUGIN", "WAITING", "OLDEST", "RUNNING", "RETRYING", "DEAD", "UNKNOWN", "IN/S", "DONE/S", "BREAKER"
    )));
    lines.extend(view.plugins.iter().map(plugin));
    if view.plugins.is_empty() {
        lines.push(Line::plain("no plugins".to_owned()));
    }
    lines.push(Line::plain(String::new()));
    lines.push(Line::heading(format!(
        "{:<20} {:<10} {:<10} {:<6} {:<6} {}",
        "NODE", "ROLE", "VERSION", "LIVE", "THIS", "PLUGINS.TOML"
    )));
    lines.extend(view.nodes.iter().map(node));
    if view.nodes.is_empty() {
        lines.push(Line::plain("no server has reported lately".to_owned()));
    }
    lines
}

/// What is shown where there is no answer.
pub(super) fn trouble(error: &anyhow::Error) -> Vec<Line> {
    let text = cell(&format!("{error:#}").into());
    vec![
        Line {
            text: format!("no answer: {text}"),
            tone: Tone::Alarm,
        },
        Line::plain("asking again".to_owned()),
    ]
}

fn plugin(row: &Row) -> Line {
    let now = &row.now;
    let breaker = match (now.breaker, now.breaker_until) {
        (None, _) => "-".to_owned(),
        (Some(state), Some(until)) if state != BreakerState::Closed => format!("{state} until {until}"),
        (Some(state), _) => state.to_string(),
    };
    let text = format!(
        "{:<20} {:>9} {:>8} {:>8} {:>9} {:>8} {:>8} {:>8} {:>8}  {breaker}",
        now.name,
        now.waiting,
        age(now.oldest_ms),
        now.running,
        now.retrying,
        now.dead,
        now.unknown,
        per_second(row.taken_per_second),
        per_second(row.done_per_second),
    );
    let is_wrong = now.dead > 0 || now.unknown > 0 || now.breaker == Some(BreakerState::Open);
    let tone = if is_wrong { Tone::Alarm } else { Tone::Plain };
    Line { text, tone }
}

fn node(node: &StandingNode) -> Line {
    let yes = |is: bool| if is { "yes" } else { "no" };
    let digest = node.plugins_digest.as_deref().unwrap_or("-");
    let text = format!(
        "{:<20} {:<10} {:<10} {:<6} {:<6} {}",
        // A host names itself.
        cell(&node.host.as_str().into()),
        node.role,
        cell(&node.version.as_str().into()),
        yes(node.live),
        yes(node.this),
        digest.chars().take(12).collect::<String>()
    );
    let tone = if node.live { Tone::Plain } else { Tone::Alarm };
    Line { text, tone }
}

/// A time as people read it at a glance: one unit.
fn age(millis: Option<u64>) -> String {
    let Some(millis) = millis else {
        return "-".to_owned();
    };
    match millis / 1_000 {
        0 => format!("{millis}ms"),
        seconds @ 1..60 => format!("{seconds}s"),
        seconds @ 60..3_600 => format!("{}m", seconds / 60),
        seconds @ 3_600..172_800 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

fn per_second(rate: Option<f64>) -> String {
    rate.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.1}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_one_unit() {
        let told = [
            None,
            Some(7),
            Some(59_999),
            Some(60_000),
            Some(7_200_000),
            Some(400_000_000),
        ];
        assert_eq!(told.map(age), ["-", "7ms", "59s", "1m", "2h", "4d"]);
    }

    #[test]
    fn what_is_wrong_stands_out() {
        let mut row = Row::default();
        assert_eq!(plugin(&row).tone, Tone::Plain);
        row.now.dead = 1;
        assert_eq!(plugin(&row).tone, Tone::Alarm);
    }
}
