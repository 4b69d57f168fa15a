//! The server on a loopback socket, with real ADS clients: delta and state of the world.

use std::{sync::Arc, time::Duration};

use envoy_types::pb::envoy::{
    config::core::v3::Node,
    service::discovery::v3::{
        DeltaDiscoveryRequest, DiscoveryRequest, DiscoveryResponse,
        aggregated_discovery_service_client::AggregatedDiscoveryServiceClient,
    },
};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::{CancellationToken, DropGuard};
use tollgate_proto::otlp::v1::{
    AnyValue, ExportMetricsServiceRequest, ExportMetricsServiceResponse, KeyValue, Metric, NumberDataPoint, Points,
    ResourceMetrics, ScopeMetrics, metric::Data,
};
use tollgate_proto::quota::v1::{LeaseState, SYNC_PATH, SyncRequest, SyncResponse};
use tonic::{Streaming, transport::Channel};
use tonic_prost::ProstCodec;

use super::serve;
use crate::{
    bootstrap::{METRIC_EJECTED, METRIC_HEALTHY, NODE_HEADER},
    domain::{AgentId, Generation},
    health::{Sample, SampleValue},
    quota::simulation::server,
    xds::{Applied, NodeTable, ResourceKind, Snapshot, StreamKind, TrafficReports, fixtures::plain},
};

struct Heard(mpsc::UnboundedSender<(String, Vec<Sample>)>);

impl TrafficReports for Heard {
    fn backends_seen(&self, node: &str, samples: &[Sample]) {
        self.0.send((node.to_owned(), samples.to_vec())).unwrap();
    }
}

struct Running {
    snapshots: watch::Sender<Option<Arc<Snapshot>>>,
    nodes: NodeTable,
    channel: Channel,
    sights: mpsc::UnboundedReceiver<(String, Vec<Sample>)>,
    stopping: DropGuard,
}

async fn start(snapshot: Option<Arc<Snapshot>>) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (seen, sights) = mpsc::unbounded_channel();
    let reports = Arc::new(Heard(seen));
    let snapshots = watch::Sender::new(snapshot);
    let (nodes, stopping) = (NodeTable::new(|| 7), CancellationToken::new());
    let feed = snapshots.subscribe();
    tokio::spawn(serve(listener, None, feed, nodes.clone(), reports, server(), stopping.clone()));
    let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect_lazy();
    Running { snapshots, nodes, channel, sights, stopping: stopping.drop_guard() }
}

fn node() -> Option<Node> {
    Some(Node { id: "edge-7".to_owned(), cluster: "edge".to_owned(), ..Default::default() })
}

struct SotwClient {
    requests: mpsc::Sender<DiscoveryRequest>,
    responses: Streaming<DiscoveryResponse>,
}

impl SotwClient {
    async fn connect(running: &Running) -> Self {
        let (requests, receiver) = mpsc::channel(8);
        let mut client = AggregatedDiscoveryServiceClient::new(running.channel.clone());
        let first = clusters(DiscoveryRequest { node: node(), ..Default::default() });
        requests.send(first).await.unwrap();
        let responses = client.stream_aggregated_resources(ReceiverStream::new(receiver)).await.unwrap().into_inner();
        Self { requests, responses }
    }

    async fn next(&mut self) -> DiscoveryResponse {
        self.responses.message().await.unwrap().expect("a response")
    }

    async fn answer(&self, response: &DiscoveryResponse, refusal: Option<&str>) {
        let error_detail = refusal.map(|reason| envoy_types::pb::google::rpc::Status {
            code: 13,
            message: reason.to_owned(),
            details: Vec::new(),
        });
        let answer = DiscoveryRequest { response_nonce: response.nonce.clone(), error_detail, ..Default::default() };
        self.requests.send(clusters(answer)).await.unwrap();
    }
}

fn clusters(request: DiscoveryRequest) -> DiscoveryRequest {
    DiscoveryRequest { type_url: ResourceKind::Cluster.type_url().to_owned(), ..request }
}

