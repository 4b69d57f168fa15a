//! An agent as the filter knows it, its strings prepared.

use std::num::NonZeroU32;
use std::sync::Arc;

use crate::a2a::webhook::Webhooks;
use crate::admission::{Identity, Rewrite};
use crate::document::{AgentDocument, Dialect, Interface, TaskIsolation};
use crate::fault::ConfigFault;
use crate::ids::AgentId;
use crate::lane::{self, Lanes};
use crate::quota::{BucketId, Gate};
use crate::translated::Mark;

/// An agent that can be reached.
#[derive(Debug)]
pub struct Agent {
    id: AgentId,
    cluster: Arc<str>,
    rpc: Option<Box<str>>,
    rest: Option<Box<str>>,
    without: Box<[Interface]>,
    speaks: Box<[Dialect]>,
    isolation: TaskIsolation,
    translated: Option<Arc<str>>,
    webhooks: Option<Webhooks>,
    extended_card: bool,
    open_card: bool,
    grpc: Option<Arc<str>>,
    identity: Identity,
    lanes: Lanes,
    gate: Option<Gate>,
}

impl Agent {
    pub(super) fn compile(
        document: AgentDocument,
        index: usize,
        lanes: &mut lane::Shared,
        faults: &mut Vec<ConfigFault>,
    ) -> Self {
        let webhooks = document.webhooks;
        let webhooks = webhooks.map(|rules| Webhooks::compile(rules, &format!("agents[{index}].webhooks"), faults));
        let mut fault = |field: &str, message: &str| {
            faults.push(ConfigFault::new(format!("agents[{index}].{field}"), message));
        };
        if document.task_isolation == TaskIsolation::Caller && document.translated.is_none() {
            fault("translated", "is missing: without it, tasks are not kept apart");
        }
        let clusters = [("cluster", &document.cluster), ("grpc", &document.grpc), ("translated", &document.translated)];
        for (field, cluster) in clusters {
            if cluster.as_deref().is_some_and(|name| name.is_empty() || !name.bytes().all(|b| b.is_ascii_graphic())) {
                fault(field, "must be visible ASCII");
            }
        }
        if document.rpc.as_deref().is_some_and(|path| !is_path(path)) {
            fault("rpc", "must be a path: / and visible ASCII without ? and #");
        }
        if document.rest.as_deref().is_some_and(|path| !is_path(path) || path.ends_with('/')) {
            fault("rest", "must be a path without a trailing slash, query and fragment");
        }
        if document.timeout_ms == Some(0) {
            fault("timeoutMs", "must be at least 1; leave it out for no deadline");
        }
        if document.stream_idle_ms == Some(0) {
            fault("streamIdleMs", "must be at least 1; leave it out for the gateway's own");
        }
        if document.max_concurrent == Some(0) {
            fault("maxConcurrent", "must be at least 1; to stop an agent, make it inactive");
        }
        let cluster = document.cluster.unwrap_or_else(|| format!("agent-{}", document.id));
        let most = document.max_concurrent.and_then(NonZeroU32::new);
        Self {
            gate: most.map(|most| Gate::new(BucketId::everyone(document.id.as_str()), most)),
            id: document.id,
            cluster: cluster.into(),
            rpc: document.rpc.filter(|path| path != "/").map(Into::into),
            rest: document.rest.map(Into::into),
            without: document.without.into(),
            speaks: document.speaks.into(),
            isolation: document.task_isolation,
            translated: document.translated.map(Into::into),
            webhooks,
            extended_card: document.extended_card,
            open_card: document.open_card,
            grpc: document.grpc.map(Into::into),
            identity: if document.identity { Identity::Forwarded } else { Identity::Hidden },
            lanes: lanes.lanes(document.timeout_ms, document.stream_idle_ms),
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &AgentId {
        &self.id
    }

    /// Its cluster.
    #[must_use]
    pub fn cluster(&self) -> &Arc<str> {
        &self.cluster
    }

    /// Whether its backend is told who calls.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// How long its answers are waited for.
    pub(crate) fn lanes(&self) -> &Lanes {
        &self.lanes
    }

    /// How many requests it gets at once from this Envoy; `None`: any number.
    #[must_use]
    pub fn gate(&self) -> Option<&Gate> {
        self.gate.as_ref()
    }

    /// Whether it offers `interface`.
    #[must_use]
    pub fn offers(&self, interface: Interface) -> bool {
        !self.without.contains(&interface)
    }

    /// The cluster of its gRPC interface.
    #[must_use]
    pub fn grpc(&self) -> Option<&Arc<str>> {
        self.grpc.as_ref()
    }

    /// Whether it has an extended card, which the control plane serves.
    #[must_use]
    pub fn has_extended_card(&self) -> bool {
        self.extended_card
    }

    /// Whether its card is for everyone.
    #[must_use]
    pub fn has_open_card(&self) -> bool {
        self.open_card
    }

    /// Whether the body of a JSON-RPC call matters whoever calls.
    #[must_use]
    pub fn is_always_read(&self) -> bool {
        self.webhooks.is_some() || self.extended_card
    }

    /// Whose tasks a caller sees.
    #[must_use]
    pub fn isolation(&self) -> TaskIsolation {
        self.isolation
    }

    /// What webhooks its callers may register; `None`: whatever it takes.
    #[must_use]
    pub fn webhooks(&self) -> Option<&Webhooks> {
        self.webhooks.as_ref()
    }

    /// The cluster for a request in `dialect`, if it must be taken apart on its way: to be translated, or to have its ids replaced.
    #[must_use]
    pub fn translated(&self, dialect: Dialect) -> Option<&Arc<str>> {
        let is_spoken = self.speaks.is_empty() || self.speaks.contains(&dialect);
        self.translated.as_ref().filter(|_| !is_spoken || self.isolation == TaskIsolation::Caller)
    }

    /// What the translation is told of a request: all there is to know, so that it has no list of agents of its own.
    pub(crate) fn mark(&self, interface: Interface, pseudonym: Option<&str>) -> Mark {
        let owned = |path: &Option<Box<str>>| path.as_deref().map(str::to_owned);
        Mark {
            interface,
            agent: self.id.to_string(),
            cluster: self.cluster.to_string(),
            pseudonym: pseudonym.map(str::to_owned),
            speaks: self.speaks.to_vec(),
            rpc: owned(&self.rpc),
            rest: owned(&self.rest),
        }
    }

    /// What becomes of the path of a JSON-RPC call.
    pub(crate) fn rpc_rewrite(&self, query: &str) -> Rewrite {
        self.rpc.as_ref().map_or(Rewrite::Constant, |path| Rewrite::Path(format!("{path}{query}")))
    }

    /// What becomes of the path of an HTTP+JSON call.
    pub(crate) fn rest_rewrite(&self, remainder: &str, query: &str) -> Rewrite {
        self.rest.as_ref().map_or(Rewrite::Constant, |path| Rewrite::Path(format!("{path}{remainder}{query}")))
    }
}

fn is_path(path: &str) -> bool {
    path.starts_with('/') && path.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'?' | b'#'))
}
