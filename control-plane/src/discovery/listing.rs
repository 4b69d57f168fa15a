//! `GET /agents`: the cards of active agents that the caller may reach, as a bare array. `?tag=`, `?capability=` and `?skill=` narrow
//! it; `?limit=&cursor=` page it, and then `Link` (RFC 8288) and `x-next-cursor` lead to the next page. Nothing in it, no count, no
//! cursor and no tag, depends on an agent that the caller may not see.

use std::{ops::Bound, sync::Arc};

use axum::{
    Extension,
    extract::{Query, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};

use super::{DiscoveryState, conditional};
use crate::{
    admin::{ApiError, Filters, Page},
    cards::ServedCard,
    domain::Agent,
    gate::Visitor,
    search::is_found,
};

const NEXT_CURSOR: HeaderName = HeaderName::from_static("x-next-cursor");
/// What one caller may see: no shared cache may keep it, and no cache may use it unasked.
const CACHE_CONTROL: HeaderValue = HeaderValue::from_static("private, no-cache");

pub(super) async fn list(
    State(state): State<DiscoveryState>,
    Query(query): Query<Vec<(String, String)>>,
    Extension(visitor): Extension<Arc<dyn Visitor>>,
    asked: HeaderMap,
) -> Result<Response, ApiError> {
    let page = Page::read(&query, &Filters::NAMES)?;
    let filters = Filters::read(&query)?;
    let registry = state.store.registry();
    let wanted = |agent: &&Arc<Agent>| is_found(agent, &*visitor) && filters.hold(agent);
    // A card that cannot be shown is left out: the others' callers have nothing to do with it.
    let after = page.after().map_or(Bound::Unbounded, Bound::Excluded);
    let rest = registry.agents.range::<str, _>((after, Bound::Unbounded)).map(|(_, agent)| agent);
    let shown = rest.filter(wanted).filter_map(|agent| Some((&agent.id, state.shelf.card(agent)?)));
    let cut = page.cut(shown, |(id, _)| id.as_str());
    let cards: Vec<Arc<ServedCard>> = cut.items.into_iter().map(|(_, card)| card).collect();
    let etag = etag(&cards, cut.next.as_deref());
    let mut response = if conditional::is_current(&asked, &etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let bodies: Vec<&str> = cards.iter().map(|card| card.body.as_str()).collect();
        let body = format!("[{}]", bodies.join(","));
        ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, CACHE_CONTROL);
    headers.insert(header::VARY, HeaderValue::from_static("authorization"));
    conditional::tag(headers, &etag);
    if let Some(cursor) = cut.next {
        headers.extend(HeaderValue::from_str(&next_page(&query, &cursor)).map(|link| (header::LINK, link)));
        headers.extend(HeaderValue::from_str(&cursor).map(|cursor| (NEXT_CURSOR, cursor)));
    }
    Ok(response)
}

/// A strong tag of the array and of whether it goes on. The cards' own tags stand for their bytes.
fn etag(cards: &[Arc<ServedCard>], next: Option<&str>) -> String {
    let mut digest = Sha256::new();
    for card in cards {
        digest.update(&card.etag);
    }
    digest.update(next.unwrap_or_default());
    conditional::etag(&digest.finalize())
}

fn next_page(query: &[(String, String)], cursor: &str) -> String {
    let kept = query.iter().filter(|(name, _)| name != "cursor");
    let query =
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).append_pair("cursor", cursor).finish();
    format!("</agents?{query}>; rel=\"next\"")
}
