//! What looking after a thousand agents costs an Envoy that has nothing else to do: its processor time with no checks, and with every
//! backend asked every ten seconds and what is seen of it told to the control plane every five.

use std::time::Duration;

use anyhow::Result;
use serde::Serialize;
use serde_json::json;

use crate::{
    Depth,
    gateway::{Gateway, LimitRow},
    process,
    stage::Stage,
};

/// Seconds between two checks of one backend.
const INTERVAL: u64 = 10;
/// What registrations leave to be done, and the first round of checks.
const SETTLING: Duration = Duration::from_secs(15);

/// The figures.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figures {
    /// Agents, with one backend each.
    pub(crate) agents: usize,
    /// Seconds between two checks of one.
    pub(crate) interval_s: u64,
    /// Share of a core that an idle Envoy takes without checks.
    pub(crate) idle_unchecked: f64,
    /// And with them.
    pub(crate) idle_checked: f64,
}

/// Measures one Envoy before and after its agents are checked.
pub(crate) fn measure(stage: &Stage, depth: Depth) -> Result<Figures> {
    let (agents, watched) = match depth {
        Depth::Quick => (100, Duration::from_secs(10)),
        Depth::Full => (1_000, Duration::from_secs(60)),
    };
    let gateway = Gateway::start(stage, "tollgate-health", LimitRow::Unlimited)?;
    eprintln!("health: registering {agents} agents");
    gateway.populate(0, agents)?;
    let idle_unchecked = idle(&gateway, watched)?;
    eprintln!("health: registering them anew, with checks");
    let check = json!({"healthEndpoint": "/health", "healthCheck": {"intervalSeconds": INTERVAL}});
    gateway.populate_with(0, agents, &check)?;
    let idle_checked = idle(&gateway, watched)?;
    Ok(Figures { agents, interval_s: INTERVAL, idle_unchecked, idle_checked })
}

/// The share of a core that Envoy takes while nobody calls.
fn idle(gateway: &Gateway, watched: Duration) -> Result<f64> {
    process::pause(SETTLING);
    let before = gateway.envoy.cpu()?;
    process::pause(watched);
    let used = gateway.envoy.cpu()?.saturating_sub(before);
    Ok(used.as_secs_f64() / watched.as_secs_f64())
}
