//! `authConfig`: how a backend wants to be addressed. Type names in any case; a field that belongs to another type is unknown.

use http::HeaderName;
use url::Url;

use crate::{
    admin::fields::Fields,
    domain::{BackendAuth, OAuthClient, Secret, TokenAuthMethod},
};

/// Names of the fields that hold a type's secret.
pub(in crate::admin) fn secret_of(auth: &BackendAuth) -> Option<(&'static str, &Secret)> {
    match auth {
        BackendAuth::None => None,
        BackendAuth::OAuthClientCredentials(client) => Some(("authConfig.clientSecret", &client.client_secret)),
        BackendAuth::ApiKey { key, .. } => Some(("authConfig.apiKey", key)),
        BackendAuth::Bearer { token } => Some(("authConfig.token", token)),
        BackendAuth::Basic { password, .. } => Some(("authConfig.password", password)),
    }
}

/// What there is of a credential already, for one that comes without its secret.
#[derive(Debug, Clone, Copy)]
pub(in crate::admin) enum Stored<'a> {
    /// Nothing, or nothing that counts.
    Nothing,
    /// This one.
    Here(&'a BackendAuth),
    /// One that was given for other places, and does not go to these.
    Elsewhere,
}

impl<'a> Stored<'a> {
    /// A client's secret goes to its authorisation server: to another one it does not go by itself either.
    fn where_token_comes_from(self, token_url: Option<&serde_json::Value>) -> Stored<'a> {
        let wanted = token_url.and_then(serde_json::Value::as_str).and_then(|text| http_url(text).ok());
        match self {
            Stored::Here(BackendAuth::OAuthClientCredentials(client)) if wanted.as_ref() != Some(&client.token_url) => {
                Stored::Elsewhere
            }
            stored => stored,
        }
    }
}

/// Reads `authConfig`. `None` when something is wrong with it; then it is among the faults. `keeps` becomes the stored credential, if its
/// secret is taken over.
pub(super) fn read(
    mut fields: Fields<'_>,
    stored: &Stored<'_>,
    keeps: &mut Option<BackendAuth>,
) -> Option<BackendAuth> {
    let Some(kind) = fields.text("type") else {
        if !fields.has("type") {
            fields.missing("MISSING_AUTH_FIELD", "type");
        }
        return None;
    };
    let stored = &stored.where_token_comes_from(fields.peek("tokenUrl"));
    let mut secret = |fields: &mut Fields<'_>, name: &str| secret(fields, name, stored, keeps);
    let auth = match kind.to_ascii_lowercase().as_str() {
        "none" => Some(BackendAuth::None),
        "oauth2_client_credentials" => oauth(&mut fields, &mut secret).map(BackendAuth::OAuthClientCredentials),
        "api_key" => api_key(&mut fields, &mut secret),
        "bearer" => secret(&mut fields, "token").map(|token| BackendAuth::Bearer { token }),
        "basic" => basic(&mut fields, &mut secret),
        _ => {
            let known = "must be one of none, oauth2_client_credentials, api_key, bearer, basic";
            fields.fault("INVALID_AUTH_CONFIG", "type", known);
            return None;
        }
    };
    fields.end();
    auth
}

type TakeSecret<'t> = dyn FnMut(&mut Fields<'_>, &str) -> Option<Secret> + 't;

fn oauth(fields: &mut Fields<'_>, secret: &mut TakeSecret<'_>) -> Option<OAuthClient> {
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

fn api_key(fields: &mut Fields<'_>, secret: &mut TakeSecret<'_>) -> Option<BackendAuth> {
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

fn basic(fields: &mut Fields<'_>, secret: &mut TakeSecret<'_>) -> Option<BackendAuth> {
    let username = required(fields, "username");
    if username.as_ref().is_some_and(|name| name.contains(':')) {
        fields.fault("INVALID_AUTH_CONFIG", "username", "must not contain a colon (RFC 7617 section 2)");
    }
    let password = secret(fields, "password");
    Some(BackendAuth::Basic { username: username?, password: password? })
}

/// A secret: as written, or the stored one of the same name.
fn secret(fields: &mut Fields<'_>, name: &str, stored: &Stored<'_>, keeps: &mut Option<BackendAuth>) -> Option<Secret> {
    let is_given = fields.has(name);
    match stored {
        Stored::Here(auth) if !is_given => {
            let same = secret_of(auth).filter(|(field, _)| field.trim_start_matches("authConfig.") == name);
            if let Some((_, secret)) = same {
                *keeps = Some((*auth).clone());
                return Some(secret.clone());
            }
        }
        Stored::Elsewhere if !is_given => {
            let problem = "is required: the stored one was given for other places, and goes to no new ones by itself";
            fields.fault("MISSING_AUTH_FIELD", name, problem);
            return None;
        }
        _ => {}
    }
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
