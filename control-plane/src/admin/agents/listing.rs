//! `GET /admin/agents`: every record, active or not, page by page.

use axum::{
    Json,
    extract::{Query, State},
};
use serde_json::{Value, json};

use super::view;
use crate::admin::{AdminState, ApiError, paging::Page};

pub(super) async fn list(
    State(state): State<AdminState>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Json<Value>, ApiError> {
    let page = Page::read(&query, &[])?;
    let registry = state.store.registry();
    let cut = page.cut(registry.agents.values(), |agent| agent.id.as_str());
    let agents: Vec<Value> = cut.items.into_iter().map(|agent| Value::Object(view::summary(&state, agent))).collect();
    Ok(Json(json!({"agents": agents, "nextCursor": cut.next})))
}
