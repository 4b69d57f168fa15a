//! What Linux says about a process: processor time and memory; and pinning by `taskset`.

use std::{fs, process::Command, time::Duration};

use anyhow::{Context, Result, ensure};

/// Clock ticks a second in `/proc`: `USER_HZ`, 100 on every architecture Envoy is built for.
const TICKS_PER_SECOND: u64 = 100;

/// User and system time of a process with all its threads (proc(5), fields 14 and 15 of `stat`).
pub(crate) fn cpu(pid: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("the process has ended")?;
    let fields: Vec<&str> = stat.rsplit_once(") ").context("/proc stat")?.1.split(' ').collect();
    let ticks: u64 =
        fields.get(11).context("utime")?.parse::<u64>()? + fields.get(12).context("stime")?.parse::<u64>()?;
    Ok(Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND))
}

/// Resident memory of a process, MiB.
pub(crate) fn resident_mib(pid: u32) -> Result<f64> {
    memory_mib(pid, "VmRSS:")
}

/// The most resident memory a process ever had, MiB.
pub(crate) fn peak_mib(pid: u32) -> Result<f64> {
    memory_mib(pid, "VmHWM:")
}

fn memory_mib(pid: u32, field: &'static str) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).context("the process has ended")?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)).context(field)?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1_024.0)
}

/// Keeps this process, with every thread and process it will have, on these cores.
pub(crate) fn pin_self(cores: &str) -> Result<()> {
    let pid = std::process::id().to_string();
    let output = Command::new("taskset").args(["-apc", cores, &pid]).output();
    let output = output.context("running taskset; it comes with util-linux")?;
    ensure!(output.status.success(), "taskset: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}

/// Gives up the processor for a moment while another process starts.
#[expect(clippy::disallowed_methods, reason = "a process that is starting offers no event to wait on")]
pub(crate) fn breathe() {
    std::thread::sleep(Duration::from_millis(10));
}

/// Lets others go on for `time`.
#[expect(clippy::disallowed_methods, reason = "what is watched for is that nothing happens")]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}
