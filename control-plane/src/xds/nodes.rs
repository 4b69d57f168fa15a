//! Who listens and how far they are: one entry per ADS stream, written by the streams, read by `GET /admin/nodes` and by writers
//! that wait until their change is in force. An acknowledgement is Envoy's: the main thread has handed the configuration to the
//! workers, in front of any request that arrives later.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use tokio::sync::watch;

use super::ResourceKind;
use crate::domain::{Generation, UnixSeconds};

/// Disconnected nodes remembered for the operator.
const REMEMBERED: usize = 64;

/// The table. Clones share it.
#[derive(Clone)]
pub struct NodeTable {
    shared: Arc<Shared>,
}

struct Shared {
    table: Mutex<Table>,
    changed: watch::Sender<()>,
    clock: fn() -> UnixSeconds,
}

#[derive(Default)]
struct Table {
    next: u64,
    streams: BTreeMap<u64, NodeStatus>,
}

/// One stream's node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeStatus {
    /// `node.id` of the bootstrap.
    pub id: String,
    /// `node.cluster` of the bootstrap.
    pub cluster: String,
    /// What it runs, as it says itself.
    pub user_agent: String,
    /// Delta or state of the world.
    pub stream: StreamKind,
    /// When the stream began.
    pub connected_at: UnixSeconds,
    /// When it ended; `None`: it has not.
    pub disconnected_at: Option<UnixSeconds>,
    /// Each subscribed type.
    pub kinds: BTreeMap<ResourceKind, KindStatus>,
}

/// How far a node is with one type.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KindStatus {
    /// Generation sent last.
    pub sent: Generation,
    /// Generation up to which everything was acknowledged (or refused: see `rejection`).
    pub acked: Generation,
    /// The last refusal. Stays until a later generation of the same type is accepted.
    pub rejection: Option<Rejection>,
}

/// A NACK.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Resources it names; empty: it names none.
    pub resources: Vec<String>,
    /// Envoy's words.
    pub reason: String,
    /// When.
    pub at: UnixSeconds,
    /// The generations in question: later than this …
    pub after: Generation,
    /// … and up to this.
    pub until: Generation,
}

/// How a node subscribes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamKind {
    /// Incremental.
    Delta,
    /// State of the world.
    Sotw,
}

/// Whether every connected node has a generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    /// All of these have; none connected: nobody had to.
    Everywhere {
        /// Ids of the nodes.
        nodes: Vec<String>,
    },
    /// Some have not, or refused it.
    Pending {
        /// Those.
        nodes: Vec<PendingNode>,
    },
}

/// A node that has not a generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingNode {
    /// Its id.
    pub id: String,
    /// Its refusal; `None`: it has not answered yet.
    pub rejection: Option<Rejection>,
}

/// What a stream knows of its node when it begins.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct NodeIdentity {
    pub(super) id: String,
    pub(super) cluster: String,
    pub(super) user_agent: String,
}

/// A stream's hold on its entry; dropping it marks the node as gone.
pub(super) struct Connection {
    key: u64,
    table: NodeTable,
}

impl NodeTable {
    /// An empty table. `clock` tells the time of connections and refusals.
    #[must_use]
    pub fn new(clock: fn() -> UnixSeconds) -> Self {
        let shared = Shared { table: Mutex::default(), changed: watch::Sender::new(()), clock };
        Self { shared: Arc::new(shared) }
    }

    /// Every connected node, and those that left last.
    #[must_use]
    pub fn nodes(&self) -> Vec<NodeStatus> {
        self.lock().streams.values().cloned().collect()
    }

    /// Waits until every connected node has acknowledged everything up to `generation`, a node refuses it, or `timeout` is over.
    pub async fn applied(&self, generation: Generation, timeout: Duration) -> Applied {
        let mut changed = self.shared.changed.subscribe();
        let settled = async {
            loop {
                let (state, verdict) = self.state(generation);
                if verdict == Verdict::Final || changed.changed().await.is_err() {
                    return state;
                }
            }
        };
        match tokio::time::timeout(timeout, settled).await {
            Ok(state) => state,
            Err(_) => self.state(generation).0,
        }
    }

