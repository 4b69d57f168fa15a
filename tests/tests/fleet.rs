//! One limit across several Envoys, all of them real, under ten times the load that it allows: what they let through together is counted,
//! whatever is spread, killed or started again meanwhile. `FLEET_PHASE_SECONDS` makes each phase longer than it is by default.

#[path = "fleet/admissions.rs"]
mod admissions;
#[path = "fleet/load.rs"]
mod load;
#[path = "fleet/memory.rs"]
mod memory;
#[path = "fleet/redis.rs"]
mod redis;

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use admissions::Allowed;
use serde_json::{Value, json};

/// Tokens a minute and at once.
const RATE: u32 = 1_200;
const BURST: u32 = 30;
/// Envoys of a fleet.
const ENVOYS: u32 = 3;

/// How long the load goes on before and after each thing that happens. Longer than a silent Envoy takes part, which is three seconds.
fn phase() -> Duration {
    let longer = std::env::var("FLEET_PHASE_SECONDS").ok();
    Duration::from_secs(longer.map_or(4, |seconds| seconds.parse().expect("seconds")))
}

/// The limit, and so many tokens more at once.
fn limit(more_at_once: u32) -> Allowed {
    Allowed { rate: f64::from(RATE) / 60.0, at_once: f64::from(BURST + more_at_once) }
}

/// The permission row that has the limit.
fn row() -> Value {
    json!({
        "agents": ["shared"], "operations": ["read", "write", "push"],
        "limit": {"requestsPerMinute": RATE, "burst": BURST},
    })
}

/// One fleet at a time: each needs the whole machine to be pressed as hard as it is meant to be.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}
