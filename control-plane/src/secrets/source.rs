//! Where `env:` and `file:` secrets come from, and which are allowed.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use crate::{
    config::SecretSettings,
    domain::{Secret, SecretText},
};

/// A secret file holds a password or a token, not a volume.
const MAX_FILE_BYTES: u64 = 64 << 10;

/// Resolves secrets. Clones share what was read.
#[derive(Clone)]
pub struct SecretSource {
    inner: Arc<Inner>,
}

struct Inner {
    allowed_env: Vec<String>,
    allowed_dirs: Vec<PathBuf>,
    env: BTreeMap<String, SecretText>,
    files: Mutex<HashMap<PathBuf, CachedFile>>,
}

struct CachedFile {
    stamp: Stamp,
    text: SecretText,
}

/// What tells that a file was changed.
#[derive(PartialEq, Eq, Clone, Copy)]
struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
}

/// Why a secret cannot be had. Names the reference, never a value.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable's name is not among those allowed.
    #[error("variable {0} is not allowed by secrets.env")]
    VariableNotAllowed(String),
    /// No such variable.
    #[error("variable {0} is not set")]
    VariableMissing(String),
    /// The file is in no allowed directory.
    #[error("file {} is in no directory of secrets.file_dirs", .0.display())]
    FileNotAllowed(PathBuf),
    /// The file cannot be read.
    #[error("file {} cannot be read: {}", path.display(), source.kind())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The secret is empty, is no text, or is too long.
    #[error("{0} holds no secret: 1 byte to 64 KiB of UTF-8 text")]
    Content(String),
}

impl SecretSource {
    /// A source that allows what the settings say. `env` is the environment as it was at start.
    #[must_use]
    pub fn new(settings: &SecretSettings, env: &BTreeMap<String, String>) -> Self {
        let inner = Inner {
            allowed_env: settings.env.clone(),
            allowed_dirs: settings.file_dirs.clone(),
            env: env.iter().map(|(name, text)| (name.clone(), SecretText::new(text.clone()))).collect(),
            files: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The secret's text. A file is read again when its time or length has changed; the line end after the text is not part
    /// of it.
    ///
    /// # Errors
    /// The reference is not allowed, or there is nothing usable behind it.
    pub fn resolve(&self, secret: &Secret) -> Result<SecretText, SecretError> {
        match secret {
            Secret::Inline(text) => Ok(text.clone()),
            Secret::Env(name) => self.variable(name),
            Secret::File(path) => self.file(path),
        }
    }

    /// The bytes of a file that is not secret (a key set), under the same allow list.
    ///
    /// # Errors
    /// The file is not allowed, or cannot be read.
    pub fn read_allowed(&self, path: &Path, max_bytes: u64) -> Result<Vec<u8>, SecretError> {
        let real = self.allowed(path)?;
        let bytes = std::fs::metadata(&real).map_err(failed(path))?.len();
        if bytes > max_bytes {
            return Err(SecretError::File { path: path.to_owned(), source: io::ErrorKind::FileTooLarge.into() });
        }
        std::fs::read(&real).map_err(failed(path))
    }

    fn variable(&self, name: &str) -> Result<SecretText, SecretError> {
        if !self.inner.allowed_env.iter().any(|pattern| matches(pattern, name)) {
            return Err(SecretError::VariableNotAllowed(name.to_owned()));
        }
        let text = self.inner.env.get(name).ok_or_else(|| SecretError::VariableMissing(name.to_owned()))?;
        if text.expose().is_empty() { Err(SecretError::Content(name.to_owned())) } else { Ok(text.clone()) }
    }

    fn file(&self, path: &Path) -> Result<SecretText, SecretError> {
        let real = self.allowed(path)?;
        let metadata = std::fs::metadata(&real).map_err(failed(path))?;
        let stamp = Stamp { modified: metadata.modified().ok(), bytes: metadata.len() };
        let mut files = self.inner.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cached) = files.get(&real).filter(|cached| cached.stamp == stamp) {
            return Ok(cached.text.clone());
        }
        let unusable = || SecretError::Content(path.display().to_string());
        if stamp.bytes > MAX_FILE_BYTES || !metadata.is_file() {
            return Err(unusable());
        }
        let text = std::fs::read_to_string(&real).map_err(failed(path))?;
        let text = SecretText::new(text.trim_end_matches(['\r', '\n']).to_owned());
        if text.expose().is_empty() {
            return Err(unusable());
        }
        files.insert(real, CachedFile { stamp, text: text.clone() });
        Ok(text)
    }

    /// The file behind `path`, links followed, if it is in an allowed directory. A file that does not exist in a place that is
    /// not allowed is answered like one that does.
    fn allowed(&self, path: &Path) -> Result<PathBuf, SecretError> {
        let dirs: Vec<PathBuf> = self.inner.allowed_dirs.iter().filter_map(|dir| dir.canonicalize().ok()).collect();
        let inside = |path: &Path| dirs.iter().any(|dir| path.starts_with(dir));
        match path.canonicalize() {
            Ok(real) if inside(&real) => Ok(real),
            Err(source) if path.parent().and_then(|dir| dir.canonicalize().ok()).is_some_and(|dir| inside(&dir)) => {
                Err(SecretError::File { path: path.to_owned(), source })
            }
            _ => Err(SecretError::FileNotAllowed(path.to_owned())),
        }
    }
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> SecretError {
    let path = path.to_owned();
    |source| SecretError::File { path, source }
}

/// Whether `name` is what `pattern` says; `*` stands for any run of characters.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((before, after)) => name.strip_prefix(before).is_some_and(|rest| {
            rest.char_indices().map(|(at, _)| &rest[at..]).chain([""]).any(|tail| matches(after, tail))
        }),
    }
}

#[cfg(test)]
mod tests;
