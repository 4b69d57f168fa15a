//! Tollgate as a user runs it: `tollgate serve` with its data in a new directory, an Envoy on its ADS, issuer, permission and agents
//! registered through the public admin API.

use std::{
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    envoy::{Envoy, free_port},
    http::{self, Connection, Reply},
    process,
    stage::Stage,
    throughput::Target,
    tokens::{AUDIENCE, ISSUER, SCOPE},
};

/// The agent that is called.
pub(crate) const MEASURED_AGENT: &str = "bench";
/// The control plane's settings, in its data directory.
const CONFIG: &str = "tollgate.toml";
const ADMIN_ID: &str = "bench-admin";
const ADMIN_SECRET: &str = "bench-admin-secret-0123456789";
const START_PATIENCE: Duration = Duration::from_secs(30);
/// Registrations in flight when many agents are registered.
const REGISTRARS: usize = 8;

/// What callers of the measured agent may spend.
#[derive(Debug, Clone, Copy)]
pub(crate) enum LimitRow {
    /// A limit that is never reached.
    Ample,
    /// So many a minute, and so many at once.
    Real {
        /// Requests.
        per_minute: u32,
        /// Requests.
        burst: u32,
    },
    /// No limit: nothing is counted.
    Unlimited,
}

/// What the filter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Form {
    /// A module in Envoy's sandbox.
    Wasm,
    /// Native code in Envoy's own process.
    Native,
}

impl Form {
    /// The name of a section of the results with the filter in this form.
    pub(crate) fn section(self, of: &str) -> String {
        match self {
            Self::Wasm => of.to_owned(),
            Self::Native => format!("{of}_native"),
        }
    }
}

/// A control plane and its Envoy.
pub(crate) struct Gateway {
    name: &'static str,
    /// The proxy.
    pub(crate) envoy: Envoy,
    /// Where callers go.
    pub(crate) listener: SocketAddr,
    control: ControlPlane,
}

/// A control plane and its admin API. Its data goes when it is dropped.
pub(crate) struct ControlPlane {
    /// Where it answers what Envoy forwards: listing, search, cards, tokens.
    pub(crate) discovery: SocketAddr,
    child: Child,
    admin: SocketAddr,
    xds: SocketAddr,
    token: String,
    backend: SocketAddr,
    data: TempDir,
    log: PathBuf,
}

/// Writes to the admin API on one keep-alive connection.
pub(crate) struct Writer<'a> {
    connection: Connection,
    control: &'a ControlPlane,
}

impl Gateway {
    /// Starts both processes, with the filter in wasm, and registers the measured agent; returns when it is callable.
    pub(crate) fn start(stage: &Stage, name: &'static str, limit: LimitRow) -> Result<Self> {
        Self::start_as(Form::Wasm, stage, name, limit)
    }

    /// The same with the filter in either form.
    pub(crate) fn start_as(form: Form, stage: &Stage, name: &'static str, limit: LimitRow) -> Result<Self> {
        Self::start_with(form, 1, stage, name, limit)
    }

    /// The same with so many of Envoy's workers.
    pub(crate) fn start_with(
        form: Form,
        workers: u8,
        stage: &Stage,
        name: &'static str,
        limit: LimitRow,
    ) -> Result<Self> {
        let listener = free_port()?;
        let module = stage.module.display().to_string();
        let variables = match form {
            Form::Wasm => &[][..],
            Form::Native => &[("TOLLGATE_GATEWAY_NATIVE_FILTER", module.as_str())],
        };
        let control = ControlPlane::start(stage, name, listener, variables)?;
        let envoy_admin = free_port()?;
        let bootstrap = Command::new(&stage.tollgate)
            .args(["bootstrap", "--node-id", name, "--xds", &control.xds.to_string()])
            .args(["--admin-port", &envoy_admin.port().to_string()])
            .output()?;
        ensure!(bootstrap.status.success(), "tollgate bootstrap: {}", String::from_utf8_lossy(&bootstrap.stderr));
        let bootstrap = String::from_utf8(bootstrap.stdout)?;
        let envoy = Envoy::start(&stage.envoy, &stage.work, name, &bootstrap, envoy_admin, workers)?;
        let gateway = Self { name, envoy, listener, control };
        let mut writer = gateway.writer()?;
        writer.trust(stage)?;
        writer.grant_limited(SCOPE, &[MEASURED_AGENT], limit)?;
        writer.register(MEASURED_AGENT)?;
        writer.settle()?;
        Ok(gateway)
    }

