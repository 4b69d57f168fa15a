//! Order and independence: what is not in a corpus has no part in its answers.

use std::sync::Arc;

use proptest::prelude::*;

use super::{super::terms::query_terms, *};
use crate::{
    domain::{Agent, BackendAuth},
    xds::fixtures,
};

const QUERY_VECTOR: [f32; 3] = [1.0, 0.0, 0.0];

fn document(id: &str, name: &str, description: &str) -> Arc<Document> {
    let agent = fixtures::agent(id, &["http://a.example"], BackendAuth::None);
    Document::read(&Agent { name: name.to_owned(), description: description.to_owned(), ..agent }, None)
}

fn pointing(document: &Document, embedder: &str, values: &[f32]) {
    let vector = Vector { embedder: embedder.into(), digest: document.digest, values: values.to_vec() };
    document.vector.store(Some(Arc::new(vector)));
}

fn ids(found: &Found) -> Vec<&str> {
    found.hits.iter().map(|hit| hit.document.id.as_str()).collect()
}

#[track_caller]
fn check(query: &str, expect: &[&str]) {
    let corpus = Corpus::new(vec![
        document("hr", "HR helper", "Answers questions about holidays and payroll."),
        document("payroll-audit", "Payroll audit", "Checks the payroll for faults."),
        document("sap-bridge", "SAP bridge", "Reads orders, holidays and payments out of the ERP."),
        document(
            "travel",
            "Travel",
            "Books flights for holidays. Payroll is not its business, and it says so at length.",
        ),
    ]);
    assert_eq!(ids(&corpus.by_words(&query_terms(query), 10)), expect, "{query}");
}

#[test]
fn names_before_mentions_and_short_texts_before_long_ones() {
    check("payroll", &["payroll-audit", "hr", "travel"]);
    check("SAP", &["sap-bridge"]);
    check("erp", &["sap-bridge"]);
    check("payroll-audit", &["payroll-audit", "hr", "travel"]);
    check("submarine", &[]);
}

#[test]
fn a_rare_word_counts_for_more_than_a_common_one() {
    check("holiday flight", &["travel", "hr", "sap-bridge"]);
}

#[test]
fn meaning_leads_and_an_exact_name_lifts() {
    let (near, named, bare) = (document("near", "A", "x"), document("named", "Zebra", "x"), document("bare", "B", "x"));
    pointing(&near, "e", &[0.8, 0.6, 0.0]);
    pointing(&named, "e", &[0.7, 0.0, 0.7]);
    pointing(&bare, "another", &QUERY_VECTOR);
    let corpus = Corpus::new(vec![bare, named, near]);
    let rank = |query: &str| {
        let found = corpus.by_meaning(&query_terms(query), "e", &QUERY_VECTOR, 10).unwrap();
        ids(&found).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(rank("horse"), ["near", "named", "bare"], "a vector of another model counts for nothing");
    assert_eq!(rank("zebra"), ["named", "near", "bare"]);
    assert!(corpus.by_meaning(&[], "e", &[1.0], 10).is_none(), "no vector of this dimension");
    assert!(Corpus::new(Vec::new()).by_meaning(&[], "e", &QUERY_VECTOR, 10).is_none());
}

#[test]
fn of_equals_the_first_id_comes_first_however_many_are_wanted() {
    let corpus = Corpus::new(["a", "b", "c", "d"].map(|id| document(id, "Twin", "same")).to_vec());
    for most in 1..=4 {
        assert_eq!(ids(&corpus.by_words(&query_terms("twin"), most)), ["a", "b", "c", "d"][..most]);
    }
}

proptest! {
    #[test]
    fn the_dot_product_is_that_of_the_naive_sum(pairs in prop::collection::vec((-1.0_f32..1.0, -1.0_f32..1.0), 0..40)) {
        let (a, b): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
        let naive: f32 = a.iter().zip(&b).map(|(x, y)| x * y).sum();
        prop_assert!((dot(&a, &b) - naive).abs() < 1e-4);
    }
}

fn direction(seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    super::super::embedder::normalised((0..64).map(|_| next()).collect()).unwrap()
}

#[test]
fn vectors_side_by_side_find_the_same_to_the_bit_and_are_used_once_all_are_there() {
    let documents: Vec<Arc<Document>> = (0..500)
        .map(|number| document(&format!("agent-{number}"), &format!("Agent {}", number % 7), "Counts."))
        .collect();
    for (number, document) in (1..).zip(&documents[1..]) {
        pointing(document, "e", &direction(number));
    }
    let corpus = Corpus::new(documents.clone());
    let found = |corpus: &Corpus, seed: u64| {
        let found = corpus.by_meaning(&query_terms("agent 3"), "e", &direction(seed), 10).unwrap();
        let hits = found.hits.iter().map(|hit| (hit.document.id.to_string(), hit.score.to_bits()));
        (found.total, hits.collect::<Vec<_>>())
    };
    corpus.pack("e");
    assert!(corpus.packed.load().is_none(), "one has none yet");
    pointing(&documents[0], "e", &direction(1000));
    corpus.pack("another");
    assert!(corpus.packed.load().is_none(), "nobody has one of that model");
    assert_eq!(found(&corpus, 1000).1[0].0, "agent-0");
    corpus.pack("e");
    assert!(corpus.packed.load().is_some());
    let one_by_one = Corpus::new(documents);
    for seed in 1000..1050 {
        assert_eq!(found(&corpus, seed), found(&one_by_one, seed));
    }
}
