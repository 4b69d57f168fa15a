//! `authConfig`: how a backend wants to be addressed. Type names in any case; a field that belongs to another type is unknown.

use http::HeaderName;
use url::Url;

use crate::{
    admin::fields::Fields,
    domain::{BackendAuth, OAuthClient, Secret, TokenAuthMethod},
};

/// Names of the fields that hold a type's secret.
pub(super) fn secret_of(auth: &BackendAuth) -> Option<(&'static str, &Secret)> {
    match auth {
        BackendAuth::None => None,
        BackendAuth::OAuthClientCredentials(client) => Some(("authConfig.clientSecret", &client.client_secret)),
        BackendAuth::ApiKey { key, .. } => Some(("authConfig.apiKey", key)),
        BackendAuth::Bearer { token } => Some(("authConfig.token", token)),
        BackendAuth::Basic { password, .. } => Some(("authConfig.password", password)),
    }
}

/// Reads `authConfig`. `None` when something is wrong with it; then it is among the faults.
pub(super) fn read(mut fields: Fields<'_>) -> Option<BackendAuth> {
    let Some(kind) = fields.text("type") else {
        if !fields.has("type") {
            fields.missing("MISSING_AUTH_FIELD", "type");
        }
        return None;
    };
    let auth = match kind.to_ascii_lowercase().as_str() {
        "none" => Some(BackendAuth::None),
        "oauth2_client_credentials" => oauth(&mut fields).map(BackendAuth::OAuthClientCredentials),
        "api_key" => api_key(&mut fields),
        "bearer" => secret(&mut fields, "token").map(|token| BackendAuth::Bearer { token }),
        "basic" => basic(&mut fields),
        _ => {
            let known = "must be one of none, oauth2_client_credentials, api_key, bearer, basic";
            fields.fault("INVALID_AUTH_CONFIG", "type", known);
            return None;
        }
    };
    fields.end();
    auth
}

fn oauth(fields: &mut Fields<'_>) -> Option<OAuthClient> {
    let token_url = required(fields, "tokenUrl").and_then(|text| match http_url(&text) {
        Ok(url) => Some(url),
        Err(problem) => {
            fields.fault("INVALID_AUTH_CONFIG", "tokenUrl", problem);
            None
        }
    });
    let client_id = required(fields, "clientId");
    let client_secret = secret(fields, "clientSecret");
    let method = fields.parsed("tokenEndpointAuthMethod", |text| match text.to_ascii_lowercase().as_str() {
        "client_secret_basic" => Ok(TokenAuthMethod::Basic),
        "client_secret_post" => Ok(TokenAuthMethod::Form),
        _ => Err("must be client_secret_basic or client_secret_post"),
    });
    let scopes = scopes(fields);
    let (audience, resource) = (fields.text("audience"), fields.text("resource"));
    Some(OAuthClient {
        token_url: token_url?,
        client_id: client_id?,
        client_secret: client_secret?,
        method: method.unwrap_or_default(),
        scopes,
        audience,
        resource,
    })
}

/// `scopes` (or `scope`, as RFC 6749 names it): a list, or one string with spaces.
fn scopes(fields: &mut Fields<'_>) -> Vec<String> {
    let name = if fields.has("scope") && !fields.has("scopes") { "scope" } else { "scopes" };
    let listed = match fields.value(name) {
        None => return Vec::new(),
        Some(serde_json::Value::String(text)) => return text.split_whitespace().map(str::to_owned).collect(),
        Some(serde_json::Value::Array(items)) => items,
        Some(_) => {
            fields.fault("INVALID_AUTH_CONFIG", name, "must be a list of strings or one string");
            return Vec::new();
        }
    };
    let word = |item: &serde_json::Value| {
        item.as_str().filter(|text| !text.is_empty() && !text.contains(char::is_whitespace)).map(str::to_owned)
    };
    let words: Option<Vec<String>> = listed.iter().map(word).collect();
    if words.is_none() {
        fields.fault("INVALID_AUTH_CONFIG", name, "must hold scopes without spaces");
    }
    words.unwrap_or_default()
}

fn api_key(fields: &mut Fields<'_>) -> Option<BackendAuth> {
    let header = fields.text("headerName").unwrap_or_else(|| "x-api-key".to_owned());
    let name = HeaderName::try_from(header.as_str()).ok().filter(|name| !is_reserved(name));
    if name.is_none() {
        let problem = "must be a header name that neither HTTP's framing nor the gateway needs for itself";
        fields.fault("INVALID_AUTH_CONFIG", "headerName", problem);
    }
    let key = secret(fields, "apiKey");
    Some(BackendAuth::ApiKey { header: name?.as_str().to_owned(), key: key? })
}

/// Headers that are not the backend's to choose: framing, routing, and the gateway's own.
fn is_reserved(name: &HeaderName) -> bool {
    let name = name.as_str();
    let framing = ["host", "content-length", "transfer-encoding", "connection", "te", "upgrade", "trailer"];
    framing.contains(&name) || name.starts_with("x-tollgate-") || name.starts_with("x-envoy-")
}

fn basic(fields: &mut Fields<'_>) -> Option<BackendAuth> {
    let username = required(fields, "username");
    if username.as_ref().is_some_and(|name| name.contains(':')) {
        fields.fault("INVALID_AUTH_CONFIG", "username", "must not contain a colon (RFC 7617 section 2)");
    }
    let password = secret(fields, "password");
    Some(BackendAuth::Basic { username: username?, password: password? })
}

fn secret(fields: &mut Fields<'_>, name: &str) -> Option<Secret> {
    required(fields, name).map(Secret::from_written)
}

fn required(fields: &mut Fields<'_>, name: &str) -> Option<String> {
    if !fields.has(name) {
        fields.missing("MISSING_AUTH_FIELD", name);
    }
    fields.text(name)
}

/// An absolute http or https URL without credentials and fragment.
pub(in crate::admin) fn http_url(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "is not an absolute URL")?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("must be an http or https URL");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not carry credentials");
    }
    if url.fragment().is_some() {
        return Err("must not have a fragment");
    }
    Ok(url)
}
