//! Tokens seen before, one cache for each worker: verified ones until they expire, refused ones for some seconds, so that a flood
//! of garbage costs no more than a flood of repeats. Forgotten whole when the issuers change; agents and permissions may change freely.

use std::hash::Hasher;
use std::sync::Arc;

use foldhash::SharedSeed;
use foldhash::fast::FoldHasher;

use super::slots::{Slot, Slots};
use super::{Caller, Issuers, TokenFault, UnixSeconds};

/// Longest refused token remembered, in bytes: a flood of long ones must not fill the memory.
const MAX_REFUSED: usize = 4 * 1024;

/// How much of a token's end is hashed, in bytes. With all of it, and a comparison by bytes, a hit took 0.45 µs in V8 instead of 0.12.
const HASHED: usize = 32;

/// A cache of verified and refused tokens.
pub struct TokenCache {
    seed: u64,
    shared_seed: SharedSeed,
    issuers: u64,
    verified: Slots<Arc<Caller>>,
    refused: Slots<TokenFault>,
    hits: u64,
    misses: u64,
}

/// Where a token belongs: its keyed hash.
#[derive(Clone, Copy)]
pub(super) struct Place(u64);

impl TokenCache {
    /// Entries of each sort where nothing else is asked for.
    pub const DEFAULT_CAPACITY: usize = 4096;

    /// An empty cache of at most `capacity` verified and as many refused tokens. `seed` must not be known to clients.
    #[must_use]
    pub fn new(seed: u64, capacity: usize) -> Self {
        Self {
            seed,
            shared_seed: SharedSeed::from_u64(seed),
            issuers: 0,
            verified: Slots::new(capacity),
            refused: Slots::new(capacity),
            hits: 0,
            misses: 0,
        }
    }

    /// Verified tokens held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.verified.len()
    }

    /// Whether no verified token is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Refused tokens held.
    #[must_use]
    pub fn refused_len(&self) -> usize {
        self.refused.len()
    }

    /// Tokens answered from the cache, verified and refused.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.hits
    }

    /// Tokens that had to be looked at.
    #[must_use]
    pub fn misses(&self) -> u64 {
        self.misses
    }

    /// Where `token` belongs. Forgets everything first if it was learnt from other issuers.
    pub(super) fn place(&mut self, issuers: &Issuers, token: &[u8]) -> Place {
        if self.issuers != issuers.fingerprint() {
            self.issuers = issuers.fingerprint();
            self.verified.clear();
            self.refused.clear();
        }
        // A signature's last bytes differ wherever tokens do. Refused tokens may be forged to share them: they displace each other.
        let tail = token.split_at_checked(token.len().saturating_sub(HASHED)).map_or(token, |(_, tail)| tail);
        let mut hasher = FoldHasher::with_seed(self.seed, &self.shared_seed);
        hasher.write(tail);
        Place(hasher.finish())
    }

    pub(super) fn get(
        &mut self,
        Place(hash): Place,
        token: &[u8],
        now: UnixSeconds,
    ) -> Option<Result<Arc<Caller>, TokenFault>> {
        let known = match self.verified.get(hash, token, now) {
            Some(caller) => Some(Ok(Arc::clone(caller))),
            None => self.refused.get(hash, token, now).map(|fault| Err(*fault)),
        };
        let counter = if known.is_some() { &mut self.hits } else { &mut self.misses };
        *counter = counter.saturating_add(1);
        known
    }

    pub(super) fn store(
        &mut self,
        Place(hash): Place,
        token: &[u8],
        outcome: &Result<Arc<Caller>, TokenFault>,
        now: UnixSeconds,
        leeway: u64,
    ) {
        match outcome {
            Ok(caller) => {
                let until = caller.expires_at().saturating_add(leeway);
                let value = Arc::clone(caller);
                self.verified.insert(Slot { hash, token: token.into(), until, value, recent: false }, now);
            }
            Err(fault) if token.len() <= MAX_REFUSED && fault.remembered_for() > 0 => {
                let until = now.saturating_add(fault.remembered_for()).saturating_sub(1);
                self.refused.insert(Slot { hash, token: token.into(), until, value: *fault, recent: false }, now);
            }
            Err(_) => {}
        }
    }
}
