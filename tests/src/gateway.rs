//! A whole gateway: control plane and Envoy as processes, an external issuer registered. One is shared by the tests that leave it
//! running; those that stop things start their own.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    process::Command,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    backend::Backend,
    binaries,
    http::{Request, Response},
    issuer::{AUDIENCE, Issuer},
    process::Process,
    wait,
};

/// Client of the embedded issuer that holds `gateway:admin`.
pub const ADMIN_ID: &str = "e2e-admin";
/// Its secret.
pub const ADMIN_SECRET: &str = "planted-admin-secret-7f3a";
/// The node id of Envoy.
pub const NODE: &str = "e2e-envoy";

/// A running gateway.
pub struct Gateway {
    /// The registered external issuer.
    pub issuer: Issuer,
    ports: Ports,
    directory: TempDir,
    variables: Vec<(String, String)>,
    control: Mutex<Process>,
    envoy: Process,
}

/// What differs from the default gateway.
#[derive(Debug, Default)]
pub struct Settings {
    /// More TOML, after the blocks that every gateway has.
    pub more: String,
    /// More environment for the control plane.
    pub variables: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy)]
struct Ports {
    listener: SocketAddr,
    admin: SocketAddr,
    discovery: SocketAddr,
    xds: SocketAddr,
    envoy_admin: SocketAddr,
}

