//! What an admitted request may do, and where it goes. Holding an [`Admission`] is the proof that it was decided.

use std::sync::Arc;

use crate::denial::{Binding, Context, Denial, Reason};
use crate::lane::{Lane, Pace};
use crate::operation::Operation;
use crate::policy::{Agent, Gateway};
use crate::quota::{Gate, Payment};
use crate::token::Caller;

/// A request that may pass.
#[derive(Debug, Clone)]
pub struct Admission {
    pub(crate) route: Route,
    pub(crate) caller: Option<Arc<Caller>>,
    pub(crate) agent: Option<Arc<Agent>>,
    pub(crate) action: Action,
    pub(crate) payment: Option<Payment>,
    pub(crate) gate: Option<Gate>,
    pub(crate) binding: Binding,
    pub(crate) record: Arc<str>,
}

/// Where an admitted request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// To the control plane, path and `authorization` untouched.
    ControlPlane,
    /// To an agent's backend.
    Agent {
        /// The cluster.
        cluster: Arc<str>,
        /// What becomes of the path.
        rewrite: Rewrite,
        /// Whether the backend is told who calls.
        identity: Identity,
        /// How long its answer is waited for.
        lane: Arc<Lane>,
    },
    /// Wherever the host's own routes say.
    Unchanged,
}

/// What becomes of the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rewrite {
    /// The route's constant rewrite, `/agents/{id}` off, gives the backend's path.
    Constant,
    /// This path, query included.
    Path(String),
    /// None: the path is the backend's.
    Kept,
    /// Whatever the translation makes of it, which is at this cluster. What it must know, as the value of a header.
    Translation(Arc<str>, String),
}

/// Whether the backend is told who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// No.
    Hidden,
    /// Yes, in headers.
    Forwarded,
}

/// What the request does, as far as the decision had to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A path that is open to everyone.
    Public,
    /// The listing of agents.
    Listing,
    /// A search for agents.
    Search,
    /// The admin API.
    Admin,
    /// An agent's card.
    Card,
    /// An agent says how it is.
    Heartbeat,
    /// An A2A operation.
    Operation(Operation),
    /// A JSON-RPC call by a caller who holds every class: its body was not read.
    Unread,
}

impl Action {
    /// The A2A operation, if it is known.
    pub(crate) fn operation(self) -> Option<Operation> {
        match self {
            Self::Operation(operation) => Some(operation),
            _ => None,
        }
    }

    /// A stable name, for metrics and records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Listing => "listing",
            Self::Search => "search",
            Self::Admin => "admin",
            Self::Card => "card",
            Self::Heartbeat => "heartbeat",
            Self::Operation(operation) => operation.name(),
            Self::Unread => "unread",
        }
    }
}

impl Admission {
    /// Where it goes.
    #[must_use]
    pub fn route(&self) -> &Route {
        &self.route
    }

    /// Whether it goes there through the translation.
    #[must_use]
    pub fn is_translated(&self) -> bool {
        matches!(self.route, Route::Agent { rewrite: Rewrite::Translation(..), .. })
    }

    /// Who calls; `None` on paths that are open to everyone.
    #[must_use]
    pub fn caller(&self) -> Option<&Arc<Caller>> {
        self.caller.as_ref()
    }

    /// The agent called.
    #[must_use]
    pub fn agent(&self) -> Option<&Arc<Agent>> {
        self.agent.as_ref()
    }

    /// What it does.
    #[must_use]
    pub fn action(&self) -> Action {
        self.action
    }

    /// What it is paid from; `None`: it is no agent's business, and not counted.
    #[must_use]
    pub fn payment(&self) -> Option<&Payment> {
        self.payment.as_ref()
    }

    /// What it must pass for as long as it is under way: its caller's gate at the agent, and the agent's own.
    pub fn gates(&self) -> impl Iterator<Item = &Gate> {
        let of_agent = self.agent.as_deref().and_then(Agent::gate);
        // A card is the gateway's own business, and no load on the agent.
        self.gate.iter().chain(of_agent.filter(|_| self.action != Action::Card))
    }

    /// The binding its caller speaks.
    #[must_use]
    pub fn binding(&self) -> &Binding {
        &self.binding
    }

    /// Waits for the answer as `operation` is answered, now that it is known.
    pub(crate) fn pace(&mut self, operation: Operation) {
        if let (Route::Agent { lane, .. }, Some(agent)) = (&mut self.route, &self.agent) {
            *lane = Arc::clone(agent.lanes().of(Pace::of(operation)));
        }
    }

    /// Refuses it after all, in its caller's binding.
    #[cold]
    #[inline(never)]
    pub fn refuse(&self, reason: &Reason, gateway: &Gateway) -> Denial {
        let context = Context {
            public_url: &gateway.public_url,
            caller: self.caller.as_deref(),
            agent: self.agent.as_deref().map(|agent| agent.id().as_str()),
            operation: self.action.name(),
        };
        Denial::new(reason, &self.binding, context)
    }

    /// The decision record, one JSON object.
    #[must_use]
    pub fn record(&self) -> &str {
        &self.record
    }
}
