//! gRPC calls: the host names the agent, the path names the operation, and the message passes unread unless a webhook in it matters.

use std::sync::Arc;

use super::pending::{Kind, Pending};
use super::request::Request;
use super::{Decision, Step, needs_body, permit};
use crate::a2a::MediaType;
use crate::a2a::grpc::Method;
use crate::admission::{Action, Admission, Rewrite};
use crate::denial::Reason;
use crate::document::{HostMode, OperationClass, TaskIsolation};
use crate::head::Body;
use crate::memory::Memory;
use crate::operation::Operation;
use crate::token::Caller;

impl Request<'_> {
    #[inline(never)]
    pub(super) fn grpc(
        &mut self,
        memory: &mut Memory,
        caller: &Arc<Caller>,
        method: Method<'_>,
    ) -> Result<Step, Reason> {
        let id = self.agent_of_host().ok_or(Reason::NotFound)?;
        if MediaType::from(self.head.content_type) != MediaType::Grpc {
            return Err(Reason::Media);
        }
        let operation = method.operation();
        let class = operation.map_or(OperationClass::Read, Operation::class);
        let (agent, pair) = self.reachable(memory, caller, id, class)?;
        let cluster = match (agent.grpc(), self.policy.gateway().host) {
            (Some(cluster), HostMode::Gateway) => Arc::clone(cluster),
            _ => return Err(Reason::NotFound),
        };
        if agent.isolation() == TaskIsolation::Caller {
            return Err(Reason::GrpcIsolated);
        }
        let operation = operation.ok_or(Reason::UnknownMethod)?;
        self.operation = operation.name();
        let held = pair.grant.operations;
        permit(held, operation, &agent)?;
        if operation == Operation::GetExtendedCard {
            // The control plane does not speak gRPC to callers.
            return Err(Reason::NoExtendedCard);
        }
        let payment = Some(pair.quotas.of(Some(operation.class())).clone());
        let gate = pair.quotas.gate;
        let admission = self.admission(caller, &agent, Action::Operation(operation), Rewrite::Kept, payment);
        let admission = Admission {
            gate,
            route: self.route(&agent, &cluster, Rewrite::Kept, self.pace(Some(operation))),
            ..admission
        };
        if needs_body(operation, held, Some(&agent)) && self.head.body == Body::Follows {
            let kind = Kind::Grpc(method.version);
            return Ok(Step::NeedsBody(Pending::new(admission, held, kind, self.policy.gateway())));
        }
        Ok(Step::Decided(Decision::Admit(admission)))
    }
}
