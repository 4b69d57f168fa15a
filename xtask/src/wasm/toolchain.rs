//! Which compiler builds for `wasm32-wasip1`: the one cargo uses, with the target's library from rustup, or Debian's `rustc-web`,
//! which compiles that library from source. `$TOLLGATE_WASM_TOOLCHAIN` (`rustup` or `debian`) forces one.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::tools;

const TARGET: &str = "wasm32-wasip1";
/// Debian's packages; the linker of the same LLVM comes apart from the compiler.
const DEBIAN_PACKAGES: &str = "rustc-web rust-web-src wasi-libc lld-22";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_WASI_LIBC: &str = "/usr/lib/wasm32-wasi";

/// A compiler that is ready to build the module.
pub(super) enum Toolchain {
    /// Cargo's own compiler; the target's standard library is installed.
    Rustup,
    /// Debian's compiler, and where a linker for it is.
    Debian {
        /// Debian's own cargo where there is one: `-Zbuild-std` fits the compiler of its own release best.
        cargo: PathBuf,
        linker: Linker,
    },
}

/// A linker for wasm objects.
pub(super) enum Linker {
    /// The directory of a `rust-lld`, put on the PATH.
    RustLld(PathBuf),
    /// `wasm-ld` of the `lld` package.
    WasmLd(PathBuf),
}

/// The compiler to use. Tries rustup's target first, installing it where that works, then Debian's packages.
pub(super) fn choose() -> Result<Toolchain> {
    let forced = std::env::var("TOLLGATE_WASM_TOOLCHAIN").ok();
    match forced.as_deref() {
        Some("rustup") => rustup(),
        Some("debian") => debian(),
        Some(other) => bail!("TOLLGATE_WASM_TOOLCHAIN is `{other}`: it must be `rustup` or `debian`"),
        None => rustup().or_else(|first| debian().map_err(|second| neither(&first, &second))),
    }
}

impl Toolchain {
    /// What people call it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Rustup => "the toolchain's own wasm32-wasip1 target",
            Self::Debian { .. } => "Debian's rustc-web (standard library from source)",
        }
    }

    /// The cargo command that compiles a module's package.
    pub(super) fn command(&self, package: &str) -> Command {
        match self {
            Self::Rustup => compile(tools::cargo(), package),
            Self::Debian { cargo, linker } => debian_command(cargo, linker, package),
        }
    }
}

fn compile(mut cargo: Command, package: &str) -> Command {
    cargo.args(["build", "--locked", "--package", package, "--profile", "wasm", "--target", TARGET]);
    cargo
}

/// Ready when the target's library is installed, or can be.
fn rustup() -> Result<Toolchain> {
    if has_target_library()? {
        return Ok(Toolchain::Rustup);
    }
    if tools::on_path("rustup").is_none() {
        bail!("the compiler has no {TARGET} library, and rustup is not on the PATH");
    }
    println!("filter module: rustup target add {TARGET}");
    let mut add = Command::new("rustup");
    tools::capture(add.current_dir(tools::workspace_root()).args(["target", "add", TARGET]))?;
    if has_target_library()? { Ok(Toolchain::Rustup) } else { bail!("rustup added {TARGET} to another toolchain") }
}

fn has_target_library() -> Result<bool> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut ask = Command::new(rustc);
    ask.current_dir(tools::workspace_root()).args(["--print", "target-libdir", "--target", TARGET]);
    Ok(Path::new(tools::capture(&mut ask)?.trim()).join("self-contained").is_dir())
}

/// Ready when the packages and a linker are there.
fn debian() -> Result<Toolchain> {
    let rustc = Path::new(DEBIAN_RUSTC);
    if !tools::is_executable(rustc) {
        bail!("{DEBIAN_RUSTC} is missing");
    }
    let sysroot = sysroot_of(rustc)?;
    for needed in [sysroot.join("lib/rustlib/src/rust/library/std"), Path::new(DEBIAN_WASI_LIBC).join("libc.a")] {
        if !needed.exists() {
            bail!("{} is missing", needed.display());
        }
    }
    let own = PathBuf::from("/usr/bin/cargo");
    let cargo = if tools::is_executable(&own) { own } else { PathBuf::from("cargo") };
    Ok(Toolchain::Debian { cargo, linker: linker(&sysroot)? })
}

/// A `rust-lld` on the PATH, in cargo's toolchain or in Debian's; else `wasm-ld`.
fn linker(debian_sysroot: &Path) -> Result<Linker> {
    if let Some(directory) = tools::on_path("rust-lld").and_then(|found| found.parent().map(Path::to_path_buf)) {
        return Ok(Linker::RustLld(directory));
    }
    let own = sysroot_of(Path::new("rustc")).ok();
    for sysroot in own.iter().map(PathBuf::as_path).chain([debian_sysroot]) {
        let hosts = std::fs::read_dir(sysroot.join("lib/rustlib")).into_iter().flatten().flatten();
        let mut directories = hosts.map(|host| host.path().join("bin"));
        if let Some(found) = directories.find(|directory| tools::is_executable(&directory.join("rust-lld"))) {
            return Ok(Linker::RustLld(found));
        }
    }
    // The newest: it must read what the compiler's own LLVM wrote.
    let mut named = (14..40).rev().map(|version| format!("wasm-ld-{version}")).chain(["wasm-ld".to_owned()]);
    let found = named.find_map(|name| tools::on_path(&name));
    found.map(Linker::WasmLd).context("there is no linker for wasm: neither rust-lld nor wasm-ld")
}

fn debian_command(cargo: &Path, linker: &Linker, package: &str) -> Command {
    let mut command = compile(Command::new(cargo), package);
    command.current_dir(tools::workspace_root()).arg("-Zbuild-std=std,panic_abort");
    // A directory of its own: two compilers that share one rebuild everything at each change of hands.
    command.arg("--target-dir").arg(tools::workspace_root().join("target/tools/wasm-debian"));
    let mut flags = vec![format!("-Lnative={DEBIAN_WASI_LIBC}"), "-Clink-self-contained=no".to_owned()];
    match linker {
        Linker::RustLld(directory) => {
            command.env("PATH", with_first(directory));
        }
        Linker::WasmLd(program) => {
            flags.push("-Clinker-flavor=wasm-ld".to_owned());
            flags.push(format!("-Clinker={}", program.display()));
        }
    }
    // The encoded form wins over whatever flags the caller's environment sets for its own compiler.
    command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
    command.env("RUSTC", DEBIAN_RUSTC).env("RUSTC_BOOTSTRAP", "1").env_remove("RUSTUP_TOOLCHAIN");
    command
}

fn with_first(directory: &Path) -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = std::iter::once(directory.to_path_buf()).chain(std::env::split_paths(&path));
    std::env::join_paths(all).unwrap_or(path)
}

fn sysroot_of(rustc: &Path) -> Result<PathBuf> {
    let mut ask = Command::new(rustc);
    let answer = tools::capture(ask.current_dir(tools::workspace_root()).args(["--print", "sysroot"]))?;
    Ok(PathBuf::from(answer.trim()))
}

fn neither(rustup: &anyhow::Error, debian: &anyhow::Error) -> anyhow::Error {
    anyhow::anyhow!(
        "no compiler for {TARGET}. Either of these mends it:\n\
         - with rustup: `rustup target add {TARGET}` ({rustup:#})\n\
         - on Debian: `sudo apt-get install {DEBIAN_PACKAGES}` ({debian:#})"
    )
}
