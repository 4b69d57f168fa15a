//! What a worker remembers between requests: verified tokens, and what each caller holds on each agent it called.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::FixedState;

use crate::document::TaskIsolation;
use crate::permissions::Grant;
use crate::policy::{Agent, Policy};
use crate::quota::{Flight, Purse, Quotas, worker_number};
use crate::record;
use crate::token::{Caller, TokenCache};

/// Pairs of caller and agent remembered; past it, all are forgotten and learned again.
const MAX_PAIRS: usize = 8192;

/// A worker's memory. Survives a change of policy: tokens stay while the issuers do, grants are learned anew.
pub struct Memory {
    pub(crate) tokens: TokenCache,
    purse: Purse,
    flight: Flight,
    policy: u64,
    pairs: HashMap<(usize, usize), Pair, FixedState>,
}

/// What a caller holds on an agent. It keeps both alive, so that their addresses stay theirs.
#[derive(Clone)]
pub(crate) struct Pair {
    caller: Arc<Caller>,
    agent: Arc<Agent>,
    pub(crate) grant: Grant,
    pub(crate) quotas: Quotas,
    /// The caller's name at an agent that keeps its callers' tasks apart.
    pub(crate) pseudonym: Option<Box<str>>,
    /// The record of a request whose body is not read: most of them.
    pub(crate) unread_record: Arc<str>,
}

impl Memory {
    /// An empty memory of at most `capacity` tokens. `seed` must not be known to clients.
    #[must_use]
    pub fn new(seed: u64, capacity: usize) -> Self {
        Self {
            tokens: TokenCache::new(seed, capacity),
            purse: Purse::default(),
            flight: Flight::new(worker_number(seed)),
            policy: 0,
            pairs: HashMap::default(),
        }
    }

    /// The token cache, for its counts.
    #[must_use]
    pub fn tokens(&self) -> &TokenCache {
        &self.tokens
    }

    /// The worker's tokens of its callers' buckets.
    pub fn purse(&mut self) -> &mut Purse {
        &mut self.purse
    }

    /// What the worker has under way.
    pub fn flight(&mut self) -> &mut Flight {
        &mut self.flight
    }

    /// What `caller` holds on `agent`.
    pub(crate) fn pair(&mut self, policy: &Policy, caller: &Arc<Caller>, agent: &Arc<Agent>) -> &Pair {
        if self.policy != policy.serial() || self.pairs.len() >= MAX_PAIRS {
            self.policy = policy.serial();
            self.pairs.clear();
        }
        let key = (Arc::as_ptr(caller).addr(), Arc::as_ptr(agent).addr());
        self.pairs.entry(key).or_insert_with(|| Pair::learn(policy, caller, agent))
    }
}

impl Pair {
    #[cold]
    #[inline(never)]
    fn learn(policy: &Policy, caller: &Arc<Caller>, agent: &Arc<Agent>) -> Self {
        let grant = policy.grants(caller, agent.id().as_str());
        Self {
            caller: Arc::clone(caller),
            agent: Arc::clone(agent),
            grant,
            quotas: Quotas::new(&grant.limits, caller.key(), agent.id().as_str()),
            pseudonym: match agent.isolation() {
                TaskIsolation::Caller => Some(caller.pseudonym().into()),
                TaskIsolation::None => None,
            },
            unread_record: record::render(Some(caller), Some(agent.id().as_str()), "unread", "allowed"),
        }
    }
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pair")
            .field("client", &self.caller.client())
            .field("agent", self.agent.id())
            .finish_non_exhaustive()
    }
}