impl Gateway {
    /// The gateway of this test binary.
    #[must_use]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Gateway> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(Settings::default()))
    }

    /// Starts a gateway; returns when Envoy serves with the external issuer in force.
    ///
    /// # Panics
    /// When anything does not start; the logs say why.
    #[must_use]
    pub fn start(settings: Settings) -> Self {
        let ports = Ports::free();
        let directory = directory();
        let config = directory.path().join("tollgate.toml");
        fs::write(&config, ports.config(&directory, &settings)).expect("the configuration is written");
        let control = start_control(&directory, &settings.variables);
        let envoy = start_envoy(ports, &directory);
        let issuer = Issuer::new("https://issuer.test");
        let gateway =
            Self { issuer, ports, directory, variables: settings.variables, control: Mutex::new(control), envoy };
        gateway.wait_for_control();
        gateway.register_issuer(&gateway.issuer);
        gateway.wait_for_envoy();
        gateway
    }

    /// A request to Envoy's listener.
    #[must_use]
    pub fn request(&self, method: &str, path: &str) -> Request {
        Request::new(self.ports.listener, method, path)
    }

    /// A JSON-RPC call to an agent.
    #[must_use]
    pub fn rpc(&self, agent: &str, method: &str) -> Request {
        self.request("POST", &format!("/agents/{agent}"))
            .json(&json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": {}}))
    }

    /// A token of the external issuer with this scope.
    #[must_use]
    pub fn token(&self, scope: &str) -> String {
        self.issuer.token("e2e-client", scope)
    }

    /// A request to the private admin listener, without a token.
    #[must_use]
    pub fn private(&self, method: &str, path: &str) -> Request {
        Request::new(self.ports.admin, method, path)
    }

    /// A request to the private admin listener, with the admin's token.
    #[must_use]
    #[track_caller]
    pub fn admin(&self, method: &str, path: &str, body: Option<&Value>) -> Response {
        let request = self.private(method, path).bearer(&self.admin_token());
        match body {
            Some(body) => request.json(body).send(),
            None => request.send(),
        }
    }

    /// An admin request while the control plane may die: `None` when there was no answer.
    #[must_use]
    pub fn try_admin(&self, method: &str, path: &str, body: Option<&Value>) -> Option<Response> {
        let token = self.admin_token_request().try_send()?.json()["access_token"].as_str()?.to_owned();
        let request = self.private(method, path).bearer(&token);
        body.map_or(request.clone(), |body| request.json(body)).try_send()
    }

    /// An admin request that must succeed.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn admin_ok(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let response = self.admin(method, path, body);
        assert!((200..300).contains(&response.status), "{method} {path}: {} {}", response.status, response.text());
        if response.body.is_empty() { Value::Null } else { response.json() }
    }

    /// Registers an agent and waits until it is callable.
    #[track_caller]
    pub fn register(&self, id: &str, backend: &Backend) -> Value {
        self.register_with(id, backend, &json!({}))
    }

    /// The same, with more fields in the record.
    #[track_caller]
    pub fn register_with(&self, id: &str, backend: &Backend, more: &Value) -> Value {
        let mut record = json!({"agentId": id, "name": id, "backendUrl": backend.url()});
        for (name, value) in more.as_object().into_iter().flatten() {
            record[name] = value.clone();
        }
        self.admin_ok("POST", "/admin/agents/register?wait=applied", Some(&record))
    }

    /// Registers an issuer with its keys inline.
    #[track_caller]
    pub fn register_issuer(&self, issuer: &Issuer) {
        let body = json!({"issuer": issuer.name, "audiences": [AUDIENCE], "jwks": issuer.jwks()});
        self.admin_ok("POST", "/admin/issuers?wait=applied", Some(&body));
    }

    /// A client of the embedded issuer: its id and its secret.
    #[track_caller]
    pub fn client(&self, id: &str, scopes: &[&str]) -> (String, String) {
        let body = json!({"clientId": id, "name": id, "scopes": scopes});
        let made = self.admin_ok("POST", "/admin/clients?wait=applied", Some(&body));
        (id.to_owned(), made["clientSecret"].as_str().expect("the secret is shown once").to_owned())
    }

    /// A token request to the embedded issuer, through Envoy, with the secret in the form.
    #[must_use]
    pub fn token_request(&self, form: &str) -> Request {
        self.request("POST", "/oauth2/token").header("content-type", "application/x-www-form-urlencoded").body(form)
    }

    /// Envoy's counters whose name contains `part`, as `name: value` lines.
    #[must_use]
    pub fn stats(&self, part: &str) -> Vec<(String, u64)> {
        let text = Request::new(self.ports.envoy_admin, "GET", "/stats").send().text();
        let lines = text.lines().filter_map(|line| line.split_once(": "));
        let own = lines.filter(|(name, _)| name.contains(part));
        own.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect()
    }

    /// Envoy's admin answer at a path.
    #[must_use]
    pub fn envoy(&self, path: &str) -> Response {
        Request::new(self.ports.envoy_admin, "GET", path).send()
    }

    /// Panics when the filter has trapped since Envoy started.
    ///
    /// # Panics
    /// When a VM was reloaded, or the counter is not there.
    #[track_caller]
    pub fn assert_no_trap(&self) {
        let reloads = self.stats("vm_reload");
        assert!(!reloads.is_empty(), "Envoy has no counter of VM reloads");
        assert!(reloads.iter().all(|(_, count)| *count == 0), "{reloads:?}");
    }

    /// What the control plane and Envoy wrote.
    #[must_use]
    pub fn logs(&self) -> String {
        self.control().log() + &self.envoy.log()
    }

    /// The control plane's data directory.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// The gateway's public URL, without a trailing slash.
    #[must_use]
    pub fn public_url(&self) -> String {
        format!("http://{}", self.ports.listener)
    }

    /// Where callers connect.
    #[must_use]
    pub fn listener(&self) -> SocketAddr {
        self.ports.listener
    }

    /// `kill -9` of the control plane.
    pub fn kill_control(&self) {
        self.control().kill();
    }

    /// SIGTERM to the control plane; returns when it has ended.
    pub fn stop_control(&self) {
        self.control().terminate();
    }

    /// Starts the control plane again on the same data and ports.
    pub fn restart_control(&self) {
        *self.control() = start_control(&self.directory, &self.variables);
        self.wait_for_control();
    }

    fn control(&self) -> MutexGuard<'_, Process> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new token for the admin; tests may stop the issuer, so none is kept.
    #[track_caller]
    fn admin_token(&self) -> String {
        let response = self.admin_token_request().send();
        assert_eq!(response.status, 200, "{}", response.text());
        response.json()["access_token"].as_str().expect("a token").to_owned()
    }

    fn admin_token_request(&self) -> Request {
        let form = format!(
            "grant_type=client_credentials&client_id={ADMIN_ID}&client_secret={ADMIN_SECRET}&scope=gateway%3Aadmin"
        );
        let request = Request::new(self.ports.admin, "POST", "/oauth2/token");
        request.header("content-type", "application/x-www-form-urlencoded").body(form)
    }

    fn wait_for_control(&self) {
        wait::until("the control plane's token endpoint", || {
            assert!(self.control().is_running(), "the control plane ended at start:\n{}", self.control().log());
            self.admin_token_request().try_send().filter(|response| response.status == 200)
        });
    }

    fn wait_for_envoy(&self) {
        wait::until("Envoy with a policy", || {
            assert!(self.envoy.is_running(), "Envoy ended at start:\n{}", self.envoy.log());
            let listing = self.request("GET", "/agents").bearer(&self.token("agents:none:read"));
            listing.try_send().filter(|response| response.status == 200)
        });
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the gateway's files were in {}", self.directory.path().display());
        }
    }
}

