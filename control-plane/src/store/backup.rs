//! The whole registry, at one generation, as one file; and back. A backup is made of an immutable registry while writes go on. Secrets stay
//! sealed: without the sealing key a backup opens nothing, and it is the key, too, that tells whether a backup is one of ours.

use std::{collections::BTreeSet, fs::File, path::Path, sync::Arc};

use sha2::{Digest, Sha256};

use super::{
    Change, SealingKey, StoreError,
    disk::Disk,
    records::{self, Record, SCHEMA, Table},
    seal::Place,
};
use crate::{
    backup::{self, FrameError, Header, Line, Trailer},
    domain::{
        Agent, Client, ExternalIssuer, Generation, Permission, Registry, Revocation, SigningKey, TaskKey, UnixSeconds,
    },
};

/// Where a backup's checksum is sealed.
const PLACE: Place<'static> = Place { table: "backup", key: "", field: "sha256" };

/// A backup in the making: its lines, one by one.
pub struct Backup {
    key: SealingKey,
    digest: Sha256,
    header: Option<Header>,
    items: std::vec::IntoIter<Item>,
    /// Lines of the item that was begun.
    begun: std::vec::IntoIter<Vec<u8>>,
    is_ended: bool,
}

/// A record. What stands in the registry is shared, not copied.
enum Item {
    Agent(Arc<Agent>),
    Permission(Arc<Permission>),
    Client(Arc<Client>),
    Issuer(Arc<ExternalIssuer>),
    Revocation(Arc<Revocation>),
    SigningKey(Arc<SigningKey>),
    CardKey(Arc<SigningKey>),
    TaskKey(Arc<TaskKey>),
}

/// A backup that was read, is whole, and opens.
#[derive(Debug)]
pub struct Restorable<'a> {
    whole: backup::Whole<'a>,
    key: SealingKey,
    registry: Registry,
}

/// Why a backup cannot be restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// It is not whole.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// It is whole, and was made with another key.
    #[error(
        "was not made with this sealing key: its secrets would not open. Give the key of the server that it was made on"
    )]
    OtherKey,
    /// Its records are of another time.
    #[error("holds records of schema {0}, which this program does not read: restore it with the version that made it")]
    Schema(u32),
    /// A record is not good.
    #[error("record {table}/{key} cannot be read: {reason}")]
    Record {
        /// The kind of record.
        table: String,
        /// Its key.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Backup {
    pub(super) fn new(registry: &Registry, key: &SealingKey, now: UnixSeconds) -> Self {
        let items = items(registry);
        let header = Header::new(SCHEMA, registry.generation, items.len(), now);
        Self {
            key: key.clone(),
            digest: Sha256::new(),
            header: Some(header),
            items: items.into_iter(),
            begun: Vec::new().into_iter(),
            is_ended: false,
        }
    }

    /// The generation that it is of.
    #[must_use]
    pub fn generation(&self) -> Option<Generation> {
        self.header.as_ref().map(|header| header.generation)
    }

    fn next_line(&mut self) -> Option<Vec<u8>> {
        if let Some(header) = self.header.take() {
            return Some(line(&header));
        }
        loop {
            if let Some(line) = self.begun.next() {
                return Some(line);
            }
            self.begun = lines(self.items.next()?.into(), &self.key).into_iter();
        }
    }
}

impl Iterator for Backup {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        if let Some(line) = self.next_line() {
            self.digest.update(&line);
            return Some(line);
        }
        if std::mem::replace(&mut self.is_ended, true) {
            return None;
        }
        Some(trailer(&self.digest.clone().finalize(), &self.key))
    }
}

/// The last line over what is before it. For whoever has the lines and wants a backup, as the tests of the reader do.
#[must_use]
pub fn ended(mut body: Vec<u8>, key: &SealingKey) -> Vec<u8> {
    let end = trailer(&Sha256::digest(&body), key);
    body.extend(end);
    body
}

