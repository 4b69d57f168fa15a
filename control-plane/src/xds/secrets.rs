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

use sha2::{Digest, Sha256};

use super::{
    Edge, Resource,
    any::{ads_within, pack},
};
use crate::domain::{Agent, BackendAuth, SecretText};

/// The CA list that https backends are verified with.
pub(super) const UPSTREAM_CA: &str = "tollgate-upstream-ca";
/// The listener's own certificate.
pub(super) const SERVER_CERTIFICATE: &str = "tollgate-server";

/// How long a new cluster waits for its credential before calls get 502 instead of 503.
const CREDENTIAL_PATIENCE: Duration = Duration::from_secs(5);

/// Bytes of the digest in a credential's name.
const DIGEST: usize = 6;

/// The name of an agent's credential. It says what the credential is for: when an agent moves to another backend or another kind of
/// credential, the cluster that is being replaced cannot be handed the new one, nor the new cluster the old one.
pub(super) fn credential_name(agent: &Agent) -> String {
    let mut digest = Sha256::new();
    let mut add = |text: &str| {
        digest.update((text.len() as u64).to_be_bytes());
        digest.update(text);
    };
    for backend in &agent.backends {
        add(&backend.url.url().origin().ascii_serialization());
    }
    match &agent.auth {
        BackendAuth::None => add("none"),
        BackendAuth::OAuthClientCredentials(client) => {
            add("oauth2");
            add(client.token_url.as_str());
            add(&client.client_id);
            client.scopes.iter().for_each(|scope| add(scope));
            add(client.audience.as_deref().unwrap_or_default());
            add(client.resource.as_deref().unwrap_or_default());
        }
        BackendAuth::ApiKey { header, .. } => {
            add("api_key");
            add(header);
        }
        BackendAuth::Bearer { .. } => add("bearer"),
        BackendAuth::Basic { username, .. } => {
            add("basic");
            add(username);
        }
    }
    let purpose: String = digest.finalize().iter().take(DIGEST).map(|byte| format!("{byte:02x}")).collect();
    format!("credential-{}-{purpose}", agent.id)
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
    let secret = SdsSecretConfig { name: credential_name(agent), sds_config: Some(ads_within(CREDENTIAL_PATIENCE)) };
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
pub(super) fn credential(agent: &Agent, value: &SecretText) -> Resource {
    let name = credential_name(agent);
    Resource::new(&name, &generic(&name, value.expose()))
}

/// No credential: the cluster stops waiting, and calls get 502 at once.
pub(super) fn no_credential(agent: &Agent) -> Resource {
    let name = credential_name(agent);
    Resource::stand_in(&name, &generic(&name, ""))
}

/// An expired credential, taken back.
pub(super) fn withdrawn_credential(agent: &Agent) -> Resource {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xds::fixtures::{agent, bearer};

    #[test]
    fn a_credentials_name_changes_with_its_purpose_and_with_nothing_else() {
        let name = |url: &str, auth| credential_name(&agent("a", &[url], auth));
        let api_key = |header: &str| BackendAuth::ApiKey {
            header: header.to_owned(),
            key: crate::domain::Secret::from_written("k".to_owned()),
        };
        let first = name("http://127.0.0.1:1", bearer());
        assert_eq!(first, name("http://127.0.0.1:1/path", bearer()));
        assert_ne!(first, name("http://127.0.0.1:2", bearer()));
        assert_ne!(first, name("http://127.0.0.1:1", api_key("x-api-key")));
        assert_ne!(name("http://127.0.0.1:1", api_key("x-a")), name("http://127.0.0.1:1", api_key("x-b")));
    }
}
