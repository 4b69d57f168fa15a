//! `GET /admin/nodes`: each Envoy, how far it is, what it refused, and how it comes by its tokens.

use axum::{Json, Router, extract::State, routing::get};
use serde_json::{Map, Value, json};

use super::{AdminState, time::rfc3339};
use crate::{
    quota::FleetNode,
    xds::{KindStatus, NodeStatus, Rejection, StreamKind},
};

pub(super) fn routes() -> Router<AdminState> {
    Router::new().route("/admin/nodes", get(list))
}

async fn list(State(state): State<AdminState>) -> Json<Value> {
    let nodes: Vec<Value> = state.nodes.nodes().iter().map(node).collect();
    let leases: Vec<Value> = state.fleet.nodes().iter().map(|(id, node)| lease(id, node)).collect();
    Json(json!({"generation": state.store.registry().generation.get(), "nodes": nodes, "leases": leases}))
}

/// How an Envoy's exchanges of tokens go. Beside its streams, which may be with another control plane.
fn lease(id: &str, node: &FleetNode) -> Value {
    json!({
        "nodeId": id,
        "state": node.lease.as_str(),
        "lastExchange": rfc3339(node.last_seen.seconds()),
    })
}

fn node(node: &NodeStatus) -> Value {
    let rejections = node.kinds.iter().filter_map(|(kind, status)| Some((kind, status.rejection.as_ref()?)));
    let last = rejections.max_by_key(|(_, rejection)| rejection.at);
    // A node has what it has acknowledged in every type.
    let acked = node.kinds.values().map(|status| status.acked.get()).min();
    let kinds: Map<String, Value> =
        node.kinds.iter().map(|(kind, status)| (kind.as_str().to_owned(), of_kind(status))).collect();
    json!({
        "nodeId": node.id,
        "cluster": node.cluster,
        "userAgent": node.user_agent,
        "connected": node.disconnected_at.is_none(),
        "connectedAt": rfc3339(node.connected_at),
        "disconnectedAt": node.disconnected_at.map(rfc3339),
        "stream": match node.stream { StreamKind::Delta => "delta", StreamKind::Sotw => "sotw" },
        "ackedGeneration": acked,
        "types": kinds,
        "lastNack": last.map(|(kind, rejection)| {
            let mut nack = of_rejection(rejection);
            nack["type"] = kind.as_str().into();
            nack
        }),
    })
}

fn of_kind(status: &KindStatus) -> Value {
    json!({
        "sentGeneration": status.sent.get(),
        "ackedGeneration": status.acked.get(),
        "nack": status.rejection.as_ref().map(of_rejection),
    })
}

fn of_rejection(rejection: &Rejection) -> Value {
    json!({"resources": rejection.resources, "reason": rejection.reason, "at": rfc3339(rejection.at)})
}
