//! `GET /admin/export`: agents and permission rows in the form that apply takes. Applied again, it changes nothing: secrets that are not in
//! it are kept.

use axum::{Json, extract::State};
use serde_json::{Value, json};

use crate::{
    admin::{
        AdminState,
        agents::record::{record, withheld},
        permissions,
    },
    domain::Agent,
};

pub(super) async fn export(State(state): State<AdminState>) -> Json<Value> {
    let registry = state.store.registry();
    let agents: Vec<Value> = registry.agents.values().map(|agent| record(agent).into()).collect();
    let rows: Vec<Value> = registry.permissions.values().map(|row| permissions::record(row).into()).collect();
    let kept = |agent: &Agent| Some(json!({"agentId": agent.id, "field": withheld(&agent.auth)?}));
    let secrets: Vec<Value> = registry.agents.values().filter_map(|agent| kept(agent)).collect();
    Json(json!({
        "generation": registry.generation,
        "agents": agents,
        "permissions": rows,
        "withheldSecrets": secrets,
    }))
}
