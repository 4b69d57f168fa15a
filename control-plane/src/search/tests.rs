//! The whole search over registries: what a caller may not see changes nothing, to the bit.

use std::{collections::BTreeSet, sync::Arc};

use futures::future::BoxFuture;
use proptest::prelude::*;
use tollgate_policy::document::RevocationDocument;

use super::*;
use crate::{
    domain::{Agent, AgentId, AgentStatus, BackendAuth, Generation, UnixSeconds},
    gate::Sight,
    xds::fixtures,
};

const WORDS: [&str; 8] = ["invoice", "payroll", "ship", "the", "audit", "ERP", "flight", "report"];

#[derive(Clone)]
pub(super) struct Caller(pub(super) BTreeSet<String>);

impl Visitor for Caller {
    fn client(&self) -> &str {
        "caller"
    }
    fn subject(&self) -> Option<&str> {
        None
    }
    fn is_admin(&self) -> bool {
        false
    }
    fn is_cut_off_by(&self, _: &RevocationDocument, _: UnixSeconds) -> bool {
        false
    }
    fn sight(&self) -> Sight {
        Sight { scopes: self.0.iter().cloned().collect() }
    }
    fn renewed(&self) -> Arc<dyn Visitor> {
        Arc::new(self.clone())
    }
    fn may_see(&self, agent: &AgentId) -> bool {
        self.0.contains(agent.as_str())
    }
    fn may_beat(&self, _: &AgentId) -> bool {
        false
    }
}

/// Counts letters: no model, but a true function of the text.
struct Letters;

impl Embedder for Letters {
    fn id(&self) -> &str {
        "test:letters:26:1"
    }
    fn dimension(&self) -> usize {
        26
    }
    fn max_batch(&self) -> usize {
        3
    }
    fn embed<'a>(&'a self, _: TextKind, texts: &'a [String]) -> BoxFuture<'a, Result<Vec<Vec<f32>>, EmbedError>> {
        let count = |text: &String| {
            let mut counts = vec![0.01_f32; 26];
            text.bytes().filter(u8::is_ascii_lowercase).for_each(|b| counts[usize::from(b - b'a')] += 1.0);
            embedder::normalised(counts).unwrap()
        };
        Box::pin(async move { Ok(texts.iter().map(count).collect()) })
    }
}

fn registry(generation: u64, agents: &[(String, String, bool)]) -> Arc<Registry> {
    let made = agents.iter().map(|(id, text, is_active)| {
        let agent = fixtures::agent(id, &["http://a.example"], BackendAuth::None);
        let status = if *is_active { AgentStatus::Active } else { AgentStatus::Inactive };
        (agent.id.clone(), Arc::new(Agent { description: text.clone(), status, ..agent }))
    });
    let agents = made.collect();
    Arc::new(Registry { generation: Generation::new(generation), agents, ..Registry::default() })
}

/// Everything a caller learns.
async fn learned(
    search: &Search,
    registry: &Arc<Registry>,
    caller: &Caller,
    query: &str,
) -> (Mode, usize, Vec<(String, u32)>) {
    let visitor: Arc<dyn Visitor> = Arc::new(caller.clone());
    let (mode, found) = search.find(registry, &visitor, query, 5).await;
    let hit = |hit: &Hit| (hit.document.id.to_string(), hit.score.to_bits());
    (mode, found.total, found.hits.iter().map(hit).collect())
}

