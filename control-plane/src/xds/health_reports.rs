//! How Envoys see backends, as they tell it themselves: the bootstrap's OpenTelemetry sink sends, every few seconds, whether each
//! checked host is in use, and the counts that say why not (ADR 0011). Whatever else comes on this way is dropped.

use std::sync::Arc;

use tollgate_proto::otlp::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse, KeyValue, NumberDataPoint, Points,
    metric::Data,
    metrics_service_server::{MetricsService, MetricsServiceServer},
};
use tonic::{Request, Response, Status, async_trait};

use super::clusters;
use crate::{
    bootstrap::{METRIC_EJECTED, METRIC_FAILED, METRIC_HEALTHY, METRIC_UNANSWERED, NODE_HEADER},
    domain::AgentId,
    health::{Sample, SampleValue},
};

/// Longest node id.
const MAX_NODE: usize = 256;

/// Largest message: four figures of each of 50,000 agents.
const MOST_BYTES: usize = 32 << 20;

/// Whoever wants to know what Envoys see.
pub trait TrafficReports: Send + Sync + 'static {
    /// How `node` sees backends.
    fn backends_seen(&self, node: &str, samples: &[Sample]);
}

/// The metrics service.
pub(super) struct Receiver {
    reports: Arc<dyn TrafficReports>,
}

/// The service, for the server on the xDS port.
pub(super) fn server(reports: Arc<dyn TrafficReports>) -> MetricsServiceServer<Receiver> {
    MetricsServiceServer::new(Receiver { reports }).max_decoding_message_size(MOST_BYTES)
}

#[async_trait]
impl MetricsService for Receiver {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let node = request.metadata().get(NODE_HEADER).and_then(|value| value.to_str().ok());
        let node = node.filter(|node| !node.is_empty() && node.len() <= MAX_NODE);
        let node = node.ok_or_else(|| Status::invalid_argument(format!("{NODE_HEADER} must name the node")))?;
        let node = node.to_owned();
        self.reports.backends_seen(&node, &samples(request.into_inner()));
        Ok(Response::new(ExportMetricsServiceResponse {}))
    }
}

fn samples(request: ExportMetricsServiceRequest) -> Vec<Sample> {
    let scopes = request.resource_metrics.into_iter().flat_map(|resource| resource.scope_metrics);
    let metrics = scopes.flat_map(|scope| scope.metrics);
    metrics
        .flat_map(|metric| {
            let Some(Data::Gauge(Points { data_points }) | Data::Sum(Points { data_points })) = metric.data else {
                return Vec::new();
            };
            data_points.iter().filter_map(|point| sample(&metric.name, point)).collect()
        })
        .collect()
}

fn sample(metric: &str, point: &NumberDataPoint) -> Option<Sample> {
    let attribute = |name: &str| text(&point.attributes, name);
    let agent = agent(attribute("envoy.cluster_name")?)?;
    let count = u64::try_from(point.as_int).ok()?;
    let value = match metric {
        METRIC_HEALTHY => SampleValue::Host {
            authority: attribute("envoy.endpoint_hostname")?.to_owned(),
            address: attribute("envoy.endpoint_address")?.to_owned(),
            is_healthy: count == 1,
        },
        METRIC_EJECTED => SampleValue::Ejected(count),
        METRIC_FAILED => SampleValue::FailedChecks(count),
        METRIC_UNANSWERED => SampleValue::UnansweredChecks(count),
        _ => return None,
    };
    Some(Sample { agent, value })
}

/// The agent whose backends a cluster has; its gRPC interface is another cluster, and not among them.
fn agent(cluster: &str) -> Option<AgentId> {
    clusters::agent_of(cluster).filter(|agent| clusters::agent_cluster_name(agent) == cluster)
}

fn text<'a>(attributes: &'a [KeyValue], name: &str) -> Option<&'a str> {
    let found = attributes.iter().find(|attribute| attribute.key == name)?;
    found.value.as_ref().map(|value| value.string_value.as_str())
}
