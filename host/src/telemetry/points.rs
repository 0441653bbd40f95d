//! Families of `/metrics` as OTLP's data points, by OTLP's own rules for what Prometheus counts: counters are sums that only
//! grow, histograms lose the running total of their buckets, facts are gauges of 1.

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, Sum,
};

use super::openmetrics::{Family, Kind, Sample};

/// The label of a histogram's buckets.
const BOUND: &str = "le";

/// Over which time something was counted, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub began: u64,
    pub now: u64,
}

/// An attribute.
pub(super) fn attribute(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue {
            value: Some(any_value::Value::StringValue(value.to_owned())),
        }),
        ..KeyValue::default()
    }
}

/// A family as it is sent; `None` where it has no samples yet, or they are not as we write them.
pub(super) fn metric(family: &Family<'_>, span: Span) -> Option<Metric> {
    let first = family.samples.first()?;
    let numbers = || family.samples.iter().map(|sample| number(sample, span)).collect();
    let cumulative = AggregationTemporality::Cumulative as i32;
    let (name, data) = match family.kind {
        Kind::Counter => {
            let sum = Sum {
                data_points: numbers(),
                aggregation_temporality: cumulative,
                is_monotonic: true,
            };
            (first.name, Data::Sum(sum))
        }
        Kind::Gauge | Kind::Info => {
            let gauge = Gauge {
                data_points: numbers(),
            };
            (first.name, Data::Gauge(gauge))
        }
        Kind::Histogram => {
            let histogram = Histogram {
                data_points: histograms(family, span)?,
                aggregation_temporality: cumulative,
            };
            (family.name, Data::Histogram(histogram))
        }
    };
    let is_time = family.name.ends_with("_seconds");
    let unit = if is_time { "s" } else { "" };
    Some(Metric {
        name: name.to_owned(),
        description: family.help.to_owned(),
        unit: unit.to_owned(),
        data: Some(data),
        ..Metric::default()
    })
}

fn number(sample: &Sample<'_>, span: Span) -> NumberDataPoint {
    let value = match sample.value.parse() {
        Ok(whole) => Value::AsInt(whole),
        Err(_) => Value::AsDouble(sample.value.parse().unwrap_or(f64::NAN)),
    };
    NumberDataPoint {
        attributes: attributes(&sample.labels),
        start_time_unix_nano: span.began,
        time_unix_nano: span.now,
        value: Some(value),
        ..NumberDataPoint::default()
    }
}

fn attributes(labels: &[(&str, String)]) -> Vec<KeyValue> {
    let labels = labels.iter().filter(|(name, _)| *name != BOUND);
    labels.map(|(name, value)| attribute(name, value)).collect()
}

/// One point for each set of labels. Each begins with its sum, and its buckets end with the one that has no bound.
fn histograms(family: &Family<'_>, span: Span) -> Option<Vec<HistogramDataPoint>> {
    let mut points: Vec<HistogramDataPoint> = Vec::new();
    // How many are at most the bound before.
    let mut below = 0;
    for sample in &family.samples {
        let part = sample.name.strip_prefix(family.name)?;
        if part == "_sum" {
            below = 0;
            points.push(HistogramDataPoint {
                attributes: attributes(&sample.labels),
                start_time_unix_nano: span.began,
                time_unix_nano: span.now,
                sum: Some(sample.value.parse().ok()?),
                ..HistogramDataPoint::default()
            });
            continue;
        }
        let point = points.last_mut()?;
        let count: u64 = sample.value.parse().ok()?;
        match part {
            "_count" => point.count = count,
            "_bucket" => {
                let bound = sample.labels.iter().find(|(name, _)| *name == BOUND)?;
                if bound.1 != "+Inf" {
                    point.explicit_bounds.push(bound.1.parse().ok()?);
                }
                point.bucket_counts.push(count.checked_sub(below)?);
                below = count;
            }
            _ => return None,
        }
    }
    Some(points)
}

#[cfg(test)]
mod tests {
    use super::super::openmetrics::families;
    use super::*;

    #[test]
    fn buckets_are_counted_apart() {
        let text = "# TYPE t_seconds histogram\nt_seconds_sum{p=\"a\"} 1.5\nt_seconds_count{p=\"a\"} 3\n\
                    t_seconds_bucket{le=\"0.1\",p=\"a\"} 1\nt_seconds_bucket{le=\"1.0\",p=\"a\"} 3\n\
                    t_seconds_bucket{le=\"+Inf\",p=\"a\"} 3\nt_seconds_sum{p=\"b\"} 0.0\nt_seconds_count{p=\"b\"} 0\n\
                    t_seconds_bucket{le=\"+Inf\",p=\"b\"} 0\n";
        let family = families(text).expect("as we write it").remove(0);
        let sent = metric(&family, Span { began: 1, now: 2 }).expect("it has samples");
        assert_eq!((sent.name.as_str(), sent.unit.as_str()), ("t_seconds", "s"));
        let Some(Data::Histogram(histogram)) = sent.data else {
            panic!("a histogram")
        };
        let [a, b] = &histogram.data_points[..] else {
            panic!("one for each plugin")
        };
        assert_eq!(
            (a.count, a.sum, &a.bucket_counts[..]),
            (3, Some(1.5), &[1, 2, 0][..])
        );
        assert_eq!(
            (&a.explicit_bounds[..], &a.attributes[..]),
            (&[0.1, 1.0][..], &[attribute("p", "a")][..])
        );
        assert_eq!((b.count, &b.bucket_counts[..]), (0, &[0][..]));
    }
}
