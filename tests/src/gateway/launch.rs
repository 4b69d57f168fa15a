//! How the processes of a gateway are put up: ports, configuration, command lines.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process::Command,
};

use tempfile::TempDir;

use super::{ADMIN_ID, ADMIN_SECRET, NODE, Settings};
use crate::{binaries, process::Process};

/// Where everything listens, on loopback.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ports {
    pub(super) listener: SocketAddr,
    pub(super) admin: SocketAddr,
    pub(super) discovery: SocketAddr,
    pub(super) xds: SocketAddr,
    pub(super) envoy_admin: SocketAddr,
}

impl Ports {
    pub(super) fn free() -> Self {
        // All bound at once, so that they differ.
        let bound: Vec<TcpListener> =
            (0..5).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port")).collect();
        let port = |index: usize| bound[index].local_addr().expect("an address");
        Self { listener: port(0), admin: port(1), discovery: port(2), xds: port(3), envoy_admin: port(4) }
    }

    pub(super) fn config(self, directory: &TempDir, settings: &Settings) -> String {
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
{native_filter}admin = "public"
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
            native_filter = native_filter(),
            more = settings.more,
        )
    }
}

/// Whether this test binary is one that holds promises against the filter's native form.
///
/// # Panics
/// When it cannot tell its own name.
#[must_use]
pub fn is_native() -> bool {
    let test = std::env::current_exe().expect("the test's own path");
    test.file_stem().is_some_and(|name| name.to_string_lossy().contains("_native-"))
}

fn native_filter() -> String {
    if is_native() { format!("native_filter = \"{}\"\n", binaries::native().display()) } else { String::new() }
}

/// A directory under the target directory: it outlives a test binary's statics, so it must not be in `/tmp`.
///
/// # Panics
/// When it cannot be made.
#[must_use]
pub fn directory() -> TempDir {
    let test = std::env::current_exe().expect("the test's own path");
    let base = test.ancestors().nth(2).expect("target/<profile>/deps/<test>").join("e2e");
    fs::create_dir_all(&base).expect("a directory under target");
    TempDir::new_in(base).expect("a directory")
}

pub(super) fn control(directory: &TempDir, settings: &Settings) -> Process {
    let config = directory.path().join("tollgate.toml");
    let mut environment = vec![("E2E_ADMIN_SECRET", ADMIN_SECRET), ("RUST_BACKTRACE", "1")];
    environment.extend(settings.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let log = directory.path().join("control-plane.log");
    Process::start(&binaries::tollgate(), &["serve", "--config", &config.to_string_lossy()], &environment, &log)
}

pub(super) fn envoy(ports: Ports, directory: &TempDir, settings: &Settings) -> Process {
    let node = settings.node.as_deref().unwrap_or(NODE);
    another_envoy(ports, directory, settings, node, "envoy")
}

/// An Envoy called `node`, whose files are called `file`.
pub(super) fn another_envoy(ports: Ports, directory: &TempDir, settings: &Settings, node: &str, file: &str) -> Process {
    let bootstrap = Command::new(binaries::tollgate())
        .args(["bootstrap", "--node-id", node, "--xds", &ports.xds.to_string()])
        .args(["--admin-port", &ports.envoy_admin.port().to_string()])
        .args(&settings.bootstrap)
        .output()
        .expect("tollgate bootstrap");
    assert!(bootstrap.status.success(), "tollgate bootstrap: {}", String::from_utf8_lossy(&bootstrap.stderr));
    let path = directory.path().join(format!("{file}.yaml"));
    fs::write(&path, bootstrap.stdout).expect("the bootstrap is written");
    let arguments =
        ["--concurrency", "2", "--disable-hot-restart", "--log-level", "warning", "-c", &path.to_string_lossy()];
    Process::start(&binaries::envoy(), &arguments, &[], &directory.path().join(format!("{file}.log")))
}
