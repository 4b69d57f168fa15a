//! What `cargo xtask test` built and fetched, by environment variable.

use std::{env, path::PathBuf};

/// The control plane: `TOLLGATE_BIN`, or `tollgate` beside the test's own target directory.
#[must_use]
pub fn tollgate() -> PathBuf {
    env::var_os("TOLLGATE_BIN").map_or_else(beside_this_test, PathBuf::from)
}

/// Envoy: `TOLLGATE_ENVOY`.
#[must_use]
pub fn envoy() -> PathBuf {
    named("TOLLGATE_ENVOY")
}

/// The filter module: `TOLLGATE_WASM`.
#[must_use]
pub fn filter() -> PathBuf {
    named("TOLLGATE_WASM")
}

/// The filter's native form: `TOLLGATE_NATIVE`.
#[must_use]
pub fn native() -> PathBuf {
    named("TOLLGATE_NATIVE")
}

/// A Python that runs the example agents: `TOLLGATE_PYTHON_AGENTS`.
#[must_use]
pub fn python_agents() -> PathBuf {
    named("TOLLGATE_PYTHON_AGENTS")
}

/// A Python with a2a-sdk 1.3.0: `TOLLGATE_PYTHON_V1`.
#[must_use]
pub fn python_v1() -> PathBuf {
    named("TOLLGATE_PYTHON_V1")
}

/// A Python with a2a-sdk 0.3.26: `TOLLGATE_PYTHON_V03`.
#[must_use]
pub fn python_v03() -> PathBuf {
    named("TOLLGATE_PYTHON_V03")
}

/// A Python with fasta2a 2.1.1: `TOLLGATE_PYTHON_FASTA2A`.
#[must_use]
pub fn python_fasta2a() -> PathBuf {
    named("TOLLGATE_PYTHON_FASTA2A")
}

/// The client of the official Rust SDK, a2a-cli 0.4.5: `TOLLGATE_A2ACLI`.
#[must_use]
pub fn a2acli() -> PathBuf {
    named("TOLLGATE_A2ACLI")
}

/// The directory of the search model: `TOLLGATE_MODEL`.
#[must_use]
pub fn search_model() -> PathBuf {
    named("TOLLGATE_MODEL")
}

/// Where the peers' scripts are.
#[must_use]
pub fn peers() -> PathBuf {
    workspace().join("tests/peers")
}

/// The workspace's root directory.
#[must_use]
pub fn workspace() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in the workspace").to_owned()
}

fn named(variable: &str) -> PathBuf {
    let value = env::var_os(variable);
    PathBuf::from(value.unwrap_or_else(|| panic!("{variable} is not set: run the tests by `cargo xtask test`")))
}

fn beside_this_test() -> PathBuf {
    let test = env::current_exe().expect("the test's own path");
    test.ancestors().nth(2).expect("target/<profile>/deps/<test>").join("tollgate")
}
