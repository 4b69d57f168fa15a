//! A policy document compiled: every fault found, every lookup prepared. Immutable; a new document makes a new policy.

mod agent;
mod gateway;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::fast::FixedState;

pub use agent::Agent;
pub use gateway::{ControlPlane, Gateway};

use crate::document::{AgentDocument, HostMode, PolicyDocument, TaskIsolation, VERSION};
use crate::fault::{ConfigError, ConfigFault};
use crate::ids::AgentId;
use crate::lane;
use crate::limit::Limit;
use crate::permissions::{Grant, Permissions, heartbeat_scope};
use crate::revocations::Revocations;
use crate::token::{Caller, Issuers, SignatureHost, TokenCache, TokenFault, UnixSeconds, authenticate};

/// Tells policies apart whose documents carry the same generation.
static SERIAL: AtomicU64 = AtomicU64::new(1);

/// Everything a decision needs.
pub struct Policy {
    serial: u64,
    generation: u64,
    gateway: Gateway,
    issuers: Issuers,
    permissions: Permissions,
    agents: HashMap<AgentId, Arc<Agent>, FixedState>,
    revocations: Revocations,
}

impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let agents = self.agents.len();
        f.debug_struct("Policy").field("generation", &self.generation).field("agents", &agents).finish_non_exhaustive()
    }
}

impl Policy {
    /// Reads and compiles a document.
    ///
    /// # Errors
    /// What is wrong with its JSON, or every fault of its contents.
    pub fn parse(bytes: &[u8]) -> Result<Self, ConfigError> {
        let document = serde_json::from_slice(bytes).map_err(|error| shape_fault(bytes, &error))?;
        Self::compile(document)
    }

    /// Compiles a document.
    ///
    /// # Errors
    /// Every fault of its contents.
    pub fn compile(document: PolicyDocument) -> Result<Self, ConfigError> {
        let mut faults = Vec::new();
        if document.version != VERSION {
            faults.push(ConfigFault::new("version", format!("must be {VERSION}")));
        }
        let issuers = Issuers::compile(&document.issuers, document.gateway.leeway_seconds)
            .map_err(|more| faults.extend(more))
            .ok();
        let default_limit = document.default_limit.as_ref().map_or(Ok(Limit::DEFAULT), Limit::try_from);
        let default_limit = default_limit.unwrap_or_else(|error| {
            faults.push(ConfigFault::new("defaultLimit", error.to_string()));
            Limit::DEFAULT
        });
        let gateway = Gateway::compile(document.gateway, &mut faults);
        let permissions = Permissions::compile(&document.permissions, default_limit, &gateway.admin_scope, &mut faults);
        if gateway.host == HostMode::Standalone {
            for (index, agent) in document.agents.iter().enumerate() {
                let asks =
                    [("taskIsolation", agent.task_isolation == TaskIsolation::Caller), ("openCard", agent.open_card)];
                faults.extend(asks.iter().filter(|(_, asked)| *asked).map(|(field, _)| {
                    let message = "needs the gateway's own routes: host is standalone";
                    ConfigFault::new(format!("agents[{index}].{field}"), message)
                }));
            }
        }
        let agents = compile_agents(document.agents, &mut faults);
        let revocations = Revocations::compile(document.revocations, &mut faults);
        match issuers {
            Some(issuers) if faults.is_empty() => Ok(Self {
                serial: SERIAL.fetch_add(1, Ordering::Relaxed),
                generation: document.generation,
                gateway,
                issuers,
                permissions,
                agents,
                revocations,
            }),
            _ => Err(ConfigError::from(faults)),
        }
    }

    /// The registry's generation that the document renders.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Settings of the gateway as a whole.
    #[must_use]
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// Who is cut off.
    #[must_use]
    pub fn revocations(&self) -> &Revocations {
        &self.revocations
    }

    /// Authenticates a request by its `Authorization` header; whoever is cut off has no verified caller, whatever the cache knows.
    ///
    /// # Errors
    /// Why the request has no verified caller.
    pub fn authenticate(
        &self,
        cache: &mut TokenCache,
        authorization: Option<&[u8]>,
        now: UnixSeconds,
        host: &dyn SignatureHost,
    ) -> Result<Arc<Caller>, TokenFault> {
        let caller = authenticate(&self.issuers, cache, authorization, now, host)?;
        if self.revocations.cuts_off(&caller, now) { Err(TokenFault::Revoked) } else { Ok(caller) }
    }

    /// Whose tokens are believed.
    #[must_use]
    pub fn issuers(&self) -> &Issuers {
        &self.issuers
    }

    /// The agent `id`, if it can be reached.
    #[must_use]
    pub fn agent(&self, id: &str) -> Option<&Arc<Agent>> {
        self.agents.get(id)
    }

    /// What `caller` holds on the agent `id`, whether or not there is such an agent.
    #[must_use]
    pub fn grants(&self, caller: &Caller, id: &str) -> Grant {
        self.permissions.held_by(caller.scopes()).grant(id)
    }

    /// The agents on which `caller` holds anything, in no particular order.
    pub fn visible_agents<'a>(&'a self, caller: &'a Caller) -> impl Iterator<Item = &'a AgentId> {
        let holder = self.permissions.held_by(caller.scopes());
        self.agents.keys().filter(move |id| !holder.grant(id.as_str()).operations.is_empty())
    }

    /// Whether `caller` holds the admin scope.
    #[must_use]
    pub fn is_admin(&self, caller: &Caller) -> bool {
        caller.scopes().contains(&self.gateway.admin_scope)
    }

    /// Whether `caller` may say how the agent `id` is. Neither a permission row nor the admin scope opens this.
    #[must_use]
    pub fn may_beat(&self, caller: &Caller, id: &str) -> bool {
        caller.scopes().iter().any(|scope| heartbeat_scope(scope) == Some(id))
    }

    /// A number no other policy of this process has.
    #[must_use]
    pub fn serial(&self) -> u64 {
        self.serial
    }
}

/// Reads a refused document a second time, slower, to say where it is wrong.
fn shape_fault(bytes: &[u8], error: &serde_json::Error) -> ConfigFault {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    match serde_path_to_error::deserialize::<_, PolicyDocument>(&mut json) {
        Err(located) => {
            let path = located.path().to_string();
            ConfigFault::new(if path == "." { "" } else { path.as_str() }, located.inner().to_string())
        }
        // Well formed so far: what follows it is not.
        Ok(_) => ConfigFault::new("", error.to_string()),
    }
}

fn compile_agents(
    documents: Vec<AgentDocument>,
    faults: &mut Vec<ConfigFault>,
) -> HashMap<AgentId, Arc<Agent>, FixedState> {
    let mut lanes = lane::Shared::default();
    let mut agents = HashMap::with_capacity_and_hasher(documents.len(), FixedState::default());
    for (index, document) in documents.into_iter().enumerate() {
        let agent = Arc::new(Agent::compile(document, index, &mut lanes, faults));
        if let Some(twin) = agents.insert(agent.id().clone(), agent) {
            faults.push(ConfigFault::new(format!("agents[{index}].id"), format!("{} stands twice", twin.id())));
        }
    }
    agents
}

#[cfg(test)]
pub(crate) mod tests;
