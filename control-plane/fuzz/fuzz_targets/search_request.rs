//! Whatever a caller searches for: a body is refused or within its bounds, and its query can be searched for.
#![no_main]

use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

use libfuzzer_sys::fuzz_target;
use tollgate::{
    discovery::SearchRequest,
    domain::{AgentId, Registry, UnixSeconds},
    gate::{Sight, Visitor},
    search::Search,
    strict_json,
};
use tollgate_policy::document::RevocationDocument;

struct Anybody;

impl Visitor for Anybody {
    fn client(&self) -> &str {
        "anybody"
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
        Sight { policy: 0, scopes: Vec::new() }
    }
    fn may_see(&self, _: &AgentId) -> bool {
        true
    }
    fn may_beat(&self, _: &AgentId) -> bool {
        false
    }
}

fuzz_target!(|body: &[u8]| {
    let Ok(body) = strict_json::parse(body) else { return };
    let Ok(SearchRequest { query, top_k }) = SearchRequest::read(body) else { return };
    assert!((1..=100).contains(&top_k) && (1..=4096).contains(&query.len()) && query.trim() == query);
    let (search, registry) = (Search::default(), Registry::default());
    let found = pin!(search.find(&registry, &Anybody, &query, top_k));
    let Poll::Ready((_, found)) = found.poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("a search by words needs no I/O")
    };
    assert_eq!(found.total, 0);
});
