//! The small protobuf values that Envoy's configuration is full of.

use std::time::Duration;

use envoy_types::pb::{
    envoy::config::core::v3::{
        Address, AggregatedConfigSource, ApiVersion, ConfigSource, SocketAddress, address,
        config_source::ConfigSourceSpecifier, socket_address::PortSpecifier,
    },
    envoy::r#type::matcher::v3::{StringMatcher, string_matcher::MatchPattern},
    google::protobuf::{Any, Duration as WireDuration, UInt32Value},
};
use prost::{Message, Name};

/// Packs a message under its type URL.
pub(super) fn pack<M: Message + Name>(message: &M) -> Any {
    Any { type_url: M::type_url(), value: message.encode_to_vec() }
}

/// A duration on the wire.
pub(super) fn duration(duration: Duration) -> WireDuration {
    WireDuration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or_default(),
    }
}

/// A wrapped number.
pub(super) fn uint32(value: u32) -> UInt32Value {
    UInt32Value { value }
}

/// A TCP address; `host` may be a name where Envoy resolves names.
pub(super) fn tcp_address(host: &str, port: u16) -> Address {
    let port_specifier = Some(PortSpecifier::PortValue(port.into()));
    let socket = SocketAddress { address: host.to_owned(), port_specifier, ..Default::default() };
    Address { address: Some(address::Address::SocketAddress(socket)) }
}

/// "By this very stream."
pub(super) fn ads() -> ConfigSource {
    ConfigSource {
        resource_api_version: ApiVersion::V3.into(),
        config_source_specifier: Some(ConfigSourceSpecifier::Ads(AggregatedConfigSource {})),
        ..Default::default()
    }
}

/// "By this very stream, and go on without it after `patience`."
pub(super) fn ads_within(patience: Duration) -> ConfigSource {
    ConfigSource { initial_fetch_timeout: Some(duration(patience)), ..ads() }
}

/// Matches strings that begin with `prefix`.
pub(super) fn starts_with(prefix: &str) -> StringMatcher {
    StringMatcher { match_pattern: Some(MatchPattern::Prefix(prefix.to_owned())), ..Default::default() }
}

/// Matches one string.
pub(super) fn exactly(text: &str) -> StringMatcher {
    StringMatcher { match_pattern: Some(MatchPattern::Exact(text.to_owned())), ..Default::default() }
}
