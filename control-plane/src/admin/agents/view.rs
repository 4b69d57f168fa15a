//! An agent as the API shows it. Of its credential there is what identifies it and how it stands; never a secret, and not where
//! one is kept either.

use serde_json::{Map, Value, json};

use super::card_signatures;
use crate::{
    admin::{AdminState, time::rfc3339},
    broker::{CredentialState, CredentialStatus},
    domain::{Agent, Backend, BackendAuth, IdentityHeaders, TokenAuthMethod},
};

/// The whole record with its card.
pub(super) fn full(state: &AdminState, agent: &Agent) -> Value {
    let mut record = summary(state, agent);
    record.insert("agentCard".into(), card(state, agent));
    Value::Object(record)
}

/// The rewritten card.
pub(super) fn card(state: &AdminState, agent: &Agent) -> Value {
    let served = state.shelf.card(agent);
    served.and_then(|card| serde_json::from_str(&card.body).ok()).unwrap_or_default()
}

/// The record without its card.
pub(super) fn summary(state: &AdminState, agent: &Agent) -> Map<String, Value> {
    let mut record = described(agent);
    let found = json!({
        "status": agent.status.as_str(),
        "gatewayUrl": state.shelf.gateway().base_url(&agent.id),
        "cardSignature": card_signatures::outcome(&agent.card.signature),
        "cardVersion": agent.card.version,
        "credential": state.broker.status(&agent.id).map(|status| credential(&status)),
        "managedBy": agent.managed_by,
        "lastSynced": rfc3339(agent.card.fetched_at),
        "lastSyncError": agent.sync_error,
        "createdAt": rfc3339(agent.created_at),
        "updatedAt": rfc3339(agent.updated_at),
    });
    if let Value::Object(found) = found {
        record.extend(found);
    }
    super::status::show(agent, &mut record);
    record
}

/// What was said of it.
pub(super) fn described(agent: &Agent) -> Map<String, Value> {
    let record = json!({
        "agentId": agent.id,
        "name": agent.name,
        "description": agent.description,
        "backends": agent.backends.iter().map(backend).collect::<Vec<_>>(),
        "agentCardUrl": agent.card_url,
        "authConfig": auth(&agent.auth),
        "cardSignatures": card_signatures::view(&agent.card_signatures),
        "capabilities": agent.capabilities,
        "tags": agent.tags,
        "skills": agent.skills.iter().map(|skill| json!({
            "name": skill.name, "description": skill.description,
            "instructions": skill.instructions, "tools": skill.tools,
        })).collect::<Vec<_>>(),
        "healthEndpoint": agent.health_endpoint,
        "heartbeat": agent.heartbeat.map(|beat| json!({
            "intervalSeconds": beat.interval.as_secs(), "missesAllowed": beat.misses_allowed,
        })),
        "maxConcurrent": agent.max_concurrent,
        "identityHeaders": agent.identity_headers == IdentityHeaders::Sent,
    });
    match record {
        Value::Object(mut fields) => {
            super::a2a::show(&agent.a2a, &mut fields);
            super::pace::show(agent, &mut fields);
            fields
        }
        _ => Map::new(),
    }
}

fn backend(backend: &Backend) -> Value {
    json!({"url": backend.url.url(), "priority": backend.priority, "weight": backend.weight})
}

fn auth(auth: &BackendAuth) -> Value {
    match auth {
        BackendAuth::None => json!({"type": "none"}),
        BackendAuth::OAuthClientCredentials(client) => json!({
            "type": "oauth2_client_credentials",
            "tokenUrl": client.token_url,
            "clientId": client.client_id,
            "tokenEndpointAuthMethod": match client.method {
                TokenAuthMethod::Basic => "client_secret_basic",
                TokenAuthMethod::Form => "client_secret_post",
            },
            "scopes": client.scopes,
            "audience": client.audience,
            "resource": client.resource,
        }),
        BackendAuth::ApiKey { header, .. } => json!({"type": "api_key", "headerName": header}),
        BackendAuth::Bearer { .. } => json!({"type": "bearer"}),
        BackendAuth::Basic { username, .. } => json!({"type": "basic", "username": username}),
    }
}

fn credential(status: &CredentialStatus) -> Value {
    let state = match status.state {
        CredentialState::NotNeeded => "not_needed",
        CredentialState::Ready => "ready",
        CredentialState::Pending => "pending",
        CredentialState::Failed => "failed",
        CredentialState::Expired => "expired",
    };
    json!({"state": state, "expiresAt": status.expires_at.map(rfc3339), "lastError": status.last_error})
}
