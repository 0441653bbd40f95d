//! The counters of `/metrics` reach a collector by OTLP, under the same names.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Metric, NumberDataPoint, ResourceMetrics,
};
use prost::Message as _;
use serde_json::json;

use crate::support::collector::{Export, Exports, Served, collector, post, sender, write_plugins};
use crate::support::pipeline::{PATIENCE, client};
use crate::support::plugins::Mirror;

const METRICS_TOKEN: &str = "reads-the-counters";

fn decoded(export: &Export) -> ResourceMetrics {
    assert_eq!(export.path, "/v1/metrics");
    assert_eq!(export.headers["content-type"], "application/x-protobuf");
    let mut request = ExportMetricsServiceRequest::decode(&export.body[..]).expect("OTLP");
    assert_eq!(request.resource_metrics.len(), 1);
    request.resource_metrics.remove(0)
}

fn metrics(sent: &ResourceMetrics) -> &[Metric] {
    &sent.scope_metrics[0].metrics
}

fn named<'m>(sent: &'m ResourceMetrics, name: &str) -> Option<&'m Metric> {
    metrics(sent).iter().find(|metric| metric.name == name)
}

fn text<'a>(attributes: &'a [KeyValue], key: &str) -> &'a str {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    let value = found.and_then(|found| found.value.as_ref()?.value.as_ref());
    match value {
        Some(any_value::Value::StringValue(text)) => text,
        other => panic!("{key}: {other:?}"),
    }
}

/// The points of a counter or a gauge.
fn points(metric: &Metric) -> &[NumberDataPoint] {
    match metric.data.as_ref() {
        Some(Data::Sum(sum)) => {
            assert!(sum.is_monotonic, "{}", metric.name);
            let cumulative = AggregationTemporality::Cumulative as i32;
            assert_eq!(sum.aggregation_temporality, cumulative, "{}", metric.name);
            &sum.data_points
        }
        Some(Data::Gauge(gauge)) => &gauge.data_points,
        other => panic!("{}: {other:?}", metric.name),
    }
}

