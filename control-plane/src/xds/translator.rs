//! ECDS: the translation's code and settings, one resource; and where it stands in the listener. Most requests need none of it, so it
//! is behind a match on the header by which the filter asks for it: what passes it by pays for the match alone. Its settings hold
//! keys, so they travel as a `GenericSecret`: a plugin is given whatever message its configuration is, as bytes, and Envoy's
//! configuration dump shows none of a secret's (Envoy 1.40: both seen).

use envoy_types::pb::{
    envoy::{
        config::core::v3::{
            AsyncDataSource, DataSource, ExtensionConfigSource, TypedExtensionConfig,
            async_data_source::Specifier as CodeSource, data_source::Specifier,
        },
        extensions::{
            filters::{
                http::{
                    composite::v3::{Composite, DynamicConfig, ExecuteFilterAction},
                    wasm::v3::Wasm,
                },
                network::http_connection_manager::v3::{HttpFilter, http_filter::ConfigType},
            },
            transport_sockets::tls::v3::GenericSecret,
            wasm::v3::{FailurePolicy, PluginConfig, VmConfig, plugin_config::Vm},
        },
        r#type::matcher::v3::HttpRequestHeaderMatchInput,
    },
    google::protobuf::BoolValue,
    xds::{
        core::v3::TypedExtensionConfig as MatcherExtension,
        r#type::matcher::v3::{
            Matcher, StringMatcher,
            matcher::{
                MatcherList, MatcherType, OnMatch,
                matcher_list::{
                    FieldMatcher, Predicate,
                    predicate::{MatchType, SinglePredicate, single_predicate},
                },
                on_match,
            },
            string_matcher::MatchPattern,
        },
    },
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
/// Set by the filter on what must be translated.
pub(super) const HEADER: &str = "x-tollgate-translate";
/// How its value begins: the version of its form.
const FORM: &str = "1;";

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

/// The filter in the listener's chain.
pub(super) fn in_chain() -> HttpFilter {
    HttpFilter {
        name: NAME.to_owned(),
        config_type: Some(ConfigType::TypedConfig(pack(&Composite {
            matcher: Some(when_asked_for()),
            ..Default::default()
        }))),
        ..Default::default()
    }
}

fn when_asked_for() -> Matcher {
    let input = HttpRequestHeaderMatchInput { header_name: HEADER.to_owned() };
    let predicate = SinglePredicate {
        input: Some(MatcherExtension { name: "header".to_owned(), typed_config: Some(pack(&input)) }),
        matcher: Some(single_predicate::Matcher::ValueMatch(StringMatcher {
            match_pattern: Some(MatchPattern::Prefix(FORM.to_owned())),
            ..Default::default()
        })),
    };
    let action = on_match::OnMatch::Action(MatcherExtension {
        name: NAME.to_owned(),
        typed_config: Some(pack(&ExecuteFilterAction {
            dynamic_config: Some(DynamicConfig { name: NAME.to_owned(), config_discovery: Some(discovery()) }),
            ..Default::default()
        })),
    });
    Matcher {
        matcher_type: Some(MatcherType::MatcherList(MatcherList {
            matchers: vec![FieldMatcher {
                predicate: Some(Predicate { match_type: Some(MatchType::SinglePredicate(predicate)) }),
                on_match: Some(OnMatch { on_match: Some(action), ..Default::default() }),
            }],
        })),
        ..Default::default()
    }
}

fn discovery() -> ExtensionConfigSource {
    ExtensionConfigSource { config_source: Some(ads()), type_urls: vec![Wasm::type_url()], ..Default::default() }
}

fn plugin(module: &FilterModule, json: String) -> PluginConfig {
    let code = DataSource { specifier: Some(Specifier::InlineBytes(module.code().to_vec())), ..Default::default() };
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
            code: Some(AsyncDataSource { specifier: Some(CodeSource::Local(code)) }),
            ..Default::default()
        })),
        ..Default::default()
    }
}
