//! `POST /admin/apply`: what is wanted, whole, in one request. All of it is read and checked and every card it needs is fetched first; then
//! there is one write with all the changes, or none. What is as it is wanted to be costs no write. And `GET /admin/export`: what there is,
//! in the form that apply takes.

mod cards;
mod difference;
mod export;
mod plan;
mod wanted;

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::State,
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::{
    AdminState, ApiError,
    agents::status::changed_by,
    answer::{Wait, written},
    body::LongJson,
};
use crate::{domain::Registry, gate::Visitor};
use plan::Plan;
use wanted::{Run, Wanted};

pub(super) fn routes() -> Router<AdminState> {
    Router::new()
        // Each on a line of its own: the description's test reads them.
        .route("/admin/apply", post(apply))
        .route("/admin/export", get(export::export))
}

async fn apply(
    State(state): State<AdminState>,
    Extension(visitor): Extension<Arc<dyn Visitor>>,
    wait: Wait,
    LongJson(body): LongJson,
) -> Result<Response, ApiError> {
    let registry = state.store.registry();
    let wanted = Wanted::read(body, &registry)?;
    let cards = cards::fetch(&state, &wanted.agents, &registry).await?;
    let change = changed_by(&*visitor, (state.clock)());
    let run = wanted.run;
    let make = move |registry: &Registry| Plan::make(&wanted, &cards, registry, &change);
    let (report, generation) = match run {
        Run::Dry => {
            let plan = make(&registry)?;
            (report(&plan, "planned"), registry.generation)
        }
        Run::Wet => {
            let (tell, told) = oneshot::channel();
            let decide = move |registry: &Registry| {
                let mut plan = make(registry)?;
                let changes = std::mem::take(&mut plan.changes);
                let status = if changes.is_empty() { "unchanged" } else { "applied" };
                // Whoever asked may have gone away; what is decided is written all the same.
                let _ = tell.send(report(&plan, status));
                Ok::<_, ApiError>(changes)
            };
            let generation = state.store.write(decide).await?;
            (told.await.unwrap_or_default(), generation)
        }
    };
    let wait = if run == Run::Dry { Wait::Written } else { wait };
    Ok(written(&state.nodes, StatusCode::OK, report, generation, wait).await)
}

fn report(plan: &Plan, status: &str) -> Value {
    let count = |outcome: &str| plan.differences.iter().filter(|it| it["change"] == outcome).count();
    json!({
        "status": status,
        "summary": {
            "created": count("created"),
            "updated": count("updated"),
            "deleted": count("deleted"),
            "unchanged": plan.unchanged,
        },
        "changes": plan.differences,
        "warnings": plan.warnings,
    })
}
