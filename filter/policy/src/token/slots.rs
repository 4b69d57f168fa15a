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
        if !equal(&slot.token, token) || now > slot.until {
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

/// `==` by words: in wasm a comparison by bytes is most of the cost of a lookup.
fn equal(one: &[u8], other: &[u8]) -> bool {
    let (words, rest) = one.as_chunks::<8>();
    let (other_words, other_rest) = other.as_chunks::<8>();
    let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
    one.len() == other.len() && rest == other_rest && words.iter().map(word).eq(other_words.iter().map(word))
}

#[cfg(test)]
mod tests {
    use super::{Slot, Slots};

    #[test]
    fn an_entry_answers_only_to_its_own_token_whatever_the_hash() {
        let token = b"twenty-one bytes long";
        let mut slots = Slots::new(1);
        slots.insert(Slot { hash: 7, token: token[..].into(), until: 10, value: (), recent: false }, 0);
        assert!(slots.get(7, token, 10).is_some() && slots.get(7, token, 11).is_none());
        for index in 0..token.len() {
            let mut other = token.to_vec();
            other[index] ^= 1;
            assert!(slots.get(7, &other, 0).is_none(), "{index}");
            assert!(slots.get(7, &token[..index], 0).is_none(), "{index}");
        }
        assert!(slots.get(7, &[&token[..], b"!"].concat(), 0).is_none());
    }
}
