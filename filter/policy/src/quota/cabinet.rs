//! Buckets in the host's shared memory, where keys can never be deleted (envoy 1.40): a fixed number of drawers, each a value of its
//! own with room for a few buckets that carry their owner. A bucket that has filled again is what a new one is, and gives way; only
//! where every bucket of a drawer is in use does a new one displace the fullest.

use super::bucket::Bucket;
use super::shared::{Outcome, update};
use super::{BucketId, SharedMemory, UnixMicros};

/// Drawers; a power of two.
const DRAWERS: u16 = 1 << 14;
/// Buckets in a drawer. With the drawers: 65,536 buckets, about 5 MB of the host's memory.
const ROOM: usize = 4;
/// Bytes of an entry: owner, spent, its time, when it was full, rate.
const ENTRY: usize = 16 + 8 + 8 + 8 + 4;

/// A bucket with its owner.
#[derive(Debug, Clone, Copy)]
struct Entry {
    owner: BucketId,
    bucket: Bucket,
    /// Requests per minute it was last filled at.
    rate: u32,
}

/// Whether a drawer has to be written back.
pub(super) enum Use<T> {
    Changed(T),
    Unchanged(T),
}

/// Shows `work` the bucket of `id`, refilled by nobody yet, and keeps what it makes of it. `None`: other workers wrote faster every time.
pub(super) fn open<T>(
    shared: &dyn SharedMemory,
    id: BucketId,
    rate: u32,
    now: UnixMicros,
    mut work: impl FnMut(&mut Bucket) -> Use<T>,
) -> Option<T> {
    update(shared, &drawer(id), |bytes| {
        let mut entries = read(&bytes);
        let known = entries.iter().find(|entry| entry.owner == id).map(|entry| entry.bucket);
        let mut bucket = known.unwrap_or(Bucket::full(now));
        match work(&mut bucket) {
            Use::Unchanged(result) => Outcome::Leave(result),
            Use::Changed(result) => {
                place(&mut entries, Entry { owner: id, bucket, rate }, now);
                Outcome::Write(write(&entries), result)
            }
        }
    })
}

fn drawer(id: BucketId) -> String {
    let [low, high, ..] = id.0;
    let number = u16::from_le_bytes([low, high]) & DRAWERS.wrapping_sub(1);
    format!("tollgate.bucket.{number}")
}

/// Puts `entry` where its owner's is, or where there is room, or where the least is lost.
fn place(entries: &mut Vec<Entry>, entry: Entry, now: UnixMicros) {
    if let Some(place) = entries.iter_mut().find(|known| known.owner == entry.owner) {
        *place = entry;
    } else if entries.len() < ROOM {
        entries.push(entry);
    } else {
        let until_full = |entry: &&mut Entry| {
            let mut bucket = entry.bucket;
            bucket.refill(i64::from(entry.rate), now);
            bucket.spent.max(0).checked_div(i64::from(entry.rate))
        };
        if let Some(place) = entries.iter_mut().min_by_key(until_full) {
            *place = entry;
        }
    }
}

/// Reads what a worker wrote. Workers of different builds of this module may share memory for a moment: what is not a whole entry
/// is nothing.
fn read(bytes: &[u8]) -> Vec<Entry> {
    let (entries, _) = bytes.as_chunks::<ENTRY>();
    let mut read: Vec<Entry> = Vec::with_capacity(ROOM);
    read.extend(entries.iter().take(ROOM).filter_map(entry));
    read
}

fn entry(bytes: &[u8; ENTRY]) -> Option<Entry> {
    let (owner, rest) = bytes.split_first_chunk()?;
    let (spent, rest) = rest.split_first_chunk()?;
    let (at, rest) = rest.split_first_chunk()?;
    let (full_at, rest) = rest.split_first_chunk()?;
    let (rate, _) = rest.split_first_chunk()?;
    Some(Entry {
        owner: BucketId(*owner),
        bucket: Bucket {
            spent: i64::from_le_bytes(*spent),
            at: u64::from_le_bytes(*at),
            full_at: u64::from_le_bytes(*full_at),
        },
        rate: u32::from_le_bytes(*rate),
    })
}

fn write(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(ROOM.saturating_mul(ENTRY));
    for entry in entries {
        bytes.extend_from_slice(&entry.owner.0);
        bytes.extend_from_slice(&entry.bucket.spent.to_le_bytes());
        bytes.extend_from_slice(&entry.bucket.at.to_le_bytes());
        bytes.extend_from_slice(&entry.bucket.full_at.to_le_bytes());
        bytes.extend_from_slice(&entry.rate.to_le_bytes());
    }
    bytes
}
