//! `GET /admin/usage`: who called what, how often, and how much of it was refused; as the Envoys report it.

use axum::{
    Json, Router,
    extract::{Query, State},
    routing::get,
};
use serde_json::{Value, json};

use super::{AdminState, ApiError, paging::Page, time::rfc3339};
use crate::quota::{Counts, Micros, Usage};

pub(super) fn routes() -> Router<AdminState> {
    Router::new().route("/admin/usage", get(list))
}

/// Which rows, and in which order.
#[derive(Debug, Default)]
struct Selection {
    issuer: Option<String>,
    client: Option<String>,
    agent: Option<String>,
    order: Order,
}

/// How rows are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Order {
    /// By issuer, client, agent and operations.
    #[default]
    Key,
    /// The most requests of the last minute first.
    Requests,
}

async fn list(
    State(state): State<AdminState>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Json<Value>, ApiError> {
    let page = Page::read(&query, &["issuer", "client", "agent", "sort"])?;
    let selection = Selection::read(query)?;
    let mut rows = state.usage.rows(Micros::from_seconds((state.clock)()));
    rows.retain(|row| selection.takes(row));
    let named: Vec<(String, Usage)> = match selection.order {
        Order::Key => rows.into_iter().map(|row| (cursor(&row), row)).collect(),
        Order::Requests => busiest_first(rows),
    };
    let cut = page.cut(named.iter(), |(cursor, _)| cursor.as_str());
    let usage: Vec<Value> = cut.items.iter().map(|(_, row)| view(row)).collect();
    Ok(Json(json!({"usage": usage, "nextCursor": cut.next})))
}

impl Selection {
    fn read(query: Vec<(String, String)>) -> Result<Self, ApiError> {
        let mut selection = Self::default();
        for (name, value) in query {
            match name.as_str() {
                "issuer" => selection.issuer = Some(value),
                "client" => selection.client = Some(value),
                "agent" => selection.agent = Some(value),
                "sort" if value == "requests" => selection.order = Order::Requests,
                "sort" => return Err(ApiError::field("INVALID_QUERY", "sort", "sort must be \"requests\"")),
                _ => {}
            }
        }
        Ok(selection)
    }

    fn takes(&self, row: &Usage) -> bool {
        let fits = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
        fits(&self.issuer, &row.key.issuer) && fits(&self.client, &row.key.client) && fits(&self.agent, &row.key.agent)
    }
}

/// A row's place in the order of keys: hexadecimal sorts as what it stands for, and the end of a part before everything.
fn cursor(row: &Usage) -> String {
    let key = &row.key;
    let parts = [&key.issuer, &key.client, &key.agent, &key.operations];
    let part = |text: &String| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    parts.map(part).join(".")
}

/// A row's place among the busiest. The counts move between two pages, and a row may be on both, or on neither.
fn busiest_first(rows: Vec<Usage>) -> Vec<(String, Usage)> {
    let place = |row: Usage| (format!("{:016x}.{}", u64::MAX - row.last_minute.requests(), cursor(&row)), row);
    let mut named: Vec<(String, Usage)> = rows.into_iter().map(place).collect();
    named.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    named
}

fn view(row: &Usage) -> Value {
    let limit = row.limit.map(|limit| json!({"requestsPerMinute": limit.requests_per_minute, "burst": limit.burst}));
    json!({
        "issuer": row.key.issuer,
        "clientId": row.key.client,
        "agentId": row.key.agent,
        "operations": Some(&row.key.operations).filter(|class| !class.is_empty()),
        "limit": limit,
        "total": counts(row.total),
        "lastMinute": counts(row.last_minute),
        "lastSeen": rfc3339(row.last_seen.seconds()),
    })
}

fn counts(counts: Counts) -> Value {
    let Counts { admitted, refused, shed, unauthorized } = counts;
    let requests = counts.requests();
    json!({"requests": requests, "admitted": admitted, "refused": refused, "shed": shed, "unauthorized": unauthorized})
}
