//! What each Envoy said last: which policy its threads run, and how its exchanges go. Written by the service, read by
//! `GET /admin/nodes` and by whoever waits until a policy is in force everywhere.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use tokio::sync::watch;

use super::{Lease, Lent, Micros};

/// Nodes remembered; the longest silent is forgotten first.
const MOST_NODES: usize = 4096;

/// The table. Clones share it.
#[derive(Debug, Clone)]
pub struct FleetTable {
    nodes: Arc<Mutex<BTreeMap<String, FleetNode>>>,
    changed: watch::Sender<()>,
}

/// One Envoy, as its last exchange left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetNode {
    /// Its process.
    pub instance: u64,
    /// Digests of the policy documents in force on its threads.
    pub policy_digests: Vec<String>,
    /// When.
    pub last_seen: Micros,
    /// What it was answered.
    pub lease: LeaseHealth,
}

/// How a node's exchanges go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseHealth {
    /// It is lent tokens.
    Leasing,
    /// It lives on its fair share: the ledger has just begun, or is away.
    FairShare,
}

impl Default for FleetTable {
    fn default() -> Self {
        Self { nodes: Arc::default(), changed: watch::Sender::new(()) }
    }
}

impl FleetTable {
    /// Every node that was heard of, by `node.id`.
    #[must_use]
    pub fn nodes(&self) -> BTreeMap<String, FleetNode> {
        self.lock().clone()
    }

    /// What one node said last.
    #[must_use]
    pub fn node(&self, id: &str) -> Option<FleetNode> {
        self.lock().get(id).cloned()
    }

    /// Woken whenever a node that is new, or has new policy digests, was heard of.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Takes note of an exchange.
    pub fn heard(&self, id: &str, node: FleetNode) {
        let mut nodes = self.lock();
        if !nodes.contains_key(id) && nodes.len() >= MOST_NODES {
            let silent = nodes.iter().min_by_key(|(_, node)| node.last_seen).map(|(id, _)| id.clone());
            silent.map(|id| nodes.remove(&id));
        }
        let (instance, digests) = (node.instance, node.policy_digests.clone());
        let before = nodes.insert(id.to_owned(), node);
        drop(nodes);
        if before.is_none_or(|before| before.instance != instance || before.policy_digests != digests) {
            self.changed.send_replace(());
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, FleetNode>> {
        self.nodes.lock().expect("no holder of this lock panics")
    }
}

impl LeaseHealth {
    /// As the admin API writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Leasing => "leasing",
            Self::FairShare => "fair_share",
        }
    }
}

impl From<&Lent> for LeaseHealth {
    fn from(lent: &Lent) -> Self {
        match lent.lease {
            Lease::Leasing(_) => Self::Leasing,
            Lease::FairShare => Self::FairShare,
        }
    }
}
