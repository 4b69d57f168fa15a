//! One token request and its answer (RFC 6749 sections 4.4, 5; RFC 8707 section 2).

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, header};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::headers;
use crate::{
    domain::{OAuthClient, SecretText, TokenAuthMethod},
    outbound::{Fetched, Outbound, OutboundError},
};

/// The way to token endpoints: the outbound client, or a test's script.
pub(super) trait TokenEndpoint: Send + Sync + 'static {
    /// POSTs a form; every status is an answer.
    fn post<'a>(
        &'a self,
        url: &'a Url,
        headers: HeaderMap,
        form: &'a [(&'a str, &'a str)],
    ) -> BoxFuture<'a, Result<Fetched, OutboundError>>;
}

impl TokenEndpoint for Outbound {
    fn post<'a>(
        &'a self,
        url: &'a Url,
        headers: HeaderMap,
        form: &'a [(&'a str, &'a str)],
    ) -> BoxFuture<'a, Result<Fetched, OutboundError>> {
        Box::pin(self.post_form(url, headers, form))
    }
}

/// A token as the server gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grant {
    /// `Bearer …`.
    pub(super) header: SecretText,
    /// From now on; `None`: the server does not say.
    pub(super) lifetime: Option<Duration>,
}

/// Why there is no token. Never the peer's own words: codes are those of RFC 6749 section 5.2, or nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ExchangeError {
    #[error("{0}")]
    Outbound(#[from] OutboundError),
    #[error("the server answered {status}{}", code.map(|it| format!(" ({it})")).unwrap_or_default())]
    Refused { status: u16, code: Option<&'static str> },
    #[error("the answer is not a token response: {0}")]
    Malformed(&'static str),
}

#[derive(Deserialize)]
struct TokenResponse {
    access_token: String,
    token_type: Option<String>,
    expires_in: Option<Value>,
}

#[derive(Deserialize)]
struct ErrorResponse {
    error: String,
}

const ERROR_CODES: [&str; 7] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "invalid_target",
];

/// Asks for a token.
pub(super) async fn exchange(
    endpoint: &dyn TokenEndpoint,
    client: &OAuthClient,
    secret: &SecretText,
) -> Result<Grant, ExchangeError> {
    let (headers, form) = request(client, secret);
    let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.expose())).collect();
    let answer = endpoint.post(&client.token_url, headers, &form).await?;
    if !answer.status.is_success() {
        let status = answer.status.as_u16();
        return Err(ExchangeError::Refused { status, code: error_code(&answer.body) });
    }
    read(&answer.body)
}

fn request(client: &OAuthClient, secret: &SecretText) -> (HeaderMap, Vec<(&'static str, SecretText)>) {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    let text = |text: &str| SecretText::new(text.to_owned());
    let mut form = vec![("grant_type", text("client_credentials"))];
    match client.method {
        TokenAuthMethod::Basic => {
            headers.insert(header::AUTHORIZATION, basic(&client.client_id, secret));
        }
        TokenAuthMethod::Form => {
            form.push(("client_id", text(&client.client_id)));
            form.push(("client_secret", secret.clone()));
        }
    }
    if !client.scopes.is_empty() {
        form.push(("scope", text(&client.scopes.join(" "))));
    }
    form.extend(client.audience.as_deref().map(|audience| ("audience", text(audience))));
    form.extend(client.resource.as_deref().map(|resource| ("resource", text(resource))));
    (headers, form)
}

/// RFC 6749 section 2.3.1: both parts are form-encoded before they are joined.
fn basic(id: &str, secret: &SecretText) -> HeaderValue {
    let encode = |part: &str| url::form_urlencoded::byte_serialize(part.as_bytes()).collect::<String>();
    let pair = SecretText::new(format!("{}:{}", encode(id), encode(secret.expose())));
    let value = SecretText::new(format!("Basic {}", STANDARD.encode(pair.expose())));
    let mut value = HeaderValue::from_str(value.expose()).expect("base64 is visible ASCII");
    value.set_sensitive(true);
    value
}

fn read(body: &[u8]) -> Result<Grant, ExchangeError> {
    let malformed = ExchangeError::Malformed;
    let response: TokenResponse =
        serde_json::from_slice(body).map_err(|_| malformed("no JSON object with an access_token"))?;
    // Sent by the servers that follow the RFC, and by some that do not as "bearer" or not at all.
    if !response.token_type.as_deref().unwrap_or("Bearer").eq_ignore_ascii_case("bearer") {
        return Err(malformed("its token_type is not Bearer"));
    }
    let visible = |byte: u8| (0x21..=0x7e).contains(&byte);
    if response.access_token.is_empty() || !response.access_token.bytes().all(visible) {
        return Err(malformed("its access_token has bytes that no header may have"));
    }
    let lifetime = response.expires_in.as_ref().map(lifetime).transpose()?.flatten();
    Ok(Grant { header: headers::bearer(&response.access_token), lifetime })
}

/// `expires_in` is a number; some servers send a string.
fn lifetime(value: &Value) -> Result<Option<Duration>, ExchangeError> {
    let seconds = match value {
        Value::Null => return Ok(None),
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse::<f64>().ok(),
        _ => None,
    };
    let seconds =
        seconds.filter(|it| it.is_finite()).ok_or(ExchangeError::Malformed("its expires_in is not a number"))?;
    if seconds < 1.0 {
        return Err(ExchangeError::Malformed("its token has expired already"));
    }
    // A token "for ever" is renewed every now and then all the same.
    const LONGEST: f64 = 365.0 * 86_400.0;
    Ok(Some(Duration::from_secs_f64(seconds.min(LONGEST))))
}

fn error_code(body: &[u8]) -> Option<&'static str> {
    let response: ErrorResponse = serde_json::from_slice(body).ok()?;
    ERROR_CODES.into_iter().find(|code| *code == response.error)
}
