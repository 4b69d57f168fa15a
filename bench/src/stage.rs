//! What all measurements share: binaries, keys, the static backend; and how each target is put up.

use std::{
    net::{SocketAddr, ToSocketAddrs},
    path::PathBuf,
};

use anyhow::{Context, Result};

use crate::{
    Arguments, backend,
    chains::{self, Ports},
    envoy::{Envoy, free_port},
    flood,
    gateway::{Form, Gateway, LimitRow, MEASURED_AGENT},
    throughput::{self, Rounds, Samples, Target},
    tokens::Issuer,
};

/// Another gateway to measure beside ours.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    name: String,
    address: SocketAddr,
    host: String,
    path: String,
}

/// Everything that stands still while measurements come and go.
pub(crate) struct Stage {
    /// The Envoy binary.
    pub(crate) envoy: PathBuf,
    /// The control plane's binary.
    pub(crate) tollgate: PathBuf,
    /// The filter in wasm.
    pub(crate) filter: PathBuf,
    /// The filter in native code.
    pub(crate) module: PathBuf,
    /// Logs and configurations.
    pub(crate) work: PathBuf,
    /// Who signs the callers' tokens.
    pub(crate) issuer: Issuer,
    /// The static backend.
    pub(crate) backend: SocketAddr,
    peers: Vec<Peer>,
}

/// An Envoy of our own making, and where it listens.
pub(crate) struct Yardstick {
    /// `bare`, `native` or `edge`.
    pub(crate) name: &'static str,
    /// Its process.
    pub(crate) envoy: Envoy,
    /// Where load goes.
    pub(crate) listener: SocketAddr,
}

impl Peer {
    /// Reads `name=http://host:port/path`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let (name, url) = text.split_once('=').context("must be name=url")?;
        let rest = url.strip_prefix("http://").context("the URL must begin with http://")?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let with_port = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
        let address = with_port.to_socket_addrs().context("resolving the host")?.next().context("no address")?;
        Ok(Self { name: name.to_owned(), address, host: host.to_owned(), path: format!("/{path}") })
    }
}

impl Stage {
    /// Makes keys and starts the backend.
    pub(crate) fn set(arguments: &Arguments) -> Result<Self> {
        let issuer = Issuer::open(&arguments.work)?;
        Ok(Self {
            envoy: arguments.envoy.canonicalize().context("the Envoy binary")?,
            tollgate: arguments.tollgate.canonicalize().context("the tollgate binary")?,
            filter: arguments.filter.canonicalize().context("the filter in wasm")?,
            module: arguments.module.canonicalize().context("the filter in native code")?,
            work: arguments.work.canonicalize()?,
            issuer,
            backend: backend::start(arguments.backend_port)?,
            peers: arguments.peers.clone(),
        })
    }

    /// Measures every target side by side.
    pub(crate) fn throughput(&self, rounds: Rounds) -> Result<throughput::Table> {
        eprintln!("throughput: {} rounds of {:?} for each target and token set", rounds.count, rounds.length);
        let mut samples = Samples::of(&self.issuer)?;
        for rounds in rounds.by_process() {
            let (bare, native, edge) = (self.bare()?, self.native()?, self.edge()?);
            let gateway = Gateway::start(self, "tollgate", LimitRow::Ample)?;
            let unlimited = Gateway::start(self, "unlimited", LimitRow::Unlimited)?;
            let module = Gateway::start_as(Form::Native, self, "tollgate_native", LimitRow::Ample)?;
            let module_unlimited = Gateway::start_as(Form::Native, self, "unlimited_native", LimitRow::Unlimited)?;
            let mut targets = vec![bare.target(), native.target(), edge.target()];
            targets.extend([&gateway, &unlimited, &module, &module_unlimited].map(Gateway::target));
            targets.extend(self.peers.iter().map(Peer::target));
            samples.take(&targets, rounds)?;
            gateway.envoy.expect_no_traps()?;
        }
        Ok(samples.table())
    }

    /// Floods Envoy's own chain and Tollgate.
    pub(crate) fn flood(&self, rounds: Rounds) -> Result<flood::Table> {
        eprintln!("flood: invalid tokens beside good traffic");
        let native = self.native()?;
        let gateway = Gateway::start(self, "tollgate", LimitRow::Ample)?;
        let module = Gateway::start_as(Form::Native, self, "tollgate_native", LimitRow::Ample)?;
        let table = flood::measure(&[native.target(), gateway.target(), module.target()], &self.issuer, rounds)?;
        gateway.envoy.expect_no_traps()?;
        Ok(table)
    }

    /// The same with another binary for Envoy.
    pub(crate) fn with_envoy(self, envoy: PathBuf) -> Self {
        Self { envoy, ..self }
    }

    /// Envoy with one route and no filter.
    pub(crate) fn bare(&self) -> Result<Yardstick> {
        self.bare_before(self.backend)
    }

    /// The same before another backend.
    pub(crate) fn bare_before(&self, backend: SocketAddr) -> Result<Yardstick> {
        self.yardstick("bare", backend, |ports, _| chains::bare(ports))
    }

    /// Envoy's own filters with the same policy.
    pub(crate) fn native(&self) -> Result<Yardstick> {
        self.yardstick("native", self.backend, chains::native)
    }

    /// Those filters behind Tollgate's listener and route settings.
    pub(crate) fn edge(&self) -> Result<Yardstick> {
        self.yardstick("edge", self.backend, chains::edge)
    }

    fn yardstick(
        &self,
        name: &'static str,
        backend: SocketAddr,
        render: impl Fn(Ports, &Issuer) -> String,
    ) -> Result<Yardstick> {
        let ports = Ports { listener: free_port()?, admin: free_port()?, backend };
        let envoy = Envoy::start(&self.envoy, &self.work, name, &render(ports, &self.issuer), ports.admin, 1)?;
        Ok(Yardstick { name, envoy, listener: ports.listener })
    }
}

impl Yardstick {
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
}

impl Peer {
    fn target(&self) -> Target<'_> {
        Target {
            name: self.name.clone(),
            address: self.address,
            host: self.host.clone(),
            path: self.path.clone(),
            envoy: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Peer;

    #[test]
    fn a_peer_is_a_name_and_a_plain_url() {
        let peer = Peer::parse("other=http://127.0.0.1:9000/agents/bench").expect("well formed");
        assert_eq!((peer.name.as_str(), peer.address.port(), peer.path.as_str()), ("other", 9000, "/agents/bench"));
        assert!(Peer::parse("http://127.0.0.1:9000").is_err());
        assert!(Peer::parse("other=https://127.0.0.1").is_err());
    }
}
