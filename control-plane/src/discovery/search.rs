//! `POST /search`: the agents that do what the query asks for, best first, among those that the caller may reach.

use std::sync::Arc;

use axum::{
    Extension,
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, value::RawValue};

use super::DiscoveryState;
use crate::{
    admin::{ApiError, Faults, StrictJson},
    gate::Visitor,
};

/// Longest query, in bytes: a paragraph. A model reads about a quarter of it.
const MAX_QUERY: usize = 4096;
const DEFAULT_TOP_K: usize = 10;
const MAX_TOP_K: u32 = 100;

/// What is searched for.
#[derive(Debug, PartialEq, Eq)]
pub struct SearchRequest {
    /// Trimmed, and not empty.
    pub query: String,
    /// Most results.
    pub top_k: usize,
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    results: Vec<AnswerHit>,
    query: String,
    total_matches: usize,
    mode: &'static str,
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct AnswerHit {
    /// As it is served elsewhere, byte for byte: it is signed.
    agent_card: Box<RawValue>,
    score: f32,
}

pub(super) async fn search(
    State(state): State<DiscoveryState>,
    Extension(visitor): Extension<Arc<dyn Visitor>>,
    StrictJson(body): StrictJson,
) -> Result<Response, ApiError> {
    let SearchRequest { query, top_k } = SearchRequest::read(body)?;
    let registry = state.store.registry();
    let (mode, found) = state.search.find(&registry, &visitor, &query, top_k).await;
    let shown = found.hits.iter().filter_map(|hit| {
        // A card that cannot be shown is left out, as in the listing.
        let card = state.shelf.card(registry.agents.get(hit.document.id())?)?;
        Some(AnswerHit { agent_card: RawValue::from_string(card.body.clone()).ok()?, score: hit.score })
    });
    let answer = Answer { results: shown.collect(), query, total_matches: found.total, mode: mode.as_str() };
    let body = serde_json::to_string(&answer).expect("text and finite numbers are JSON");
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
        (header::VARY, HeaderValue::from_static("authorization")),
    ];
    Ok((headers, body).into_response())
}

impl SearchRequest {
    /// Reads the body of a search.
    ///
    /// # Errors
    /// The refusal, with every fault.
    pub fn read(body: Value) -> Result<Self, ApiError> {
        let faults = Faults::default();
        let mut fields = faults.body(body);
        let query = match fields.value("query") {
            None => {
                fields.fault("MISSING_QUERY", "query", "is required: what to search for");
                None
            }
            Some(Value::String(text)) if text.trim().is_empty() => {
                fields.fault("MISSING_QUERY", "query", "must not be empty");
                None
            }
            Some(Value::String(text)) if text.trim().len() > MAX_QUERY => {
                fields.fault("INVALID_FIELD", "query", format!("must not be longer than {MAX_QUERY} bytes"));
                None
            }
            Some(Value::String(text)) => Some(text.trim().to_owned()),
            Some(_) => {
                fields.fault("MISSING_QUERY", "query", "must be a string");
                None
            }
        };
        let top_k = match fields.value("topK") {
            None => DEFAULT_TOP_K,
            Some(value) => match value.as_u64().filter(|it| (1..=u64::from(MAX_TOP_K)).contains(it)) {
                Some(number) => usize::try_from(number).unwrap_or(DEFAULT_TOP_K),
                None => {
                    fields.fault("INVALID_TOP_K", "topK", format!("must be a whole number from 1 to {MAX_TOP_K}"));
                    DEFAULT_TOP_K
                }
            },
        };
        fields.end();
        faults.finish(query.map(|query| Self { query, top_k }))
    }
}

#[cfg(test)]
mod remote_tests;
#[cfg(test)]
mod tests;
