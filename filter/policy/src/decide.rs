//! One request decided: from its head where that is enough, with its body where the decision depends on it.
//!
//! The body matters only to callers who hold some classes of an agent's operations but not all: in JSON-RPC it names the
//! operation, and in a send it may carry a webhook; where a class has a limit of its own; and where the agent's webhooks are policed or it has an extended card.
//! Whoever holds every class under one limit streams straight through.

mod grpc;
mod pending;
mod request;
mod translation;

use std::sync::Arc;

use crate::a2a::http_json::{self, Asked};
use crate::a2a::webhook::Webhooks;
use crate::admission::{Action, Admission, Rewrite, Route};
use crate::denial::{Denial, Reason};
use crate::document::{AdminExposure, HostMode, Interface, OperationClass};
use crate::head::RequestHead;
use crate::lane::Pace;
use crate::memory::{Memory, Pair};
use crate::operation::Operation;
use crate::path::{Path, Target};
use crate::permissions::Operations;
use crate::policy::{Agent, ControlPlane, Policy};
use crate::quota::Payment;
use crate::record;
use crate::token::{Caller, SignatureHost, UnixSeconds};

pub use pending::Pending;

use pending::Kind;

use request::Request;

/// What the head of a request led to.
#[derive(Debug)]
pub enum Step {
    /// Decided.
    Decided(Decision),
    /// The body decides: read it, then [`Pending::finish`].
    NeedsBody(Pending),
}

/// A decision.
#[derive(Debug)]
pub enum Decision {
    /// May pass.
    Admit(Admission),
    /// May not.
    Deny(Denial),
}

impl Decision {
    /// The decision record, one JSON object.
    #[must_use]
    pub fn record(&self) -> &str {
        match self {
            Self::Admit(admission) => admission.record(),
            Self::Deny(denial) => denial.record(),
        }
    }
}

/// Decides a request, or says that its body must be read first. `now` in seconds since the epoch.
pub fn begin(
    policy: &Policy,
    memory: &mut Memory,
    head: &RequestHead<'_>,
    now: UnixSeconds,
    host: &dyn SignatureHost,
) -> Step {
    let mut request = Request::new(policy, head);
    match request.decide(memory, now, host) {
        Ok(step) => step,
        Err(reason) => Step::Decided(Decision::Deny(request.deny(&reason))),
    }
}

impl<'a> Request<'a> {
    fn decide(&mut self, memory: &mut Memory, now: UnixSeconds, host: &dyn SignatureHost) -> Result<Step, Reason> {
        let path = Path::read(self.head.path).map_err(Reason::Path)?;
        let target = path.target(self.head.method);
        self.speak(target);
        if path.carries_token() {
            let alone = self.head.authorization.is_none();
            return Err(if alone { Reason::TokenOnlyInQuery } else { Reason::TokenInQuery });
        }
        if target == Target::Public {
            return self.to_control_plane(Action::Public);
        }
        if let Target::Card { agent } = target
            && self.policy.agent(agent).is_some_and(|agent| agent.has_open_card())
        {
            return self.to_control_plane(Action::Card);
        }
        let caller = self.policy.authenticate(&mut memory.tokens, self.head.authorization, now, host);
        let caller = Arc::clone(self.caller.insert(caller.map_err(Reason::Token)?));
        match target {
            Target::Public => self.to_control_plane(Action::Public),
            Target::Listing => self.to_control_plane(Action::Listing),
            Target::Search => self.to_control_plane(Action::Search),
            Target::Admin => self.admin(&caller),
            Target::Card { agent } => self.card(memory, &caller, agent),
            Target::Rpc { agent } => self.rpc(memory, &caller, agent, path.query()),
            Target::Heartbeat { agent } => self.heartbeat(&caller, agent),
            Target::Rest { agent, remainder } => self.rest(memory, &caller, agent, remainder, path.query()),
            Target::Grpc(method) => self.grpc(memory, &caller, method),
            Target::WrongVerb(allow) => Err(Reason::WrongVerb(allow)),
            Target::Nothing => Err(Reason::NotFound),
        }
    }

