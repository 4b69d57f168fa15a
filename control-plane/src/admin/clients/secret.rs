//! Secrets come to be: with a client, and by rotation, which leaves the old one valid for a while so that clients can follow.

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use serde_json::Value;

use super::{Draft, client_id, find, view};
use crate::{
    admin::{
        AdminState, ApiError,
        answer::{Wait, written},
        body::StrictJson,
        fields::{Faults, Fields},
    },
    domain::{Client, ClientId, ClientSecretHash, Registry, SecretText, UnixSeconds},
    issuer::{hash_secret, new_secret},
    store::Change,
};

/// How long the old secret is accepted after a rotation, unless the request says otherwise.
const DEFAULT_OVERLAP_SECONDS: u32 = 3600;
const MAX_OVERLAP_SECONDS: u32 = 30 * 86_400;
/// Random part of an id that the server chooses.
const ID_LENGTH: usize = 16;

/// `POST /admin/clients`.
pub(super) async fn create(
    State(state): State<AdminState>,
    wait: Wait,
    StrictJson(body): StrictJson,
) -> Result<Response, ApiError> {
    if !state.issues_tokens() {
        let message = "this server has no embedded issuer: clients are made where tokens come from";
        return Err(ApiError::new(StatusCode::CONFLICT, "NO_EMBEDDED_ISSUER", message));
    }
    let draft = Draft::read(body, take_id)?;
    let (secret, hash) = make().await;
    let client = Client {
        id: draft.id,
        name: draft.name,
        scopes: draft.scopes,
        secrets: vec![hash],
        disabled: false,
        created_at: (state.clock)(),
    };
    let answer = view::with_secret(&client, &secret);
    let decide = move |registry: &Registry| {
        if registry.clients.contains_key(&client.id) {
            let message = format!("there is a client {} already: rotate its secret, or delete it", client.id);
            return Err(ApiError::field("CLIENT_EXISTS", "clientId", message).with_status(StatusCode::CONFLICT));
        }
        Ok(vec![Change::PutClient(client)])
    };
    let generation = state.store.write(decide).await?;
    Ok(written(&state.nodes, StatusCode::CREATED, answer, generation, wait).await)
}

/// `POST /admin/clients/{id}/rotate`.
pub(super) async fn rotate(
    State(state): State<AdminState>,
    Path(id): Path<String>,
    wait: Wait,
    StrictJson(body): StrictJson,
) -> Result<Response, ApiError> {
    let (id, overlap, now) = (client_id(&id)?, read_overlap(body)?, (state.clock)());
    find(&state.store.registry(), &id)?;
    let (secret, hash) = make().await;
    let rotated = id.clone();
    let decide = move |registry: &Registry| {
        let client = find(registry, &rotated)?;
        let secrets = turned(&client.secrets, hash, now, overlap);
        Ok::<_, ApiError>(vec![Change::PutClient(Client { secrets, ..client.clone() })])
    };
    let generation = state.store.write(decide).await?;
    let answer = view::with_secret(find(&state.store.registry(), &id)?, &secret);
    Ok(written(&state.nodes, StatusCode::OK, answer, generation, wait).await)
}

/// The new secret, and those that were valid until now for the overlap, no longer.
fn turned(
    before: &[ClientSecretHash],
    fresh: ClientSecretHash,
    now: UnixSeconds,
    overlap: u32,
) -> Vec<ClientSecretHash> {
    let end = now.saturating_add(overlap.into());
    let still_valid = |secret: &&ClientSecretHash| overlap > 0 && secret.expires_at.is_none_or(|at| at > now);
    let shortened = |secret: &ClientSecretHash| {
        let expires_at = Some(secret.expires_at.map_or(end, |at| at.min(end)));
        ClientSecretHash { expires_at, ..secret.clone() }
    };
    // Newest last; the one before is all that a client in the middle of its own rollout can have.
    let kept = before.iter().rfind(still_valid).map(shortened);
    kept.into_iter().chain([fresh]).collect()
}

/// Hashing takes tens of milliseconds: not on the runtime's threads.
async fn make() -> (SecretText, ClientSecretHash) {
    let secret = new_secret();
    let hashed = secret.clone();
    let hash = tokio::task::spawn_blocking(move || hash_secret(&hashed)).await.expect("hashing does not panic");
    (secret, hash)
}

/// The id asked for, or a random one.
fn take_id(fields: &mut Fields<'_>) -> Option<ClientId> {
    if fields.has("clientId") {
        return fields.parsed("clientId", |text| ClientId::try_from(text));
    }
    let random: String = new_secret().expose().chars().take(ID_LENGTH).collect();
    Some(ClientId::try_from(format!("client-{random}").as_str()).expect("base64url fits a client id"))
}

fn read_overlap(body: Value) -> Result<u32, ApiError> {
    let faults = Faults::default();
    let mut fields = faults.body(body);
    let overlap = fields.number("overlapSeconds", 0..=MAX_OVERLAP_SECONDS).unwrap_or(DEFAULT_OVERLAP_SECONDS);
    fields.end();
    faults.finish(Some(overlap))
}
