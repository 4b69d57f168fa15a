//! One Envoy process on one core: started from a rendered bootstrap, asked through its admin port, ended on drop.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use crate::{http::Connection, process};

/// The core that belongs to Envoy; everything else runs on [`REST_CORE`].
pub(crate) const ENVOY_CORE: &str = "0";
/// The core of load, backend and control plane.
pub(crate) const REST_CORE: &str = "1";
/// Under valgrind it takes half a minute.
const START_PATIENCE: Duration = Duration::from_secs(120);

/// A running Envoy.
pub(crate) struct Envoy {
    child: Child,
    admin: SocketAddr,
    log: PathBuf,
}

impl Envoy {
    /// Starts `binary` on its own core and waits until it is ready.
    pub(crate) fn start(
        binary: &Path,
        directory: &Path,
        name: &str,
        bootstrap: &str,
        admin: SocketAddr,
        workers: u8,
    ) -> Result<Self> {
        let config = directory.join(format!("{name}.json"));
        let log = directory.join(format!("{name}.log"));
        fs::write(&config, bootstrap)?;
        let child = Command::new("taskset")
            .args(["-c", ENVOY_CORE])
            .arg(binary)
            .args(["--concurrency", &workers.to_string(), "--disable-hot-restart", "--log-level", "warning", "-c"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()
            .context("starting Envoy through taskset (package util-linux)")?;
        let mut envoy = Self { child, admin, log };
        envoy.wait_ready().with_context(|| format!("{name}: see {}", envoy.log.display()))?;
        Ok(envoy)
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Processor time used so far.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        process::cpu(self.child.id())
    }

    /// Resident memory, MiB.
    pub(crate) fn resident_mib(&self) -> Result<f64> {
        process::resident_mib(self.child.id())
    }

    /// What its allocator has handed out and not got back, MiB: its heap, but for what sandboxes have of their own.
    pub(crate) fn allocated_mib(&self) -> Result<f64> {
        let reply = Connection::once(self.admin, "GET", "/memory")?;
        let memory: serde_json::Value = serde_json::from_slice(&reply.body).context("/memory is not JSON")?;
        let bytes = memory["allocated"].as_str().and_then(|text| text.parse::<u64>().ok());
        Ok(bytes.context("/memory has no number under allocated")? as f64 / f64::from(1 << 20))
    }

    /// An error when a wasm VM had to be reloaded: what was measured then is a fault, not a filter.
    pub(crate) fn expect_no_traps(&self) -> Result<()> {
        let reply = Connection::once(self.admin, "GET", "/stats?usedonly&filter=vm_reload")?;
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        ensure!(text.lines().all(|line| line.ends_with(": 0")), "the filter trapped: {text}");
        Ok(())
    }

    fn wait_ready(&mut self) -> Result<()> {
        let begin = Instant::now();
        while begin.elapsed() < START_PATIENCE {
            if let Some(status) = self.child.try_wait()? {
                bail!("Envoy ended at start: {status}");
            }
            if Connection::once(self.admin, "GET", "/ready").is_ok_and(|reply| reply.status == 200) {
                return Ok(());
            }
            process::breathe();
        }
        bail!("Envoy was not ready within {START_PATIENCE:?}")
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        // It may have ended by itself; there is nobody to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A loopback port that was free a moment ago.
pub(crate) fn free_port() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