async fn with_vectors(registry: &Arc<Registry>) -> Search {
    let search = Search::default();
    search.set_embedder(Box::new(Letters));
    for document in search.catalogue(registry).documents() {
        let values = Letters.embed(TextKind::Document, std::slice::from_ref(&document.text)).await.unwrap().remove(0);
        let vector = crate::domain::Vector { embedder: Letters.id().into(), digest: document.digest, values };
        document.vector.store(Some(Arc::new(vector)));
    }
    search
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(WORDS.to_vec()), 0..8).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn a_caller_learns_the_same_whether_or_not_there_is_anything_else(
        visible in prop::collection::btree_map("[a-m]{1,3}", (text(), any::<bool>()), 0..8),
        hidden in prop::collection::btree_map("[n-z]{1,3}", (text(), any::<bool>()), 0..8),
        query in text(),
    ) {
        let list = |agents: &std::collections::BTreeMap<String, (String, bool)>| {
            agents.iter().map(|(id, (text, on))| (id.clone(), text.clone(), *on)).collect::<Vec<_>>()
        };
        let alone = registry(1, &list(&visible));
        let crowded = registry(1, &[list(&visible), list(&hidden)].concat());
        let caller = Caller(visible.keys().cloned().collect());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let words = learned(&Search::default(), &alone, &caller, &query).await;
            assert_eq!(learned(&Search::default(), &crowded, &caller, &query).await, words);
            let meaning = learned(&with_vectors(&alone).await, &alone, &caller, &query).await;
            assert_eq!(learned(&with_vectors(&crowded).await, &crowded, &caller, &query).await, meaning);
        });
    }
}

fn agent(id: &str, text: &str) -> (String, String, bool) {
    (id.to_owned(), text.to_owned(), true)
}

fn caller(ids: &[&str]) -> Caller {
    Caller(ids.iter().map(|&id| id.to_owned()).collect())
}

#[tokio::test]
async fn an_agent_that_says_something_else_keeps_its_vector_until_there_is_another() {
    let before = registry(1, &[agent("a", "one"), agent("b", "two")]);
    let search = with_vectors(&before).await;
    let after = registry(2, &[agent("a", "something else"), agent("c", "new")]);
    let catalogue = search.refresh(&after);
    let vector = |id: &str| catalogue.documents().find(|it| it.id.as_str() == id).unwrap().vector.load_full();
    assert!(vector("a").is_some());
    assert!(vector("c").is_none());
    let (mode, total, _) = learned(&search, &after, &caller(&["a", "c"]), "new").await;
    assert_eq!((mode, total), (Mode::Semantic, 2), "one without a vector is found all the same");
    let (mode, ..) = learned(&search, &after, &caller(&["c"]), "new").await;
    assert_eq!(mode, Mode::Lexical, "there is nothing to compare that this caller may see");
}

/// Never answers.
struct Silent;

impl Embedder for Silent {
    fn id(&self) -> &str {
        "test:silent:26:1"
    }
    fn dimension(&self) -> usize {
        26
    }
    fn max_batch(&self) -> usize {
        1
    }
    fn embed<'a>(&'a self, _: TextKind, _: &'a [String]) -> BoxFuture<'a, Result<Vec<Vec<f32>>, EmbedError>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn an_embedder_that_is_silent_leaves_the_words() {
    let registry = registry(1, &[agent("a", "invoice")]);
    let search = Search::default();
    search.set_embedder(Box::new(Silent));
    let (mode, total, _) = learned(&search, &registry, &caller(&["a"]), "invoices").await;
    assert_eq!((mode, total), (Mode::Lexical, 1));
}

/// Counts how often it is asked, and does what it is told.
#[derive(Clone)]
struct Told(Arc<Mutex<(usize, Result<(), EmbedError>)>>);

impl Told {
    fn asked(&self) -> usize {
        lock(&self.0).0
    }
}

impl Embedder for Told {
    fn id(&self) -> &str {
        Letters.id()
    }
    fn dimension(&self) -> usize {
        26
    }
    fn max_batch(&self) -> usize {
        1
    }
    fn embed<'a>(&'a self, kind: TextKind, texts: &'a [String]) -> BoxFuture<'a, Result<Vec<Vec<f32>>, EmbedError>> {
        let mut told = lock(&self.0);
        told.0 += 1;
        match &told.1 {
            Ok(()) => Letters.embed(kind, texts),
            Err(error) => Box::pin(std::future::ready(Err(error.clone()))),
        }
    }
}

async fn told(registry: &Arc<Registry>) -> (Search, Told) {
    let search = with_vectors(registry).await;
    let told = Told(Arc::new(Mutex::new((0, Ok(())))));
    search.set_embedder(Box::new(told.clone()));
    (search, told)
}

async fn modes(search: &Search, registry: &Arc<Registry>, queries: std::ops::Range<usize>) -> BTreeSet<&'static str> {
    let mut modes = BTreeSet::new();
    for number in queries {
        modes.insert(learned(search, registry, &caller(&["a"]), &format!("invoice {number}")).await.0.as_str());
    }
    modes
}