    /// The measured agent as a target.
    pub(crate) fn target(&self) -> Target<'_> {
        Target {
            name: self.name.to_owned(),
            address: self.listener,
            host: self.listener.to_string(),
            path: format!("/agents/{MEASURED_AGENT}"),
            envoy: Some(&self.envoy),
        }
    }

    /// The client command, logged in as the administrator.
    pub(crate) fn command(&self, stage: &Stage) -> Command {
        let mut command = Command::new(&stage.tollgate);
        command.env("TOLLGATE_ADMIN_URL", format!("http://{}", self.control.admin));
        command.env("TOLLGATE_TOKEN", &self.control.token);
        command
    }

    /// A connection to the admin API.
    pub(crate) fn writer(&self) -> Result<Writer<'_>> {
        self.control.writer()
    }

    /// Registers agents `a{from}` to `a{to - 1}`, several at a time, and waits until Envoy has them.
    pub(crate) fn populate(&self, from: usize, to: usize) -> Result<()> {
        self.populate_with(from, to, &Value::Null)
    }

    /// The same with more fields in their records.
    pub(crate) fn populate_with(&self, from: usize, to: usize, more: &Value) -> Result<()> {
        self.control.populate(from, to, |_| more.clone())?;
        self.writer()?.settle()
    }
}

impl Writer<'_> {
    /// Sends a write; an error unless it is accepted.
    pub(crate) fn send(&mut self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let bearer = format!("Bearer {}", self.control.token);
        let headers = [("content-type", "application/json"), ("authorization", bearer.as_str())];
        let host = self.control.admin.to_string();
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let Reply { status, body } = self.connection.call(&http::request(method, path, &host, &headers, &body))?;
        ensure!((200..300).contains(&status), "{method} {path}: {status} {}", String::from_utf8_lossy(&body));
        if body.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_slice(&body)?) }
    }

    /// Has tokens of the bench's issuer believed.
    pub(crate) fn trust(&mut self, stage: &Stage) -> Result<()> {
        let issuer = json!({"issuer": ISSUER, "audiences": [AUDIENCE], "jwks": stage.issuer.jwks()});
        self.send("POST", "/admin/issuers", &issuer).map(drop)
    }

    /// Sets a permission row: every operation of these agents, without a limit.
    pub(crate) fn grant(&mut self, scope: &str, agents: &[&str]) -> Result<()> {
        self.grant_limited(scope, agents, LimitRow::Unlimited)
    }

    /// The same with a limit.
    pub(crate) fn grant_limited(&mut self, scope: &str, agents: &[&str], limit: LimitRow) -> Result<()> {
        let limit = match limit {
            LimitRow::Ample => json!({"requestsPerMinute": 4_000_000_000_u32}),
            LimitRow::Real { per_minute, burst } => json!({"requestsPerMinute": per_minute, "burst": burst}),
            LimitRow::Unlimited => json!({"unlimited": true}),
        };
        let row = json!({"agents": agents, "operations": ["read", "write", "push"], "limit": limit});
        self.send("PUT", &format!("/admin/permissions/{scope}"), &row).map(drop)
    }

    /// Sets a permission row that opens reading alone, without a limit, and waits until it is in force.
    pub(crate) fn grant_reading(&mut self, scope: &str, agents: &[&str]) -> Result<()> {
        let row = json!({"agents": agents, "operations": ["read"], "limit": {"unlimited": true}});
        self.send("PUT", &format!("/admin/permissions/{scope}?wait=applied"), &row).map(drop)
    }

    /// Registers an agent at the static backend.
    pub(crate) fn register(&mut self, id: &str) -> Result<()> {
        self.register_with(id, &Value::Null)
    }

    /// The same with more fields in its record.
    pub(crate) fn register_with(&mut self, id: &str, more: &Value) -> Result<()> {
        let mut agent = json!({"agentId": id, "name": id, "backendUrl": format!("http://{}", self.control.backend)});
        for (name, value) in more.as_object().into_iter().flatten() {
            agent[name] = value.clone();
        }
        self.send("POST", "/admin/agents/register", &agent).map(drop)
    }

    /// Takes an agent away.
    pub(crate) fn remove(&mut self, id: &str) -> Result<()> {
        self.send("DELETE", &format!("/admin/agents/{id}"), &Value::Null).map(drop)
    }

    /// Returns when Envoy has acknowledged everything written so far.
    pub(crate) fn settle(&mut self) -> Result<()> {
        let row = json!({"agents": [MEASURED_AGENT], "operations": ["read"]});
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(120) {
            let answer = self.send("PUT", "/admin/permissions/bench.settle?wait=applied", &row)?;
            if answer.get("pending").and_then(Value::as_array).is_none_or(Vec::is_empty) {
                return Ok(());
            }
        }
        bail!("Envoy has not acknowledged the last write for two minutes")
    }
}

