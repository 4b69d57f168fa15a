//! A whole gateway: control plane and Envoy as processes, an external issuer registered. One is shared by the tests that leave it
//! running; those that stop things start their own.

mod command;
mod launch;
mod processes;
mod sibling;

use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    sync::{Mutex, OnceLock},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use self::launch::Ports;
pub use self::{
    launch::{directory, is_native},
    sibling::Sibling,
};
use crate::{
    backend::Backend,
    http::{Request, Response},
    issuer::{AUDIENCE, Issuer},
    process::Process,
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
    settings: Settings,
    control: Mutex<Process>,
    envoy: Mutex<Process>,
    // Dropped last: the processes show their logs on the way out.
    directory: TempDir,
}

/// What differs from the default gateway.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// More TOML, after the blocks that every gateway has.
    pub more: String,
    /// More environment for the control plane.
    pub variables: Vec<(String, String)>,
    /// Envoy's node id, if not [`NODE`].
    pub node: Option<String>,
    /// More arguments of `tollgate bootstrap`.
    pub bootstrap: Vec<String>,
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
        let directory = launch::directory();
        fs::create_dir(directory.path().join("secrets")).expect("a directory");
        let config = directory.path().join("tollgate.toml");
        fs::write(&config, ports.config(&directory, &settings)).expect("the configuration is written");
        let control = launch::control(&directory, &settings);
        let envoy = launch::envoy(ports, &directory, &settings);
        let issuer = Issuer::new("https://issuer.test");
        let (control, envoy) = (Mutex::new(control), Mutex::new(envoy));
        let gateway = Self { issuer, ports, directory, settings, control, envoy };
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
        envoy_stats(self.ports.envoy_admin, part)
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
        self.control().log() + &self.running_envoy().log()
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

    /// Where Envoys connect for their configuration.
    #[must_use]
    pub fn xds(&self) -> SocketAddr {
        self.ports.xds
    }

    /// Where callers connect.
    #[must_use]
    pub fn listener(&self) -> SocketAddr {
        self.ports.listener
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
}

/// No lines from an Envoy that does not answer yet, or no more.
fn envoy_stats(admin: SocketAddr, part: &str) -> Vec<(String, u64)> {
    let text = Request::new(admin, "GET", "/stats").try_send().map(|answer| answer.text()).unwrap_or_default();
    let lines = text.lines().filter_map(|line| line.split_once(": "));
    let own = lines.filter(|(name, _)| name.contains(part));
    own.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect()
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the gateway's files were in {}", self.directory.path().display());
        }
    }
}
