//! Text to terms: words in lower case, stop words dropped, the rest reduced to their stems by the English Snowball algorithm. The same for
//! agents and for queries, so that what is written alike meets. A term is the hash of its stem.

use std::hash::{DefaultHasher, Hash, Hasher};

use rust_stemmers::{Algorithm, Stemmer};

/// A stem's hash. Two stems with the same one would only make an agent match a word it does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Term(u64);

/// Words that say how a sentence is built, and nothing of what it is about.
const STOP_WORDS: [&str; 93] = [
    "a",
    "about",
    "all",
    "also",
    "am",
    "an",
    "and",
    "any",
    "anyone",
    "are",
    "as",
    "at",
    "be",
    "been",
    "but",
    "by",
    "can",
    "could",
    "did",
    "do",
    "does",
    "for",
    "from",
    "had",
    "has",
    "have",
    "her",
    "his",
    "how",
    "i",
    "if",
    "in",
    "into",
    "is",
    "it",
    "its",
    "just",
    "like",
    "me",
    "more",
    "most",
    "my",
    "need",
    "no",
    "not",
    "of",
    "on",
    "one",
    "or",
    "our",
    "out",
    "please",
    "she",
    "should",
    "so",
    "some",
    "someone",
    "something",
    "than",
    "that",
    "the",
    "their",
    "them",
    "then",
    "there",
    "these",
    "they",
    "this",
    "those",
    "to",
    "up",
    "us",
    "use",
    "using",
    "want",
    "was",
    "we",
    "were",
    "what",
    "when",
    "where",
    "which",
    "who",
    "whom",
    "whose",
    "why",
    "will",
    "with",
    "would",
    "you",
    "your",
    "he",
    "agent",
];

/// The terms of a text, in its order, as often as they stand there.
pub(super) fn terms(text: &str) -> Vec<Term> {
    collect(text, |word| !is_stop_word(word))
}

/// The terms of a name: every word counts, for a name may consist of such words.
pub(super) fn name_terms(text: &str) -> Vec<Term> {
    collect(text, |_| true)
}

/// The terms of a query: those of a text, or, if nothing would be left, those of a name.
pub(super) fn query_terms(text: &str) -> Vec<Term> {
    let mut found = terms(text);
    if found.is_empty() {
        found = name_terms(text);
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// A whole text as one term: an id with its dashes.
pub(super) fn whole(text: &str) -> Term {
    term(text)
}

fn collect(text: &str, keep: impl Fn(&str) -> bool) -> Vec<Term> {
    let stemmer = Stemmer::create(Algorithm::English);
    let mut found = Vec::new();
    for word in words(text) {
        // In capitals it is an acronym, whatever word it looks like: IT, US, AM.
        let is_acronym = word.chars().count() > 1 && !word.chars().any(char::is_lowercase);
        let lower = word.to_lowercase();
        if is_acronym || keep(&lower) {
            found.push(term(&stemmer.stem(&lower)));
        }
    }
    // A chain of words joined by dashes is an id.
    found.extend(
        text.split_whitespace()
            .filter(|chain| chain.contains('-'))
            .map(|chain| term(&chain.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase())),
    );
    found
}

fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.contains(&word)
}

/// Runs of letters and digits, and the parts of what is written `likeThis`.
fn words(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for run in text.split(|c: char| !c.is_alphanumeric()).filter(|run| !run.is_empty()) {
        let mut start = 0;
        let mut before_is_lower = false;
        for (at, letter) in run.char_indices() {
            if letter.is_uppercase() && before_is_lower {
                found.push(&run[start..at]);
                start = at;
            }
            before_is_lower = letter.is_lowercase();
        }
        found.push(&run[start..]);
    }
    found
}

fn term(stem: &str) -> Term {
    // Its keys are fixed: the same stem gives the same term in every process.
    let mut hasher = DefaultHasher::new();
    stem.hash(&mut hasher);
    Term(hasher.finish())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn same(a: &str, b: &str) {
        assert_eq!(terms(a), terms(b), "{a} / {b}");
    }

    #[test]
    fn forms_of_a_word_are_one_term_and_stop_words_are_none() {
        same("Matching the invoices", "match INVOICE");
        same("what is it for", "");
        same("pushNotifications", "push notification");
    }

    #[test]
    fn acronyms_are_never_taken_for_stop_words() {
        assert_eq!(terms("IT"), name_terms("it"));
        assert_eq!(terms("it"), []);
        assert_eq!(query_terms("it"), name_terms("it"), "a query of nothing else");
    }

    #[test]
    fn an_id_is_a_term_beside_its_words() {
        let found = terms("ask invoice-matcher.");
        assert!(found.contains(&whole("invoice-matcher")));
        assert!(found.contains(&terms("invoice")[0]));
    }

    proptest! {
        #[test]
        fn any_text_has_terms_and_the_case_of_long_words_does_not_matter(text in "\\PC{0,80}") {
            let _ = (terms(&text), query_terms(&text));
            let lower = text.to_lowercase();
            prop_assert_eq!(name_terms(&lower), name_terms(&lower.to_lowercase()));
        }
    }
}
