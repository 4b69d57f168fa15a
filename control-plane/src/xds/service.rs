//! The ADS streams: one state machine per stream, driven by its requests and by new snapshots. A stream whose client is slow holds back
//! nothing but itself: it takes the newest snapshot when it comes to it.

use std::{pin::Pin, sync::Arc};

use envoy_types::pb::envoy::{
    config::core::v3::{Node, node::UserAgentVersionType},
    service::discovery::v3::{
        DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
        aggregated_discovery_service_server::AggregatedDiscoveryService,
    },
};
use futures::Stream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming, async_trait};

use super::{
    NodeTable, Snapshot, SnapshotFeed, StreamKind, delta,
    nodes::NodeIdentity,
    session::Session,
    sotw::{self, Ledger},
};

/// The service.
pub(super) struct Ads {
    pub(super) snapshots: SnapshotFeed,
    pub(super) nodes: NodeTable,
    pub(super) stopping: CancellationToken,
}

type Responses<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[async_trait]
impl AggregatedDiscoveryService for Ads {
    type StreamAggregatedResourcesStream = Responses<DiscoveryResponse>;
    type DeltaAggregatedResourcesStream = Responses<DeltaDiscoveryResponse>;

    async fn stream_aggregated_resources(
        &self,
        request: Request<Streaming<DiscoveryRequest>>,
    ) -> Result<Response<Self::StreamAggregatedResourcesStream>, Status> {
        Ok(Response::new(self.stream(Sotw(Ledger::default()), request.into_inner())))
    }

    async fn delta_aggregated_resources(
        &self,
        request: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<Self::DeltaAggregatedResourcesStream>, Status> {
        Ok(Response::new(self.stream(Delta, request.into_inner())))
    }
}

/// What the two protocols do differently.
trait Protocol: Send + 'static {
    const KIND: StreamKind;
    type Request: Send + 'static;
    type Response: Send + 'static;

    fn node(request: &Self::Request) -> Option<&Node>;
    fn request(&mut self, session: &mut Session, request: Self::Request, snapshot: &Snapshot);
    fn responses(&mut self, session: &mut Session, snapshot: &Snapshot) -> Vec<Self::Response>;
}

struct Delta;
struct Sotw(Ledger);

impl Protocol for Delta {
    const KIND: StreamKind = StreamKind::Delta;
    type Request = DeltaDiscoveryRequest;
    type Response = DeltaDiscoveryResponse;

    fn node(request: &Self::Request) -> Option<&Node> {
        request.node.as_ref()
    }
    fn request(&mut self, session: &mut Session, request: Self::Request, snapshot: &Snapshot) {
        delta::request(session, request, snapshot);
    }
    fn responses(&mut self, session: &mut Session, snapshot: &Snapshot) -> Vec<Self::Response> {
        delta::responses(session, snapshot)
    }
}

impl Protocol for Sotw {
    const KIND: StreamKind = StreamKind::Sotw;
    type Request = DiscoveryRequest;
    type Response = DiscoveryResponse;

    fn node(request: &Self::Request) -> Option<&Node> {
        request.node.as_ref()
    }
    fn request(&mut self, session: &mut Session, request: Self::Request, snapshot: &Snapshot) {
        sotw::request(session, &self.0, request, snapshot);
    }
    fn responses(&mut self, session: &mut Session, snapshot: &Snapshot) -> Vec<Self::Response> {
        sotw::responses(session, &mut self.0, snapshot)
    }
}

impl Ads {
    fn stream<P: Protocol>(&self, protocol: P, requests: Streaming<P::Request>) -> Responses<P::Response> {
        let mut snapshots = self.snapshots.clone();
        let snapshot = snapshots.borrow_and_update().clone();
        let pump = Pump {
            protocol,
            requests,
            snapshots,
            nodes: self.nodes.clone(),
            stopping: self.stopping.clone(),
            session: None,
            snapshot,
            outbox: Vec::new(),
        };
        Box::pin(futures::stream::unfold(pump, |mut pump| async move {
            let response = pump.next().await?;
            Some((Ok(response), pump))
        }))
    }
}

struct Pump<P: Protocol> {
    protocol: P,
    requests: Streaming<P::Request>,
    snapshots: SnapshotFeed,
    nodes: NodeTable,
    stopping: CancellationToken,
    /// From the first request on, which says who the node is.
    session: Option<Session>,
    snapshot: Option<Arc<Snapshot>>,
    /// In reverse order.
    outbox: Vec<P::Response>,
}

impl<P: Protocol> Pump<P> {
    /// The next response; `None` ends the stream.
    async fn next(&mut self) -> Option<P::Response> {
        loop {
            if let Some(response) = self.outbox.pop() {
                return Some(response);
            }
            // Before the first snapshot there is nothing to answer with: requests wait.
            let ready = self.snapshot.is_some();
            tokio::select! {
                () = self.stopping.cancelled() => return None,
                request = self.requests.message(), if ready => self.take_request(request.ok()??),
                changed = self.snapshots.changed() => {
                    changed.ok()?;
                    self.snapshot.clone_from(&self.snapshots.borrow_and_update());
                    self.session.iter_mut().for_each(Session::wake);
                }
            }
            self.fill();
        }
    }

    fn take_request(&mut self, request: P::Request) {
        let Some(snapshot) = self.snapshot.clone() else { return };
        let nodes = &self.nodes;
        let session =
            self.session.get_or_insert_with(|| Session::new(nodes.connect(identity(P::node(&request)), P::KIND)));
        self.protocol.request(session, request, &snapshot);
    }

    fn fill(&mut self) {
        if let (Some(session), Some(snapshot)) = (&mut self.session, &self.snapshot) {
            self.outbox = self.protocol.responses(session, snapshot);
            self.outbox.reverse();
        }
    }
}

fn identity(node: Option<&Node>) -> NodeIdentity {
    let Some(node) = node else { return NodeIdentity::default() };
    let version = match &node.user_agent_version_type {
        Some(UserAgentVersionType::UserAgentVersion(version)) => version.clone(),
        Some(UserAgentVersionType::UserAgentBuildVersion(build)) => build
            .version
            .as_ref()
            .map_or_else(String::new, |it| format!("{}.{}.{}", it.major_number, it.minor_number, it.patch)),
        None => String::new(),
    };
    let user_agent = format!("{} {version}", node.user_agent_name).trim().to_owned();
    NodeIdentity { id: node.id.clone(), cluster: node.cluster.clone(), user_agent }
}
