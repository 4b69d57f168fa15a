//! Who takes part, and since when tokens are lent. A ledger that knows nobody has just begun, or everyone was away: it listens for as
//! long as a node may be silent before it lends.

use std::collections::BTreeMap;

use super::{ALIVE, Micros, NodeKey};

/// A node's time in the fleet: another process, or one that comes back, gets another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot(u64);

/// The nodes.
#[derive(Debug, Default)]
pub(super) struct Fleet {
    members: BTreeMap<String, Member>,
    leasing_since: Micros,
    next: u64,
}

#[derive(Debug)]
struct Member {
    instance: u64,
    seen: Micros,
    slot: Slot,
}

/// The fleet as one exchange finds it.
#[derive(Debug)]
pub(super) struct Standing {
    /// Everyone's, sorted.
    slots: Vec<Slot>,
    /// The node that asks.
    pub(super) slot: Slot,
    /// The time.
    pub(super) now: Micros,
    /// Pools fill from [`HANDOVER`](super::HANDOVER) after it: before, the nodes fill their buckets themselves. In the future while nothing
    /// is lent.
    pub(super) leasing_since: Micros,
}

impl Fleet {
    /// Takes note that `node` is there.
    pub(super) fn hear(&mut self, node: &NodeKey, now: Micros) -> Standing {
        self.members.retain(|_, member| now.since(member.seen) < ALIVE);
        if self.members.is_empty() {
            self.leasing_since = now.plus(ALIVE);
        }
        let slot = match self.members.get_mut(&node.id).filter(|member| member.instance == node.instance) {
            Some(member) => {
                member.seen = member.seen.max(now);
                member.slot
            }
            None => self.join(node, now),
        };
        if self.members.len() == 1 {
            self.leasing_since = self.leasing_since.max(now);
        }
        let mut slots: Vec<Slot> = self.members.values().map(|member| member.slot).collect();
        slots.sort_unstable();
        Standing { slots, slot, now, leasing_since: self.leasing_since }
    }

    fn join(&mut self, node: &NodeKey, now: Micros) -> Slot {
        let slot = Slot(self.next);
        self.next += 1;
        self.members.insert(node.id.clone(), Member { instance: node.instance, seen: now, slot });
        slot
    }
}

impl Standing {
    pub(super) fn nodes(&self) -> u32 {
        u32::try_from(self.slots.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn is_alive(&self, slot: Slot) -> bool {
        self.slots.binary_search(&slot).is_ok()
    }

    pub(super) fn is_leasing(&self) -> bool {
        self.leasing_since <= self.now
    }
}
