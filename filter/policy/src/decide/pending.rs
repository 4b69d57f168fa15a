//! A decision that waits for the body. It owns what it needs: the policy may change meanwhile, the decision stays the one begun.

use super::{Decision, require};
use crate::a2a::jsonrpc::{self, RequestId};
use crate::a2a::push::{self, InlinePush};
use crate::admission::{Action, Admission};
use crate::denial::{Binding, Context, Denial, Reason};
use crate::document::OperationClass;
use crate::operation::Operation;
use crate::permissions::Operations;
use crate::policy::Gateway;
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

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// The body names the operation, and with it what it spends.
    Rpc(Quotas),
    Send,
}

impl Pending {
    pub(super) fn rpc(admission: Admission, held: Operations, quotas: Quotas, gateway: &Gateway) -> Self {
        Self::new(admission, held, gateway, Kind::Rpc(quotas))
    }

    pub(super) fn send(admission: Admission, held: Operations, gateway: &Gateway) -> Self {
        Self::new(admission, held, gateway, Kind::Send)
    }

    fn new(admission: Admission, held: Operations, gateway: &Gateway, kind: Kind) -> Self {
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
            Kind::Send => self.finish_send(body),
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
        match self.allow(operation, request.push) {
            Ok(()) => {
                self.admission.action = Action::Operation(operation);
                let (caller, agent) = (self.admission.caller.as_deref(), self.admission.agent.as_deref());
                let agent = agent.map(|agent| agent.id().as_str());
                self.admission.record = record::render(caller, agent, operation.name(), "allowed");
                self.admission.binding = self.spoken(request.id);
                if let Kind::Rpc(quotas) = &self.kind {
                    self.admission.payment = Some(quotas.of(Some(operation.class())).clone());
                }
                Decision::Admit(self.admission)
            }
            Err(reason) => Decision::Deny(self.deny(&reason, request.id, operation.name())),
        }
    }

    fn finish_send(self, body: &[u8]) -> Decision {
        let Action::Operation(operation) = self.admission.action else { return Decision::Admit(self.admission) };
        let allowed = push::search(body).map_err(Reason::Send).and_then(|push| self.allow(operation, push));
        match allowed {
            Ok(()) => Decision::Admit(self.admission),
            Err(reason) => Decision::Deny(self.deny(&reason, RequestId::null(), operation.name())),
        }
    }

    fn allow(&self, operation: Operation, push: InlinePush) -> Result<(), Reason> {
        require(self.held, operation.class())?;
        match push {
            InlinePush::Present if operation.may_carry_push_config() => require(self.held, OperationClass::Push),
            _ => Ok(()),
        }
    }

    fn spoken(&self, id: RequestId) -> Binding {
        match &self.kind {
            Kind::Rpc(_) => Binding::JsonRpc(id),
            Kind::Send => Binding::HttpJson,
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
