//! SDS: agents' credentials, the listener's certificate, the CA list for backends; and the upstream filter that injects a credential.

use std::{path::Path, time::Duration};

use envoy_types::pb::envoy::{
    config::core::v3::{DataSource, TypedExtensionConfig, data_source::Specifier},
    extensions::{
        filters::{
            http::{credential_injector::v3::CredentialInjector, upstream_codec::v3::UpstreamCodec},
            network::http_connection_manager::v3::{HttpFilter, http_filter::ConfigType},
        },
        http::injected_credentials::generic::v3::Generic,
        transport_sockets::tls::v3::{
            CertificateValidationContext, GenericSecret, SdsSecretConfig, Secret, TlsCertificate, secret,
        },
    },
};

use super::{
    Edge, Resource,
    any::{ads_within, pack},
};
use crate::domain::{Agent, AgentId, BackendAuth, SecretText};

/// The CA list that https backends are verified with.
pub(super) const UPSTREAM_CA: &str = "tollgate-upstream-ca";
/// The listener's own certificate.
pub(super) const SERVER_CERTIFICATE: &str = "tollgate-server";

/// How long a new cluster waits for its credential before calls get 502 instead of 503.
const CREDENTIAL_PATIENCE: Duration = Duration::from_secs(5);

/// The name of an agent's credential.
pub(super) fn credential_name(agent: &AgentId) -> String {
    format!("credential-{agent}")
}

/// The upstream filter that adds an agent's credential; `None`: it wants none.
pub(super) fn injector(agent: &Agent) -> Option<HttpFilter> {
    let header = match &agent.auth {
        BackendAuth::None => return None,
        BackendAuth::ApiKey { header, .. } => header.clone(),
        BackendAuth::OAuthClientCredentials(_) | BackendAuth::Bearer { .. } | BackendAuth::Basic { .. } => {
            "authorization".to_owned()
        }
    };
    let secret =
        SdsSecretConfig { name: credential_name(&agent.id), sds_config: Some(ads_within(CREDENTIAL_PATIENCE)) };
    let credential = Generic { credential: Some(secret), header, ..Default::default() };
    let config = CredentialInjector {
        overwrite: true,
        credential: Some(TypedExtensionConfig {
            name: "envoy.http.injected_credentials.generic".to_owned(),
            typed_config: Some(pack(&credential)),
        }),
        ..Default::default()
    };
    Some(filter("envoy.filters.http.credential_injector", pack(&config)))
}

/// The filter that ends an upstream chain.
pub(super) fn upstream_codec() -> HttpFilter {
    filter("envoy.filters.http.upstream_codec", pack(&UpstreamCodec {}))
}

/// An agent's credential: the header's whole value.
pub(super) fn credential(agent: &AgentId, value: &SecretText) -> Resource {
    let name = credential_name(agent);
    Resource::new(&name, &generic(&name, value.expose()))
}

/// No credential: the cluster stops waiting, and calls get 502 at once.
pub(super) fn no_credential(agent: &AgentId) -> Resource {
    let name = credential_name(agent);
    Resource::stand_in(&name, &generic(&name, ""))
}

/// An expired credential, taken back.
pub(super) fn withdrawn_credential(agent: &AgentId) -> Resource {
    let name = credential_name(agent);
    Resource::new(&name, &generic(&name, ""))
}

/// The edge's own secrets.
pub(super) fn edge(edge: &Edge) -> Vec<Resource> {
    let authorities = secret::Type::ValidationContext(CertificateValidationContext {
        trusted_ca: Some(file(&edge.upstream_ca)),
        ..Default::default()
    });
    let certificate = edge.certificate.as_ref().map(|certificate| {
        secret::Type::TlsCertificate(TlsCertificate {
            certificate_chain: Some(file(&certificate.chain)),
            private_key: Some(file(&certificate.key)),
            ..Default::default()
        })
    });
    let certificate = certificate.map(|kind| named(SERVER_CERTIFICATE, kind));
    let secrets = [Some(named(UPSTREAM_CA, authorities)), certificate];
    secrets.into_iter().flatten().map(|it| Resource::new(&it.name, &it)).collect()
}

fn generic(name: &str, value: &str) -> Secret {
    named(name, secret::Type::GenericSecret(GenericSecret { secret: Some(inline(value)), ..Default::default() }))
}

fn named(name: &str, kind: secret::Type) -> Secret {
    Secret { name: name.to_owned(), r#type: Some(kind) }
}

fn inline(text: &str) -> DataSource {
    DataSource { specifier: Some(Specifier::InlineString(text.to_owned())), ..Default::default() }
}

fn file(path: &Path) -> DataSource {
    DataSource { specifier: Some(Specifier::Filename(path.display().to_string())), ..Default::default() }
}

fn filter(name: &str, config: envoy_types::pb::google::protobuf::Any) -> HttpFilter {
    HttpFilter { name: name.to_owned(), config_type: Some(ConfigType::TypedConfig(config)), ..Default::default() }
}
