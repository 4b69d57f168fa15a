//! What every task needs: where things are in the workspace, running a program with an error a person can act on, free ports.

use std::{
    ffi::OsStr,
    fmt::Write as _,
    fs, io,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

/// The workspace's root directory.
pub(crate) fn workspace_root() -> &'static Path {
    let crate_directory = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_directory.parent().unwrap_or(crate_directory)
}

/// `target/tools`, created when missing: what was fetched or built to work with.
pub(crate) fn tools_directory() -> Result<PathBuf> {
    directory(workspace_root().join("target/tools"))
}

/// `path`, created when missing.
pub(crate) fn directory(path: PathBuf) -> Result<PathBuf> {
    fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
    Ok(path)
}

/// The cargo that runs this task, to be started in the workspace.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace_root());
    command
}

/// Runs `command` with its output shown; an exit code other than 0 is an error that repeats the command line.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().map_err(|error| cannot_start(command, &error))?;
    if !status.success() {
        bail!("`{}` failed: {status}", shown(command));
    }
    Ok(())
}

/// Runs `command` and returns what it wrote to standard output; the error holds what it wrote to standard error.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| cannot_start(command, &error))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` failed: {}\n{}", shown(command), output.status, complaint.trim_end());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a `cargo build` and returns the last file it made for `target` (a binary comes after its library), wherever cargo's
/// target directory is.
pub(crate) fn cargo_artifact(build: &mut Command, target: &str) -> Result<PathBuf> {
    let output = build.arg("--message-format=json-render-diagnostics").stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| cannot_start(build, &error))?;
    if !output.status.success() {
        bail!("`{}` failed: {}", shown(build), output.status);
    }
    let lines = output.stdout.split(|byte| *byte == b'\n').rev();
    let messages = lines.filter_map(|line| serde_json::from_slice::<Artifact>(line).ok());
    let made = messages
        .filter(|message| message.target.name == target)
        .find_map(|message| message.filenames.into_iter().next());
    made.with_context(|| format!("`{}` made no {target}", shown(build)))
}

/// Cargo's `compiler-artifact` message, as far as it is needed.
#[derive(serde::Deserialize)]
struct Artifact {
    target: ArtifactTarget,
    filenames: Vec<PathBuf>,
}

#[derive(serde::Deserialize)]
struct ArtifactTarget {
    name: String,
}

/// Where `program` is on the PATH.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(program)).find(|file| is_executable(file))
}

/// Whether `file` is a regular file that may be run.
pub(crate) fn is_executable(file: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    }
    #[cfg(not(unix))]
    file.is_file()
}

/// The SHA-256 of `bytes` in lower-case hexadecimal.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Writes `bytes` to `path` only when they differ, so that what depends on the file's time is not rebuilt.
pub(crate) fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// Fails, naming the flag to change, when 127.0.0.1:`port` is taken.
pub(crate) fn require_free_port(port: u16, flag: &str) -> Result<()> {
    match TcpListener::bind(("127.0.0.1", port)) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            bail!("port {port} is in use: stop what listens there, or choose another with {flag}")
        }
        Err(error) => Err(error).with_context(|| format!("cannot listen on 127.0.0.1:{port} ({flag})")),
    }
}

/// A TCP port that was free on 127.0.0.1 a moment ago.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0)).context("cannot listen on 127.0.0.1")?.local_addr()?.port())
}

/// The command line as a person would type it.
fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

fn cannot_start(command: &Command, error: &io::Error) -> anyhow::Error {
    let program = command.get_program().to_string_lossy();
    if error.kind() == io::ErrorKind::NotFound {
        return anyhow::anyhow!("`{program}` was not found: install it, or put it on the PATH");
    }
    anyhow::anyhow!("cannot start `{program}`: {error}")
}
