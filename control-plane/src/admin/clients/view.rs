//! A client as the API shows it: no hash, and a secret only in the answer that makes it.

use serde_json::{Value, json};

use crate::{
    admin::time::rfc3339,
    domain::{Client, SecretText},
};

pub(super) fn client(client: &Client) -> Value {
    let expiries: Vec<Value> =
        client.secrets.iter().map(|secret| json!({"expiresAt": secret.expires_at.map(rfc3339)})).collect();
    json!({
        "clientId": client.id.as_str(),
        "name": client.name,
        "scopes": client.scopes,
        "status": if client.disabled { "inactive" } else { "active" },
        "secrets": expiries,
        "createdAt": rfc3339(client.created_at),
    })
}

pub(super) fn with_secret(record: &Client, secret: &SecretText) -> Value {
    let mut body = client(record);
    body["clientSecret"] = secret.expose().into();
    body
}
