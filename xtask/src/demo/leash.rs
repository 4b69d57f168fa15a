//! Ends the demo's programs when the demo itself is killed and cannot. A shell holds the reading end of a pipe and the process
//! ids; when the writing end goes away with the demo, it ends what is left.

use std::{
    io::Write as _,
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result};

/// Reads ids until the pipe closes, then asks the processes to end, and three seconds later makes them.
const SCRIPT: &str = r#"trap '' INT TERM HUP
while read -r pid; do pids="$pids $pid"; done
kill -TERM $pids 2>/dev/null && sleep 3 && kill -KILL $pids 2>/dev/null"#;

/// Held while programs run.
pub(super) struct Leash(Child);

impl Leash {
    /// Starts the watching shell, in a process group of its own so that Ctrl-C does not reach it.
    pub(super) fn new() -> Result<Self> {
        let mut shell = Command::new("sh");
        shell.args(["-c", SCRIPT]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        Ok(Self(shell.spawn().context("cannot start `sh`")?))
    }

    /// Adds a process.
    pub(super) fn hold(&mut self, pid: u32) -> Result<()> {
        let pipe = self.0.stdin.as_mut().context("the leash has no pipe")?;
        writeln!(pipe, "{pid}").context("cannot tell the leash")
    }

    /// Lets go: from here on the demo ends its programs itself.
    pub(super) fn let_go(&mut self) {
        // Both fail only if the shell is gone already, which is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