    /// Waits until the nodes are as `wanted` has them.
    #[cfg(test)]
    pub(super) async fn until(&self, wanted: impl Fn(&[NodeStatus]) -> bool) -> Vec<NodeStatus> {
        let mut changed = self.shared.changed.subscribe();
        loop {
            let nodes = self.nodes();
            if wanted(&nodes) {
                return nodes;
            }
            changed.changed().await.expect("the table is there");
        }
    }

    pub(super) fn connect(&self, node: NodeIdentity, stream: StreamKind) -> Connection {
        let mut table = self.lock();
        table.streams.retain(|_, other| other.disconnected_at.is_none() || other.id != node.id);
        let key = table.next;
        table.next = key.wrapping_add(1);
        let status = NodeStatus {
            id: node.id,
            cluster: node.cluster,
            user_agent: node.user_agent,
            stream,
            connected_at: (self.shared.clock)(),
            disconnected_at: None,
            kinds: BTreeMap::new(),
        };
        table.streams.insert(key, status);
        Connection { key, table: self.clone() }
    }

    fn state(&self, generation: Generation) -> (Applied, Verdict) {
        let table = self.lock();
        let connected = || table.streams.values().filter(|node| node.disconnected_at.is_none());
        let pending: Vec<_> = connected().filter_map(|node| node.pending(generation)).collect();
        if pending.is_empty() {
            let nodes = connected().map(|node| node.id.clone()).collect();
            return (Applied::Everywhere { nodes }, Verdict::Final);
        }
        // A refusal is an answer: waiting longer for the others would only hide it.
        let refused = pending.iter().any(|node| node.rejection.is_some());
        let verdict = if refused { Verdict::Final } else { Verdict::Open };
        (Applied::Pending { nodes: pending }, verdict)
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.shared.table.lock().expect("no holder of this lock panics")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Final,
    Open,
}

impl NodeStatus {
    fn pending(&self, generation: Generation) -> Option<PendingNode> {
        let refusal = self.kinds.values().filter_map(|kind| kind.rejection.as_ref());
        let refusal = refusal.filter(|it| it.after < generation && generation <= it.until).max_by_key(|it| it.at);
        let behind = self.kinds.is_empty() || self.kinds.values().any(|kind| kind.acked < generation);
        (behind || refusal.is_some()).then(|| PendingNode { id: self.id.clone(), rejection: refusal.cloned() })
    }
}

impl Connection {
    /// Notes that `generation` was sent.
    pub(super) fn sent(&self, kind: ResourceKind, generation: Generation) {
        self.update(kind, |status| status.sent = generation);
    }

    /// Notes that everything up to `generation` is acknowledged.
    pub(super) fn acked(&self, kind: ResourceKind, generation: Generation) {
        self.update(kind, |status| status.acked = status.acked.max(generation));
    }

    /// Notes that what was sent for `generation` was refused.
    pub(super) fn rejected(&self, kind: ResourceKind, generation: Generation, resources: Vec<String>, reason: String) {
        let at = (self.table.shared.clock)();
        self.update(kind, |status| {
            let after = status.acked;
            status.acked = status.acked.max(generation);
            status.rejection = Some(Rejection { resources, reason, at, after, until: generation });
        });
    }

    /// Notes that everything up to `generation` is acknowledged and no refused version is current any more.
    pub(super) fn accepted(&self, kind: ResourceKind, generation: Generation) {
        self.update(kind, |status| {
            status.acked = status.acked.max(generation);
            status.rejection = None;
        });
    }

    fn update(&self, kind: ResourceKind, change: impl FnOnce(&mut KindStatus)) {
        if let Some(node) = self.table.lock().streams.get_mut(&self.key) {
            change(node.kinds.entry(kind).or_default());
        }
        self.table.shared.changed.send_replace(());
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut table = self.table.lock();
        if let Some(node) = table.streams.get_mut(&self.key) {
            node.disconnected_at = Some((self.table.shared.clock)());
        }
        let gone: Vec<u64> =
            table.streams.iter().filter(|(_, node)| node.disconnected_at.is_some()).map(|(key, _)| *key).collect();
        for key in gone.iter().rev().skip(REMEMBERED) {
            table.streams.remove(key);
        }
        drop(table);
        self.table.shared.changed.send_replace(());
    }
}

#[cfg(test)]
mod tests;
