//! A decision that waits for the body. It owns what it needs: the policy may change meanwhile, the decision stays the one begun.

use super::{Decision, permit, require, withheld};
use crate::a2a::grpc;
use crate::a2a::jsonrpc::{self, RequestId};
use crate::a2a::push::{self, Push, Spelled};
use crate::a2a::webhook::Webhooks;
use crate::admission::{Action, Admission, Route};
use crate::denial::{Binding, Context, Denial, Reason};
use crate::document::{OperationClass, ProtocolVersion};
use crate::operation::Operation;
use crate::permissions::Operations;
use crate::policy::{Agent, Gateway};
use crate::quota::Quotas;
use crate::record;

/// A decision that waits for the body.
#[derive(Debug)]
pub struct Pending {
    admission: Admission,
    held: Operations,
    kind: Kind,
    max_body: usize,
    public_url: Box<str>,
}

/// What the body is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A JSON-RPC request: it names the operation, and with it what it spends.
    Rpc(Quotas),
    /// The parameters of an operation in HTTP+JSON.
    Rest,
    /// The parameters of an operation in gRPC, of a version of the protocol.
    Grpc(ProtocolVersion),
}

impl Pending {
    pub(super) fn new(admission: Admission, held: Operations, kind: Kind, gateway: &Gateway) -> Self {
        Self { admission, held, kind, max_body: gateway.max_body_bytes, public_url: gateway.public_url.clone() }
    }

    /// Longest body worth reading, bytes. Past it: [`Pending::overflow`].
    #[must_use]
    pub fn max_body(&self) -> usize {
        self.max_body
    }

    /// What the request would be admitted as: for hosts that must prepare headers before the body has come.
    #[must_use]
    pub fn admission(&self) -> &Admission {
        &self.admission
    }

    /// Decides, with the whole body.
    #[must_use]
    pub fn finish(self, body: &[u8]) -> Decision {
        match &self.kind {
            Kind::Rpc(_) => self.finish_rpc(body),
            Kind::Rest => self.finish_known(|_| push::search(body).map_err(Reason::Send)),
            Kind::Grpc(version) => {
                let version = *version;
                self.finish_known(|operation| grpc::search(version, operation, body).map_err(Reason::Grpc))
            }
        }
    }

    /// Refuses: the body is longer than [`Pending::max_body`].
    #[must_use]
    pub fn overflow(self) -> Denial {
        let reason = Reason::TooLarge(self.max_body);
        self.deny(&reason, RequestId::null(), self.admission.action.name())
    }

    fn finish_rpc(mut self, body: &[u8]) -> Decision {
        let request = match jsonrpc::read(body) {
            Ok(request) => request,
            Err(fault) => return Decision::Deny(self.deny(&Reason::Rpc(fault.kind), fault.id, "none")),
        };
        let Some(operation) = Operation::from_method(&request.method) else {
            return Decision::Deny(self.deny(&Reason::UnknownMethod, request.id, "unknown"));
        };
        match self.allow(operation, &request.push) {
            Ok(()) => {
                self.admission.action = Action::Operation(operation);
                let (caller, agent) = (self.admission.caller.as_deref(), self.admission.agent.as_deref());
                let agent = agent.map(|agent| agent.id().as_str());
                self.admission.record = record::render(caller, agent, operation.name(), "allowed");
                self.admission.binding = self.spoken(request.id);
                if operation == Operation::GetExtendedCard && self.admission.route != Route::Unchanged {
                    self.admission.route = Route::ControlPlane;
                    self.admission.agent = None;
                } else if let Kind::Rpc(quotas) = &self.kind {
                    self.admission.pace(operation);
                    self.admission.payment = Some(quotas.of(Some(operation.class())).clone());
                }
                Decision::Admit(self.admission)
            }
            Err(reason) => Decision::Deny(self.deny(&reason, request.id, operation.name())),
        }
    }

    /// Decides where the head named the operation already.
    fn finish_known(self, search: impl FnOnce(Operation) -> Result<Push, Reason>) -> Decision {
        let Action::Operation(operation) = self.admission.action else { return Decision::Admit(self.admission) };
        match search(operation).and_then(|push| self.allow(operation, &push)) {
            Ok(()) => Decision::Admit(self.admission),
            Err(reason) => Decision::Deny(self.deny(&reason, RequestId::null(), operation.name())),
        }
    }

    fn allow(&self, operation: Operation, push: &Push) -> Result<(), Reason> {
        let Some(agent) = self.admission.agent.as_deref() else { return require(self.held, operation.class()) };
        permit(self.held, operation, agent)?;
        if operation.may_carry_push_config() && push.rides_along() {
            require(self.held, OperationClass::Push)?;
            check_webhooks(agent, push.of_send())?;
        }
        if operation == Operation::CreatePushConfig {
            check_webhooks(agent, push.of_creation())?;
        }
        if operation == Operation::GetExtendedCard && self.admission.route != Route::Unchanged {
            withheld(agent)?;
        }
        Ok(())
    }

    fn spoken(&self, id: RequestId) -> Binding {
        match &self.kind {
            Kind::Rpc(_) => Binding::JsonRpc(id),
            Kind::Rest => Binding::HttpJson,
            Kind::Grpc(_) => Binding::Grpc,
        }
    }

    fn deny(&self, reason: &Reason, id: RequestId, operation: &str) -> Denial {
        let binding = self.spoken(id);
        let context = Context {
            public_url: &self.public_url,
            caller: self.admission.caller.as_deref(),
            agent: self.admission.agent.as_deref().map(|agent| agent.id().as_str()),
            operation,
        };
        Denial::new(reason, &binding, context)
    }
}

fn check_webhooks<'a>(agent: &Agent, urls: impl Iterator<Item = &'a Spelled>) -> Result<(), Reason> {
    match agent.webhooks() {
        None => Ok(()),
        Some(Webhooks::Off) => Err(Reason::PushOff),
        Some(Webhooks::Checked(rules)) => rules.check_all(urls).map_err(Reason::Webhook),
    }
}
