//! The agents that one caller may see, and BM25 over them alone. How rare a word is, and how long a text usually is, is counted among these
//! agents and no others: what a caller may not see has no part in any score, order or count, nor in the work that a search is.

use std::{cmp::Ordering, collections::HashMap, sync::Arc};

use arc_swap::ArcSwapOption;
use tollgate_linear::Linear;

use super::{document::Document, terms::Term};
use crate::domain::Vector;

/// How soon a repeated word stops counting (Robertson and Zaragoza 2009, section 3.4).
const K1: f32 = 1.2;
/// How much a long text is held against its words.
const B: f32 = 0.75;
/// What an exact match is worth beside the cosine. At 0.1 exact names are missed, at 0.5 meaning is.
const BETA: f32 = 0.3;
/// So many more than are asked for are looked at exactly: vectors as bytes may have near ones in another order.
const SPARE: usize = 50;

/// The agents that one caller may see, in the order of their ids.
#[derive(Debug)]
pub struct Corpus {
    documents: Vec<Arc<Document>>,
    postings: HashMap<Term, Vec<Posting>>,
    average_length: f32,
    packed: ArcSwapOption<Packed>,
}

/// All vectors side by side, as bytes: found one by one in memory, ten thousand take as long as the query's own.
#[derive(Debug)]
struct Packed {
    embedder: String,
    /// A line for each agent.
    vectors: Linear,
    width: usize,
}

#[derive(Debug, Clone, Copy)]
struct Posting {
    document: u32,
    times: f32,
}

/// How well each agent answers a query.
pub(super) struct Lexical {
    /// By agent.
    scores: Vec<f32>,
    /// What an agent would have that consisted of the query's words.
    ideal: f32,
}

/// An agent found.
#[derive(Debug, Clone)]
pub struct Hit {
    /// It.
    pub document: Arc<Document>,
    /// Higher is better; comparable within one search only.
    pub score: f32,
}

/// What a search found.
#[derive(Debug, Clone)]
pub struct Found {
    /// The best, best first.
    pub hits: Vec<Hit>,
    /// How many agents were ranked.
    pub total: usize,
}

impl Corpus {
    pub(super) fn new(documents: Vec<Arc<Document>>) -> Self {
        let mut postings: HashMap<Term, Vec<Posting>> = HashMap::new();
        let mut length = 0_u64;
        for (index, document) in (0_u32..).zip(&documents) {
            length += u64::from(document.length);
            for (term, times) in &document.terms {
                postings.entry(*term).or_default().push(Posting { document: index, times: *times as f32 });
            }
        }
        let average_length = length as f32 / documents.len().max(1) as f32;
        Self { documents, postings, average_length, packed: ArcSwapOption::empty() }
    }

    /// Whether it is a corpus of exactly these documents.
    pub(super) fn is_of(&self, documents: &[Arc<Document>]) -> bool {
        self.documents.len() == documents.len()
            && self.documents.iter().zip(documents).all(|(mine, other)| Arc::ptr_eq(mine, other))
    }

    /// How many (term, document) pairs it keeps.
    pub(super) fn postings(&self) -> usize {
        self.postings.values().map(Vec::len).sum()
    }

    /// Ranks by words alone; agents that share none with the query are not found.
    pub(super) fn by_words(&self, query: &[Term], most: usize) -> Found {
        let lexical = self.lexical(query);
        let matches: Vec<(usize, f32)> =
            lexical.scores.iter().copied().enumerate().filter(|(_, score)| *score > 0.0).collect();
        let total = matches.len();
        self.best(matches, total, most)
    }

