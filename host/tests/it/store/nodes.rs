//! The nodes that share a database.

use std::time::Duration;

use hookyard::domain::node::NodeReport;

use super::{LONG, node, on_both, plugin};
use crate::support::stores::Fixture;

on_both!(
    a_node_is_what_it_said_last,
    a_node_that_is_not_heard_is_forgotten,
    nodes_are_removed,
);

fn report(file: &str) -> NodeReport {
    NodeReport {
        id: node(),
        host: "a\0b".to_owned(),
        version: "1.2.3".to_owned(),
        role: hookyard::domain::node::NodeRole::All,
        plugins_digest: Some(file.to_owned()),
        builds: [(plugin("echo"), "abc".to_owned())].into(),
    }
}

async fn a_node_is_what_it_said_last(fixture: &Fixture) {
    let store = &fixture.store;
    let mut first = report("x");
    store.report_node(&first, LONG).await.expect("noted");
    let second = report("y");
    store.report_node(&second, LONG).await.expect("noted");
    first.plugins_digest = None;
    first.builds.clear();
    store.report_node(&first, LONG).await.expect("noted");
    let nodes = store.nodes().await.expect("listed");
    assert_eq!(nodes.len(), 2);
    "a\u{fffd}b".clone_into(&mut first.host);
    assert_eq!(nodes[0].report, first);
    assert_eq!(nodes[1].report.builds, second.builds);
    assert!(nodes[0].is_live() && nodes[0].unseen < LONG, "{:?}", nodes[0]);
    assert!(nodes[0].started_at <= nodes[0].seen_at);
}

async fn a_node_that_is_not_heard_is_forgotten(fixture: &Fixture) {
    let store = &fixture.store;
    let gone = report("x");
    store.report_node(&gone, LONG).await.expect("noted");
    let stays = report("x");
    // By the database's clock, which the test waits for.
    let within = Duration::from_millis(50);
    while store.nodes().await.expect("listed")[0].unseen <= within {
        tokio::task::yield_now().await;
    }
    store.report_node(&stays, within).await.expect("noted");
    let nodes = store.nodes().await.expect("listed");
    assert_eq!(nodes.len(), 1, "{nodes:?}");
    assert_eq!(nodes[0].report.id, stays.id);
}

async fn nodes_are_removed(fixture: &Fixture) {
    let store = &fixture.store;
    let reports = [report("x"), report("x"), report("x")];
    for report in &reports {
        store.report_node(report, LONG).await.expect("noted");
    }
    store.remove_node(reports[0].id).await.expect("removed");
    store
        .remove_node(reports[0].id)
        .await
        .expect("it is gone already");
    store.remove_other_nodes(reports[1].id).await.expect("removed");
    let nodes = store.nodes().await.expect("listed");
    let left: Vec<_> = nodes.iter().map(|node| node.report.id).collect();
    assert_eq!(left, [reports[1].id]);
}
