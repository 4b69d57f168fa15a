//! One configuration of the filter: the root context. Envoy makes a new one for each configuration and lets the old one serve until the
//! new one is taken, so a refused document leaves the last good one in force. What must survive a configuration change is per VM.

use std::{
    cell::RefCell,
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
    metrics::{Metrics, Tally},
    request::Request,
    signature::Availability,
    unknown_keys::UnknownKeys,
};

/// How often the host is told what was counted, and the control plane what was refused for want of a key.
const REPORT_PERIOD: Duration = Duration::from_secs(1);

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
    service: Option<Rc<Service>>,
}

impl Plugin {
    /// A plugin that has no policy yet: every request is answered 503.
    pub(crate) fn new() -> Self {
        Self { service: None }
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
            unknown_keys: UnknownKeys::default(),
        }
    }
}

impl Context for Plugin {}

impl RootContext for Plugin {
    fn on_configure(&mut self, size: usize) -> bool {
        let metrics = Metrics::define();
        match Policy::parse(&host::plugin_configuration(size)) {
            Ok(policy) => {
                metrics.accepted.add(1);
                host::log_info(&format!("tollgate: policy generation {} is in force", policy.generation()));
                host::tick_every(REPORT_PERIOD);
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
        let mut memory = service.worker.memory.borrow_mut();
        memory.purse().tidy(&host::Shared, now);
        memory.flight().sign(&host::Shared, now / SECOND);
        let tokens = memory.tokens();
        service.worker.tally.report(&service.metrics, tokens.hits(), tokens.misses());
        if let ControlPlane::Present(cluster) = &service.policy.gateway().control_plane {
            service.worker.unknown_keys.tell(cluster);
        }
    }

    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Request::new(self.service.clone())))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}
