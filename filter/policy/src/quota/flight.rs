//! Requests under way: how many of a caller at an agent, and of everyone at an agent, on all workers of one Envoy. Exact, and paid for
//! only by who is limited so: two writes to shared memory for each request. A worker that died takes its requests with it: what it
//! counted is dropped once it has not been heard of for a while.

use std::collections::HashMap;
use std::num::NonZeroU32;

use foldhash::fast::FixedState;

use super::shared::{Outcome, update};
use super::{BucketId, SharedMemory};

/// Drawers in shared memory; a power of two.
const DRAWERS: u16 = 1 << 12;
/// Counts in a drawer.
const ROOM: usize = 32;
/// Bytes of a count: whose, which worker, how many, when it was last heard of.
const ENTRY: usize = 16 + 4 + 4 + 4;
/// Seconds after which a worker that was not heard of is dead.
const DEAD: u32 = 15;
/// Seconds between two signs of life.
const SIGN: u32 = 3;

/// So many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gate {
    id: BucketId,
    most: NonZeroU32,
}

/// What one worker has under way.
pub struct Flight {
    worker: u32,
    counts: HashMap<BucketId, u32, FixedState>,
    signed: u32,
}

/// The gates a request has passed: to be given back when its stream is over.
#[must_use]
#[derive(Debug, Default)]
pub struct Passage {
    passed: Vec<BucketId>,
}

#[derive(Clone, Copy)]
struct Count {
    gate: BucketId,
    worker: u32,
    count: u32,
    seen: u32,
}

impl Gate {
    pub(crate) fn new(id: BucketId, most: NonZeroU32) -> Self {
        Self { id, most }
    }
}

impl Flight {
    /// Nothing under way. `worker` tells this worker's counts from those of others.
    #[must_use]
    pub fn new(worker: u32) -> Self {
        Self { worker, counts: HashMap::default(), signed: 0 }
    }

    /// Passes every one of `gates`, or none: `None` where one is full. `now` in seconds.
    pub fn enter<'a>(
        &mut self,
        gates: impl Iterator<Item = &'a Gate>,
        shared: &dyn SharedMemory,
        now: u64,
    ) -> Option<Passage> {
        let mut passage = Passage::default();
        for gate in gates {
            if !self.pass(gate, shared, seconds(now)) {
                self.leave(passage, shared, now);
                return None;
            }
            passage.passed.push(gate.id);
        }
        Some(passage)
    }

    /// The stream is over.
    pub fn leave(&mut self, passage: Passage, shared: &dyn SharedMemory, now: u64) {
        for gate in passage.passed {
            let left = self.counts.get(&gate).copied().unwrap_or(0).saturating_sub(1);
            if left == 0 {
                self.counts.remove(&gate);
            } else {
                self.counts.insert(gate, left);
            }
            // What cannot be written now is written with the next sign of life, or forgotten for want of one.
            self.write(gate, None, shared, seconds(now));
        }
    }

    /// Shows that this worker lives and what it has under way. Every second or so.
    pub fn sign(&mut self, shared: &dyn SharedMemory, now: u64) {
        let now = seconds(now);
        if now.abs_diff(self.signed) < SIGN {
            return;
        }
        self.signed = now;
        let gates: Vec<BucketId> = self.counts.keys().copied().collect();
        for gate in gates {
            self.write(gate, None, shared, now);
        }
    }

    fn pass(&mut self, gate: &Gate, shared: &dyn SharedMemory, now: u32) -> bool {
        let passed = self.write(gate.id, Some(gate.most), shared, now);
        if passed {
            let count = self.counts.entry(gate.id).or_insert(0);
            *count = count.saturating_add(1);
        }
        passed
    }

    /// Writes this worker's count of `gate`, one more if the others leave room for it below `most`; whether that was so.
    fn write(&self, gate: BucketId, most: Option<NonZeroU32>, shared: &dyn SharedMemory, now: u32) -> bool {
        let written = update(shared, &drawer(gate), |bytes| {
            let mut counts = read(&bytes);
            counts.retain(|it| now.abs_diff(it.seen) < DEAD && !(it.gate == gate && it.worker == self.worker));
            let others = counts.iter().filter(|it| it.gate == gate).map(|it| it.count);
            let others = others.fold(0, u32::saturating_add);
            let mut own = self.counts.get(&gate).copied().unwrap_or(0);
            if let Some(most) = most {
                if others.saturating_add(own) >= most.get() || counts.len() >= ROOM {
                    return Outcome::Leave(false);
                }
                own = own.saturating_add(1);
            }
            if own > 0 {
                counts.push(Count { gate, worker: self.worker, count: own, seen: now });
            }
            Outcome::Write(written(&counts), true)
        });
        written.unwrap_or(false)
    }
}

/// Seconds since the epoch, as far as differences go.
fn seconds(now: u64) -> u32 {
    u32::try_from(now & u64::from(u32::MAX)).unwrap_or(0)
}

fn drawer(gate: BucketId) -> String {
    let [low, high, ..] = gate.0;
    format!("tollgate.flight.{}", u16::from_le_bytes([low, high]) & DRAWERS.wrapping_sub(1))
}

fn read(bytes: &[u8]) -> Vec<Count> {
    let (entries, _) = bytes.as_chunks::<ENTRY>();
    entries.iter().take(ROOM).filter_map(count).collect()
}

fn count(bytes: &[u8; ENTRY]) -> Option<Count> {
    let (gate, rest) = bytes.split_first_chunk()?;
    let (worker, rest) = rest.split_first_chunk()?;
    let (count, rest) = rest.split_first_chunk()?;
    let (seen, _) = rest.split_first_chunk()?;
    Some(Count {
        gate: BucketId(*gate),
        worker: u32::from_le_bytes(*worker),
        count: u32::from_le_bytes(*count),
        seen: u32::from_le_bytes(*seen),
    })
}

fn written(counts: &[Count]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(counts.len().saturating_mul(ENTRY));
    for it in counts {
        bytes.extend_from_slice(&it.gate.0);
        bytes.extend_from_slice(&it.worker.to_le_bytes());
        bytes.extend_from_slice(&it.count.to_le_bytes());
        bytes.extend_from_slice(&it.seen.to_le_bytes());
    }
    bytes
}
