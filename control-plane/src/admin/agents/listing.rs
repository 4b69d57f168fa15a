//! `GET /admin/agents`: every record, active or not, page by page, or those that the filters leave.

use axum::{
    Json,
    extract::{Query, State},
};
use serde_json::{Value, json};

use super::view;
use crate::admin::{AdminState, ApiError, filters::Filters, paging::Page};

pub(super) async fn list(
    State(state): State<AdminState>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Json<Value>, ApiError> {
    let page = Page::read(&query, &Filters::NAMES)?;
    let filters = Filters::read(&query)?;
    let registry = state.store.registry();
    let cut = page.cut(registry.agents.values().filter(|agent| filters.hold(agent)), |agent| agent.id.as_str());
    let agents: Vec<Value> = cut.items.into_iter().map(|agent| Value::Object(view::summary(&state, agent))).collect();
    Ok(Json(json!({"agents": agents, "nextCursor": cut.next})))
}
