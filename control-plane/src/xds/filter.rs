//! ECDS: the filter's code and the policy it decides by, one resource. The code travels inline every time: code fetched by Envoy
//! after start would be acknowledged and silently skipped. A policy-only change keeps Envoy's VMs.

use envoy_types::pb::{
    envoy::{
        config::core::v3::{AsyncDataSource, TypedExtensionConfig, async_data_source::Specifier as CodeSource},
        extensions::{
            filters::http::wasm::v3::Wasm,
            wasm::v3::{FailurePolicy, PluginConfig, VmConfig, plugin_config::Vm},
        },
    },
    google::protobuf::{BoolValue, StringValue},
};
use tollgate_policy::document::PolicyDocument;

use super::{FilterModule, Resource, any::pack, resource::version_of};

/// The name of the filter, its resource, its plugin and its VM.
pub(super) const NAME: &str = "tollgate";

/// A policy document as JSON.
#[derive(Debug, Clone)]
pub struct RenderedPolicy {
    json: String,
    version: String,
}

impl RenderedPolicy {
    /// Renders a document. Its version leaves the generation out: after a restart at a later generation, the same policy is not
    /// sent again.
    ///
    /// # Panics
    /// Never: the document has only string keys.
    #[must_use]
    pub fn of(document: &PolicyDocument) -> Self {
        let json = serde_json::to_string(document).expect("a document of strings, numbers and lists");
        let generation = format!("\"generation\":{},", document.generation);
        let (before, after) = json.split_once(&generation).unwrap_or((&json, ""));
        let version = version_of(&[before.as_bytes(), after.as_bytes()]);
        Self { json, version }
    }
}

/// The resource for a policy.
pub(super) fn extension(module: &FilterModule, policy: &RenderedPolicy) -> Resource {
    let version = version_of(&[module.version().as_bytes(), policy.version.as_bytes()]);
    let wasm = Wasm { config: Some(plugin(module, &policy.json)) };
    let config = TypedExtensionConfig { name: NAME.to_owned(), typed_config: Some(pack(&wasm)) };
    Resource::with_version(NAME, version, pack(&config))
}

fn plugin(module: &FilterModule, json: &str) -> PluginConfig {
    PluginConfig {
        name: NAME.to_owned(),
        root_id: NAME.to_owned(),
        configuration: Some(pack(&StringValue { value: json.to_owned() })),
        // A trap means 503 until the VM is back, never a bypass.
        failure_policy: FailurePolicy::FailReload.into(),
        // The policy document says `hold_headers`: without this flag, a request with a body that must be read would hang.
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
