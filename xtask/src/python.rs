//! Python environments under `target/tools`: one per name, rebuilt when its requirements file changes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::tools;

/// The name of the file, inside an environment, that holds the hash of the requirements it was made from.
const STAMP: &str = "requirements.sha256";

/// A virtual environment `target/tools/venv-<name>` with `requirements` installed; returns its Python.
/// Made once; made anew when the requirements file or the Python changes.
pub(crate) fn venv(name: &str, requirements: &Path) -> Result<PathBuf> {
    let wanted = fs::read(requirements).with_context(|| format!("cannot read {}", requirements.display()))?;
    let python = interpreter()?;
    let version = tools::capture(Command::new(&python).arg("--version"))?;
    let stamp = tools::sha256_hex(&[wanted.as_slice(), version.as_bytes()].concat());
    let directory = tools::tools_directory()?.join(format!("venv-{name}"));
    let inside = directory.join("bin/python");
    if tools::is_executable(&inside) && fs::read_to_string(directory.join(STAMP)).is_ok_and(|found| found == stamp) {
        return Ok(inside);
    }
    println!("python: making {} from {}", directory.display(), requirements.display());
    create(&python, &directory)?;
    let mut install = Command::new(&inside);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]).arg(requirements);
    tools::run(&mut install).context("pip could not install the requirements: is a package index reachable?")?;
    fs::write(directory.join(STAMP), stamp)?;
    Ok(inside)
}

/// `python3` (or `$PYTHON`), 3.10 or newer.
pub(crate) fn interpreter() -> Result<PathBuf> {
    let named = std::env::var_os("PYTHON").map(PathBuf::from);
    let Some(python) = named.or_else(|| tools::on_path("python3")) else {
        bail!(
            "python3 was not found. Debian and Ubuntu: `sudo apt-get install python3 python3-venv`; macOS: `brew install python`"
        )
    };
    let probe = "import sys; print(int(sys.version_info >= (3, 10)), sys.version.split()[0])";
    let answer = tools::capture(Command::new(&python).args(["-c", probe]))?;
    match answer.trim().split_once(' ') {
        Some(("1", _)) => Ok(python),
        Some((_, version)) => {
            bail!(
                "{} is Python {version}; 3.10 or newer is needed: install it and name it with $PYTHON",
                python.display()
            )
        }
        None => bail!("{} does not answer like Python", python.display()),
    }
}

/// A virtual environment of tools that tasks use themselves (pip), without packages.
pub(crate) fn bare_venv(name: &str) -> Result<PathBuf> {
    let directory = tools::tools_directory()?.join(format!("venv-{name}"));
    let inside = directory.join("bin/python");
    if !tools::is_executable(&inside) {
        create(&interpreter()?, &directory)?;
    }
    Ok(inside)
}

fn create(python: &Path, directory: &Path) -> Result<()> {
    let probe = tools::capture(Command::new(python).args(["-c", "import venv, ensurepip"]));
    if probe.is_err() {
        bail!(
            "{} has no venv module. Debian and Ubuntu: `sudo apt-get install python3-venv`; elsewhere it comes with Python",
            python.display()
        );
    }
    tools::run(Command::new(python).args(["-m", "venv", "--clear"]).arg(directory))
}
