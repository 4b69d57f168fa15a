//! ECDS: the filter's code and the policy it decides by, one resource. Wasm code travels inline every time: code fetched by Envoy
//! after start would be acknowledged and silently skipped. A policy-only change keeps Envoy's VMs. The native form is a file on Envoy's
//! machine, loaded once.

use std::path::Path;

use envoy_types::pb::{
    envoy::{
        config::core::v3::{
            AsyncDataSource, DataSource, TypedExtensionConfig, async_data_source::Specifier as CodeSource,
            data_source::Specifier,
        },
        extensions::{
            dynamic_modules::v3::DynamicModuleConfig,
            filters::http::{dynamic_modules::v3::DynamicModuleFilter, wasm::v3::Wasm},
            wasm::v3::{FailurePolicy, PluginConfig, VmConfig, plugin_config::Vm},
        },
    },
    google::protobuf::{BoolValue, StringValue},
};
use prost::Name;
use tollgate_policy::document::PolicyDocument;

use super::{FilterModule, PolicyFilter, Resource, any::pack, resource::version_of};

/// The name of the filter, its resource, its plugin and its VM.
pub(super) const NAME: &str = "tollgate";

/// Where the native form's metrics stand: those of the wasm form stand there, by Envoy's choice, and names are the same for both.
const NATIVE_METRICS: &str = "wasmcustom";

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
pub(super) fn extension(form: &PolicyFilter, policy: &RenderedPolicy) -> Resource {
    let (code, filter) = match form {
        PolicyFilter::Wasm(module) => {
            (module.version().as_bytes(), pack(&Wasm { config: Some(plugin(module, &policy.json)) }))
        }
        PolicyFilter::Native(file) => (file.as_os_str().as_encoded_bytes(), pack(&native(file, &policy.json))),
    };
    let version = version_of(&[code, policy.version.as_bytes()]);
    let config = TypedExtensionConfig { name: NAME.to_owned(), typed_config: Some(filter) };
    Resource::with_version(NAME, version, pack(&config))
}

/// What types of filter Envoy is to expect: whichever form is wanted, both, so that the listener stays when the form changes. An Envoy
/// that cannot load the one goes on with the other. A listener that expects another type than it has would answer every request 500.
pub(super) fn type_urls() -> Vec<String> {
    vec![Wasm::type_url(), DynamicModuleFilter::type_url()]
}

fn native(file: &Path, json: &str) -> DynamicModuleFilter {
    let file =
        DataSource { specifier: Some(Specifier::Filename(file.to_string_lossy().into_owned())), ..Default::default() };
    DynamicModuleFilter {
        dynamic_module_config: Some(DynamicModuleConfig {
            module: Some(AsyncDataSource { specifier: Some(CodeSource::Local(file)) }),
            // It has a thread, and remembers callers between configurations.
            do_not_close: true,
            metrics_namespace: NATIVE_METRICS.to_owned(),
            ..Default::default()
        }),
        filter_name: NAME.to_owned(),
        filter_config: Some(pack(&StringValue { value: json.to_owned() })),
        ..Default::default()
    }
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
