//! The corpora of the callers that came lately, by what they may see: kept ready in the background, so that how fast a search answers says
//! nothing of what others may see, nor whether it changed.

use std::{collections::HashMap, sync::Arc};

use super::{catalogue::Catalogue, corpus::Corpus, document::Document};
use crate::gate::{Sight, Visitor};

/// Most kept.
const MOST: usize = 64;
/// Most postings of all that are kept, eight bytes each.
const MOST_POSTINGS: usize = 4 << 20;

/// The corpora, with the turn of their last use.
#[derive(Default)]
pub(super) struct Corpora {
    by_sight: HashMap<Sight, Seen>,
    turn: u64,
    refreshes: u64,
}

/// What callers of one sight may find.
struct Seen {
    /// One of them.
    visitor: Arc<dyn Visitor>,
    corpus: Arc<Corpus>,
    used: u64,
}

impl Corpora {
    pub(super) fn used(&mut self, sight: &Sight) -> Option<Arc<Corpus>> {
        self.turn += 1;
        let seen = self.by_sight.get_mut(sight)?;
        seen.used = self.turn;
        Some(seen.corpus.clone())
    }

    /// How often a refresh began. A corpus that was made meanwhile, and kept after it, may be of before.
    pub(super) fn refreshes(&self) -> u64 {
        self.refreshes
    }

    /// Every sight with one of its callers, to be refreshed.
    pub(super) fn visitors(&mut self) -> Vec<(Sight, Arc<dyn Visitor>)> {
        self.refreshes += 1;
        self.by_sight.iter().map(|(sight, seen)| (sight.clone(), seen.visitor.clone())).collect()
    }

    /// The corpus of these documents, if there is one.
    pub(super) fn of(&self, documents: &[Arc<Document>]) -> Option<Arc<Corpus>> {
        self.by_sight.values().find(|seen| seen.corpus.is_of(documents)).map(|seen| seen.corpus.clone())
    }

    /// Keeps the corpus of a sight that is used now.
    pub(super) fn keep(&mut self, sight: Sight, visitor: Arc<dyn Visitor>, corpus: Arc<Corpus>) {
        self.turn += 1;
        let used = self.turn;
        self.by_sight.insert(sight, Seen { visitor, corpus, used });
        while self.by_sight.len() > 1 && (self.by_sight.len() > MOST || self.postings() > MOST_POSTINGS) {
            let Some(oldest) = self.by_sight.iter().min_by_key(|(_, seen)| seen.used).map(|(it, _)| it.clone()) else {
                return;
            };
            self.by_sight.remove(&oldest);
        }
    }

    /// Replaces the corpus of a sight, if it is still kept.
    pub(super) fn replace(&mut self, sight: &Sight, visitor: Arc<dyn Visitor>, corpus: Arc<Corpus>) {
        if let Some(seen) = self.by_sight.get_mut(sight) {
            seen.visitor = visitor;
            seen.corpus = corpus;
        }
    }

    /// All of them, those that are shared several times.
    pub(super) fn corpora(&self) -> Vec<Arc<Corpus>> {
        self.by_sight.values().map(|seen| seen.corpus.clone()).collect()
    }

    /// Of all corpora, each counted once.
    fn postings(&self) -> usize {
        let distinct: HashMap<*const Corpus, usize> =
            self.by_sight.values().map(|seen| (Arc::as_ptr(&seen.corpus), seen.corpus.postings())).collect();
        distinct.values().sum()
    }

    #[cfg(test)]
    pub(super) fn sights(&self) -> Vec<Sight> {
        self.by_sight.keys().cloned().collect()
    }
}

/// The corpus of what `visitor` may find, shared with whoever may find the same.
pub(super) fn corpus_of(
    catalogue: &Catalogue,
    visitor: &dyn Visitor,
    corpora: &std::sync::Mutex<Corpora>,
) -> Arc<Corpus> {
    let seen = catalogue.seen_by(visitor);
    let shared = super::lock(corpora).of(&seen);
    shared.unwrap_or_else(|| Arc::new(Corpus::new(seen)))
}
