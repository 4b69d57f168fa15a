//! `cargo xtask demo`.

use anyhow::Result;

/// Options of `cargo xtask demo`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run every step, then exit with the result instead of staying up.
    #[arg(long)]
    pub(crate) check: bool,
}

/// Runs the task.
pub(crate) fn run(_args: Args) -> Result<()> {
    anyhow::bail!("not written yet")
}
