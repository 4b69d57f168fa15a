//! How each Envoy's exchanges go. Written by the service, read by `GET /admin/nodes`.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use super::{Lease, Lent, Micros};

/// Nodes remembered; the longest silent is forgotten first.
const MOST_NODES: usize = 4096;

/// The table. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct FleetTable {
    nodes: Arc<Mutex<BTreeMap<String, FleetNode>>>,
}

/// One Envoy, as its last exchange left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetNode {
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

impl FleetTable {
    /// Every node that was heard of, by `node.id`.
    #[must_use]
    pub fn nodes(&self) -> BTreeMap<String, FleetNode> {
        self.lock().clone()
    }

    /// Takes note of an exchange.
    pub fn heard(&self, id: &str, node: FleetNode) {
        let mut nodes = self.lock();
        if !nodes.contains_key(id) && nodes.len() >= MOST_NODES {
            let silent = nodes.iter().min_by_key(|(_, node)| node.last_seen).map(|(id, _)| id.clone());
            silent.map(|id| nodes.remove(&id));
        }
        nodes.insert(id.to_owned(), node);
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
