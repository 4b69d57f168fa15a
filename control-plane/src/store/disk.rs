//! The database itself: one key space, `table/key`, and the generation beside it, written in one atomic batch. What the records
//! look like is `records`' business; when to flush is `store`'s.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use sled::{Batch, Db};

use super::{
    Change, SealingKey, StoreError, Vectors,
    records::{self, Record, Table},
    vectors,
};
use crate::domain::{Generation, Registry};

const GENERATION: &[u8] = b"generation";
/// The registry is in memory anyway; sled's own cache (1 GiB unless told) would only be a second copy.
const CACHE_BYTES: u64 = 16 << 20;
/// How long another holder of the directory's lock is waited for: a server that is being replaced and is still ending, or a
/// thread of sled's, which keeps the file open a moment longer than the database that it wrote for.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
const LOCK_PAUSE: Duration = Duration::from_millis(20);

pub(super) struct Disk {
    db: Db,
    key: SealingKey,
}

impl Disk {
    #[expect(clippy::disallowed_methods, reason = "nobody tells when a lock is let go")]
    pub(super) fn open(dir: &Path, key: &SealingKey) -> Result<Self, StoreError> {
        let config = sled::Config::new().path(dir).cache_capacity(CACHE_BYTES).flush_every_ms(None);
        let deadline = Instant::now() + LOCK_PATIENCE;
        loop {
            match config.open() {
                Ok(db) => return Ok(Self { db, key: key.clone() }),
                Err(error) if is_locked(&error) && Instant::now() < deadline => thread::sleep(LOCK_PAUSE),
                Err(error) => return Err(StoreError::Database(error)),
            }
        }
    }

    /// Everything there is.
    pub(super) fn read(&self) -> Result<Registry, StoreError> {
        let mut registry = Registry { generation: self.generation()?, ..Registry::default() };
        for table in Table::ALL {
            for entry in self.db.scan_prefix(table.prefix()) {
                let (key, value) = entry.map_err(StoreError::Database)?;
                let key = String::from_utf8_lossy(key.get(table.prefix().len()..).unwrap_or_default()).into_owned();
                let record = Record { table, key: &key, sealing: &self.key };
                record.read_into(&value, &mut registry).map_err(|reason| StoreError::Record {
                    table: table.name(),
                    key: key.clone(),
                    reason,
                })?;
            }
        }
        registry.signing_keys.sort_by_key(|key| key.active_from);
        registry.card_keys.sort_by_key(|key| key.active_from);
        Ok(registry)
    }

    /// Writes the changes and the generation atomically. They are not on the disk before [`Disk::flush`].
    pub(super) fn apply(&self, generation: Generation, changes: &[Change]) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        for change in changes {
            self.add(change, &mut batch)?;
        }
        batch.insert(GENERATION, &generation.get().to_be_bytes());
        self.db.apply_batch(batch).map_err(StoreError::Database)
    }

    /// Writes all records of a registry that is not there yet. They are not on the disk before [`Disk::flush`].
    pub(super) fn fill<'a>(
        &self,
        generation: Generation,
        records: impl Iterator<Item = (Table, &'a str, &'a [u8])>,
    ) -> Result<(), StoreError> {
        for (table, key, value) in records {
            let key = [table.prefix(), key.as_bytes()].concat();
            self.db.insert(key, value).map_err(StoreError::Database)?;
        }
        let generation = generation.get().to_be_bytes();
        self.db.insert(GENERATION, &generation).map(drop).map_err(StoreError::Database)
    }

    pub(super) fn key(&self) -> &SealingKey {
        &self.key
    }

    pub(super) fn flush(&self) -> Result<(), StoreError> {
        self.db.flush().map(drop).map_err(StoreError::Database)
    }

    pub(super) fn vectors(&self) -> Result<Vectors, StoreError> {
        self.db.open_tree(vectors::TREE).map(Vectors).map_err(StoreError::Database)
    }

    fn add(&self, change: &Change, batch: &mut Batch) -> Result<(), StoreError> {
        if let Some(table) = records::replaced(change) {
            for entry in self.db.scan_prefix(table.prefix()) {
                batch.remove(entry.map_err(StoreError::Database)?.0);
            }
        }
        for (table, key, value) in records::written(change, &self.key) {
            let key = [table.prefix(), key.as_bytes()].concat();
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        Ok(())
    }

    fn generation(&self) -> Result<Generation, StoreError> {
        let Some(bytes) = self.db.get(GENERATION).map_err(StoreError::Database)? else {
            return Ok(Generation::default());
        };
        let bytes = bytes.as_ref().try_into().map_err(|_| StoreError::Record {
            table: "meta",
            key: "generation".to_owned(),
            reason: "is not eight bytes".to_owned(),
        })?;
        Ok(Generation::new(u64::from_be_bytes(bytes)))
    }
}

/// Whether someone else has the directory. sled tells it in words only.
fn is_locked(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(error) if error.to_string().starts_with("could not acquire lock"))
}