    /// Ranks by meaning, with what the words add; `None` if no agent has a vector of this model.
    pub(super) fn by_meaning(&self, query: &[Term], embedder: &str, vector: &[f32], most: usize) -> Option<Found> {
        let lexical = self.lexical(query);
        let exact =
            |index: usize| self.documents[index].vector.load().as_ref().and_then(|it| cosine(it, embedder, vector));
        let score = |index: usize, cosine: f32| {
            let covered = if lexical.ideal > 0.0 { lexical.scores[index] / lexical.ideal } else { 0.0 };
            (index, cosine + BETA * covered)
        };
        let packed = self.packed.load();
        let packed = packed.as_ref().filter(|it| it.embedder == embedder && it.width == vector.len());
        let (ranked, compared) = match packed {
            Some(packed) => {
                let cosines = packed.vectors.forward(vector).into_iter().enumerate();
                let mut near: Vec<_> = cosines.map(|(index, cosine)| score(index, cosine)).collect();
                keep_best(&mut near, most.saturating_add(SPARE));
                let exactly = near.into_iter().map(|(index, _)| score(index, exact(index).unwrap_or(0.0)));
                (exactly.collect(), self.documents.len())
            }
            None => {
                let cosines: Vec<Option<f32>> = (0..self.documents.len()).map(exact).collect();
                let compared = cosines.iter().flatten().count();
                let scores = cosines.into_iter().enumerate();
                (scores.map(|(index, cosine)| score(index, cosine.unwrap_or(0.0))).collect(), compared)
            }
        };
        (compared > 0).then(|| self.best(ranked, self.documents.len(), most))
    }

    /// Has the agents' vectors side by side, once each of them has one of this model: from then on they are what they are, for an agent that
    /// says something else is another document, and in another corpus.
    pub(super) fn pack(&self, embedder: &str) {
        if self.packed.load().as_ref().is_some_and(|it| it.embedder == embedder) {
            return;
        }
        let vectors: Option<Vec<Arc<Vector>>> = self.documents.iter().map(|it| it.vector_of(embedder)).collect();
        let Some(vectors) = vectors else { return };
        let width = vectors.first().map_or(0, |vector| vector.values.len());
        if let Some(vectors) = Linear::of_lines(vectors.iter().map(|vector| &*vector.values), width) {
            self.packed.store(Some(Arc::new(Packed { embedder: embedder.to_owned(), vectors, width })));
        }
    }

    fn lexical(&self, query: &[Term]) -> Lexical {
        let mut scores = vec![0.0; self.documents.len()];
        let mut ideal = 0.0;
        for term in query {
            let postings = self.postings.get(term).map_or(&[][..], Vec::as_slice);
            let (all, with) = (self.documents.len() as f32, postings.len() as f32);
            let rarity = (1.0 + (all - with + 0.5) / (with + 0.5)).ln();
            ideal += rarity * (K1 + 1.0);
            for Posting { document, times } in postings {
                let index = *document as usize;
                let length = self.documents[index].length as f32 / self.average_length.max(1.0);
                scores[index] += rarity * times * (K1 + 1.0) / (times + K1 * (1.0 - B + B * length));
            }
        }
        Lexical { scores, ideal }
    }

    /// The best of `ranked`, best first.
    fn best(&self, mut ranked: Vec<(usize, f32)>, total: usize, most: usize) -> Found {
        keep_best(&mut ranked, most);
        ranked.sort_unstable_by(better_first);
        let hit = |(index, score): (usize, f32)| Hit { document: self.documents[index].clone(), score };
        Found { hits: ranked.into_iter().map(hit).collect(), total }
    }
}

/// Of equals the one whose id comes first.
fn better_first(a: &(usize, f32), b: &(usize, f32)) -> Ordering {
    b.1.total_cmp(&a.1).then(a.0.cmp(&b.0))
}

/// Keeps the best, in no order.
fn keep_best(ranked: &mut Vec<(usize, f32)>, most: usize) {
    if most < ranked.len() {
        ranked.select_nth_unstable_by(most, better_first);
        ranked.truncate(most);
    }
}

/// Of two vectors of length 1; `None` if they are not of the same model.
fn cosine(vector: &Vector, embedder: &str, other: &[f32]) -> Option<f32> {
    (&*vector.embedder == embedder && vector.values.len() == other.len()).then(|| dot(&vector.values, other))
}

/// In eight sums at once, which the compiler makes vector instructions of.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    let (a_chunks, b_chunks) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..8 {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests;
