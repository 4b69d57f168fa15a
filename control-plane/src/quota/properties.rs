//! Whatever nodes do, and whatever becomes of them: leases never mint tokens.

use proptest::prelude::*;

use super::{
    MemoryLedger, Micros, NodeKey,
    simulation::{Node, START, exchange, limit},
};

/// Something happens to one of four nodes.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// Requests arrive.
    Requests(u64),
    /// An exchange.
    Exchange,
    /// An exchange whose answer is lost.
    Unanswered,
    /// It ends, and another process takes its place.
    Restart,
    /// Nothing, for this many microseconds, to none.
    Pass(u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0u64..60).prop_map(Event::Requests),
        8 => Just(Event::Exchange),
        1 => Just(Event::Unanswered),
        1 => Just(Event::Restart),
        4 => (0u64..400_000).prop_map(Event::Pass),
        // Long enough to be taken for dead, or to be forgotten.
        1 => (0u64..15_000_000).prop_map(Event::Pass),
    ]
}

proptest! {
    #[test]
    fn leases_never_mint_tokens(
        events in prop::collection::vec((0usize..4, event()), 1..400),
        rate in 1u32..20_000,
        burst in 1u32..200,
    ) {
        let (limit, ledger) = (limit(rate, burst), MemoryLedger::default());
        let mut nodes: Vec<Node> = (0..4).map(|id| Node::new(&format!("n{id}"), 1)).collect();
        let (mut now, mut gone) = (START, Vec::new());
        for (at, event) in events {
            let node = &mut nodes[at];
            match event {
                Event::Requests(requests) => node.serve(requests, limit),
                Event::Exchange | Event::Unanswered => {
                    let reports = node.reports(limit, 10);
                    let lent = exchange(&ledger, &node.key, &reports, now);
                    if matches!(event, Event::Exchange) {
                        node.hear(&lent);
                    }
                }
                Event::Restart => {
                    let NodeKey { id, instance } = &node.key;
                    let next = Node::new(id, instance + 1);
                    gone.push(std::mem::replace(node, next));
                }
                Event::Pass(span) => now = now.plus(Micros(span)),
            }
            let everyone = || nodes.iter().chain(&gone);
            let spent: u64 = everyone().map(|node| node.admitted).sum();
            let held: u64 = everyone().filter_map(|node| node.held).sum();
            let shares: u64 = everyone().map(|node| node.share).sum();
            let filled = now.since(START).0 * u64::from(rate) / 60_000_000;
            prop_assert!(spent + held <= shares + filled, "{spent} and {held} of {shares} and {filled}");
        }
    }
}
