//! `GET /admin/backup`: the registry at one generation, streamed while writes go on. Secrets in it stay sealed.

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use futures::{StreamExt, stream};

use super::{AdminState, ApiError};

/// What is sent at once, in bytes, at least.
const CHUNK: usize = 64 << 10;

pub(super) fn routes() -> Router<AdminState> {
    Router::new().route("/admin/backup", get(backup))
}

async fn backup(State(state): State<AdminState>) -> Result<Response, ApiError> {
    let lines = state.store.backup((state.clock)());
    let generation = lines.generation().unwrap_or_default();
    let chunks = stream::unfold(lines, |mut lines| async move {
        let mut chunk = Vec::new();
        while chunk.len() < CHUNK {
            let Some(line) = lines.next() else { break };
            chunk.extend(line);
        }
        (!chunk.is_empty()).then(|| (Ok::<_, std::convert::Infallible>(Bytes::from(chunk)), lines))
    });
    let name = format!("attachment; filename=\"tollgate-{generation}.backup\"");
    let headers = [(header::CONTENT_TYPE, "application/x-ndjson".to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((StatusCode::OK, headers, Body::from_stream(chunks.boxed())).into_response())
}
