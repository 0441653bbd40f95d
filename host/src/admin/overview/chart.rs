//! What happened over time, drawn on the server: bars in SVG, with the same numbers as a table beside them.

use std::time::Duration;

use super::super::say;
use crate::domain::overview::{Happening, TALLY_SPAN, Tally};
use crate::domain::time::Timestamp;

/// Height of a panel's bars, in units of the drawing.
const HEIGHT: u64 = 100;
/// Width of one bar and of the step to the next.
const BAR: u64 = 8;
const STEP: u64 = 10;

/// How far back a chart goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Span {
    Hour,
    #[default]
    Day,
    Week,
}

/// A choice of how far back.
pub struct SpanLink {
    pub query: String,
    pub label: &'static str,
    pub is_current: bool,
}

impl Span {
    const ALL: [Self; 3] = [Self::Hour, Self::Day, Self::Week];

    /// The span of a word of the query; a day for any other.
    #[must_use]
    pub fn named(word: Option<&str>) -> Self {
        let named = Self::ALL.into_iter().find(|span| Some(span.word()) == word);
        named.unwrap_or_default()
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
        }
    }

    const fn label(self) -> &'static str {
        match self {
            Self::Hour => "Last hour",
            Self::Day => "Last day",
            Self::Week => "Last week",
        }
    }

    /// How many bars it has.
    const fn bars(self) -> u32 {
        match self {
            Self::Hour => 12,
            Self::Day => 48,
            Self::Week => 84,
        }
    }

    /// The time of one bar.
    #[must_use]
    pub const fn width(self) -> Duration {
        match self {
            Self::Hour => TALLY_SPAN,
            Self::Day => Duration::from_mins(30),
            Self::Week => Duration::from_hours(2),
        }
    }

    /// When the first bar begins: all of them end with the one that is under way.
    #[must_use]
    pub fn since(self, now: Timestamp) -> Timestamp {
        let width = i64::try_from(self.width().as_millis()).unwrap_or(i64::MAX);
        let current = now.as_millis().div_euclid(width) * width;
        Timestamp::from_millis(current - i64::from(self.bars() - 1) * width)
    }

    /// The choices, with this one marked.
    #[must_use]
    pub fn links(self) -> Vec<SpanLink> {
        let link = |span: Self| SpanLink {
            query: format!("?span={}", span.word()),
            label: span.label(),
            is_current: span == self,
        };
        Self::ALL.into_iter().map(link).collect()
    }
}

/// A piece of a bar.
pub struct Piece {
    /// The class that colours it.
    pub class: &'static str,
    pub x: u64,
    pub y: u64,
    pub height: u64,
}

/// Bars of one or several kinds on top of each other.
pub struct Panel {
    pub title: &'static str,
    pub summary: String,
    /// The count at the top of the drawing.
    pub most: String,
    pub pieces: Vec<Piece>,
}

/// The numbers of one bar.
pub struct Row {
    /// When it begins, RFC 3339.
    pub at: String,
    pub received: u64,
    pub succeeded: u64,
    pub failed: u64,
    pub dead: u64,
}

/// The chart.
pub struct Chart {
    pub label: &'static str,
    /// Width of the drawing.
    pub width: u64,
    pub height: u64,
    pub bar: u64,
    /// Moments below the first and the last bar.
    pub from: String,
    pub to: String,
    pub panels: Vec<Panel>,
    /// Newest first, without those in which nothing happened.
    pub rows: Vec<Row>,
}

impl Chart {
    /// The bars of these tallies.
    #[must_use]
    pub fn of(tallies: &[Tally], span: Span, now: Timestamp) -> Self {
        let since = span.since(now);
        let rows: Vec<Row> = (0..span.bars())
            .map(|bar| row(tallies, since.plus(span.width() * bar)))
            .collect();
        let short = |at: Timestamp| {
            let text = at.to_string();
            text.get(..16).unwrap_or(&text).replace('T', " ")
        };
        Self {
            label: span.label(),
            width: u64::from(span.bars()) * STEP,
            height: HEIGHT,
            bar: BAR,
            from: short(since),
            to: short(now),
            panels: vec![events(&rows), deliveries(&rows)],
            rows: rows.into_iter().rev().filter(Row::has_some).collect(),
        }
    }
}