impl Ports {
    fn free() -> Self {
        // All bound at once, so that they differ.
        let bound: Vec<TcpListener> =
            (0..5).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port")).collect();
        let port = |index: usize| bound[index].local_addr().expect("an address");
        Self { listener: port(0), admin: port(1), discovery: port(2), xds: port(3), envoy_admin: port(4) }
    }

    fn config(self, directory: &TempDir, settings: &Settings) -> String {
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
admin = "public"
[limits]
default_requests_per_minute = "unlimited"
[outbound]
allow_private = ["127.0.0.0/8"]
[bootstrap_admin]
client_id = "{ADMIN_ID}"
client_secret = "env:E2E_ADMIN_SECRET"
[secrets]
env = ["E2E_*"]
file_dirs = ["{files}"]
{more}"#,
            data = directory.path().join("data").display(),
            files = directory.path().join("secrets").display(),
            admin = self.admin,
            discovery = self.discovery,
            xds = self.xds,
            listener = self.listener,
            filter = binaries::filter().display(),
            more = settings.more,
        )
    }
}

/// A directory under the target directory: it outlives a test binary's statics, so it must not be in `/tmp`.
fn directory() -> TempDir {
    let test = std::env::current_exe().expect("the test's own path");
    let base = test.ancestors().nth(2).expect("target/<profile>/deps/<test>").join("e2e");
    fs::create_dir_all(&base).expect("a directory under target");
    let directory = TempDir::new_in(base).expect("a directory");
    fs::create_dir(directory.path().join("secrets")).expect("a directory");
    directory
}

fn start_control(directory: &TempDir, variables: &[(String, String)]) -> Process {
    let config = directory.path().join("tollgate.toml");
    let mut environment = vec![("E2E_ADMIN_SECRET", ADMIN_SECRET), ("RUST_BACKTRACE", "1")];
    environment.extend(variables.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let log = directory.path().join("control-plane.log");
    Process::start(&binaries::tollgate(), &["serve", "--config", &config.to_string_lossy()], &environment, &log)
}

fn start_envoy(ports: Ports, directory: &TempDir) -> Process {
    let bootstrap = Command::new(binaries::tollgate())
        .args(["bootstrap", "--node-id", NODE, "--xds", &ports.xds.to_string()])
        .args(["--admin-port", &ports.envoy_admin.port().to_string()])
        .output()
        .expect("tollgate bootstrap");
    assert!(bootstrap.status.success(), "tollgate bootstrap: {}", String::from_utf8_lossy(&bootstrap.stderr));
    let path = directory.path().join("envoy.yaml");
    fs::write(&path, bootstrap.stdout).expect("the bootstrap is written");
    let arguments =
        ["--concurrency", "2", "--disable-hot-restart", "--log-level", "warning", "-c", &path.to_string_lossy()];
    Process::start(&binaries::envoy(), &arguments, &[], &directory.path().join("envoy.log"))
}
