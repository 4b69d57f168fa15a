//! Where requests are translated: at a listener inside Envoy, behind the policy's filter and before the agents' clusters, so that what
//! passes untranslated never meets it. And by ECDS the translation's code and settings, one resource. The settings hold keys, so they
//! travel as a `GenericSecret`: a plugin is given whatever message its configuration is, as bytes, and Envoy's configuration dump shows
//! none of a secret's (Envoy 1.40: both seen).

use std::time::Duration;

use envoy_types::pb::{
    envoy::{
        config::{
            core::v3::{
                AsyncDataSource, DataSource, ExtensionConfigSource, TypedExtensionConfig,
                async_data_source::Specifier as CodeSource, data_source::Specifier,
            },
            listener::v3::{
                Filter, FilterChain, Listener, filter,
                listener::{InternalListenerConfig, ListenerSpecifier},
            },
        },
        extensions::{
            filters::{
                http::{lua::v3::Lua, wasm::v3::Wasm},
                network::http_connection_manager::v3::{
                    HttpConnectionManager, HttpFilter,
                    http_connection_manager::{
                        PathWithEscapedSlashesAction, RouteSpecifier, ServerHeaderTransformation,
                    },
                    http_filter::ConfigType,
                },
            },
            transport_sockets::tls::v3::GenericSecret,
            wasm::v3::{FailurePolicy, PluginConfig, VmConfig, plugin_config::Vm},
        },
    },
    google::protobuf::BoolValue,
};
use prost::Name;
use tollgate_a2a::settings::SettingsDocument;
use tollgate_policy::translated::REPLY_HEADER;

use super::{
    Edge, FilterModule, Resource,
    any::{ads, duration, pack, uint32},
    clusters::TRANSLATION,
    listener, local_replies,
    resource::version_of,
    routes,
};

/// The name of the filter, its resource, its plugin and its VM.
pub(super) const NAME: &str = "tollgate-translator";
/// Gives a request that has no body one of a single space. A wasm filter cannot give one to a request that ended with its headers
/// (proxy-wasm in Envoy 1.40), and a `GET` of HTTP+JSON becomes a `POST` of JSON-RPC.
const BODY_FOR_EVERYONE: &str = "function envoy_on_request(handle)
  local body = handle:body(true)
  if body:length() == 0 then body:setBytes(' ') end
end";

/// The translation as Envoy gets it.
#[derive(Debug, Clone)]
pub struct TranslatorResource(Resource);

impl TranslatorResource {
    /// Renders settings that were found good.
    ///
    /// # Panics
    /// Never: the document has only string keys.
    #[must_use]
    pub fn new(module: &FilterModule, settings: &SettingsDocument) -> Self {
        let json = serde_json::to_string(settings).expect("a document of strings, numbers and lists");
        let version = version_of(&[module.version().as_bytes(), json.as_bytes()]);
        let wasm = Wasm { config: Some(plugin(module, json)) };
        let config = TypedExtensionConfig { name: NAME.to_owned(), typed_config: Some(pack(&wasm)) };
        Self(Resource::with_version(NAME, version, pack(&config)))
    }

    pub(super) fn resource(&self) -> &Resource {
        &self.0
    }
}

/// The listener. No port leads to it: its requests have passed the gateway's own listener, and its filter.
pub(super) fn listener(edge: &Edge) -> Resource {
    let manager = Filter {
        name: "envoy.filters.network.http_connection_manager".to_owned(),
        config_type: Some(filter::ConfigType::TypedConfig(pack(&connection_manager(edge)))),
    };
    let listener = Listener {
        name: TRANSLATION.to_owned(),
        listener_specifier: Some(ListenerSpecifier::InternalListener(InternalListenerConfig::default())),
        per_connection_buffer_limit_bytes: Some(uint32(listener::buffer_limit(edge.max_body_bytes))),
        filter_chains: vec![FilterChain { filters: vec![manager], ..Default::default() }],
        ..Default::default()
    };
    Resource::new(TRANSLATION, &listener)
}

fn connection_manager(edge: &Edge) -> HttpConnectionManager {
    let off = Some(BoolValue { value: false });
    HttpConnectionManager {
        stat_prefix: TRANSLATION.to_owned(),
        route_specifier: Some(RouteSpecifier::RouteConfig(routes::behind_the_translation())),
        http_filters: vec![body_for_everyone(), translation(), listener::router(edge)],
        // Whatever is known of the caller was found out, and written, at the gateway's listener.
        use_remote_address: off,
        skip_xff_append: true,
        generate_request_id: off,
        normalize_path: off,
        path_with_escaped_slashes_action: PathWithEscapedSlashesAction::KeepUnchanged.into(),
        server_header_transformation: ServerHeaderTransformation::PassThrough.into(),
        // The routes that lead here wait, with the caller's deadline.
        stream_idle_timeout: Some(duration(Duration::ZERO)),
        local_reply_config: Some(local_replies::told_in(REPLY_HEADER)),
        ..Default::default()
    }
}

fn body_for_everyone() -> HttpFilter {
    let script =
        DataSource { specifier: Some(Specifier::InlineString(BODY_FOR_EVERYONE.to_owned())), ..Default::default() };
    let body = Lua { default_source_code: Some(script), ..Default::default() };
    HttpFilter {
        name: "envoy.filters.http.lua".to_owned(),
        config_type: Some(ConfigType::TypedConfig(pack(&body))),
        ..Default::default()
    }
}

fn translation() -> HttpFilter {
    let source =
        ExtensionConfigSource { config_source: Some(ads()), type_urls: vec![Wasm::type_url()], ..Default::default() };
    HttpFilter { name: NAME.to_owned(), config_type: Some(ConfigType::ConfigDiscovery(source)), ..Default::default() }
}

fn plugin(module: &FilterModule, json: String) -> PluginConfig {
    let secret = DataSource { specifier: Some(Specifier::InlineString(json)), ..Default::default() };
    PluginConfig {
        name: NAME.to_owned(),
        root_id: NAME.to_owned(),
        configuration: Some(pack(&GenericSecret { secret: Some(secret), ..Default::default() })),
        // A trap means 503 until the VM is back, for what is translated alone: the policy's VM is another.
        failure_policy: FailurePolicy::FailReload.into(),
        // Without it, a request whose headers wait for its body would hang.
        allow_on_headers_stop_iteration: Some(BoolValue { value: true }),
        vm: Some(Vm::VmConfig(VmConfig {
            vm_id: NAME.to_owned(),
            runtime: "envoy.wasm.runtime.v8".to_owned(),
            code: Some(AsyncDataSource { specifier: Some(CodeSource::Local(module.source())) }),
            ..Default::default()
        })),
        ..Default::default()
    }
}