/// Waits for an export in which this counter has come to this number.
async fn wait(exports: &Exports, name: &str, wanted: i64) -> (Export, ResourceMetrics) {
    let began = Instant::now();
    loop {
        let last = exports.lock().expect("no panic").last().cloned();
        if let Some(export) = last {
            let sent = decoded(&export);
            let is = named(&sent, name).is_some_and(|metric| {
                points(metric)
                    .iter()
                    .any(|point| point.value == Some(Number::AsInt(wanted)))
            });
            if is {
                return (export, sent);
            }
        }
        assert!(began.elapsed() < PATIENCE, "{name} did not come to {wanted}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The names of a text of `/metrics`, as they are sent.
fn names(text: &str) -> BTreeSet<String> {
    let families = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    families
        .map(|family| match family.split_once(' ').expect("a kind") {
            (name, "counter") => format!("{name}_total"),
            (name, "info") => format!("{name}_info"),
            (name, _) => name.to_owned(),
        })
        .filter(|name| {
            let is_used = |line: &str| line.starts_with(&**name) && !line.starts_with('#');
            text.lines().any(is_used)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_gets_what_prometheus_reads() {
    let (mirror, (base, exports)) = (Mirror::start().await, collector().await);
    let dir = tempfile::tempdir().expect("a directory");
    write_plugins(dir.path(), &mirror);
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", base.as_str()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=the%20yard,x-other=1"),
        ("OTEL_TRACES_EXPORTER", "none"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "200"),
        ("OTEL_SERVICE_NAME", "yard-two"),
        ("HOOKYARD_METRICS_TOKEN", METRICS_TOKEN),
    ];
    let server = Served::start(dir.path(), &variables);
    let token = sender(&server.url).await;
    let url = format!("{}/api/webhooks/receive/?source=s&type=t", server.url);
    for _ in 0..2 {
        let request = json!({"method": "POST", "url": format!("{}/api/x", mirror.base), "body": "hello"});
        post(url.clone(), Some(&token), &json!({ "requests": [request] }), None).await;
    }
    let (export, sent) = wait(&exports, "hookyard_attempts_total", 2).await;

    assert_eq!(export.headers["x-tenant"], "the yard");
    assert_eq!(export.headers["x-other"], "1");
    let resource = &sent.resource.as_ref().expect("a resource").attributes;
    assert_eq!(text(resource, "service.name"), "yard-two");
    assert_eq!(text(resource, "service.version"), env!("CARGO_PKG_VERSION"));
    assert_eq!(text(resource, "service.instance.id").len(), 36);

    let accepted = named(&sent, "hookyard_events_accepted_total").expect("sent");
    let point = &points(accepted)[0];
    assert_eq!(point.value, Some(Number::AsInt(2)));
    assert!(point.start_time_unix_nano > 0 && point.start_time_unix_nano < point.time_unix_nano);
    let attempts = points(named(&sent, "hookyard_attempts_total").expect("sent"));
    assert_eq!(text(&attempts[0].attributes, "plugin"), "http");
    assert_eq!(text(&attempts[0].attributes, "outcome"), "succeeded");
    let took = named(&sent, "hookyard_attempt_duration_seconds").expect("sent");
    let Some(Data::Histogram(took)) = &took.data else {
        panic!("{took:?}")
    };
    let took = &took.data_points[0];
    assert_eq!((took.count, took.bucket_counts.iter().sum::<u64>()), (2, 2));
    assert_eq!(took.bucket_counts.len(), took.explicit_bounds.len() + 1);
    let build = points(named(&sent, "hookyard_build_info").expect("sent"));
    assert_eq!(text(&build[0].attributes, "role"), "all");

    // Every name that the one has, the other has.
    let read = client()
        .get(format!("{}/metrics", server.url))
        .bearer_auth(METRICS_TOKEN)
        .send()
        .await
        .expect("an answer");
    let read = names(&read.text().await.expect("text"));
    let (_, sent) = wait(&exports, "hookyard_attempts_total", 2).await;
    let sent: BTreeSet<String> = metrics(&sent).iter().map(|metric| metric.name.clone()).collect();
    assert!(sent.len() > 8, "{sent:?}");
    let missing: Vec<_> = sent.difference(&read).collect();
    assert!(missing.is_empty(), "{missing:?} are not in /metrics: {read:?}");
    let missing: Vec<_> = read.difference(&sent).collect();
    assert!(missing.is_empty(), "{missing:?} are not sent: {sent:?}");
    tokio::task::spawn_blocking(move || server.stop())
        .await
        .expect("no panic");
}

/// What was counted since the last time leaves when the service stops.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_counts_are_sent() {
    let (mirror, (base, exports)) = (Mirror::start().await, collector().await);
    let dir = tempfile::tempdir().expect("a directory");
    write_plugins(dir.path(), &mirror);
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", base.as_str()),
        ("OTEL_TRACES_EXPORTER", "none"),
    ];
    let server = Served::start(dir.path(), &variables);
    let token = sender(&server.url).await;
    let url = format!("{}/api/webhooks/receive/?source=s&type=t", server.url);
    post(url, Some(&token), &json!({ "requests": [] }), None).await;
    tokio::task::spawn_blocking(move || server.stop())
        .await
        .expect("no panic");
    let (_, sent) = wait(&exports, "hookyard_events_accepted_total", 1).await;
    assert!(named(&sent, "hookyard_build_info").is_some());
}

/// A collector that is away is told of once, and the service goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_costs_a_line() {
    let mirror = Mirror::start().await;
    let dir = tempfile::tempdir().expect("a directory");
    write_plugins(dir.path(), &mirror);
    // Nobody can listen there without rights.
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"),
        ("OTEL_TRACES_EXPORTER", "none"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "100"),
    ];
    let server = Served::start(dir.path(), &variables);
    let token = sender(&server.url).await;
    let url = format!("{}/api/webhooks/receive/?source=s&type=t", server.url);
    let began = Instant::now();
    // Long enough for several tries, which are to be one line.
    while began.elapsed() < Duration::from_secs(1) {
        post(url.clone(), Some(&token), &json!({ "requests": [] }), None).await;
    }
    let log = tokio::task::spawn_blocking(move || server.stop())
        .await
        .expect("no panic");
    let told = log
        .iter()
        .filter(|line| line["message"] == "cannot send metrics; trying again");
    assert_eq!(told.count(), 1);
}

#[test]
fn what_is_malformed_is_refused_at_the_start() {
    for (name, wrong) in [
        ("OTEL_METRIC_EXPORT_INTERVAL", "soon"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "0"),
        ("OTEL_METRICS_EXPORTER", "prometheus"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a b=c"),
    ] {
        let yard = crate::support::command::hookyard("");
        let variables = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"),
            ("OTEL_TRACES_EXPORTER", "none"),
            (name, wrong),
        ];
        let ran = yard.run_with(&variables, &["serve", "--listen", "127.0.0.1:0"]);
        assert!(ran.status == 1 && ran.err.contains(name), "{}", ran.err);
    }
}
