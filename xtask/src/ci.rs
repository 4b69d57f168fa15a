//! `cargo xtask ci`: everything CI checks, in the order that fails soonest.

use anyhow::{Context, Result};

use crate::{test, tidy, tools};

/// Runs `tidy`, `test` and `demo --check`; the demo in a process of its own, as a person starts it.
pub(crate) fn run() -> Result<()> {
    tidy::run().context("tidy")?;
    test::run(&test::Args::default()).context("test")?;
    tools::run(tools::cargo().args(["xtask", "demo", "--check"])).context("demo --check")
}
