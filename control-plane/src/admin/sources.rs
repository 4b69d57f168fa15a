//! `/admin/sources`: where new agents are looked for, what was found there, and to look now. Which sources there are is the server's
//! configuration: whoever may propose agents is as much a matter of trust as which networks may be reached.

use axum::{Json, Router, extract::State, routing::get, routing::post};
use serde_json::{Value, json};
use url::Url;

use super::{AdminState, time::rfc3339};
use crate::sources::{Findings, Report, Skipped};

pub(super) fn routes() -> Router<AdminState> {
    Router::new().route("/admin/sources", get(list)).route("/admin/sources/scan", post(scan))
}

async fn list(State(state): State<AdminState>) -> Json<Value> {
    answer(&state)
}

/// Answers once every source has been looked at.
async fn scan(State(state): State<AdminState>) -> Json<Value> {
    state.sources.scan_all().await;
    answer(&state)
}

fn answer(state: &AdminState) -> Json<Value> {
    let sources: Vec<Value> = state.sources.reports().iter().map(|(url, report)| view(url, report.as_ref())).collect();
    Json(json!({"sources": sources, "intervalSeconds": state.sources.interval().as_secs()}))
}

fn view(url: &Url, report: Option<&Report>) -> Value {
    let nothing = Findings::default();
    let found = report.and_then(|report| report.outcome.as_ref().ok()).unwrap_or(&nothing);
    json!({
        "url": url,
        "scannedAt": report.map(|report| rfc3339(report.at)),
        "error": report.and_then(|report| report.outcome.as_ref().err()).map(ToString::to_string),
        "proposed": found.proposed,
        "known": found.known,
        "skipped": found.skipped.iter().map(skipped).collect::<Vec<_>>(),
        "leftOut": found.left_out,
    })
}

fn skipped(skipped: &Skipped) -> Value {
    json!({"url": skipped.url, "reason": skipped.reason})
}