async fn is_applied(running: &Running, generation: u64) -> bool {
    let applied = running.nodes.applied(Generation::new(generation), Duration::from_secs(5)).await;
    matches!(applied, Applied::Everywhere { nodes } if nodes == ["edge-7"])
}

#[tokio::test]
async fn state_of_the_world_lists_everything_and_skips_what_a_client_has() {
    let running = start(Some(plain(1, &[("a", 1)]))).await;
    let mut client = SotwClient::connect(&running).await;
    let first = client.next().await;
    assert_eq!(first.resources.len(), 3);
    client.answer(&first, None).await;
    assert!(is_applied(&running, 1).await);
    running.snapshots.send_replace(Some(plain(2, &[("a", 1), ("b", 2)])));
    let second = client.next().await;
    assert_eq!(second.resources.len(), 4);
    client.answer(&second, None).await;
    assert!(is_applied(&running, 2).await);

    // On another stream, with the version it has: the first thing it hears of is the next change.
    let (requests, receiver) = mpsc::channel(8);
    let again = DiscoveryRequest { node: node(), version_info: second.version_info.clone(), ..Default::default() };
    requests.send(clusters(again)).await.unwrap();
    let mut ads = AggregatedDiscoveryServiceClient::new(running.channel.clone());
    let mut responses = ads.stream_aggregated_resources(ReceiverStream::new(receiver)).await.unwrap().into_inner();
    running.nodes.until(|nodes| nodes.len() == 2).await;
    running.snapshots.send_replace(Some(plain(3, &[("b", 2)])));
    assert_eq!(responses.message().await.unwrap().unwrap().resources.len(), 3);
}

#[tokio::test]
async fn state_of_the_world_leaves_a_refused_resource_out() {
    let running = start(Some(plain(1, &[("a", 1)]))).await;
    let mut client = SotwClient::connect(&running).await;
    let first = client.next().await;
    client.answer(&first, None).await;
    running.snapshots.send_replace(Some(plain(2, &[("a", 9), ("b", 2)])));
    let second = client.next().await;
    client.answer(&second, Some("agent-a: no")).await;
    let third = client.next().await;
    let body = |response: &DiscoveryResponse, at: usize| response.resources[at].value.clone();
    assert_eq!(third.resources.len(), 4);
    assert_eq!(body(&third, 0), body(&first, 0), "the last good version of agent-a");
    assert_eq!(body(&third, 1), body(&second, 1), "agent-b");
    let rejection = running.nodes.nodes()[0].kinds[&ResourceKind::Cluster].rejection.clone().unwrap();
    assert_eq!((rejection.resources, rejection.at), (vec!["agent-a".to_owned()], 7));
}

#[tokio::test]
async fn delta_waits_for_the_first_snapshot_and_ends_with_the_server() {
    let running = start(None).await;
    let (requests, receiver) = mpsc::channel(8);
    let kind = ResourceKind::Cluster.type_url().to_owned();
    let first = DeltaDiscoveryRequest { node: node(), type_url: kind.clone(), ..Default::default() };
    requests.send(first).await.unwrap();
    let mut ads = AggregatedDiscoveryServiceClient::new(running.channel.clone());
    let mut responses = ads.delta_aggregated_resources(ReceiverStream::new(receiver)).await.unwrap().into_inner();
    running.snapshots.send_replace(Some(plain(1, &[("a", 1)])));
    let response = responses.message().await.unwrap().unwrap();
    let names: Vec<&str> = response.resources.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["agent-a", "tollgate-control-plane", "tollgate-translation"]);
    let answer = DeltaDiscoveryRequest { type_url: kind, response_nonce: response.nonce, ..Default::default() };
    requests.send(answer).await.unwrap();
    assert!(is_applied(&running, 1).await);
    let status = running.nodes.nodes().remove(0);
    assert_eq!((status.id.as_str(), status.stream, status.disconnected_at), ("edge-7", StreamKind::Delta, None));

    drop(running.stopping);
    assert!(responses.message().await.unwrap().is_none(), "the stream ends in order");
    running.nodes.until(|nodes| nodes[0].disconnected_at.is_some()).await;
    let nobody = Applied::Everywhere { nodes: Vec::new() };
    assert_eq!(running.nodes.applied(Generation::new(9), Duration::ZERO).await, nobody);
}

