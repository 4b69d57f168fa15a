//! `cargo xtask test`: sets up, builds, and runs every test of the workspace. The end-to-end tests find what was set up by environment:
//!
//! | variable | names |
//! |---|---|
//! | `TOLLGATE_ENVOY` | Envoy's binary |
//! | `TOLLGATE_WASM` | the finished filter module |
//! | `TOLLGATE_BIN` | the control plane's binary |
//! | `TOLLGATE_PYTHON_AGENTS` | a Python that runs the example agents |
//! | `TOLLGATE_PYTHON_V1` | a Python with a2a-sdk 1.3.0 |
//! | `TOLLGATE_PYTHON_V03` | a Python with a2a-sdk 0.3.26 |
//! | `TOLLGATE_PYTHON_FASTA2A` | a Python with fasta2a 2.1.1 |
//! | `TOLLGATE_A2ACLI` | the `a2acli` of a2a-cli 0.4.5 |
//! | `TOLLGATE_MODEL` | the directory of the search model |

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use crate::{
    a2acli,
    dist::{self, Profile},
    envoy, native, python, search_model, tools, wasm,
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
    if args.cargo.is_empty() {
        // Said before anything is built, and not by a test that fails minutes later.
        let redis = Command::new("redis-server").arg("--version").output();
        redis.context("missing: redis-server on the PATH (apt-get install redis-server), which the fleet's limits are tested with")?;
    }
    let requirements = tools::workspace_root().join("tests");
    let python = |name: &str, file: &str| python::venv(name, &requirements.join(file)).with_context(|| file.to_owned());
    let tollgate = dist::tollgate(Profile::Dev)?;
    let found = [
        ("TOLLGATE_ENVOY", envoy::locate()?),
        ("TOLLGATE_WASM", wasm::build()?),
        ("TOLLGATE_NATIVE", native::build(Profile::Dev)?),
        ("TOLLGATE_MODEL", search_model::locate(&tollgate)?),
        ("TOLLGATE_BIN", tollgate),
        (
            "TOLLGATE_PYTHON_AGENTS",
            python::venv("agents", &tools::workspace_root().join("examples/agents/requirements.txt"))?,
        ),
        ("TOLLGATE_PYTHON_V1", python("a2a-1.3.0", "requirements-a2a-1.3.0.txt")?),
        ("TOLLGATE_PYTHON_V03", python("a2a-0.3.26", "requirements-a2a-0.3.26.txt")?),
        ("TOLLGATE_PYTHON_FASTA2A", python("fasta2a-2.1.1", "requirements-fasta2a-2.1.1.txt")?),
        ("TOLLGATE_A2ACLI", a2acli::locate()?),
    ];
    let mut cargo = tools::cargo();
    cargo.args(["test", "--workspace"]).args(&args.cargo);
    for (name, path) in &found {
        println!("test: {name}={}", shown(path));
        cargo.env(name, path);
    }
    run_and_total(&mut cargo)
}

/// Runs `cargo test` with its output shown, and ends with one line for all of its binaries.
fn run_and_total(cargo: &mut Command) -> Result<()> {
    let mut child = cargo.stdout(Stdio::piped()).spawn().context("cannot start cargo test")?;
    let mut totals = Totals::default();
    for line in BufReader::new(child.stdout.take().context("cargo test has no output")?).lines() {
        let line = line?;
        totals.add(&line);
        println!("{line}");
    }
    let status = child.wait()?;
    let verdict = if status.success() { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {verdict}. {} passed; {} failed; {} ignored",
        totals.passed, totals.failed, totals.ignored
    );
    ensure!(status.success(), "cargo test: {status}");
    Ok(())
}

/// What the test binaries said of themselves, added up.
#[derive(Debug, Default, PartialEq, Eq)]
struct Totals {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Totals {
    /// Adds the counts of a binary's closing line, `test result: ok. 3 passed; 0 failed; …`; other lines count nothing.
    fn add(&mut self, line: &str) {
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")) else {
            return;
        };
        for count in counts.split("; ") {
            match count.split_once(' ').map(|(number, what)| (number.parse().unwrap_or(0), what)) {
                Some((number, "passed")) => self.passed += number,
                Some((number, "failed")) => self.failed += number,
                Some((number, "ignored")) => self.ignored += number,
                _ => {}
            }
        }
    }
}

/// The path as seen from the workspace.
fn shown(path: &Path) -> std::path::Display<'_> {
    path.strip_prefix(tools::workspace_root()).unwrap_or(path).display()
}

#[cfg(test)]
mod tests {
    use super::Totals;

    #[test]
    fn adds_up_the_closing_lines_of_test_binaries() {
        let mut totals = Totals::default();
        for line in [
            "running 3 tests",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s",
            "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s",
        ] {
            totals.add(line);
        }
        assert_eq!(totals, Totals { passed: 5, failed: 1, ignored: 1 });
    }
}
