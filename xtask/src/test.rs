//! `cargo xtask test`: sets up, builds, and runs every test of the workspace. The end-to-end tests find what was set up by environment:
//!
//! | variable | names |
//! |---|---|
//! | `TOLLGATE_ENVOY` | Envoy's binary |
//! | `TOLLGATE_WASM` | the finished filter module |
//! | `TOLLGATE_BIN` | the control plane's binary |
//! | `TOLLGATE_PYTHON_V1` | a Python with a2a-sdk 1.3.0 |
//! | `TOLLGATE_PYTHON_V03` | a Python with a2a-sdk 0.3.26 |

use std::path::Path;

use anyhow::{Context, Result};

use crate::{
    dist::{self, Profile},
    envoy, python, tools, wasm,
};

/// Options of `cargo xtask test`.
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Passed on to `cargo test --workspace`, for example `-- a_name` or `--package tollgate-tests`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    cargo: Vec<String>,
}

/// Runs the tests.
pub(crate) fn run(args: &Args) -> Result<()> {
    let requirements = tools::workspace_root().join("tests");
    let python = |name: &str, file: &str| python::venv(name, &requirements.join(file)).with_context(|| file.to_owned());
    let found = [
        ("TOLLGATE_ENVOY", envoy::locate()?),
        ("TOLLGATE_WASM", wasm::build()?),
        ("TOLLGATE_BIN", dist::tollgate(Profile::Dev)?),
        ("TOLLGATE_PYTHON_V1", python("a2a-1.3.0", "requirements-a2a-1.3.0.txt")?),
        ("TOLLGATE_PYTHON_V03", python("a2a-0.3.26", "requirements-a2a-0.3.26.txt")?),
    ];
    let mut cargo = tools::cargo();
    cargo.args(["test", "--workspace"]).args(&args.cargo);
    for (name, path) in &found {
        println!("test: {name}={}", shown(path));
        cargo.env(name, path);
    }
    tools::run(&mut cargo)
}

/// The path as seen from the workspace.
fn shown(path: &Path) -> std::path::Display<'_> {
    path.strip_prefix(tools::workspace_root()).unwrap_or(path).display()
}
