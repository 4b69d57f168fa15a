//! Searching among ten thousand agents, by words alone and with the model: how long one search takes, how many there are in a second, and
//! what the control plane's memory is. The control plane is asked where Envoy would ask it.

use std::{
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use hdrhistogram::Histogram;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    Depth,
    envoy::{self, free_port},
    gateway::ControlPlane,
    http::{self, Connection},
    load::{self, Pace, Plan},
    process,
    stage::Stage,
};

/// Where the control plane and those who search are: it has no Envoy beside it.
const BOTH_CORES: &str = "0,1";
/// The scope that sees every agent.
const SCOPE: &str = "everything";
/// Connections that search at once, each again as soon as it is answered.
const CLIENTS: usize = 8;
/// How long an embedder may take for all agents.
const PATIENCE: Duration = Duration::from_secs(1_800);

/// By words alone, and with the model.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figures {
    /// Agents, each with a text of its own.
    pub(crate) agents: usize,
    /// Without a model.
    pub(crate) lexical: Side,
    /// With it. Absent where no model was named.
    pub(crate) semantic: Option<Side>,
}

/// One way to rank.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Side {
    /// Milliseconds of one search, alone: half of them are faster.
    pub(crate) p50_ms: f64,
    /// And all but one in a hundred.
    pub(crate) p99_ms: f64,
    /// Searches a second, eight at a time.
    pub(crate) rps: f64,
    /// The control plane's resident memory afterwards, MiB.
    pub(crate) resident_mib: f64,
    /// Its largest since it started, MiB.
    pub(crate) peak_mib: f64,
}

/// Registers the agents and searches, on two cores: a control plane that is started on one has one thread.
pub(crate) fn measure(stage: &Stage, depth: Depth, model: Option<&Path>) -> Result<Figures> {
    process::pin_self(BOTH_CORES)?;
    let figures = search(stage, depth, model);
    process::pin_self(envoy::REST_CORE)?;
    figures
}

fn search(stage: &Stage, depth: Depth, model: Option<&Path>) -> Result<Figures> {
    let (agents, searches, length) = match depth {
        Depth::Quick => (500, 100, Duration::from_secs(2)),
        Depth::Full => (10_000, 1_000, Duration::from_secs(10)),
    };
    eprintln!("search: registering {agents} agents");
    let mut control =
        ControlPlane::start(stage, "tollgate-search", free_port()?, &[("TOLLGATE_SEARCH_SEMANTIC", "off")])?;
    let mut writer = control.writer()?;
    writer.trust(stage)?;
    writer.grant(SCOPE, &["a*"])?;
    drop(writer);
    control.populate(0, agents, described)?;
    // As after any restart: what registrations took of memory is not part of the figures.
    control.restart(stage, &[("TOLLGATE_SEARCH_SEMANTIC", "off")])?;
    let token = stage.issuer.token(4, SCOPE)?;
    let asked = Asked { control: control.discovery, pid: control.pid(), token: &token, searches, length };
    let lexical = asked.side("lexical")?;
    let Some(model) = model else { return Ok(Figures { agents, lexical, semantic: None }) };
    let model = model.to_str().context("the model's path")?;
    eprintln!("search: reading {agents} agents with the model");
    control.restart(stage, &[("TOLLGATE_SEARCH_MODEL_DIR", model)])?;
    settle(control.pid())?;
    let asked = Asked { control: control.discovery, pid: control.pid(), token: &token, searches, length };
    let semantic = asked.side("semantic")?;
    Ok(Figures { agents, lexical, semantic: Some(semantic) })
}

/// Who is asked, and how much.
struct Asked<'a> {
    control: SocketAddr,
    pid: u32,
    token: &'a str,
    searches: usize,
    length: Duration,
}

