//! A bounded table of things remembered by token, for a time. Full, it gives up what was not asked for lately (the CLOCK algorithm:
//! every entry gets a second chance), so neither a lookup nor an insertion ever walks or moves the table as a whole.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::UnixSeconds;

/// Entries by the hash of their token; an entry answers only to its own token, byte for byte.
pub(super) struct Slots<V> {
    by_hash: HashMap<u64, usize, FixedState>,
    slots: Vec<Slot<V>>,
    hand: usize,
    capacity: usize,
}

/// One entry.
pub(super) struct Slot<V> {
    /// The keyed hash of `token`.
    pub(super) hash: u64,
    /// The whole token.
    pub(super) token: Box<[u8]>,
    /// The last second in which it may be used.
    pub(super) until: UnixSeconds,
    /// What is remembered.
    pub(super) value: V,
    /// Asked for since the hand last passed.
    pub(super) recent: bool,
}

impl<V> Slots<V> {
    /// At most `capacity` entries; memory is taken as they come.
    pub(super) fn new(capacity: usize) -> Self {
        Self { by_hash: HashMap::default(), slots: Vec::new(), hand: 0, capacity }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn clear(&mut self) {
        self.by_hash.clear();
        self.slots.clear();
        self.hand = 0;
    }

    pub(super) fn get(&mut self, hash: u64, token: &[u8], now: UnixSeconds) -> Option<&V> {
        let slot = self.slots.get_mut(*self.by_hash.get(&hash)?)?;
        if *slot.token != *token || now > slot.until {
            return None;
        }
        slot.recent = true;
        Some(&slot.value)
    }

    /// Stores an entry, in the place of the one with the same hash if there is one.
    pub(super) fn insert(&mut self, slot: Slot<V>, now: UnixSeconds) {
        let hash = slot.hash;
        let index = match self.by_hash.get(&hash) {
            Some(index) => *index,
            None if self.slots.len() < self.capacity => self.slots.len(),
            None => self.free(now),
        };
        match self.slots.get_mut(index) {
            Some(place) => *place = slot,
            None if self.capacity == 0 => return,
            None => self.slots.push(slot),
        }
        self.by_hash.insert(hash, index);
    }

    /// Gives up one entry of a full table and answers with its index. Ends: a second turn finds every chance used.
    fn free(&mut self, now: UnixSeconds) -> usize {
        while let Some(slot) = self.slots.get_mut(self.hand) {
            let index = self.hand;
            self.hand = self.hand.saturating_add(1);
            if self.hand >= self.capacity {
                self.hand = 0;
            }
            if !slot.recent || now > slot.until {
                self.by_hash.remove(&slot.hash);
                return index;
            }
            slot.recent = false;
        }
        0
    }
}
