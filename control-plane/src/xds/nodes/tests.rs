//! When a generation counts as applied.

use std::time::Duration;

use super::{Applied, Connection, NodeIdentity, NodeTable, PendingNode, REMEMBERED, StreamKind};
use crate::{domain::Generation, xds::ResourceKind};

fn connect(table: &NodeTable, id: &str) -> Connection {
    table.connect(NodeIdentity { id: id.to_owned(), ..Default::default() }, StreamKind::Delta)
}

async fn pending(table: &NodeTable, generation: u64) -> Vec<PendingNode> {
    match table.applied(Generation::new(generation), Duration::from_secs(1)).await {
        Applied::Everywhere { .. } => Vec::new(),
        Applied::Pending { nodes } => nodes,
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_has_to_apply_what_nobody_listens_to() {
    assert_eq!(pending(&NodeTable::new(|| 1), 7).await, []);
}

#[tokio::test(start_paused = true)]
async fn every_type_of_every_connected_node_counts() {
    let table = NodeTable::new(|| 1);
    let (one, two) = (connect(&table, "one"), connect(&table, "two"));
    one.acked(ResourceKind::Cluster, Generation::new(5));
    one.acked(ResourceKind::Extension, Generation::new(5));
    two.acked(ResourceKind::Cluster, Generation::new(5));
    two.acked(ResourceKind::Extension, Generation::new(4));
    assert_eq!(pending(&table, 4).await, []);
    assert_eq!(pending(&table, 5).await, [PendingNode { id: "two".to_owned(), rejection: None }]);
    drop(two);
    assert_eq!(pending(&table, 5).await, []);
    drop(one);
}

#[tokio::test(start_paused = true)]
async fn a_waiter_hears_of_the_last_acknowledgement() {
    let table = NodeTable::new(|| 1);
    let node = connect(&table, "one");
    let waiter = tokio::spawn({
        let table = table.clone();
        async move { table.applied(Generation::new(3), Duration::from_secs(60)).await }
    });
    tokio::task::yield_now().await;
    node.acked(ResourceKind::Cluster, Generation::new(3));
    assert_eq!(waiter.await.unwrap(), Applied::Everywhere { nodes: vec!["one".to_owned()] });
}

#[tokio::test(start_paused = true)]
async fn a_refusal_concerns_the_generations_that_were_in_question() {
    let table = NodeTable::new(|| 77);
    let node = connect(&table, "one");
    node.acked(ResourceKind::Cluster, Generation::new(3));
    node.rejected(ResourceKind::Cluster, Generation::new(5), vec!["agent-a".to_owned()], "no".to_owned());
    for (generation, refused) in [(3, false), (4, true), (5, true)] {
        let at = pending(&table, generation).await.first().map(|node| node.rejection.as_ref().unwrap().at);
        assert_eq!(at, refused.then_some(77), "{generation}");
    }
    node.acked(ResourceKind::Cluster, Generation::new(6));
    assert_eq!(pending(&table, 6).await, []);
    assert_eq!(pending(&table, 5).await.len(), 1, "still refused, whatever came later");
    node.accepted(ResourceKind::Cluster, Generation::new(7));
    assert_eq!(pending(&table, 5).await, []);
}

#[test]
fn a_node_that_comes_back_replaces_its_former_self_and_few_are_remembered() {
    let table = NodeTable::new(|| 1);
    drop(connect(&table, "one"));
    let back = connect(&table, "one");
    assert_eq!(table.nodes().len(), 1);
    for number in 0..REMEMBERED + 10 {
        drop(connect(&table, &format!("gone-{number}")));
    }
    assert_eq!(table.nodes().len(), REMEMBERED + 1);
    assert_eq!(table.nodes()[0].disconnected_at, None);
    drop(back);
}
