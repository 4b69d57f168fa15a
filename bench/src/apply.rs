//! A thousand agents from a YAML file: how long `tollgate apply --wait` takes, until every one of them answers through Envoy, and what a
//! second run costs that changes nothing.

use std::{
    fmt::Write,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use serde::Serialize;

use crate::{
    Depth,
    gateway::{Gateway, LimitRow},
    http::Connection,
    stage::Stage,
    throughput::{Target, reads},
};

/// The scope of a row that the file brings along.
const FLEET_SCOPE: &str = "fleet";

/// Seconds, from the start of the command.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figures {
    /// Agents in the file, all new.
    pub(crate) agents: usize,
    /// Until the command had ended: every connected Envoy had acknowledged all of it.
    pub(crate) applied_s: f64,
    /// Until each agent had been called through Envoy and had answered 200.
    pub(crate) verified_s: f64,
    /// The same file once more: every card is asked for again, nothing is written.
    pub(crate) again_s: f64,
    /// With one agent changed.
    pub(crate) one_changed_s: f64,
    /// All of them pruned.
    pub(crate) pruned_s: f64,
}

/// Applies the file to a new gateway.
pub(crate) fn measure(stage: &Stage, depth: Depth) -> Result<Figures> {
    let agents = match depth {
        Depth::Quick => 200,
        Depth::Full => 1_000,
    };
    eprintln!("apply: {agents} agents");
    let gateway = Gateway::start(stage, "tollgate-apply", LimitRow::Unlimited)?;
    let file = stage.work.join("apply.yaml");
    let text = document(stage, agents);
    fs::write(&file, &text)?;
    let begin = Instant::now();
    let applied = apply(stage, &gateway, &file, &format!("{} created, 0 updated", agents + 1))?;
    call_each(stage, &gateway, agents)?;
    let verified = begin.elapsed();
    let again = apply(stage, &gateway, &file, &format!("0 deleted, {} unchanged", agents + 1))?;
    fs::write(&file, text.replacen("tags: [fleet]", "tags: [flagship]", 1))?;
    let one_changed = apply(stage, &gateway, &file, "1 updated")?;
    fs::write(&file, "agents: []\n")?;
    let pruned = apply(stage, &gateway, &file, &format!("{agents} deleted"))?;
    gateway.envoy.expect_no_traps()?;
    Ok(Figures {
        agents,
        applied_s: applied.as_secs_f64(),
        verified_s: verified.as_secs_f64(),
        again_s: again.as_secs_f64(),
        one_changed_s: one_changed.as_secs_f64(),
        pruned_s: pruned.as_secs_f64(),
    })
}

fn document(stage: &Stage, agents: usize) -> String {
    let limit = "limit: {unlimited: true}";
    let mut text = format!("permissions:\n  - scope: {FLEET_SCOPE}\n    agents: ['fleet-*']\n    {limit}\nagents:\n");
    for index in 0..agents {
        let url = stage.backend;
        // Memory takes what is written.
        let _ = write!(text, "  - agentId: fleet-{index}\n    backendUrl: http://{url}\n    tags: [fleet]\n");
    }
    text
}

/// Runs the command as an operator does; what it says must contain `part`.
fn apply(stage: &Stage, gateway: &Gateway, file: &Path, part: &str) -> Result<Duration> {
    let begin = Instant::now();
    let output = gateway.command(stage).args(["apply", "--wait", "--prune", "-f"]).arg(file).output()?;
    let took = begin.elapsed();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "tollgate apply: {}", String::from_utf8_lossy(&output.stderr));
    ensure!(said.contains(part), "tollgate apply said {:?}", said.lines().last());
    Ok(took)
}

fn call_each(stage: &Stage, gateway: &Gateway, agents: usize) -> Result<()> {
    let token = stage.issuer.token(3, FLEET_SCOPE)?;
    let mut client = Connection::open(gateway.listener)?;
    for index in 0..agents {
        let target = Target { path: format!("/agents/fleet-{index}"), ..gateway.target() };
        let status = client.call(&reads(&target, std::slice::from_ref(&token)).remove(0))?.status;
        ensure!(status == 200, "fleet-{index} answered {status}");
    }
    Ok(())
}
