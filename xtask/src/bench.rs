//! `cargo xtask bench`.

use anyhow::Result;

/// Options of `cargo xtask bench`.
#[derive(clap::Args)]
pub(crate) struct Args {}

/// Runs the task.
pub(crate) fn run(_args: Args) -> Result<()> {
    anyhow::bail!("not written yet")
}