impl Asked<'_> {
    fn side(&self, mode: &str) -> Result<Side> {
        let mut client = Connection::open(self.control)?;
        let first = client.call(&self.request(0))?;
        let answer: Value = serde_json::from_slice(&first.body).context("the answer of a search")?;
        ensure!(answer["mode"] == mode, "a search was ranked by {}, not {mode}", answer["mode"]);
        // Cards are signed when they are first shown, and kept: that is no part of a search.
        self.show_all(&mut client)?;
        let mut latency: Histogram<u64> = Histogram::new(3)?;
        for number in 1..=self.searches {
            let request = self.request(number);
            let begin = Instant::now();
            let status = client.call(&request)?.status;
            ensure!(status == 200, "a search answered {status}");
            latency.record(u64::try_from(begin.elapsed().as_micros())?)?;
        }
        // No query comes twice: one that does is not embedded anew.
        let requests: Vec<Vec<u8>> = (0..100_000).map(|number| self.request(self.searches + 1 + number)).collect();
        let plan = Plan {
            target: self.control,
            connections: CLIENTS,
            requests: &requests,
            warm_up: Duration::from_secs(1),
            measured: self.length,
            pace: Pace::Closed,
        };
        let outcome = load::run(&plan, || Ok(()))?;
        outcome.expect_only(200)?;
        Ok(Side {
            p50_ms: latency.value_at_quantile(0.5) as f64 / 1_000.0,
            p99_ms: latency.value_at_quantile(0.99) as f64 / 1_000.0,
            rps: outcome.rate(),
            resident_mib: process::resident_mib(self.pid)?,
            peak_mib: process::peak_mib(self.pid)?,
        })
    }

    /// Reads the whole listing.
    fn show_all(&self, client: &mut Connection) -> Result<()> {
        let bearer = format!("Bearer {}", self.token);
        let headers = [("authorization", bearer.as_str())];
        let status = client.call(&http::request("GET", "/agents", &self.control.to_string(), &headers, b""))?.status;
        ensure!(status == 200, "the listing answered {status}");
        Ok(())
    }

    /// A query that was not asked before.
    fn request(&self, number: usize) -> Vec<u8> {
        let bearer = format!("Bearer {}", self.token);
        let headers = [("content-type", "application/json"), ("authorization", bearer.as_str())];
        let query = format!("somebody who {} {} for our {}", pick(&DOES, number), pick(&WHAT, number / 7), number);
        let body = json!({"query": query}).to_string();
        http::request("POST", "/search", &self.control.to_string(), &headers, body.as_bytes())
    }
}

const DOES: [&str; 8] = ["checks", "writes", "translates", "forecasts", "compares", "orders", "schedules", "explains"];
const WHAT: [&str; 11] = [
    "invoices",
    "travel",
    "contracts",
    "medical records",
    "warehouse stock",
    "payroll",
    "source code",
    "marketing texts",
    "weather",
    "shipments",
    "customer complaints",
];
const FOR: [&str; 13] = [
    "hospitals",
    "banks",
    "schools",
    "shipping lines",
    "insurers",
    "farms",
    "airports",
    "law firms",
    "retailers",
    "utilities",
    "ministries",
    "museums",
    "factories",
];

fn pick<'a>(words: &[&'a str], number: usize) -> &'a str {
    words[number % words.len()]
}

/// What a record says of its agent: about as much as published cards do.
fn described(index: usize) -> Value {
    let (does, what, whom) = (pick(&DOES, index), pick(&WHAT, index / 8), pick(&FOR, index / 88));
    json!({
        "name": format!("{what} {does} {index}"),
        "description": format!(
            "An assistant number {index} that {does} {what} for {whom}. It reads what people send it, asks when something is missing, \
             and answers with its sources and with what it is not sure of."
        ),
        "tags": [what, whom],
        "skills": [
            {"name": format!("{does} {what}"), "description": format!("{does} {what} by the rules of {whom}."), "instructions": "Ask for what is missing."},
            {"name": format!("report on {what}"), "description": format!("Sums up {what} of a month."), "instructions": "Be brief."},
        ],
    })
}

/// Returns when a process has nothing to do: the agents are read.
fn settle(pid: u32) -> Result<()> {
    const LOOK: Duration = Duration::from_secs(3);
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        let before = process::cpu(pid)?;
        process::pause(LOOK);
        if process::cpu(pid)?.saturating_sub(before) < LOOK / 10 {
            return Ok(());
        }
    }
    bail!("the model has not read every agent within {PATIENCE:?}")
}
