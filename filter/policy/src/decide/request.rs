//! A request on its way to a decision: its head, and what became known of it. Enough to word a denial at any point.

use std::sync::Arc;

use crate::a2a::jsonrpc::RequestId;
use crate::a2a::{Encoding, MediaType, grpc};
use crate::denial::{Binding, Context, Denial, Reason};
use crate::head::{Body, RequestHead};
use crate::path::Target;
use crate::policy::Policy;
use crate::token::Caller;

/// A request on its way.
pub(super) struct Request<'a> {
    pub(super) policy: &'a Policy,
    pub(super) head: &'a RequestHead<'a>,
    pub(super) agent: Option<&'a str>,
    pub(super) caller: Option<Arc<Caller>>,
    pub(super) operation: &'static str,
    binding: Spoken,
}

/// The binding, without what a denial alone needs.
#[derive(Clone, Copy)]
enum Spoken {
    JsonRpc,
    HttpJson,
    Gateway,
}

impl<'a> Request<'a> {
    pub(super) fn new(policy: &'a Policy, head: &'a RequestHead<'a>) -> Self {
        Self { policy, head, agent: None, caller: None, operation: "none", binding: Spoken::Gateway }
    }

    /// Takes note of what the path says: whom it names, and in which binding its sender expects answers.
    pub(super) fn speak(&mut self, target: Target<'a>) {
        (self.binding, self.agent) = match target {
            Target::Rpc { agent } => (Spoken::JsonRpc, Some(agent)),
            Target::Rest { agent, .. } => (Spoken::HttpJson, Some(agent)),
            Target::Card { agent } | Target::Heartbeat { agent } => (Spoken::Gateway, Some(agent)),
            Target::Grpc(_) => (Spoken::Gateway, self.agent_of_host()),
            _ => (Spoken::Gateway, None),
        };
    }

    /// The agent whose gRPC host was called.
    pub(super) fn agent_of_host(&self) -> Option<&'a str> {
        grpc::agent(self.head.authority, self.policy.gateway().grpc_domain.as_deref()?)
    }

    /// Whether the body can be read for a decision.
    pub(super) fn readable(&self) -> Result<(), Reason> {
        let is_json = MediaType::from(self.head.content_type) == MediaType::Json;
        let is_plain = Encoding::from(self.head.content_encoding) == Encoding::Identity;
        if !is_json || !is_plain {
            return Err(Reason::Media);
        }
        match self.head.body {
            Body::Follows => Ok(()),
            Body::None => Err(Reason::Rpc(crate::a2a::jsonrpc::RpcFaultKind::Json(crate::json::JsonFault::Malformed))),
        }
    }

    #[cold]
    #[inline(never)]
    pub(super) fn deny(&self, reason: &Reason) -> Denial {
        let context = Context {
            public_url: &self.policy.gateway().public_url,
            caller: self.caller.as_deref(),
            agent: self.agent,
            operation: self.operation,
        };
        Denial::new(reason, &self.binding(), context)
    }

    /// How an answer of ours is worded.
    pub(super) fn binding(&self) -> Binding {
        if MediaType::from(self.head.content_type) == MediaType::Grpc {
            return Binding::Grpc;
        }
        match self.binding {
            Spoken::JsonRpc => Binding::JsonRpc(RequestId::null()),
            Spoken::HttpJson => Binding::HttpJson,
            Spoken::Gateway => Binding::Gateway,
        }
    }
}
