//! Tollgate's decision, pure: who is calling, may they, how often. No clock, no I/O, no host: those are arguments.
//!
//! [`Policy::parse`] turns the document into a policy, or into every fault it has. [`begin`] decides one request from its head,
//! or says that the body must be read first and hands out a [`Pending`] to finish with. A decision is a value: an [`Admission`]
//! that says where the request goes, or a [`Denial`] rendered in the caller's own binding.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

pub mod a2a;
mod admission;
mod decide;
mod denial;
pub mod document;
pub mod fault;
mod glob;
mod head;
pub mod ids;
pub mod json;
mod lane;
mod limit;
mod local_reply;
mod memory;
mod operation;
pub mod path;
mod permissions;
mod policy;
pub mod quota;
mod record;
mod revocations;
pub mod token;
pub mod translated;

pub use admission::{Action, Admission, Identity, Rewrite, Route};
pub use decide::{Decision, Pending, Step, begin};
pub use denial::{Binding, Denial, Reason};
pub use fault::{ConfigError, ConfigFault};
pub use glob::Glob;
pub use head::{Body, Headers, RequestHead, pairs as header_pairs};
pub use lane::{BackendPath, CLUSTER_HEADER, Lane, ROUTE_DEADLINES_MS, ROUTE_HEADER, TO_CONTROL_PLANE, Wait};
pub use limit::{Limit, LimitError, Limits};
pub use local_reply::LocalReply;
pub use memory::Memory;
pub use operation::Operation;
pub use permissions::{Grant, Operations};
pub use policy::{Agent, ControlPlane, Gateway, Policy};
pub use revocations::Revocations;
pub use token::{
    Caller, CallerKey, HostAlgorithm, Issuers, NoHost, SignatureHost, TokenCache, TokenFault, UnixSeconds, authenticate,
};