impl ControlPlane {
    /// Starts one with new data. `variables` are settings, as `TOLLGATE_*`.
    pub(crate) fn start(stage: &Stage, name: &str, listener: SocketAddr, variables: &[(&str, &str)]) -> Result<Self> {
        let data = TempDir::new_in(&stage.work)?;
        let (admin, discovery, xds) = (free_port()?, free_port()?, free_port()?);
        fs::write(data.path().join(CONFIG), settings(&data, stage, [admin, discovery, xds, listener]))?;
        let log: PathBuf = stage.work.join(format!("{name}-control-plane.log"));
        let child = serve(stage, &data, &log, variables)?;
        let mut control =
            Self { discovery, child, admin, xds, token: String::new(), backend: stage.backend, data, log };
        control.token = control.wait_token()?;
        Ok(control)
    }

    /// Ends it, and starts it anew on its data.
    pub(crate) fn restart(&mut self, stage: &Stage, variables: &[(&str, &str)]) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        self.child = serve(stage, &self.data, &self.log, variables)?;
        self.token = self.wait_token()?;
        Ok(())
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A connection to the admin API.
    pub(crate) fn writer(&self) -> Result<Writer<'_>> {
        Ok(Writer { connection: Connection::open(self.admin)?, control: self })
    }

    /// Registers agents `a{from}` to `a{to - 1}`, several at a time, each with more fields in its record.
    pub(crate) fn populate(&self, from: usize, to: usize, more: impl Fn(usize) -> Value + Sync) -> Result<()> {
        let next = AtomicUsize::new(from);
        let registrar = || -> Result<()> {
            let mut writer = self.writer()?;
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= to {
                    return Ok(());
                }
                writer.register_with(&format!("a{index}"), &more(index))?;
            }
        };
        std::thread::scope(|scope| {
            let registrars: Vec<_> = (0..REGISTRARS).map(|_| scope.spawn(registrar)).collect();
            registrars
                .into_iter()
                .try_for_each(|thread| thread.join().map_err(|_| anyhow::anyhow!("a registrar panicked"))?)
        })
    }

    /// Asks for an admin token until there is one: the control plane is up then.
    fn wait_token(&mut self) -> Result<String> {
        self.token_once_up().with_context(|| format!("see {}", self.log.display()))
    }

    fn token_once_up(&mut self) -> Result<String> {
        let discovery = self.discovery;
        let form = format!(
            "grant_type=client_credentials&client_id={ADMIN_ID}&client_secret={ADMIN_SECRET}&scope=gateway:admin"
        );
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let request = http::request("POST", "/oauth2/token", &discovery.to_string(), &headers, form.as_bytes());
        let begin = Instant::now();
        while begin.elapsed() < START_PATIENCE {
            if let Some(status) = self.child.try_wait()? {
                bail!("the control plane ended at start: {status}");
            }
            if let Ok(reply) = Connection::open(discovery).and_then(|mut connection| connection.call(&request)) {
                ensure!(
                    reply.status == 200,
                    "token endpoint: {} {}",
                    reply.status,
                    String::from_utf8_lossy(&reply.body)
                );
                let token: Value = serde_json::from_slice(&reply.body)?;
                return Ok(token["access_token"].as_str().context("access_token")?.to_owned());
            }
            process::breathe();
        }
        bail!("the control plane did not answer within {START_PATIENCE:?}")
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        // It may have ended by itself; there is nobody to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(stage: &Stage, data: &TempDir, log: &Path, variables: &[(&str, &str)]) -> Result<Child> {
    let log = File::options().create(true).append(true).open(log)?;
    Command::new(&stage.tollgate)
        .args(["serve", "--config"])
        .arg(data.path().join(CONFIG))
        .env("BENCH_ADMIN_SECRET", ADMIN_SECRET)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .context("starting the control plane")
}

fn settings(data: &TempDir, stage: &Stage, [admin, discovery, xds, listener]: [SocketAddr; 4]) -> String {
    format!(
        r#"data_dir = "{data}"
[listen]
admin = "{admin}"
discovery = "{discovery}"
xds = "{xds}"
[gateway]
public_url = "http://{listener}"
listen = "{listener}"
filter = "{filter}"
[issuer]
embedded = true
[outbound]
allow_private = ["127.0.0.0/8"]
[bootstrap_admin]
client_id = "{ADMIN_ID}"
client_secret = "env:BENCH_ADMIN_SECRET"
[secrets]
env = ["BENCH_*"]
"#,
        data = data.path().display(),
        filter = stage.filter.display(),
    )
}
