//! The public base images, or stand-ins under their names where nothing can be pulled: one debootstrapped Debian 12 with Python, with
//! Envoy's binary added for Envoy's image and the agents' wheels for Python's, so that the Dockerfiles build without a network.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tollgate_tests::binaries;

use crate::engine::{Engine, run};

const DEBIAN: &str = "debian:bookworm-slim";
const ENVOY: &str = "envoyproxy/envoy:v1.40.0";
const PYTHON: &str = "python:3.12-slim-bookworm";
/// What the stand-in for all three holds beyond a minimal Debian.
const PACKAGES: &str = "--include=bash,ca-certificates,python3-venv";
/// The stand-in's Python, for which wheels are fetched.
const PYTHON_VERSION: &str = "3.11";

/// Makes every base image available; the error says why that is impossible.
pub(crate) fn provide(engine: &Engine) -> Result<(), String> {
    let missing = |image: &&str| engine.docker(&["image", "inspect", image]).is_err();
    let unavailable = |image: &&str| missing(image) && engine.docker(&["pull", "--quiet", image]).is_err();
    let wanted: Vec<&str> = [DEBIAN, ENVOY, PYTHON].into_iter().filter(unavailable).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    println!("not to be pulled here, so stand-ins are made: {}", wanted.join(", "));
    let base = debian(engine)?;
    for image in wanted {
        match image {
            ENVOY => envoy(engine, &base)?,
            PYTHON => python(engine, &base)?,
            _ => slim(engine, &base, image)?,
        }
    }
    Ok(())
}

/// The stand-in's base, made once.
fn debian(engine: &Engine) -> Result<String, String> {
    let tag = "tollgate-test/bookworm".to_owned();
    if engine.docker(&["image", "inspect", &tag]).is_ok() {
        return Ok(tag);
    }
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let root = directory.path().join("root");
    let debootstrap = run(Command::new("debootstrap").args(["--variant=minbase", PACKAGES, "bookworm"]).arg(&root));
    debootstrap.map_err(|error| format!("no base image can be pulled, and none made: {error}"))?;
    let archive = directory.path().join("root.tar");
    run(Command::new("tar").arg("-cf").arg(&archive).arg("-C").arg(&root).arg("."))?;
    engine.docker(&["import", &archive.to_string_lossy(), &tag])?;
    Ok(tag)
}

/// Debian's slim image, which has no CA bundle: a Dockerfile that relied on one would fail with the real image.
fn slim(engine: &Engine, base: &str, image: &str) -> Result<(), String> {
    let context = Context::new(format!("FROM {base}\nRUN rm -rf /etc/ssl/certs /usr/share/ca-certificates\n"))?;
    context.build(engine, image)
}

/// Envoy's image: the binary of this machine, at the place where the public image has it.
fn envoy(engine: &Engine, base: &str) -> Result<(), String> {
    let context = Context::new(format!("FROM {base}\nCOPY envoy /usr/local/bin/envoy\n"))?;
    context.copy(&binaries::envoy(), "envoy")?;
    context.build(engine, ENVOY)
}

/// Python's image: `pip` in it finds the agents' wheels beside itself, whatever the network.
fn python(engine: &Engine, base: &str) -> Result<(), String> {
    let context =
        Context::new(format!("FROM {base}\nCOPY wheels /opt/wheels\nENV PIP_NO_INDEX=1 PIP_FIND_LINKS=/opt/wheels\n"))?;
    let requirements = binaries::workspace().join("examples/agents/requirements.txt");
    let mut pip = Command::new(binaries::python_agents());
    pip.args(["-m", "pip", "download", "--quiet", "--require-hashes", "--only-binary=:all:", "--python-version"]);
    pip.arg(PYTHON_VERSION).arg("--dest").arg(context.path("wheels")).arg("--requirement").arg(requirements);
    for platform in ["manylinux_2_36", "manylinux_2_34", "manylinux_2_28", "manylinux_2_17", "manylinux2014"] {
        pip.arg("--platform").arg(format!("{platform}_{}", std::env::consts::ARCH));
    }
    run(&mut pip)?;
    context.build(engine, PYTHON)
}

/// A build context that goes away with the test.
struct Context(tempfile::TempDir);

impl Context {
    fn new(dockerfile: String) -> Result<Self, String> {
        let context = Self(tempfile::tempdir().map_err(|error| error.to_string())?);
        fs::write(context.path("Dockerfile"), dockerfile).map_err(|error| error.to_string())?;
        Ok(context)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn copy(&self, from: &Path, name: &str) -> Result<(), String> {
        fs::copy(from, self.path(name)).map(drop).map_err(|error| format!("{}: {error}", from.display()))
    }

    fn build(&self, engine: &Engine, tag: &str) -> Result<(), String> {
        engine.docker(&["build", "--quiet", "--tag", tag, &self.0.path().to_string_lossy()]).map(drop)
    }
}
