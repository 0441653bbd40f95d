//! The picture of a run, as SVG written by hand: each target as a bar, each series as a line.

use std::fmt::Write as _;

use crate::aims::{self, Bound, Of};
use crate::results::Results;
use crate::row::{Row, figure, shown};

/// Sizes in pixels.
const WIDTH: f64 = 980.0;
const LEFT: f64 = 240.0;
const RIGHT: f64 = 150.0;
const BAR: f64 = 20.0;
const CHART: f64 = 170.0;
const MARGIN: f64 = 30.0;

/// How far the scale of the bars goes, as powers of ten to either side of the target.
const DECADES: f64 = 1.5;

/// Most points of a line: more would not be seen.
const POINTS: usize = 400;

const STYLE: &str = "text{font:12px sans-serif;fill:#222}.dim{fill:#666}.met{fill:#3b7f4a}.missed{fill:#b5432f}\
     .axis{stroke:#999;fill:none}.line{stroke:#2f5f9e;fill:none;stroke-width:1.5}\
     @media(prefers-color-scheme:dark){text{fill:#ddd}.dim{fill:#999}}";

/// The whole picture.
pub fn picture(results: &Results) -> String {
    let bars: Vec<_> = results
        .rows
        .iter()
        .filter_map(|row| Some((row, distance(row)?)))
        .collect();
    let bars_height = MARGIN * 2.0 + BAR * count(bars.len());
    let height = bars_height + CHART * count(results.series.len()) + MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n\
         <title>Figures against their targets</title>\n<style>{STYLE}</style>\n"
    );
    draw_bars(&mut svg, &bars, bars_height);
    let mut top = bars_height;
    for (name, points) in &results.series {
        draw_line(&mut svg, name, points, top);
        top += CHART;
    }
    svg.push_str("</svg>\n");
    svg
}

/// How far beyond its target a figure is, as a power of ten; negative where it misses.
fn distance(row: &Row) -> Option<f64> {
    let aim = aims::find(&row.name)?;
    let measured = match aim.of {
        Of::Ratio => row.ratio()?,
        Of::Value => row.value?,
    };
    let times = match aim.bound {
        Bound::AtLeast(bound) => measured / bound,
        Bound::AtMost(bound) => bound / measured,
    };
    // A bound of zero that is kept, or a figure of zero, is as good as it gets.
    let power = if times.is_nan() { 0.0 } else { times.log10() };
    Some(power.clamp(-DECADES, DECADES))
}

fn draw_bars(svg: &mut String, bars: &[(&Row, f64)], height: f64) {
    let middle = LEFT + (WIDTH - LEFT - RIGHT) / 2.0;
    let scale = (WIDTH - LEFT - RIGHT) / 2.0 / DECADES;
    text(
        svg,
        LEFT,
        MARGIN - 10.0,
        "dim",
        "missed ← the target → kept; a grid line is twice or ten times",
    );
    for power in [-1.0, -0.301, 0.0, 0.301, 1.0] {
        let x = middle + power * scale;
        let _written = writeln!(
            svg,
            "<path class=\"axis\" d=\"M{x:.1} {MARGIN}V{:.1}\"/>",
            height - MARGIN
        );
    }
    for (number, (row, power)) in bars.iter().enumerate() {
        let y = MARGIN + BAR * count(number);
        let end = middle + power * scale;
        let class = if row.met() == Some(false) { "missed" } else { "met" };
        let _written = writeln!(
            svg,
            "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>",
            middle.min(end),
            y + 4.0,
            (end - middle).abs().max(1.0),
            BAR - 8.0
        );
        text(svg, 8.0, y + 14.0, "", &row.name);
        let figure = match (aims::find(&row.name).map(|aim| aim.of), row.ratio(), row.value) {
            (Some(Of::Ratio), Some(ratio), _) => format!("{ratio:.3}×"),
            (_, _, value) => shown(value.unwrap_or_default(), row.unit),
        };
        text(svg, WIDTH - RIGHT + 10.0, y + 14.0, class, &figure);
    }
}

fn draw_line(svg: &mut String, name: &str, points: &[(f64, f64)], top: f64) {
    let last = points.last().map_or(1.0, |(at, _)| at.max(1.0));
    let most = points.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    let (bottom, span) = (top + CHART - MARGIN, CHART - 2.0 * MARGIN);
    let _written = writeln!(
        svg,
        "<path class=\"axis\" d=\"M{LEFT} {:.1}V{bottom:.1}H{:.1}\"/>",
        top + MARGIN,
        WIDTH - RIGHT
    );
    text(svg, 8.0, top + CHART / 2.0, "", name);
    text(svg, WIDTH - RIGHT + 10.0, top + MARGIN, "dim", &shown(most, ""));
    text(svg, WIDTH - RIGHT + 10.0, bottom, "dim", &format!("{last:.0} s"));
    let step = points.len().div_ceil(POINTS).max(1);
    let mut path = String::new();
    for (at, value) in points.iter().step_by(step) {
        let x = LEFT + at / last * (WIDTH - LEFT - RIGHT);
        let y = bottom - value / most.max(f64::MIN_POSITIVE) * span;
        let _written = write!(path, "{}{x:.1} {y:.1}", if path.is_empty() { 'M' } else { 'L' });
    }
    let _written = writeln!(svg, "<path class=\"line\" d=\"{path}\"/>");
}

fn text(svg: &mut String, x: f64, y: f64, class: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    let _written = writeln!(
        svg,
        "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{words}</text>"
    );
}

fn count(count: usize) -> f64 {
    figure(count as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_as_far_as_its_target_says() {
        let distance = |name, value, base| distance(&Row::aimed(name, value, "").against("", base));
        let near = |found: Option<f64>, wanted: f64| (found.expect("a bar") - wanted).abs() < 1e-9;
        assert!(near(distance("intake-vs-service", 750.0, 1.0), 1.0));
        assert!(near(distance("size-list", 11.5, 1.0), -1.0));
        assert!(near(distance("run-slow-threads", 0.0, 1.0), 0.0));
        assert!(near(distance("run-slow-threads", 5.0, 1.0), -DECADES));
        assert_eq!(distance("no target", 5.0, 1.0), None);
    }
}
