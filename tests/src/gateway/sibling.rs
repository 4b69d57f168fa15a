//! More Envoys of one gateway. All serve the one address that the listener has: Envoy binds it with `SO_REUSEPORT`, and the kernel spreads
//! connections over the processes.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use super::{
    Gateway, envoy_stats,
    launch::{self, Ports},
};
use crate::process::Process;

/// Another Envoy of a gateway.
#[derive(Debug)]
pub struct Sibling {
    process: Process,
    admin: SocketAddr,
}

impl Gateway {
    /// Starts another Envoy with this node id on the gateway's address. It does not serve yet.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn another_envoy(&self, node: &str) -> Sibling {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let admin = port.local_addr().expect("an address");
        drop(port);
        let ports = Ports { envoy_admin: admin, ..self.ports };
        let process = launch::another_envoy(ports, &self.directory, &self.settings, node, node);
        Sibling { process, admin }
    }
}

impl Sibling {
    /// Its counters whose name contains `part`.
    #[must_use]
    pub fn stats(&self, part: &str) -> Vec<(String, u64)> {
        envoy_stats(self.admin, part)
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.process.kill();
    }
}