    #[inline(never)]
    fn admin(&self, caller: &Caller) -> Result<Step, Reason> {
        let gateway = self.policy.gateway();
        match gateway.admin {
            AdminExposure::Private => Err(Reason::NotFound),
            AdminExposure::Public if self.policy.is_admin(caller) => self.to_control_plane(Action::Admin),
            AdminExposure::Public => Err(Reason::AdminScope(gateway.admin_scope.as_str().to_owned())),
        }
    }

    /// Whether there is such an agent is for the control plane to say: whoever holds the scope may know.
    #[inline(never)]
    fn heartbeat(&self, caller: &Caller, id: &str) -> Result<Step, Reason> {
        if self.policy.may_beat(caller, id) {
            self.to_control_plane(Action::Heartbeat)
        } else {
            Err(Reason::HeartbeatScope)
        }
    }

    #[inline(never)]
    fn card(&self, memory: &mut Memory, caller: &Arc<Caller>, id: &str) -> Result<Step, Reason> {
        let (agent, _) = self.reachable(memory, caller, id, OperationClass::Read)?;
        match self.policy.gateway().host {
            HostMode::Gateway => self.to_control_plane(Action::Card),
            HostMode::Standalone => {
                let admission = self.admission(caller, &agent, Action::Card, Rewrite::Constant, None);
                Ok(Step::Decided(Decision::Admit(admission)))
            }
        }
    }

    fn rpc(&mut self, memory: &mut Memory, caller: &Arc<Caller>, id: &str, query: &str) -> Result<Step, Reason> {
        let (agent, pair) = self.reachable(memory, caller, id, OperationClass::Write)?;
        let grant = pair.grant;
        offered(&agent, Interface::Rpc)?;
        let rewrite = self.rpc_rewrite(&agent, pair, query);
        if grant.operations.is_all() && grant.limits.is_uniform() && !agent.is_always_read() {
            let record = Arc::clone(&pair.unread_record);
            return Ok(Step::Decided(Decision::Admit(Admission {
                route: self.route(&agent, agent.cluster(), rewrite, self.pace(None)),
                caller: Some(Arc::clone(caller)),
                agent: Some(agent),
                action: Action::Unread,
                payment: Some(pair.quotas.of(None).clone()),
                gate: pair.quotas.gate,
                binding: self.binding(),
                record,
            })));
        }
        self.readable()?;
        let admission = self.admission(caller, &agent, Action::Unread, rewrite, None);
        let quotas = pair.quotas.clone();
        let admission = Admission { gate: quotas.gate, ..admission };
        Ok(Step::NeedsBody(Pending::new(admission, grant.operations, Kind::Rpc(quotas), self.policy.gateway())))
    }

    #[inline(never)]
    fn rest(
        &mut self,
        memory: &mut Memory,
        caller: &Arc<Caller>,
        id: &str,
        remainder: &str,
        query: &str,
    ) -> Result<Step, Reason> {
        let asked = http_json::classify(self.head.method, remainder);
        let class = match asked {
            Asked::Operation(operation) => operation.class(),
            Asked::WrongVerb(_) | Asked::Nothing => OperationClass::Read,
        };
        let (agent, pair) = self.reachable(memory, caller, id, class)?;
        let grant = pair.grant;
        offered(&agent, Interface::Rest)?;
        let operation = match asked {
            Asked::Operation(operation) => operation,
            Asked::WrongVerb(allow) => return Err(Reason::WrongVerb(allow)),
            Asked::Nothing => return Err(Reason::NotFound),
        };
        self.operation = operation.name();
        permit(grant.operations, operation, &agent)?;
        if operation == Operation::GetExtendedCard && self.policy.gateway().host == HostMode::Gateway {
            withheld(&agent)?;
            return self.to_control_plane(Action::Operation(operation));
        }
        let rewrite = self.rest_rewrite(&agent, pair, remainder, query);
        let payment = Some(pair.quotas.of(Some(operation.class())).clone());
        let gate = pair.quotas.gate;
        let admission = self.admission(caller, &agent, Action::Operation(operation), rewrite, payment);
        let admission = Admission { gate, ..admission };
        if needs_body(operation, grant.operations, admission.agent.as_deref()) {
            self.readable()?;
            return Ok(Step::NeedsBody(Pending::new(admission, grant.operations, Kind::Rest, self.policy.gateway())));
        }
        Ok(Step::Decided(Decision::Admit(admission)))
    }

