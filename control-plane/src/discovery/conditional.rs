//! Entity tags of what callers fetch, and whether they have it already (RFC 9110 sections 8.8.3 and 13.1.2).

use axum::http::{HeaderMap, HeaderValue, header};

/// A strong tag out of a digest.
pub(super) fn etag(digest: &[u8]) -> String {
    let tag: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{tag}\"")
}

/// Says the tag.
pub(super) fn tag(headers: &mut HeaderMap, etag: &str) {
    headers.extend(HeaderValue::from_str(etag).map(|etag| (header::ETAG, etag)));
}

/// `If-None-Match`: a list of tags, compared weakly, or `*`.
pub(super) fn is_current(asked: &HeaderMap, etag: &str) -> bool {
    let tags = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    tags.flat_map(|list| list.split(',')).map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}
