//! What many callers leave behind: a hundred thousand of them pass through a running Envoy, one request each, and others after them; the
//! memory must stop growing.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde::Serialize;

use crate::{
    Depth,
    gateway::{Form, Gateway, LimitRow},
    http::Connection,
    stage::Stage,
    throughput::requests,
    tokens::SCOPE,
};

/// Envoy's memory as its callers come and go.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figures {
    /// Callers in each wave, none of them twice.
    pub(crate) callers: usize,
    /// Resident memory before the first, MiB.
    pub(crate) before_mib: f64,
    /// After the first wave, MiB.
    pub(crate) first_wave_mib: f64,
    /// After the second, MiB.
    pub(crate) second_wave_mib: f64,
}

/// What most callers have.
const LIMIT: LimitRow = LimitRow::Real { per_minute: 100, burst: 100 };

/// Sends two waves.
pub(crate) fn measure(form: Form, stage: &Stage, depth: Depth) -> Result<Figures> {
    let callers = match depth {
        Depth::Quick => 5_000,
        Depth::Full => 100_000,
    };
    let gateway = Gateway::start_as(form, stage, "tollgate-callers", LIMIT)?;
    let before_mib = gateway.envoy.resident_mib()?;
    let mut waves = [0.0; 2];
    for (number, mib) in waves.iter_mut().enumerate() {
        eprintln!("callers, filter {form:?}: wave {} of {callers}", number + 1);
        wave(stage, &gateway, number * callers..(number + 1) * callers)?;
        // What lies idle is given up within seconds.
        crate::process::pause(Duration::from_secs(3));
        *mib = gateway.envoy.resident_mib()?;
    }
    gateway.envoy.expect_no_traps()?;
    let [first_wave_mib, second_wave_mib] = waves;
    Ok(Figures { callers, before_mib, first_wave_mib, second_wave_mib })
}

fn wave(stage: &Stage, gateway: &Gateway, callers: std::ops::Range<usize>) -> Result<()> {
    let mut client = Connection::open(gateway.listener)?;
    for caller in callers {
        let request = requests(&gateway.target(), &[stage.issuer.token(caller, SCOPE)?]).remove(0);
        let status = client.call(&request)?.status;
        ensure!(status == 200, "caller {caller} got {status}");
    }
    Ok(())
}
