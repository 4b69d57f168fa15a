//! `cargo xtask tidy`: format, lints, and the house's own checks.

use anyhow::Result;

use crate::tools;

/// Runs every check.
pub(crate) fn run() -> Result<()> {
    tools::run(tools::cargo().args(["fmt", "--all", "--check"]))?;
    tools::run(tools::cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}
