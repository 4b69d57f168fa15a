//! ECDS: the translation's code and settings, one resource; and where it stands: in the upstream filters of a second cluster of each
//! agent that needs it, so that what passes untranslated never meets it. Its settings hold keys, so they travel as a
//! `GenericSecret`: a plugin is given whatever message its configuration is, as bytes, and Envoy's configuration dump shows none of a
//! secret's (Envoy 1.40: both seen).

use envoy_types::pb::{
    envoy::{
        config::core::v3::{
            AsyncDataSource, DataSource, ExtensionConfigSource, TypedExtensionConfig,
            async_data_source::Specifier as CodeSource, data_source::Specifier,
        },
        extensions::{
            filters::{
                http::{lua::v3::Lua, wasm::v3::Wasm},
                network::http_connection_manager::v3::{HttpFilter, http_filter::ConfigType},
            },
            transport_sockets::tls::v3::GenericSecret,
            wasm::v3::{FailurePolicy, PluginConfig, VmConfig, plugin_config::Vm},
        },
    },
    google::protobuf::BoolValue,
};
use prost::Name;
use tollgate_a2a::settings::SettingsDocument;

use super::{
    FilterModule, Resource,
    any::{ads, pack},
    resource::version_of,
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

/// The filters that a cluster begins with whose requests are translated.
pub(super) fn upstream_filters() -> Vec<HttpFilter> {
    let script =
        DataSource { specifier: Some(Specifier::InlineString(BODY_FOR_EVERYONE.to_owned())), ..Default::default() };
    let body = Lua { default_source_code: Some(script), ..Default::default() };
    vec![
        HttpFilter {
            name: "envoy.filters.http.lua".to_owned(),
            config_type: Some(ConfigType::TypedConfig(pack(&body))),
            ..Default::default()
        },
        HttpFilter {
            name: NAME.to_owned(),
            config_type: Some(ConfigType::ConfigDiscovery(discovery())),
            ..Default::default()
        },
    ]
}

fn discovery() -> ExtensionConfigSource {
    ExtensionConfigSource { config_source: Some(ads()), type_urls: vec![Wasm::type_url()], ..Default::default() }
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
