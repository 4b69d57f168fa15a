//! What Envoy tells us about traffic: one log entry for each backend's 401, so that the broker can replace a credential before it
//! expires. Also the one local reply that Envoy words wrongly for callers: a missing backend credential is 502, not their 401.

use std::sync::Arc;

use envoy_types::pb::envoy::{
    config::{
        accesslog::v3::{
            AccessLog, AccessLogFilter, ComparisonFilter, ExtensionFilter, StatusCodeFilter, access_log::ConfigType,
            access_log_filter::FilterSpecifier, comparison_filter, extension_filter,
        },
        core::v3::{
            ApiVersion, DataSource, GrpcService, HeaderValue, HeaderValueOption, RuntimeUInt32,
            SubstitutionFormatString,
            data_source::Specifier,
            grpc_service::{EnvoyGrpc, TargetSpecifier},
            substitution_format_string::Format,
        },
    },
    data::accesslog::v3::HttpAccessLogEntry,
    extensions::{
        access_loggers::{
            filters::cel::v3::ExpressionFilter,
            grpc::v3::{CommonGrpcAccessLogConfig, HttpGrpcAccessLogConfig},
        },
        filters::network::http_connection_manager::v3::{LocalReplyConfig, ResponseMapper},
    },
    service::accesslog::v3::{
        StreamAccessLogsMessage, StreamAccessLogsResponse, access_log_service_server::AccessLogService,
        stream_access_logs_message::LogEntries,
    },
};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming, async_trait};

use super::{
    any::{pack, uint32},
    clusters,
};
use crate::{bootstrap, domain::AgentId, health::Sample};

/// Whoever wants to know what Envoy saw.
pub trait TrafficReports: Send + Sync + 'static {
    /// `agent`'s backend answered 401: it refused the gateway's credential.
    fn backend_refused(&self, agent: &AgentId);
    /// How `node` sees backends.
    fn backends_seen(&self, node: &str, samples: &[Sample]);
}

/// The log service.
pub(super) struct Receiver {
    pub(super) reports: Arc<dyn TrafficReports>,
    pub(super) stopping: CancellationToken,
}

#[async_trait]
impl AccessLogService for Receiver {
    async fn stream_access_logs(
        &self,
        request: Request<Streaming<StreamAccessLogsMessage>>,
    ) -> Result<Response<StreamAccessLogsResponse>, Status> {
        let mut messages = request.into_inner();
        loop {
            let message = tokio::select! {
                () = self.stopping.cancelled() => break,
                message = messages.message() => message?,
            };
            let Some(message) = message else { break };
            if let Some(LogEntries::HttpLogs(logs)) = message.log_entries {
                let refused = logs.log_entry.iter().filter_map(refusing_agent);
                refused.for_each(|agent| self.reports.backend_refused(&agent));
            }
        }
        Ok(Response::new(StreamAccessLogsResponse {}))
    }
}

fn refusing_agent(entry: &HttpAccessLogEntry) -> Option<AgentId> {
    let code = entry.response.as_ref()?.response_code.as_ref()?.value;
    let agent = clusters::agent_of(&entry.common_properties.as_ref()?.upstream_cluster)?;
    (code == 401).then_some(agent)
}

/// The router's log of upstream requests that ended with 401: the filter's own denials never get there.
pub(super) fn backend_refusals() -> AccessLog {
    let status = StatusCodeFilter {
        comparison: Some(ComparisonFilter {
            op: 0,
            value: Some(RuntimeUInt32 {
                default_value: 401,
                runtime_key: "tollgate.backend_refusal_status".to_owned(),
            }),
        }),
    };
    grpc_log("tollgate-backend-refusals", FilterSpecifier::StatusCodeFilter(status))
}

fn grpc_log(name: &str, filter: FilterSpecifier) -> AccessLog {
    let log = HttpGrpcAccessLogConfig {
        common_config: Some(CommonGrpcAccessLogConfig {
            log_name: name.to_owned(),
            transport_api_version: ApiVersion::V3.into(),
            grpc_service: Some(GrpcService {
                target_specifier: Some(TargetSpecifier::EnvoyGrpc(EnvoyGrpc {
                    cluster_name: bootstrap::XDS_CLUSTER.to_owned(),
                    ..Default::default()
                })),
                ..Default::default()
            }),
            ..Default::default()
        }),
        ..Default::default()
    };
    AccessLog {
        name: "envoy.access_loggers.http_grpc".to_owned(),
        filter: Some(AccessLogFilter { filter_specifier: Some(filter) }),
        config_type: Some(ConfigType::TypedConfig(pack(&log))),
    }
}

/// Turns the injector's 401 into the gateway's own fault.
pub(super) fn local_replies() -> LocalReplyConfig {
    LocalReplyConfig { mappers: vec![no_credential()], ..Default::default() }
}

/// The same, for a listener behind another: what it answers in an agent's place has in `header` why.
pub(super) fn local_replies_told_in(header: &str) -> LocalReplyConfig {
    let details =
        HeaderValue { key: header.to_owned(), value: "%RESPONSE_CODE_DETAILS%".to_owned(), ..Default::default() };
    let told = vec![HeaderValueOption { header: Some(details), ..Default::default() }];
    let any = StatusCodeFilter {
        comparison: Some(ComparisonFilter {
            op: comparison_filter::Op::Ge.into(),
            value: Some(RuntimeUInt32 { default_value: 502, runtime_key: "tollgate.told_status".to_owned() }),
        }),
    };
    let any = AccessLogFilter { filter_specifier: Some(FilterSpecifier::StatusCodeFilter(any)) };
    let mappers = vec![
        ResponseMapper { headers_to_add: told.clone(), ..no_credential() },
        ResponseMapper { filter: Some(any), headers_to_add: told, ..Default::default() },
    ];
    LocalReplyConfig { mappers, ..Default::default() }
}

fn no_credential() -> ResponseMapper {
    let expression = ExpressionFilter {
        expression: "response.code_details == 'failed_to_inject_credential'".to_owned(),
        ..Default::default()
    };
    let filter = ExtensionFilter {
        name: "envoy.access_loggers.extension_filters.cel".to_owned(),
        config_type: Some(extension_filter::ConfigType::TypedConfig(pack(&expression))),
    };
    let body =
        r#"{"error":{"code":"BAD_GATEWAY","message":"The gateway has no credential for this backend.","details":{}}}"#;
    let format = SubstitutionFormatString {
        content_type: "application/json".to_owned(),
        format: Some(Format::TextFormatSource(DataSource {
            specifier: Some(Specifier::InlineString("%LOCAL_REPLY_BODY%".to_owned())),
            ..Default::default()
        })),
        ..Default::default()
    };
    ResponseMapper {
        filter: Some(AccessLogFilter { filter_specifier: Some(FilterSpecifier::ExtensionFilter(filter)) }),
        status_code: Some(uint32(502)),
        body: Some(DataSource { specifier: Some(Specifier::InlineString(body.to_owned())), ..Default::default() }),
        body_format_override: Some(format),
        ..Default::default()
    }
}
