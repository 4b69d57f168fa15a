//! The registry as the filter's policy document: the only place where one becomes the other.

use std::{collections::BTreeSet, num::NonZeroU32, sync::Arc};

use serde_json::{Value, json};
use tollgate_policy::document::{
    AgentDocument, BodyMode, ClaimNames, GatewayDocument, HostMode, Interface, IssuerDocument, PolicyDocument,
    QuotaDocument, RevocationDocument, VERSION, WebhooksDocument,
};

use crate::{
    bootstrap,
    config::Config,
    domain::{Agent, CardPaths, ExternalIssuer, IdentityHeaders, Registry, Scope, Translation, millis},
    xds,
};

/// The scope that opens the admin API.
const ADMIN_SCOPE: &str = "gateway:admin";

/// Renders the registry, but for its agents.
#[must_use]
pub fn policy_document(registry: &Registry, config: &Config) -> PolicyDocument {
    PolicyDocument {
        version: VERSION,
        generation: registry.generation.get(),
        gateway: gateway(config),
        issuers: embedded(registry, config)
            .into_iter()
            .chain(registry.issuers.values().map(|it| external(it)))
            .collect(),
        permissions: registry.permissions.values().map(|row| row.as_ref().into()).collect(),
        default_limit: Some(config.default_limit.clone()),
        agents: Vec::new(),
        revocations: revocations(registry, config),
    }
}

fn gateway(config: &Config) -> GatewayDocument {
    let gateway = &config.gateway;
    GatewayDocument {
        public_url: gateway.public_url.as_str().to_owned(),
        leeway_seconds: gateway.leeway_seconds,
        max_body_bytes: gateway.max_body_bytes,
        body_mode: BodyMode::HoldHeaders,
        host: HostMode::Gateway,
        records: gateway.decision_records,
        control_plane_cluster: Some(xds::CONTROL_PLANE_CLUSTER.to_owned()),
        admin: gateway.admin,
        admin_scope: Scope::try_from(ADMIN_SCOPE).expect("a constant that is a scope"),
        quota: Some(QuotaDocument {
            cluster: bootstrap::XDS_CLUSTER.to_owned(),
            when_away: config.fleet_limits.when_away,
        }),
        revoked_streams: gateway.revoked_streams,
        grpc_domain: gateway.grpc_domain.as_ref().map(|domain| domain.as_str().to_owned()),
    }
}

fn embedded(registry: &Registry, config: &Config) -> Option<IssuerDocument> {
    let issuer = config.issuer.as_ref()?;
    let keys: Vec<Value> = registry.signing_keys.iter().map(|key| key.public_jwk.clone()).collect();
    Some(IssuerDocument {
        issuer: issuer.issuer.clone(),
        audiences: vec![issuer.audience.clone()],
        algorithms: Vec::new(),
        claims: ClaimNames::default(),
        scope_prefix: None,
        jwks: json!({ "keys": keys }),
    })
}

/// Whoever was revoked, and clients that are disabled: what they hold is good for nothing either.
fn revocations(registry: &Registry, config: &Config) -> Vec<RevocationDocument> {
    // Without the embedded issuer nobody holds a token of its clients; another issuer's client of the same name is someone else.
    let disabled = config.issuer.iter().flat_map(|issuer| {
        let of_issuer = registry.clients.values().filter(|client| client.disabled);
        of_issuer.map(|client| RevocationDocument {
            issuer: Some(issuer.issuer.clone()),
            client: Some(client.id.to_string()),
            ..RevocationDocument::default()
        })
    });
    registry.revocations.values().map(|it| it.cuts_off.clone()).chain(disabled).collect()
}

fn external(issuer: &ExternalIssuer) -> IssuerDocument {
    IssuerDocument {
        issuer: issuer.issuer.clone(),
        audiences: issuer.audiences.clone(),
        algorithms: issuer.algorithms.clone(),
        claims: issuer.claims.clone(),
        scope_prefix: issuer.scope_prefix.clone(),
        jwks: issuer.jwks.clone(),
    }
}

/// Renders an agent that is active. To the filter, others do not exist.
pub(super) fn entry(agent: &Agent) -> AgentDocument {
    let paths = &agent.card.paths;
    let translates = agent.a2a.translation == Translation::Auto && !paths.dialects.is_empty();
    AgentDocument {
        id: agent.id.clone(),
        cluster: None,
        rpc: paths.rpc.clone().filter(|path| path != "/"),
        rest: paths.rest.clone().filter(|path| !path.is_empty()),
        without: if translates { Vec::new() } else { without(paths) },
        // An agent that speaks everything is asked for nothing else.
        speaks: if translates { paths.dialects.clone() } else { Vec::new() },
        task_isolation: agent.a2a.task_isolation,
        translated: agent.needs_translation().then(|| xds::TRANSLATION_CLUSTER.to_owned()),
        webhooks: webhooks(agent),
        extended_card: agent.offers_extended_card(),
        open_card: agent.is_public(),
        grpc: agent.a2a.grpc.as_ref().map(|_| xds::grpc_cluster_name(&agent.id)),
        identity: agent.identity_headers == IdentityHeaders::Sent,
        timeout_ms: Some(millis(agent.deadline())),
        stream_idle_ms: agent.timeouts.stream_idle.map(millis),
        max_concurrent: agent.max_concurrent.map(NonZeroU32::get),
    }
}

/// How long agents' streams may be silent, where they say so themselves: Envoy has a route for each.
pub(super) fn stream_idles(agents: &[Arc<Agent>]) -> BTreeSet<u64> {
    agents.iter().filter_map(|agent| agent.timeouts.stream_idle).map(millis).collect()
}

/// What is policed: webhooks of an agent that calls any, or whose operator has said something about them.
fn webhooks(agent: &Agent) -> Option<WebhooksDocument> {
    let calls_any = agent.card.document["capabilities"]["pushNotifications"] == Value::Bool(true);
    let rules = &agent.a2a.webhooks;
    (calls_any || *rules != WebhooksDocument::default()).then(|| rules.clone())
}

/// The interfaces that the card does not offer. Another agent may live at the paths they would have.
fn without(paths: &CardPaths) -> Vec<Interface> {
    let offers = [(Interface::Rpc, paths.rpc.is_some()), (Interface::Rest, paths.rest.is_some())];
    offers.into_iter().filter(|(_, offered)| !offered).map(|(interface, _)| interface).collect()
}
