//! The model's files: which they are, pinned by hash whoever serves them, where they are kept, and how they come there. Nothing is
//! fetched but by `tollgate model install`.

mod index;
mod install;

use std::{
    fmt::Write as _,
    fs::File,
    io,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

pub use install::{InstallError, InstallOptions, install};

/// A file of the model.
pub(super) struct Pinned {
    pub(super) name: &'static str,
    sha256: &'static str,
}

/// Those of `sentence-transformers/all-MiniLM-L6-v2`, revision 1110a243fdf4706b3f48f1d95db1a4f5529b4d41.
pub(super) const WEIGHTS: Pinned =
    Pinned { name: "model.safetensors", sha256: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db" };
pub(super) const TOKENIZER: Pinned =
    Pinned { name: "tokenizer.json", sha256: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037" };
pub(super) const CONFIG: Pinned =
    Pinned { name: "config.json", sha256: "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41" };
const FILES: [&Pinned; 3] = [&CONFIG, &TOKENIZER, &WEIGHTS];

/// Why there is no model.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file cannot be read.
    #[error("{} cannot be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is another one.
    #[error("{} is not the file that is pinned: its sha256 is {found}, not {expected}", path.display())]
    Other {
        /// The file.
        path: PathBuf,
        /// Its digest.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A file is the right one and cannot be used.
    #[error("{} cannot be used: {reason}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl Pinned {
    /// The first digits of its hash.
    pub(super) fn short(&self) -> &'static str {
        &self.sha256[..12]
    }

    fn check(&self, path: PathBuf, digest: &[u8]) -> Result<(), ModelError> {
        let found = hex(digest);
        if found == self.sha256 { Ok(()) } else { Err(ModelError::Other { path, found, expected: self.sha256 }) }
    }
}

/// Where `serve` looks for the model, and `model install` puts it.
#[must_use]
pub fn default_directory(data_dir: &Path) -> PathBuf {
    data_dir.join("models").join(WEIGHTS.sha256)
}

/// Whether all files are there and are the right ones.
///
/// # Errors
/// The first that is not.
pub fn verify(directory: &Path) -> Result<(), ModelError> {
    FILES.iter().try_for_each(|file| open_pinned(directory, file).map(drop))
}

/// A file of the model whole, if it is the right one.
pub(super) fn read_pinned(directory: &Path, file: &Pinned) -> Result<Vec<u8>, ModelError> {
    let path = directory.join(file.name);
    let bytes = std::fs::read(&path).map_err(|source| ModelError::File { path: path.clone(), source })?;
    file.check(path, &Sha256::digest(&bytes))?;
    Ok(bytes)
}

/// A file of the model, if it is the right one, for reading it in pieces.
pub(super) fn open_pinned(directory: &Path, file: &Pinned) -> Result<File, ModelError> {
    let path = directory.join(file.name);
    let mut hash = Sha256::new();
    let opened = File::open(&path)
        .and_then(|mut opened| io::copy(&mut opened, &mut hash).map(|_| opened))
        .map_err(|source| ModelError::File { path: path.clone(), source })?;
    file.check(path, &hash.finalize())?;
    Ok(opened)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests;
