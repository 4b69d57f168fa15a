//! The demo's ports: one flag each, a default each, and a clear complaint when one is taken.

use anyhow::{Result, ensure};

use crate::tools;

/// Where everything listens, on 127.0.0.1.
#[derive(clap::Args, Debug, Clone)]
pub(crate) struct Ports {
    /// Envoy's listener: the gateway.
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    pub(super) gateway_port: u16,
    /// The control plane's private admin listener.
    #[arg(long, value_name = "PORT", default_value_t = 8081)]
    pub(super) admin_port: u16,
    /// The control plane's listener for Envoy: cards, listing, tokens.
    #[arg(long, value_name = "PORT", default_value_t = 8082)]
    pub(super) discovery_port: u16,
    /// The control plane's xDS listener.
    #[arg(long, value_name = "PORT", default_value_t = 18000)]
    pub(super) xds_port: u16,
    /// Envoy's own admin interface.
    #[arg(long, value_name = "PORT", default_value_t = 9901)]
    pub(super) envoy_admin_port: u16,
    /// The Weather agent.
    #[arg(long, value_name = "PORT", default_value_t = 9101)]
    pub(super) weather_port: u16,
    /// The Calculator agent.
    #[arg(long, value_name = "PORT", default_value_t = 9102)]
    pub(super) calculator_port: u16,
}

impl Ports {
    /// Fails, naming the flag, when a port is taken or given twice.
    pub(super) fn require_free(&self) -> Result<()> {
        let flags = self.flags();
        for (index, (port, flag)) in flags.iter().enumerate() {
            let twin = flags.iter().take(index).find(|(other, _)| other == port);
            ensure!(
                twin.is_none(),
                "port {port} is given twice, by {flag} and {}",
                twin.map_or("", |(_, other)| other)
            );
            tools::require_free_port(*port, flag)?;
        }
        Ok(())
    }

    fn flags(&self) -> [(u16, &'static str); 7] {
        [
            (self.gateway_port, "--gateway-port"),
            (self.admin_port, "--admin-port"),
            (self.discovery_port, "--discovery-port"),
            (self.xds_port, "--xds-port"),
            (self.envoy_admin_port, "--envoy-admin-port"),
            (self.weather_port, "--weather-port"),
            (self.calculator_port, "--calculator-port"),
        ]
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[track_caller]
    fn check(change: impl FnOnce(&mut Ports), complaint: &str) {
        // Port 0 is always free.
        let mut ports = Ports {
            gateway_port: 0,
            admin_port: 0,
            discovery_port: 0,
            xds_port: 0,
            envoy_admin_port: 0,
            weather_port: 0,
            calculator_port: 0,
        };
        change(&mut ports);
        let error = ports.require_free().unwrap_err().to_string();
        assert!(error.contains(complaint), "{error}");
    }

    #[test]
    fn a_taken_port_is_refused_by_the_name_of_its_flag() {
        let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        check(|ports| ports.gateway_port = port, &format!("port {port} is in use"));
        check(|ports| ports.gateway_port = port, "--gateway-port");
    }

    #[test]
    fn a_port_given_twice_is_refused_by_the_names_of_both_flags() {
        check(|ports| ports.weather_port = 0, "is given twice, by --admin-port and --gateway-port");
    }
}