/// Reads a backup: all of it is checked, and every secret in it opened, before anything is written anywhere.
///
/// # Errors
/// [`BackupError`].
pub fn read_backup<'a>(bytes: &'a [u8], key: &SealingKey) -> Result<Restorable<'a>, BackupError> {
    let whole = backup::read(bytes)?;
    let opened = key.open(PLACE, &whole.trailer.sealed).map_err(|_| BackupError::OtherKey)?;
    if backup::hex(&opened) != whole.trailer.sha256 {
        return Err(FrameError::Altered.into());
    }
    if !records::is_readable(whole.header.schema) {
        return Err(BackupError::Schema(whole.header.schema));
    }
    let mut registry = Registry { generation: whole.header.generation, ..Registry::default() };
    let mut seen = BTreeSet::new();
    for line in &whole.lines {
        let refused =
            |reason: String| BackupError::Record { table: line.table.to_owned(), key: line.key.clone(), reason };
        let table = Table::ALL.into_iter().find(|table| table.name() == line.table);
        let table = table.ok_or_else(|| refused("there is no such kind of record".to_owned()))?;
        if !seen.insert((line.table, line.key.as_str())) {
            return Err(refused("is there twice".to_owned()));
        }
        let record = Record { table, key: &line.key, sealing: key };
        record.read_into(line.record.get().as_bytes(), &mut registry).map_err(refused)?;
    }
    registry.signing_keys.sort_by_key(|key| key.active_from);
    registry.card_keys.sort_by_key(|key| key.active_from);
    Ok(Restorable { whole, key: key.clone(), registry })
}

impl Restorable<'_> {
    /// What the registry will be.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// When the backup was made.
    #[must_use]
    pub fn created_at(&self) -> UnixSeconds {
        self.whole.header.created_at
    }

    /// Writes the registry to `dir`, which must not be there yet. It is on the disk when this returns.
    ///
    /// # Errors
    /// The disk's.
    pub fn write(&self, dir: &Path) -> Result<(), StoreError> {
        let disk = Disk::open(dir, &self.key)?;
        let records = self.whole.lines.iter().filter_map(|line| {
            let table = Table::ALL.into_iter().find(|table| table.name() == line.table)?;
            Some((table, line.key.as_str(), line.record.get().as_bytes()))
        });
        disk.fill(self.whole.header.generation, records)?;
        disk.flush()
    }
}

/// Whether a server has the registry in `dir` open.
#[must_use]
pub fn is_in_use(dir: &Path) -> bool {
    // sled holds this lock (flock) on this file for as long as it is open.
    File::open(dir.join("db")).is_ok_and(|file| matches!(file.try_lock(), Err(std::fs::TryLockError::WouldBlock)))
}

fn items(registry: &Registry) -> Vec<Item> {
    let mut items: Vec<Item> = registry.agents.values().cloned().map(Item::Agent).collect();
    items.extend(registry.permissions.values().cloned().map(Item::Permission));
    items.extend(registry.clients.values().cloned().map(Item::Client));
    items.extend(registry.issuers.values().cloned().map(Item::Issuer));
    items.extend(registry.revocations.values().cloned().map(Item::Revocation));
    items.extend(registry.signing_keys.iter().cloned().map(Item::SigningKey));
    items.extend(registry.card_keys.iter().cloned().map(Item::CardKey));
    items.extend(registry.task_keys.values().cloned().map(Item::TaskKey));
    items
}

impl From<Item> for Change {
    fn from(item: Item) -> Self {
        match item {
            Item::Agent(it) => Self::PutAgent((*it).clone()),
            Item::Permission(it) => Self::PutPermission((*it).clone()),
            Item::Client(it) => Self::PutClient((*it).clone()),
            Item::Issuer(it) => Self::PutIssuer((*it).clone()),
            Item::Revocation(it) => Self::PutRevocation((*it).clone()),
            Item::SigningKey(it) => Self::PutSigningKeys(vec![(*it).clone()]),
            Item::CardKey(it) => Self::PutCardKeys(vec![(*it).clone()]),
            Item::TaskKey(it) => Self::PutTaskKey((*it).clone()),
        }
    }
}

/// The lines of what a change writes.
fn lines(change: Change, key: &SealingKey) -> Vec<Vec<u8>> {
    let written = records::written(&change, key).into_iter();
    let lines = written.filter_map(|(table, key, bytes)| {
        let record = serde_json::from_slice(bytes.as_deref()?).expect("a stored form is JSON");
        Some(line(&Line { table: table.name(), key, record }))
    });
    lines.collect()
}

fn trailer(digest: &[u8], key: &SealingKey) -> Vec<u8> {
    line(&Trailer { sha256: backup::hex(digest), sealed: key.seal(PLACE, digest) })
}

fn line(value: &impl serde::Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(value).expect("it has string keys only");
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests;
