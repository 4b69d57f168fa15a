//! The client of the official Rust SDK, for the tests: built once from crates.io under `target/tools`, with the versions of its own
//! lock file.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::tools;

/// The crate and its version; its binary has another name.
const CRATE: &str = "a2a-cli";
const VERSION: &str = "0.4.5";

/// The binary, built when it is not there yet (two minutes on two cores).
pub(crate) fn locate() -> Result<PathBuf> {
    let root = tools::tools_directory()?.join(format!("{CRATE}-{VERSION}"));
    let binary = root.join("bin/a2acli");
    if tools::is_executable(&binary) {
        return Ok(binary);
    }
    println!("a2acli: building {CRATE} {VERSION} from crates.io");
    let mut install = tools::cargo();
    // A client that is waited for by nobody needs no optimisation, and its symbols are larger than itself.
    install.args(["install", "--quiet", "--locked", "--debug", "--version", VERSION, "--root"]).arg(&root).arg(CRATE);
    install.env("CARGO_PROFILE_DEV_DEBUG", "0").env_remove("CARGO_TARGET_DIR");
    tools::run(&mut install).with_context(|| format!("cannot build {CRATE}: is crates.io reachable?"))?;
    ensure!(tools::is_executable(&binary), "{CRATE} {VERSION} has no `a2acli`");
    Ok(binary)
}
