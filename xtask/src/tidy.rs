//! `cargo xtask tidy`: format, lints, licences, and the house's own checks: dependency arrows, file headers and sizes, links.

mod arrows;
mod links;
mod sources;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::tools;

/// Runs every check; the house's own report all they find before they fail.
pub(crate) fn run() -> Result<()> {
    tools::run(tools::cargo().args(["fmt", "--all", "--check"])).context("`cargo fmt --all` mends this")?;
    house_rules()?;
    tools::run(tools::cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    licences()
}

fn house_rules() -> Result<()> {
    let root = tools::workspace_root();
    let rust = files(root, "rs")?;
    let mut problems = Vec::new();
    for file in &rust {
        problems.extend(sources::check(&file.name, &file.text));
        problems.extend(arrows::check(&file.name, &file.text));
    }
    let pages = files(root, "md")?;
    for page in &pages {
        problems.extend(links::check(root, &page.name, &page.text));
    }
    if !problems.is_empty() {
        bail!("{} problems:\n{}", problems.len(), problems.join("\n"));
    }
    println!("tidy: {} Rust files and {} pages keep the house rules", rust.len(), pages.len());
    Ok(())
}

fn licences() -> Result<()> {
    if tools::on_path("cargo-deny").is_none() {
        println!("tidy: cargo-deny is not installed, deny.toml was not checked (`cargo install --locked cargo-deny`)");
        return Ok(());
    }
    tools::run(tools::cargo().args(["deny", "--all-features", "check"]))
}

/// A file of the workspace.
struct SourceFile {
    /// Its path from the workspace's root, with `/`.
    name: String,
    text: String,
}

/// Every file below `root` that ends in `extension`, sorted; what is built, fetched or hidden is left out.
fn files(root: &Path, extension: &str) -> Result<Vec<SourceFile>> {
    let mut found = Vec::new();
    let mut directories = vec![root.to_path_buf()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).with_context(|| format!("cannot read {}", directory.display()))? {
            let path = entry?.path();
            if is_left_out(&path) {
                continue;
            }
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(read(root, path)?);
            }
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn is_left_out(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    name.starts_with('.') || name == "target" || name == "node_modules" || name == "__pycache__"
}

fn read(root: &Path, path: PathBuf) -> Result<SourceFile> {
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
    Ok(SourceFile { name, text })
}
