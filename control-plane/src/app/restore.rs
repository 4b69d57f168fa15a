//! `tollgate restore`: a backup becomes the registry of a data directory, while no server runs on it. All of the backup is checked first;
//! then it is written beside its place and put there in one step.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use clap::Args;

use super::foundation::{KEY_FILE, REGISTRY_DIR};
use crate::{
    domain::{Generation, Secret, UnixSeconds},
    secrets::{SecretError, anything_allowed},
    store::{self, BackupError, SealError, SealingKey, StoreError},
};

/// What to restore, and where.
#[derive(Debug, Args)]
pub struct RestoreOptions {
    /// The backup.
    pub file: PathBuf,
    /// The server's data directory: empty, but for the sealing key.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// The sealing key, env:NAME or file:PATH, if it is not sealing.key in the data directory: as `secrets.key` in the server's settings.
    #[arg(long, value_name = "REFERENCE")]
    pub key: Option<String>,
    /// Puts the registry that is there aside; it is kept under another name.
    #[arg(long)]
    pub force: bool,
}

/// What was restored.
#[derive(Debug)]
pub struct Restored {
    /// The registry's generation.
    pub generation: Generation,
    /// Agents in it.
    pub agents: usize,
    /// Permission rows in it.
    pub permissions: usize,
    /// When the backup was made.
    pub created_at: UnixSeconds,
    /// Where the registry is that was there before.
    pub replaced: Option<PathBuf>,
}

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// A file or directory cannot be used.
    #[error("{} cannot be used: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no key.
    #[error("there is no sealing key: put the server's sealing.key into {}, or name it with --key", .0.display())]
    NoKey(PathBuf),
    /// `--key` is no reference.
    #[error("--key must be env:NAME or file:PATH")]
    KeyReference,
    /// The key cannot be read.
    #[error("--key cannot be read: {0}")]
    KeyVariable(#[from] SecretError),
    /// The key is none.
    #[error("the sealing key: {0}")]
    Key(#[from] SealError),
    /// The backup is not good.
    #[error("{} {source}", file.display())]
    Backup {
        /// The backup.
        file: PathBuf,
        /// What is wrong with it.
        source: BackupError,
    },
    /// There is something already.
    #[error("{} is not empty ({found} is there): --force puts its registry aside", dir.display())]
    NotEmpty {
        /// The data directory.
        dir: PathBuf,
        /// What was found first.
        found: String,
    },
    /// A server runs on it.
    #[error("a server runs on {}: stop it first", .0.display())]
    InUse(PathBuf),
    /// The registry could not be written.
    #[error("the registry could not be written: {0}")]
    Store(#[from] StoreError),
}

/// Restores a backup. `now` names what is put aside.
///
/// # Errors
/// [`RestoreError`]: nothing is changed.
pub fn restore(
    options: &RestoreOptions,
    env: &BTreeMap<String, String>,
    now: UnixSeconds,
) -> Result<Restored, RestoreError> {
    let RestoreOptions { file, data, force, .. } = options;
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| RestoreError::File { path, source }
    };
    let bytes = std::fs::read(file).map_err(at(file))?;
    let key = sealing_key(options, env)?;
    let backup =
        store::read_backup(&bytes, &key).map_err(|source| RestoreError::Backup { file: file.clone(), source })?;
    std::fs::create_dir_all(data).map_err(at(data))?;
    if !force {
        check_empty(data)?;
    }
    let place = data.join(REGISTRY_DIR);
    if store::is_in_use(&place) {
        return Err(RestoreError::InUse(data.clone()));
    }
    let fresh = data.join(format!("{REGISTRY_DIR}.restoring"));
    if fresh.exists() {
        std::fs::remove_dir_all(&fresh).map_err(at(&fresh))?;
    }
    backup.write(&fresh)?;
    let replaced = put_aside(&place, now).map_err(at(&place))?;
    std::fs::rename(&fresh, &place).map_err(at(&place))?;
    // The names are on the disk, too.
    std::fs::File::open(data).and_then(|dir| dir.sync_all()).map_err(at(data))?;
    let registry = backup.registry();
    Ok(Restored {
        generation: registry.generation,
        agents: registry.agents.len(),
        permissions: registry.permissions.len(),
        created_at: backup.created_at(),
        replaced,
    })
}

fn sealing_key(options: &RestoreOptions, env: &BTreeMap<String, String>) -> Result<SealingKey, RestoreError> {
    let file = |path: &Path| {
        if path.exists() {
            Ok(SealingKey::load_or_create(path)?)
        } else {
            Err(RestoreError::NoKey(options.data.clone()))
        }
    };
    match options.key.clone().map(Secret::from_written) {
        None => file(&options.data.join(KEY_FILE)),
        Some(Secret::File(path)) => file(&path),
        Some(reference @ Secret::Env(_)) => {
            Ok(SealingKey::from_base64(anything_allowed(env).resolve(&reference)?.expose())?)
        }
        Some(Secret::Inline(_)) => Err(RestoreError::KeyReference),
    }
}

/// The key may be there, and what an earlier attempt left.
fn check_empty(dir: &Path) -> Result<(), RestoreError> {
    let unreadable = |source| RestoreError::File { path: dir.to_owned(), source };
    for entry in std::fs::read_dir(dir).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned();
        if name != KEY_FILE && name != format!("{REGISTRY_DIR}.restoring") {
            return Err(RestoreError::NotEmpty { dir: dir.to_owned(), found: name });
        }
    }
    Ok(())
}

fn put_aside(place: &Path, now: UnixSeconds) -> io::Result<Option<PathBuf>> {
    if !place.exists() {
        return Ok(None);
    }
    // Another restore may have been in the same second.
    let names = std::iter::once(String::new()).chain((2_u32..).map(|number| format!("-{number}")));
    let mut places = names.map(|more| place.with_file_name(format!("{REGISTRY_DIR}.before-{now}{more}")));
    let aside = places.find(|aside| !aside.exists()).unwrap_or_else(|| place.to_owned());
    std::fs::rename(place, &aside)?;
    Ok(Some(aside))
}

#[cfg(test)]
mod tests;