#[tokio::test]
async fn exchanges_of_tokens_are_answered_beside_ads() {
    let running = start(None).await;
    let mut client = tonic::client::Grpc::new(running.channel.clone());
    client.ready().await.unwrap();
    let request = SyncRequest { node_id: "edge-7".to_owned(), ..SyncRequest::default() };
    let codec = ProstCodec::<SyncRequest, SyncResponse>::default();
    let answer = client.unary(tonic::Request::new(request), SYNC_PATH.parse().unwrap(), codec).await.unwrap();
    assert_eq!((answer.get_ref().nodes, answer.get_ref().state()), (1, LeaseState::FairShare));
}

/// The path of OTLP's metrics service.
const EXPORT_PATH: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

async fn export(running: &Running, node: Option<&str>, metrics: Vec<Metric>) -> Result<(), tonic::Status> {
    let scope = ScopeMetrics { metrics };
    let message =
        ExportMetricsServiceRequest { resource_metrics: vec![ResourceMetrics { scope_metrics: vec![scope] }] };
    let mut request = tonic::Request::new(message);
    if let Some(node) = node {
        request.metadata_mut().insert(NODE_HEADER, node.parse().unwrap());
    }
    let mut client = tonic::client::Grpc::new(running.channel.clone());
    client.ready().await.unwrap();
    let codec = ProstCodec::<ExportMetricsServiceRequest, ExportMetricsServiceResponse>::default();
    client.unary(request, EXPORT_PATH.parse().unwrap(), codec).await.map(drop)
}

fn point(attributes: &[(&str, &str)], value: i64) -> NumberDataPoint {
    let attribute = |(key, value): &(&str, &str)| KeyValue {
        key: (*key).to_owned(),
        value: Some(AnyValue { string_value: (*value).to_owned() }),
    };
    NumberDataPoint { attributes: attributes.iter().map(attribute).collect(), as_int: value }
}

fn gauge(name: &str, points: Vec<NumberDataPoint>) -> Metric {
    Metric { name: name.to_owned(), data: Some(Data::Gauge(Points { data_points: points })) }
}

#[tokio::test]
async fn what_an_envoy_sees_is_heard_and_what_makes_no_sense_is_dropped() {
    let mut running = start(None).await;
    let host = [
        ("envoy.cluster_name", "agent-a"),
        ("envoy.endpoint_hostname", "b.example:81"),
        ("envoy.endpoint_address", "10.0.0.1:81"),
    ];
    let metrics = vec![
        gauge(METRIC_HEALTHY, vec![point(&host, 1), point(&host[..1], 1), point(&[("envoy.cluster_name", "xds")], 1)]),
        gauge(METRIC_EJECTED, vec![point(&host[..1], 2), point(&host[..1], -2), point(&[], 2)]),
        gauge(METRIC_EJECTED, vec![point(&[("envoy.cluster_name", "agent-a.grpc")], 1)]),
        gauge(METRIC_EJECTED, vec![point(&[("envoy.cluster_name", "agent-No Such")], 1)]),
        gauge("server.live", vec![point(&host, 1)]),
        Metric { name: METRIC_HEALTHY.to_owned(), data: None },
    ];
    export(&running, Some("edge-7"), metrics).await.unwrap();
    let agent = AgentId::try_from("a").unwrap();
    let (authority, address) = ("b.example:81".to_owned(), "10.0.0.1:81".to_owned());
    let expect = vec![
        Sample { agent: agent.clone(), value: SampleValue::Host { authority, address, is_healthy: true } },
        Sample { agent, value: SampleValue::Ejected(2) },
    ];
    assert_eq!(running.sights.recv().await.unwrap(), ("edge-7".to_owned(), expect));
}

#[tokio::test]
async fn an_envoy_without_a_name_is_not_heard() {
    let running = start(None).await;
    for node in [None, Some(""), Some("x".repeat(257).as_str())] {
        let refused = export(&running, node, Vec::new()).await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::InvalidArgument, "{node:?}");
    }
}
