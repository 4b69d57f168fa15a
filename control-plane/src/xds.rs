//! What Envoy is told, and how it hears it: resource builders (one module per resource type), the immutable [`Snapshot`] they make
//! up, and the ADS server that brings snapshots to nodes, delta and state-of-the-world. Only here is tonic named. What belongs into
//! a snapshot is the reconciler's business.

mod any;
mod channel;
mod clusters;
mod delta;
mod edge;
mod endpoints;
mod filter;
#[cfg(test)]
pub(crate) mod fixtures;
mod health_checks;
mod health_reports;
mod kind;
mod listener;
mod local_replies;
mod nodes;
mod pacing;
#[cfg(test)]
mod real_envoy;
mod resource;
mod routes;
mod secrets;
mod server;
mod service;
mod session;
mod snapshot;
mod sotw;
#[cfg(test)]
mod tests;
mod translator;
mod upstream_tls;

pub use clusters::{
    CONTROL_PLANE as CONTROL_PLANE_CLUSTER, TRANSLATION as TRANSLATION_CLUSTER, agent_cluster_name, grpc_cluster_name,
};
pub use edge::{Edge, EdgeResources, FilterModule, PolicyFilter, ServingCertificate, UpstreamAddress};
pub use filter::RenderedPolicy;
pub use health_reports::TrafficReports;
pub use kind::ResourceKind;
pub use nodes::{Applied, KindStatus, NodeStatus, NodeTable, PendingNode, Rejection, StreamKind};
pub use resource::Resource;
pub use server::{ServeError, XdsTls, serve};
pub use snapshot::{
    AgentResources, CredentialValue, PolicyResource, Snapshot, SnapshotError, SnapshotFeed, SnapshotParts,
};
pub use translator::TranslatorResource;
