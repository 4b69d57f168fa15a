//! Liveness and readiness. Ready is a guard: it is held while the server works, and dropped first thing on the way down.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{Router, extract::State, routing::get};
use http::StatusCode;

/// Tells whether the server is ready.
#[derive(Clone, Default)]
pub(super) struct Readiness {
    ready: Arc<AtomicBool>,
}

/// While it lives, the server is ready.
pub(super) struct Ready {
    ready: Arc<AtomicBool>,
}

impl Readiness {
    /// Ready from now on, until the guard is dropped.
    pub(super) fn ready(&self) -> Ready {
        self.ready.store(true, Ordering::Release);
        Ready { ready: self.ready.clone() }
    }

    /// `GET /healthz` (the process answers) and `GET /readyz` (it does its work).
    pub(super) fn router(&self) -> Router {
        Router::new().route("/healthz", get(|| async { "ok\n" })).route("/readyz", get(readyz)).with_state(self.clone())
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        self.ready.store(false, Ordering::Release);
    }
}

async fn readyz(State(readiness): State<Readiness>) -> (StatusCode, &'static str) {
    if readiness.ready.load(Ordering::Acquire) {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
    }
}
