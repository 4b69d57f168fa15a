//! A policy in force, and what the workers that apply it remember. A host's glue ([`crate::wasm`], or the native module) makes a
//! [`Configured`] of each configuration, a [`Worker`] of each of its threads, a [`Service`] of the two, and says when a tick is due. What
//! must survive a configuration change is the worker's. Requests are its own thread's; ticks may be another's.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tollgate_policy::{ConfigError, ControlPlane, Memory, Policy, quota::Share, token::TokenCache};

use crate::{
    host,
    ledger::{Exchange, Ledger, Part},
    metrics::{Metrics, Tally},
    signature::Availability,
    streams::Streams,
    unknown_keys::UnknownKeys,
};

/// How often the host is told what was counted, and the control plane what was refused for want of a key: microseconds.
const REPORT_PERIOD: u64 = SECOND;
/// How often a worker looks what is due.
pub const TICK: Duration = Duration::from_millis(100);

/// Microseconds.
pub(crate) const SECOND: u64 = 1_000_000;

/// What a worker remembers across configurations.
pub struct Worker {
    /// Verified tokens, and what they grant.
    memory: Mutex<Memory>,
    /// Whether the host verifies signatures.
    pub(crate) signatures: Availability,
    /// What was counted since the last report.
    pub(crate) tally: Tally,
    /// The exchange with the fleet's ledger.
    pub(crate) ledger: Ledger,
    /// Streams under way.
    pub(crate) streams: Streams,
    /// The policy that streams under way were last held against.
    swept: AtomicU64,
    /// When the last of the rarer duties was done, microseconds.
    reported: AtomicU64,
    /// Tokens whose key nobody knows.
    pub(crate) unknown_keys: UnknownKeys,
}

/// A configuration that was found good.
pub struct Configured {
    pub(crate) policy: Policy,
    pub(crate) metrics: Metrics,
}

/// A configuration at one worker: everything a request needs.
pub struct Service {
    configured: Arc<Configured>,
    pub(crate) worker: Arc<Worker>,
}

impl Configured {
    /// Reads a policy document, and counts and logs what came of it.
    ///
    /// # Errors
    /// Every fault the document has.
    pub fn read(document: &[u8]) -> Result<Self, ConfigError> {
        let metrics = Metrics::define();
        match Policy::parse(document) {
            Ok(policy) => {
                metrics.accepted.add(1);
                host::log_info(&format!("tollgate: policy generation {} is in force", policy.generation()));
                Ok(Self { policy, metrics })
            }
            Err(error) => {
                metrics.refused.add(1);
                host::log_error(&format!("tollgate: the policy document is refused: {error}"));
                Err(error)
            }
        }
    }
}

impl Default for Worker {
    fn default() -> Self {
        // Keyed by the host's random source: clients must not be able to choose tokens that collide.
        let seed = RandomState::new().build_hasher().finish();
        Self {
            memory: Mutex::new(Memory::new(seed, TokenCache::DEFAULT_CAPACITY)),
            signatures: Availability::default(),
            tally: Tally::default(),
            ledger: Ledger::new(seed),
            streams: Streams::default(),
            swept: AtomicU64::new(0),
            reported: AtomicU64::new(0),
            unknown_keys: UnknownKeys::default(),
        }
    }
}

impl Worker {
    /// Its memory, for this thread alone.
    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        lock(&self.memory)
    }
}

/// A poisoned lock means that a request panicked: its answer is lost, and nothing else.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::ops::Deref for Service {
    type Target = Configured;

    fn deref(&self) -> &Configured {
        &self.configured
    }
}

impl Service {
    /// The configuration at a worker. A worker that has just begun takes its part of limits at once: until its first tick it would fill
    /// buckets as if this Envoy were alone.
    #[must_use]
    pub fn new(configured: Arc<Configured>, worker: Arc<Worker>) -> Self {
        if configured.policy.gateway().quota.is_some() {
            worker.memory().purse().share(Share::read(&host::Shared));
        }
        Self { configured, worker }
    }

    /// Does what is due for the worker, every [`TICK`]. Answers with the streams of revoked callers, which are to be reset.
    #[must_use]
    pub fn tick(&self, part: Part) -> Vec<host::StreamId> {
        let now = host::now();
        self.exchange(part, now);
        let is_due = now.abs_diff(self.worker.reported.load(Ordering::Relaxed)) >= REPORT_PERIOD;
        // At once where a policy is new; and again later, for what was let in by the one before while it came.
        let cut = if self.is_new() || is_due { self.cut_off(now) } else { Vec::new() };
        if is_due {
            self.worker.reported.store(now, Ordering::Relaxed);
            self.report(now);
        }
        cut
    }

    /// The answer to a request that [`host::post`] sent.
    pub fn answered(&self, call: host::CallId, body: &[u8]) {
        match self.worker.ledger.answered(call, body, host::now()) {
            Exchange::Answered => self.metrics.exchanges_answered.add(1),
            Exchange::Failed => self.metrics.exchanges_failed.add(1),
            Exchange::Other => {}
        }
    }

    /// Takes part in the fleet's limits, where there is a fleet.
    fn exchange(&self, part: Part, now: u64) {
        let Some(quota) = &self.policy.gateway().quota else { return };
        let standing = self.worker.ledger.tick(quota, part, self.worker.memory().purse(), now);
        if let Some(healthy) = standing.healthy {
            self.metrics.ledger_healthy.set(u64::from(healthy));
            self.metrics.fleet_nodes.set(u64::from(standing.share.nodes.get()));
        }
    }

    /// Whether requests under way have not been held against this policy yet.
    fn is_new(&self) -> bool {
        self.worker.swept.swap(self.policy.serial(), Ordering::Relaxed) != self.policy.serial()
    }

    /// What revoked callers have under way.
    fn cut_off(&self, now: u64) -> Vec<host::StreamId> {
        let cut = self.worker.streams.cut_off(&self.policy, now / SECOND);
        self.metrics.streams_ended.add(cut.len() as u64);
        cut
    }

    fn report(&self, now: u64) {
        let mut memory = self.worker.memory();
        memory.purse().tidy(&host::Shared, now);
        memory.flight().sign(&host::Shared, now / SECOND);
        let tokens = memory.tokens();
        self.worker.tally.report(&self.metrics, tokens.hits(), tokens.misses());
        if let ControlPlane::Present(cluster) = &self.policy.gateway().control_plane {
            self.worker.unknown_keys.tell(cluster);
        }
    }
}