impl Row {
    fn has_some(&self) -> bool {
        self.received + self.succeeded + self.failed + self.dead > 0
    }
}

fn row(tallies: &[Tally], at: Timestamp) -> Row {
    let of = |what: Happening| {
        let fitting = tallies
            .iter()
            .filter(|tally| tally.at == at && tally.what == what);
        fitting.map(|tally| tally.count).sum::<u64>()
    };
    Row {
        at: at.to_string(),
        received: of(Happening::Received),
        succeeded: of(Happening::Succeeded),
        failed: of(Happening::Failed),
        dead: of(Happening::Dead),
    }
}

fn events(rows: &[Row]) -> Panel {
    let stacks: Vec<_> = rows.iter().map(|row| vec![("received", row.received)]).collect();
    let all: u64 = rows.iter().map(|row| row.received).sum();
    panel("Events received", format!("{} in all", say::count(all)), &stacks)
}

fn deliveries(rows: &[Row]) -> Panel {
    let stacks: Vec<_> = rows
        .iter()
        .map(|row| {
            vec![
                ("succeeded", row.succeeded),
                ("failed", row.failed),
                ("dead", row.dead),
            ]
        })
        .collect();
    let sum = |of: fn(&Row) -> u64| say::count(rows.iter().map(of).sum());
    let summary = format!(
        "{} succeeded, {} failed, {} given up for good",
        sum(|row| row.succeeded),
        sum(|row| row.failed),
        sum(|row| row.dead)
    );
    panel("Delivery attempts", summary, &stacks)
}

/// Draws stacks of counts, the tallest as high as the panel; what is there shows, however little it is.
fn panel(title: &'static str, summary: String, stacks: &[Vec<(&'static str, u64)>]) -> Panel {
    let totals = stacks
        .iter()
        .map(|stack| stack.iter().map(|(_, count)| count).sum::<u64>());
    let most = totals.max().unwrap_or_default();
    let mut pieces = Vec::new();
    let mut x = (STEP - BAR) / 2;
    for stack in stacks {
        let mut y = HEIGHT;
        for (class, count) in stack.iter().filter(|(_, count)| *count > 0) {
            let height = (count.saturating_mul(HEIGHT) / most.max(1)).max(1).min(y);
            y -= height;
            pieces.push(Piece { class, x, y, height });
        }
        x += STEP;
    }
    Panel {
        title,
        summary,
        most: say::count(most),
        pieces,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_750_000_123_456);

    #[test]
    fn bars_end_with_the_one_under_way_and_fill_the_span() {
        for span in Span::ALL {
            let since = span.since(NOW);
            let end = since.plus(span.width() * span.bars());
            assert!(end > NOW && end.minus(span.width()) <= NOW, "{span:?}");
            assert!(span.width().as_millis().is_multiple_of(TALLY_SPAN.as_millis()));
            assert_eq!(Span::named(Some(span.word())), span);
        }
        assert_eq!(Span::named(Some("<script>")), Span::Day);
    }

    #[test]
    fn pieces_stay_within_the_panel_and_every_count_shows() {
        let at = Span::Hour.since(NOW);
        let tally = |what, count| Tally { at, what, count };
        let tallies = [
            tally(Happening::Received, 1_000_000),
            tally(Happening::Succeeded, 1_000_000),
            tally(Happening::Failed, 1),
            tally(Happening::Dead, 1),
        ];
        let chart = Chart::of(&tallies, Span::Hour, NOW);
        let pieces = &chart.panels[1].pieces;
        assert!(pieces.iter().all(|piece| piece.y + piece.height <= HEIGHT));
        assert_eq!(chart.panels[0].most, "1,000,000");
        assert_eq!((chart.rows.len(), chart.rows[0].dead), (1, 1));
        let empty = Chart::of(&[], Span::Week, NOW);
        assert!(empty.rows.is_empty() && empty.panels.iter().all(|panel| panel.pieces.is_empty()));
    }
}
