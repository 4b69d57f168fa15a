//! Starts what the demo consists of, each with the configuration a user would write, and waits until each is ready.

use std::{fs, process::Command, time::Instant};

use anyhow::{Context, Result};

use super::{
    Programs, http,
    ports::Ports,
    processes::Processes,
    screen::Screen,
    settings::{Site, Variables},
};
use crate::tools;

/// Seconds the agents take over each piece of an answer, so that streaming can be seen.
const PACE: &str = "0.12";

/// Starts everything, in an order in which nobody has to wait for a later one.
pub(super) fn start(
    programs: &Programs,
    site: &Site,
    ports: &Ports,
    variables: &Variables,
    processes: &mut Processes,
    screen: &Screen,
) -> Result<()> {
    let started = Instant::now();
    processes.start(
        "control plane",
        &mut control_plane(programs, site, ports, variables)?,
        &site.log("control-plane"),
    )?;
    for (name, port) in [("weather", ports.weather_port), ("calculator", ports.calculator_port)] {
        processes.start(name, &mut agent(programs, name, port, variables)?, &site.log(name))?;
    }
    processes.start("envoy", &mut envoy(programs, site, ports)?, &site.log("envoy"))?;
    for (name, base, probe) in [
        ("control plane", "ADMIN_URL", "/readyz"),
        ("Weather, behind OAuth client credentials", "WEATHER_URL", "/healthz"),
        ("Calculator, behind an API key", "CALCULATOR_URL", "/healthz"),
        ("Envoy, configured by the control plane", "ENVOY_ADMIN_URL", "/ready"),
        ("gateway", "GATEWAY_URL", "/.well-known/oauth-authorization-server"),
    ] {
        let base = variables.require(base)?;
        processes.until(name, || http::is_up(&format!("{base}{probe}")))?;
        screen.ready(name, base, started.elapsed());
    }
    println!();
    Ok(())
}

fn control_plane(programs: &Programs, site: &Site, ports: &Ports, variables: &Variables) -> Result<Command> {
    let path = site.file("tollgate.toml");
    fs::write(&path, configuration(programs, site, ports))
        .with_context(|| format!("cannot write {}", path.display()))?;
    let mut command = Command::new(&programs.tollgate);
    command.args(["serve", "--config"]).arg(&path);
    command.env("TOLLGATE_SECRET_ADMIN", variables.require("ADMIN_CLIENT_SECRET")?);
    Ok(command)
}

/// The control plane's configuration: what differs from the defaults, and what a reader of the file looks for.
fn configuration(programs: &Programs, site: &Site, ports: &Ports) -> String {
    let Ports { gateway_port, admin_port, discovery_port, xds_port, .. } = ports;
    // Debug of a path is a TOML string for every path that is Unicode.
    let (data, filter) = (site.file("data"), &programs.filter);
    let search =
        programs.model.as_ref().map(|model| format!("\n[search]\nmodel_dir = {model:?}\n")).unwrap_or_default();
    format!(
        r#"# Written by `cargo xtask demo`.
data_dir = {data:?}

[listen]
admin = "127.0.0.1:{admin_port}"
discovery = "127.0.0.1:{discovery_port}"
xds = "127.0.0.1:{xds_port}"

[gateway]
public_url = "http://127.0.0.1:{gateway_port}"
listen = "127.0.0.1:{gateway_port}"
filter = {filter:?}
admin = "public"

[outbound]
# The example agents are on this machine.
allow_private = ["127.0.0.0/8"]

[bootstrap_admin]
client_id = "admin"
client_secret = "env:TOLLGATE_SECRET_ADMIN"

[secrets]
env = ["TOLLGATE_SECRET_*"]
{search}"#
    )
}

fn agent(programs: &Programs, module: &str, port: u16, variables: &Variables) -> Result<Command> {
    let mut command = Command::new(&programs.python);
    command.args(["-m", module, "--pace", PACE, "--port", &port.to_string()]);
    command.current_dir(tools::workspace_root().join("examples/agents"));
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    for name in ["WEATHER_CLIENT_ID", "WEATHER_CLIENT_SECRET", "CALCULATOR_API_KEY"] {
        if name.to_lowercase().starts_with(module) {
            command.env(name, variables.require(name)?);
        }
    }
    Ok(command)
}

/// Envoy on the bootstrap that the control plane's own command prints.
fn envoy(programs: &Programs, site: &Site, ports: &Ports) -> Result<Command> {
    let (xds, admin_port) = (format!("127.0.0.1:{}", ports.xds_port), ports.envoy_admin_port.to_string());
    let mut print = Command::new(&programs.tollgate);
    print.args(["bootstrap", "--node-id", "demo", "--xds", &xds, "--admin-port", &admin_port]);
    let path = site.file("envoy.yaml");
    fs::write(&path, tools::capture(&mut print)?).with_context(|| format!("cannot write {}", path.display()))?;
    let mut command = Command::new(&programs.envoy);
    command.args(["--disable-hot-restart", "--log-level", "warning", "--concurrency", "2", "--config-path"]).arg(&path);
    Ok(command)
}
