//! What Envoy answers in an agent's place and words wrongly for callers: a missing backend credential is 502, not their 401.

use envoy_types::pb::envoy::{
    config::{
        accesslog::v3::{
            AccessLogFilter, ComparisonFilter, ExtensionFilter, StatusCodeFilter, access_log_filter::FilterSpecifier,
            comparison_filter, extension_filter,
        },
        core::v3::{
            DataSource, HeaderValue, HeaderValueOption, RuntimeUInt32, SubstitutionFormatString,
            data_source::Specifier, substitution_format_string::Format,
        },
    },
    extensions::{
        access_loggers::filters::cel::v3::ExpressionFilter,
        filters::network::http_connection_manager::v3::{LocalReplyConfig, ResponseMapper},
    },
};

use super::any::{pack, uint32};

/// Turns the injector's 401 into the gateway's own fault.
pub(super) fn at_the_edge() -> LocalReplyConfig {
    LocalReplyConfig { mappers: vec![no_credential()], ..Default::default() }
}

/// The same, for a listener behind another: what it answers in an agent's place has in `header` why.
pub(super) fn told_in(header: &str) -> LocalReplyConfig {
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
