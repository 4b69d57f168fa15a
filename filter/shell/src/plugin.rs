//! One configuration of the filter: the root context. Envoy makes a new one for each configuration and lets the old one serve until the
//! new one is taken, so a refused document leaves the last good one in force. What must survive a configuration change is per VM.

use std::{
    cell::{Cell, RefCell},
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    rc::Rc,
    time::Duration,
};

use proxy_wasm::{
    traits::{Context, HttpContext, RootContext},
    types::ContextType,
};
use tollgate_policy::{ControlPlane, Memory, Policy, token::TokenCache};

use crate::{
    host,
    ledger::{Exchange, Ledger},
    metrics::{Metrics, Tally},
    request::Request,
    signature::Availability,
    streams::Streams,
    unknown_keys::UnknownKeys,
};

/// How often the host is told what was counted, and the control plane what was refused for want of a key: microseconds.
const REPORT_PERIOD: u64 = SECOND;
/// How often a worker looks what is due.
const TICK: Duration = Duration::from_millis(100);

/// Microseconds.
pub(crate) const SECOND: u64 = 1_000_000;

thread_local! {
    /// A VM is single-threaded: this is one value per VM, shared by all of its configurations.
    static WORKER: Rc<Worker> = Rc::new(Worker::new());
}

/// What a VM remembers across configurations.
pub(crate) struct Worker {
    /// Verified tokens, and what they grant.
    pub(crate) memory: RefCell<Memory>,
    /// Whether the host verifies signatures.
    pub(crate) signatures: Availability,
    /// What was counted since the last report.
    pub(crate) tally: Tally,
    /// The exchange with the fleet's ledger.
    pub(crate) ledger: Ledger,
    /// Streams under way.
    pub(crate) streams: Streams,
    /// The policy that streams under way were last held against.
    swept: Cell<u64>,
    /// When the last of the rarer duties was done, microseconds.
    reported: Cell<u64>,
    /// Tokens whose key nobody knows.
    pub(crate) unknown_keys: UnknownKeys,
}

/// A policy in force, with everything a request needs beside it.
pub(crate) struct Service {
    pub(crate) policy: Policy,
    pub(crate) metrics: Metrics,
    pub(crate) worker: Rc<Worker>,
}

/// The root context: the policy this configuration holds, if it was good.
pub(crate) struct Plugin {
    /// The host's number for this context.
    context: u32,
    service: Option<Rc<Service>>,
}

impl Plugin {
    /// A plugin that has no policy yet: every request is answered 503.
    pub(crate) fn new(context: u32) -> Self {
        Self { context, service: None }
    }
}

impl Worker {
    fn new() -> Self {
        // Keyed by the host's random source: clients must not be able to choose tokens that collide.
        let seed = RandomState::new().build_hasher().finish();
        Self {
            memory: RefCell::new(Memory::new(seed, TokenCache::DEFAULT_CAPACITY)),
            signatures: Availability::default(),
            tally: Tally::default(),
            ledger: Ledger::new(seed),
            streams: Streams::default(),
            swept: Cell::new(0),
            reported: Cell::new(0),
            unknown_keys: UnknownKeys::default(),
        }
    }
}

impl Context for Plugin {
    fn on_http_call_response(&mut self, call: u32, _headers: usize, body: usize, _trailers: usize) {
        let Some(service) = &self.service else { return };
        match service.worker.ledger.answered(call, body, host::now()) {
            Exchange::Answered => service.metrics.exchanges_answered.add(1),
            Exchange::Failed => service.metrics.exchanges_failed.add(1),
            Exchange::Other => {}
        }
    }
}

impl Service {
    /// Takes part in the fleet's limits, where there is a fleet.
    fn exchange(&self, now: u64) {
        let Some(quota) = &self.policy.gateway().quota else { return };
        let standing = self.worker.ledger.tick(quota, self.worker.memory.borrow_mut().purse(), now);
        if let Some(healthy) = standing.healthy {
            self.metrics.ledger_healthy.set(u64::from(healthy));
            self.metrics.fleet_nodes.set(u64::from(standing.share.nodes.get()));
        }
    }

    /// Whether requests under way have not been held against this policy yet.
    fn is_new(&self) -> bool {
        self.worker.swept.replace(self.policy.serial()) != self.policy.serial()
    }

    /// Ends what revoked callers have under way.
    fn cut_off(&self, own: u32, now: u64) {
        self.metrics.streams_ended.add(self.worker.streams.cut_off(&self.policy, own, now / SECOND));
    }
}

impl RootContext for Plugin {
    fn on_configure(&mut self, size: usize) -> bool {
        let metrics = Metrics::define();
        match Policy::parse(&host::plugin_configuration(size)) {
            Ok(policy) => {
                metrics.accepted.add(1);
                host::log_info(&format!("tollgate: policy generation {} is in force", policy.generation()));
                host::tick_every(TICK);
                self.service = Some(Rc::new(Service { policy, metrics, worker: WORKER.with(Rc::clone) }));
                true
            }
            Err(error) => {
                metrics.refused.add(1);
                host::log_error(&format!("tollgate: the policy document is refused: {error}"));
                false
            }
        }
    }

    fn on_tick(&mut self) {
        let Some(service) = &self.service else { return };
        let now = host::now();
        service.exchange(now);
        let is_due = now.abs_diff(service.worker.reported.get()) >= REPORT_PERIOD;
        // At once where a policy is new; and again later, for what was let in by the one before while it came.
        if service.is_new() || is_due {
            service.cut_off(self.context, now);
        }
        if !is_due {
            return;
        }
        service.worker.reported.set(now);
        let mut memory = service.worker.memory.borrow_mut();
        memory.purse().tidy(&host::Shared, now);
        memory.flight().sign(&host::Shared, now / SECOND);
        let tokens = memory.tokens();
        service.worker.tally.report(&service.metrics, tokens.hits(), tokens.misses());
        if let ControlPlane::Present(cluster) = &service.policy.gateway().control_plane {
            service.worker.unknown_keys.tell(cluster);
        }
    }

    fn create_http_context(&self, context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Request::new(self.service.clone(), context_id)))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}
