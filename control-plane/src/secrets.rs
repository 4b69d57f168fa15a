//! Turns a [`Secret`] into its text: inline, from the environment, or from a file, the latter two only under the names and
//! directories that the server's configuration allows. Sealing at rest is `store`'s.

mod source;

use std::{collections::BTreeMap, io, io::Write, path::Path, path::PathBuf};

use crate::config::{KeySource, SecretSettings};

pub use source::{SecretError, SecretSource};

/// A source without allow lists: those are for references that come over the API, the configuration's own are the operator's.
#[must_use]
pub fn anything_allowed(env: &BTreeMap<String, String>) -> SecretSource {
    let settings =
        SecretSettings { key: KeySource::DataDir, env: vec!["*".to_owned()], file_dirs: vec![PathBuf::from("/")] };
    SecretSource::new(&settings, env)
}

/// Writes a file that only its owner can read. It appears whole or not at all, and is never overwritten.
///
/// # Errors
/// What the file system says; [`io::ErrorKind::AlreadyExists`] when there is such a file.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        std::fs::create_dir_all(parent)?;
    }
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    name.push(".new");
    let fresh = path.with_file_name(name);
    let _ = std::fs::remove_file(&fresh);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    let linked = std::fs::hard_link(&fresh, path);
    std::fs::remove_file(&fresh)?;
    linked
}