#[tokio::test(start_paused = true)]
async fn an_embedder_that_failed_is_left_alone_for_a_while() {
    let registry = registry(1, &[agent("a", "invoice")]);
    for error in [EmbedError::Retryable("down".into()), EmbedError::Auth, EmbedError::Fatal("gone".into())] {
        let (search, told) = told(&registry).await;
        assert_eq!(modes(&search, &registry, 0..3).await, BTreeSet::from(["semantic"]));
        lock(&told.0).1 = Err(error);
        assert_eq!(modes(&search, &registry, 3..100).await, BTreeSet::from(["lexical"]));
        assert_eq!(told.asked(), 4, "one of a hundred searches waited for it");
        assert_eq!(modes(&search, &registry, 0..3).await, BTreeSet::from(["semantic"]), "what is known is known");
        lock(&told.0).1 = Ok(());
        tokio::time::advance(availability::COOLDOWN).await;
        assert_eq!(modes(&search, &registry, 3..100).await, BTreeSet::from(["semantic"]));
    }
}

#[tokio::test(start_paused = true)]
async fn searches_wait_two_seconds_for_a_silent_embedder_and_the_next_ones_not_at_all() {
    let registry = registry(1, &[agent("a", "invoice")]);
    let search = with_vectors(&registry).await;
    search.set_embedder(Box::new(Silent));
    let start = Instant::now();
    assert_eq!(modes(&search, &registry, 0..1).await, BTreeSet::from(["lexical"]));
    assert_eq!(start.elapsed(), PATIENCE);
    assert_eq!(modes(&search, &registry, 1..100).await, BTreeSet::from(["lexical"]));
    assert_eq!(start.elapsed(), PATIENCE);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_searches_is_no_flood_of_requests() {
    let registry = registry(1, &[agent("a", "invoice")]);
    let search = with_vectors(&registry).await;
    let visitor: Arc<dyn Visitor> = Arc::new(caller(&["a"]));
    search.corpus(&registry, &visitor).await;
    search.set_embedder(Box::new(Silent));
    let start = Instant::now();
    let searches = (0..AT_ONCE).map(|number| modes(&search, &registry, number..number + 1));
    let last = async {
        assert_eq!(modes(&search, &registry, AT_ONCE..AT_ONCE + 1).await, BTreeSet::from(["lexical"]));
        start.elapsed()
    };
    let (_, waited) = futures::join!(futures::future::join_all(searches), last);
    assert_eq!(waited, Duration::ZERO);
    assert_eq!(start.elapsed(), PATIENCE);
}

#[tokio::test(start_paused = true)]
async fn a_query_that_is_refused_is_nobody_elses_business() {
    let registry = registry(1, &[agent("a", "invoice")]);
    let (search, told) = told(&registry).await;
    lock(&told.0).1 = Err(EmbedError::Refused(400));
    assert_eq!(modes(&search, &registry, 0..3).await, BTreeSet::from(["lexical"]));
    lock(&told.0).1 = Ok(());
    assert_eq!(modes(&search, &registry, 0..3).await, BTreeSet::from(["semantic"]));
}

#[tokio::test]
async fn corpora_that_nobody_used_for_long_go_first() {
    const MORE_THAN_ARE_KEPT: usize = 128;
    let registry = registry(1, &[agent("a", "invoice")]);
    let search = Search::default();
    for number in 0..MORE_THAN_ARE_KEPT {
        let visitor = caller(&["a", &format!("other-{number}")]);
        learned(&search, &registry, &visitor, "invoice").await;
        learned(&search, &registry, &caller(&["a"]), "invoice").await;
    }
    let sights = lock(&search.inner.corpora).sights();
    assert!(sights.len() < MORE_THAN_ARE_KEPT);
    assert!(sights.contains(&caller(&["a"]).sight()));
}

fn corpus(search: &Search, caller: &Caller) -> Arc<Corpus> {
    lock(&search.inner.corpora).used(&caller.sight()).unwrap()
}

#[tokio::test]
async fn a_change_that_a_caller_cannot_see_touches_nothing_of_its_search() {
    let search = Search::default();
    let visible = agent("a", "invoice");
    learned(&search, &registry(1, std::slice::from_ref(&visible)), &caller(&["a"]), "invoice").await;
    let before = corpus(&search, &caller(&["a"]));
    search.refresh(&registry(2, &[visible.clone(), agent("hidden", "invoice")]));
    assert!(Arc::ptr_eq(&before, &corpus(&search, &caller(&["a"]))));
    // The next search does not read the registry either.
    learned(&search, &registry(3, &[visible, agent("hidden", "other")]), &caller(&["a"]), "invoice").await;
    assert!(Arc::ptr_eq(&before, &corpus(&search, &caller(&["a"]))));
    assert_eq!(search.inner.catalogue.load().generation, Generation::new(2));
}

#[tokio::test]
async fn callers_who_may_find_the_same_share_it() {
    let (search, registry) = (Search::default(), registry(1, &[agent("a", "invoice")]));
    let (one, other) = (caller(&["a"]), caller(&["a", "not-there"]));
    learned(&search, &registry, &one, "invoice").await;
    learned(&search, &registry, &other, "invoice").await;
    assert!(Arc::ptr_eq(&corpus(&search, &one), &corpus(&search, &other)));
}

#[tokio::test]
async fn what_went_or_was_switched_off_is_not_found_though_it_is_still_ranked() {
    let search = Search::default();
    let (a, b, c) = (agent("a", "invoice"), agent("b", "invoice"), agent("c", "invoice"));
    let all = caller(&["a", "b", "c"]);
    let (_, total, _) = learned(&search, &registry(1, &[a.clone(), b.clone(), c]), &all, "invoice").await;
    assert_eq!(total, 3);
    let (_, total, hits) = learned(&search, &registry(2, &[a, (b.0, b.1, false)]), &all, "invoice").await;
    assert_eq!((total, hits.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>()), (1, vec!["a"]));
}

/// A caller whose corpus is made while the registry changes.
struct Late {
    caller: Caller,
    search: Search,
    next: Arc<Registry>,
}

impl Visitor for Late {
    fn client(&self) -> &str {
        self.caller.client()
    }
    fn subject(&self) -> Option<&str> {
        None
    }
    fn is_admin(&self) -> bool {
        false
    }
    fn is_cut_off_by(&self, _: &RevocationDocument, _: UnixSeconds) -> bool {
        false
    }
    fn sight(&self) -> Sight {
        self.caller.sight()
    }
    fn renewed(&self) -> Arc<dyn Visitor> {
        self.search.refresh(&self.next);
        Arc::new(self.caller.clone())
    }
    fn may_see(&self, agent: &AgentId) -> bool {
        self.caller.may_see(agent)
    }
    fn may_beat(&self, _: &AgentId) -> bool {
        false
    }
}

#[tokio::test]
async fn a_corpus_that_was_made_during_a_refresh_is_looked_at_again() {
    let search = Search::default();
    let next = registry(2, &[agent("a", "invoice")]);
    let late: Arc<dyn Visitor> = Arc::new(Late { caller: caller(&["a"]), search: search.clone(), next });
    search.find(&registry(1, &[]), &late, "invoice", 5).await;
    let told = tokio::time::timeout(Duration::from_secs(5), search.inner.stale.notified()).await;
    assert!(told.is_ok(), "it may be of before");
}
