//! The registry on disk. Readers get the whole registry at one generation and never wait; writers go through one transaction
//! that is flushed before it is acknowledged, and writers that come together share a flush. The only place that names sled;
//! stored forms never leave it. What a write may do is its caller's business.

mod apply;
mod backup;
mod disk;
mod records;
mod seal;
mod vectors;

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use crate::domain::{
    Agent, AgentId, Client, ClientId, ExternalIssuer, Generation, Permission, Registry, Revocation, RevocationId,
    Scope, SigningKey, TaskKey, TaskKeyId, UnixSeconds,
};
pub use backup::{Backup, BackupError, Restorable, ended, is_in_use, read_backup};
use disk::Disk;
pub use seal::{SealError, SealingKey};
pub use vectors::Vectors;

/// A handle on the registry; clones share it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    disk: Disk,
    vectors: Vectors,
    /// What readers see: flushed.
    published: ArcSwap<Registry>,
    /// What writers build on: applied, perhaps not flushed yet. Whoever holds it takes no other lock.
    head: Mutex<Arc<Registry>>,
    /// Whoever holds it flushes for everyone who applied before.
    flush: Mutex<Flushing>,
    generation: watch::Sender<Generation>,
}

/// Whether the disk still takes writes. After a failed flush nobody knows what is on it, so nothing more is promised.
enum Flushing {
    Works,
    Failed,
}

/// One change to the registry.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "lives for one write")]
pub enum Change {
    /// Creates or replaces an agent.
    PutAgent(Agent),
    /// Removes an agent.
    DeleteAgent(AgentId),
    /// Creates or replaces a permission row.
    PutPermission(Permission),
    /// Removes a permission row.
    DeletePermission(Scope),
    /// Creates or replaces a client.
    PutClient(Client),
    /// Removes a client.
    DeleteClient(ClientId),
    /// Creates or replaces an external issuer.
    PutIssuer(ExternalIssuer),
    /// Removes an external issuer, by `iss`.
    DeleteIssuer(String),
    /// Creates or replaces a revocation.
    PutRevocation(Revocation),
    /// Removes a revocation.
    DeleteRevocation(RevocationId),
    /// Replaces the embedded issuer's keys, oldest first.
    PutSigningKeys(Vec<SigningKey>),
    /// Adds a key that seals tasks' ids.
    PutTaskKey(TaskKey),
    /// Removes a key that sealed tasks' ids: they do not open any more.
    DeleteTaskKey(TaskKeyId),
    /// Replaces the keys that cards are signed with, oldest first.
    PutCardKeys(Vec<SigningKey>),
}

/// Why the disk let us down.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database could not be read or written.
    #[error("the registry's database failed")]
    Database(#[source] sled::Error),
    /// A record cannot be read.
    #[error("record {table}/{key} cannot be read: {reason}")]
    Record {
        /// The kind of record.
        table: &'static str,
        /// Its key.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An earlier flush failed.
    #[error("an earlier write could not be flushed: restart once the disk is well")]
    Failed,
}

/// Why a write did not happen.
#[derive(Debug, thiserror::Error)]
pub enum WriteError<E> {
    /// The caller's own decision.
    #[error("refused")]
    Refused(E),
    /// The disk.
    #[error(transparent)]
    Store(StoreError),
}

impl Store {
    /// Opens the registry in `dir`, creating it if absent, and reads all of it. Another process that has it is waited for, two
    /// seconds long: it may be ending.
    ///
    /// # Errors
    /// The database cannot be opened (another process keeps it, say), or a record cannot be read or unsealed: it is named.
    pub fn open(dir: &Path, key: &SealingKey) -> Result<Self, StoreError> {
        let disk = Disk::open(dir, key)?;
        let registry = Arc::new(disk.read()?);
        let vectors = disk.vectors()?;
        let inner = Inner {
            disk,
            vectors,
            generation: watch::Sender::new(registry.generation),
            published: ArcSwap::new(registry.clone()),
            head: Mutex::new(registry),
            flush: Mutex::new(Flushing::Works),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The registry as last flushed. Never blocks.
    #[must_use]
    pub fn registry(&self) -> Arc<Registry> {
        self.inner.published.load_full()
    }

    /// What models made of agents' texts.
    #[must_use]
    pub fn vectors(&self) -> &Vectors {
        &self.inner.vectors
    }

    /// The registry as last flushed, as lines of a backup file. Writes go on meanwhile.
    #[must_use]
    pub fn backup(&self, now: UnixSeconds) -> Backup {
        Backup::new(&self.registry(), self.inner.disk.key(), now)
    }

    /// Tells each new generation, after it can be read.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Generation> {
        self.inner.generation.subscribe()
    }

    /// Writes what `decide` says, as one transaction, flushed before this returns. `decide` sees the registry that the changes
    /// will be made to; no changes means no new generation.
    ///
    /// # Errors
    /// [`WriteError::Refused`] when `decide` refuses: nothing is changed. [`WriteError::Store`] when the disk does.
    pub async fn write<E: Send + 'static>(
        &self,
        decide: impl FnOnce(&Registry) -> Result<Vec<Change>, E> + Send + 'static,
    ) -> Result<Generation, WriteError<E>> {
        let inner = self.inner.clone();
        let write = move || {
            let generation = inner.apply(decide)?;
            inner.flush_through(generation).map_err(WriteError::Store)?;
            Ok(generation)
        };
        tokio::task::spawn_blocking(write).await.expect("a write does not panic, and nobody aborts it")
    }
}

impl Inner {
    fn apply<E>(&self, decide: impl FnOnce(&Registry) -> Result<Vec<Change>, E>) -> Result<Generation, WriteError<E>> {
        let mut head = lock(&self.head);
        let changes = decide(&head).map_err(WriteError::Refused)?;
        if changes.is_empty() {
            return Ok(head.generation);
        }
        let next = apply::to_registry(&head, &changes);
        self.disk.apply(next.generation, &changes).map_err(WriteError::Store)?;
        *head = Arc::new(next);
        Ok(head.generation)
    }

    /// Returns once `generation` is on disk and readable.
    fn flush_through(&self, generation: Generation) -> Result<(), StoreError> {
        let mut flushing = lock(&self.flush);
        if self.published.load().generation >= generation {
            return Ok(());
        }
        if matches!(*flushing, Flushing::Failed) {
            return Err(StoreError::Failed);
        }
        let head = lock(&self.head).clone();
        if let Err(error) = self.disk.flush() {
            *flushing = Flushing::Failed;
            return Err(error);
        }
        let generation = head.generation;
        self.published.store(head);
        self.generation.send_replace(generation);
        Ok(())
    }
}

/// A poisoned lock means that a `decide` panicked; it had changed nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