    /// The agent `id` and what the caller holds on it. Without anything held, one that is not there is refused like one that is:
    /// for want of `class`, or of reading where nothing narrower was asked.
    fn reachable<'m>(
        &self,
        memory: &'m mut Memory,
        caller: &Arc<Caller>,
        id: &str,
        class: OperationClass,
    ) -> Result<(Arc<Agent>, &'m Pair), Reason> {
        let Some(agent) = self.policy.agent(id) else {
            let held = self.policy.grants(caller, id).operations;
            return Err(if held.is_empty() { Reason::Scope(class) } else { Reason::UnknownAgent });
        };
        let pair = memory.pair(self.policy, caller, agent);
        if pair.grant.operations.is_empty() {
            return Err(Reason::Scope(class));
        }
        Ok((Arc::clone(agent), pair))
    }

    #[inline(never)]
    fn to_control_plane(&self, action: Action) -> Result<Step, Reason> {
        if self.policy.gateway().control_plane == ControlPlane::Absent {
            return Err(Reason::NotFound);
        }
        let agent = self.agent;
        Ok(Step::Decided(Decision::Admit(Admission {
            route: Route::ControlPlane,
            caller: self.caller.clone(),
            agent: None,
            action,
            payment: None,
            gate: None,
            binding: self.binding(),
            record: record::render(self.caller.as_deref(), agent, action.name(), "allowed"),
        })))
    }

    fn admission(
        &self,
        caller: &Arc<Caller>,
        agent: &Arc<Agent>,
        action: Action,
        rewrite: Rewrite,
        payment: Option<Payment>,
    ) -> Admission {
        Admission {
            route: self.route(agent, agent.cluster(), rewrite, self.pace(action.operation())),
            caller: Some(Arc::clone(caller)),
            agent: Some(Arc::clone(agent)),
            action,
            payment,
            gate: None,
            binding: self.binding(),
            record: record::render(Some(caller), Some(agent.id().as_str()), action.name(), "allowed"),
        }
    }

    /// Whether the answer is a stream: known from the operation, else from what the caller accepts.
    fn pace(&self, operation: Option<Operation>) -> Pace {
        match operation {
            Some(operation) => Pace::of(operation),
            None if self.head.expects_events() => Pace::Stream,
            None => Pace::Call,
        }
    }

    fn route(&self, agent: &Agent, cluster: &Arc<str>, rewrite: Rewrite, pace: Pace) -> Route {
        match self.policy.gateway().host {
            HostMode::Standalone => Route::Unchanged,
            HostMode::Gateway => Route::Agent {
                cluster: Arc::clone(cluster),
                rewrite,
                identity: agent.identity(),
                lane: Arc::clone(agent.lanes().of(pace)),
            },
        }
    }
}

/// Whether the decision depends on the body: only if it can hold a webhook that would be refused.
fn needs_body(operation: Operation, held: Operations, agent: Option<&Agent>) -> bool {
    let is_policed = agent.and_then(Agent::webhooks).is_some();
    match operation {
        Operation::CreatePushConfig => is_policed,
        operation => operation.may_carry_push_config() && (is_policed || !held.contains(OperationClass::Push)),
    }
}

/// An interface that is not offered has no path at the backend: what lies there may be someone else's.
fn offered(agent: &Agent, interface: Interface) -> Result<(), Reason> {
    if agent.offers(interface) { Ok(()) } else { Err(Reason::NotFound) }
}

/// An extended card comes from the control plane or not at all: as the agent writes it, it names the backend.
fn withheld(agent: &Agent) -> Result<(), Reason> {
    if agent.has_extended_card() { Ok(()) } else { Err(Reason::NoExtendedCard) }
}

fn require(held: Operations, class: OperationClass) -> Result<(), Reason> {
    if held.contains(class) { Ok(()) } else { Err(Reason::Scope(class)) }
}

/// Whether `operation` is open at `agent` to a caller who holds `held`.
fn permit(held: Operations, operation: Operation, agent: &Agent) -> Result<(), Reason> {
    require(held, operation.class())?;
    match agent.webhooks() {
        Some(Webhooks::Off) if operation.class() == OperationClass::Push => Err(Reason::PushOff),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
