//! Reads the text of `/metrics`, so that what leaves by OTLP has its names and values, whatever is counted.

/// What a family counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
    /// What does not change, as labels.
    Info,
}

/// The samples under one name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Family<'t> {
    pub name: &'t str,
    pub help: &'t str,
    pub kind: Kind,
    pub samples: Vec<Sample<'t>>,
}

/// One line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sample<'t> {
    /// With its suffix, such as `_total`.
    pub name: &'t str,
    pub labels: Vec<(&'t str, String)>,
    /// A number, as it is written.
    pub value: &'t str,
}

/// The families of a text in the format `OpenMetrics` 1.0, in order; `None` where it is not as we write it.
pub(super) fn families(text: &str) -> Option<Vec<Family<'_>>> {
    let mut families: Vec<Family<'_>> = Vec::new();
    let mut help = ("", "");
    for line in text.lines() {
        if let Some(told) = line.strip_prefix("# HELP ") {
            help = told.split_once(' ')?;
        } else if let Some(told) = line.strip_prefix("# TYPE ") {
            let (name, kind) = told.split_once(' ')?;
            families.push(Family {
                name,
                help: if help.0 == name { help.1 } else { "" },
                kind: match kind {
                    "counter" => Kind::Counter,
                    "gauge" => Kind::Gauge,
                    "histogram" => Kind::Histogram,
                    "info" => Kind::Info,
                    _ => return None,
                },
                samples: Vec::new(),
            });
        } else if !line.starts_with('#') && !line.is_empty() {
            let sample = sample(line)?;
            let family = families.last_mut()?;
            if !sample.name.starts_with(family.name) {
                return None;
            }
            family.samples.push(sample);
        }
    }
    Some(families)
}

fn sample(line: &str) -> Option<Sample<'_>> {
    let end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at(end);
    let (labels, value) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Vec::new(), rest),
    };
    let value = value.strip_prefix(' ')?;
    value.parse::<f64>().ok()?;
    Some(Sample { name, labels, value })
}

/// The labels before a closing brace, and what follows it.
fn labels(mut rest: &str) -> Option<(Vec<(&str, String)>, &str)> {
    let mut labels = Vec::new();
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (name, quoted) = rest.split_once("=\"")?;
        let (value, after) = unquoted(quoted)?;
        labels.push((name, value));
        rest = after.strip_prefix(',').unwrap_or(after);
    }
}

/// A value up to its closing quote, and what follows it.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let text = "# HELP a_b How many.\n# TYPE a_b counter\na_b_total{x=\"1\",y=\"q\\\"\\\\\\n,}\"} 3\na_b_total 4\n\
                    # HELP t Time.\n# TYPE t histogram\nt_sum 0.5\nt_count 2\nt_bucket{le=\"+Inf\"} 2\n# EOF\n";
        let found = families(text).expect("as we write it");
        assert_eq!(found.len(), 2);
        assert_eq!(
            (found[0].name, found[0].help, found[0].kind),
            ("a_b", "How many.", Kind::Counter)
        );
        let labels = vec![("x", "1".to_owned()), ("y", "q\"\\\n,}".to_owned())];
        assert_eq!(
            found[0].samples[0],
            Sample {
                name: "a_b_total",
                labels,
                value: "3"
            }
        );
        assert_eq!(found[1].samples.len(), 3);
    }

    #[test]
    fn what_is_not_ours_is_refused() {
        for text in [
            "a 1\n",
            "# TYPE a gauge\nb 1\n",
            "# TYPE a summary\n",
            "# TYPE a gauge\na one\n",
            "# TYPE a gauge\na{x=\"1} 1\n",
        ] {
            assert_eq!(families(text), None, "{text}");
        }
    }
}
