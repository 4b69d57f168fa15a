//! The API's description: an OpenAPI 3.1 document, kept beside the handlers and checked against them by the tests.

use axum::{
    Router,
    http::{HeaderValue, header},
    response::IntoResponse,
    routing::get,
};

use super::AdminState;

/// The document.
pub(super) const DOCUMENT: &str = include_str!("openapi.json");

pub(super) fn routes() -> Router<AdminState> {
    Router::new().route("/admin/openapi.json", get(document))
}

async fn document() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], DOCUMENT)
}
