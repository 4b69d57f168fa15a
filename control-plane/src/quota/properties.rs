//! Whatever nodes do, and whatever becomes of them: leases never mint tokens.

use proptest::prelude::*;

use super::{
    ALIVE, Limit, MemoryLedger, Micros, NodeKey,
    simulation::{Node, START, exchange, limit},
};

/// What becomes of one node's exchange.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Answered,
    /// The answer is lost.
    Unanswered,
    /// The node is silent.
    Silent,
    /// It ends before, and another process takes its place.
    Restarted,
}

/// Microseconds that pass, and what then comes to each node.
type Round = (u64, Vec<(u64, Fate)>);

fn round() -> impl Strategy<Value = Round> {
    // Now and then long enough to be taken for dead, or for a bucket to be forgotten.
    let pause = prop_oneof![100 => 0u64..200_000, 1 => 0u64..20_000_000];
    let fate = prop_oneof![
        90 => Just(Fate::Answered),
        4 => Just(Fate::Unanswered),
        4 => Just(Fate::Silent),
        1 => Just(Fate::Restarted),
    ];
    let requests = prop_oneof![1 => Just(0u64), 3 => 0u64..200];
    (pause, prop::collection::vec((requests, fate), 4))
}

/// A fleet and its ledger.
struct Scene {
    ledger: MemoryLedger,
    limit: Limit,
    nodes: Vec<Node>,
    gone: Vec<Node>,
    now: Micros,
}

impl Scene {
    fn new(limit: Limit) -> Self {
        let nodes = (0..4).map(|id| Node::new(&format!("n{id}"), 1)).collect();
        Self { ledger: MemoryLedger::default(), limit, nodes, gone: Vec::new(), now: START }
    }

    fn play(&mut self, (pause, nodes): &Round) {
        self.now = self.now.plus(Micros(*pause));
        for (node, (requests, fate)) in self.nodes.iter_mut().zip(nodes) {
            if matches!(fate, Fate::Restarted) {
                let NodeKey { id, instance } = &node.key;
                let next = Node::new(id, instance + 1);
                self.gone.push(std::mem::replace(node, next));
            }
            node.serve(*requests, self.limit);
            if matches!(fate, Fate::Silent) {
                continue;
            }
            let reports = node.reports(self.limit, 10);
            let lent = exchange(&self.ledger, &node.key, &reports, self.now);
            if !matches!(fate, Fate::Unanswered) {
                node.hear(&lent);
            }
        }
    }

    fn sum(&self, of: impl Fn(&Node) -> u64) -> u64 {
        self.nodes.iter().chain(&self.gone).map(of).sum()
    }

    /// Tokens spent and held, beyond the shares that nodes began with.
    fn lent(&self) -> u64 {
        (self.sum(|node| node.admitted + node.held.unwrap_or(0))).saturating_sub(self.sum(|node| node.share))
    }

    /// Tokens that came in since lending began.
    fn filled(&self, begin: Micros) -> u64 {
        let rate = u64::from(self.limit.requests_per_minute.get());
        self.now.since(begin.plus(ALIVE)).0 * rate / 60_000_000
    }
}

proptest! {
    #[test]
    fn leases_never_mint_tokens(
        rounds in prop::collection::vec(round(), 1..300),
        rate in 1u32..20_000,
        burst in 1u32..200,
    ) {
        let mut scene = Scene::new(limit(rate, burst));
        let begin = START.plus(Micros(rounds[0].0));
        for round in &rounds {
            scene.play(round);
            let (lent, filled) = (scene.lent(), scene.filled(begin));
            prop_assert!(lent <= filled, "{lent} of {filled}");
        }
    }
}

#[test]
fn and_hardly_any_token_is_lost_where_nothing_goes_wrong() {
    let mut scene = Scene::new(limit(6_000, 200));
    for _ in 0..600 {
        scene.play(&(100_000, vec![(200, Fate::Answered); 4]));
    }
    let (lent, filled) = (scene.lent(), scene.filled(START));
    assert!(filled * 98 / 100 <= lent && lent <= filled, "{lent} of {filled}");
}
