//! A logged-in session with the admin API: requests, and what their failures mean to a person and a script.

use std::{fmt::Write as _, path::Path, time::Duration};

use reqwest::{Client, Method};
use serde_json::Value;

use super::{Connection, output::Format};
use crate::domain::SecretText;

/// Longer than the longest `?wait=applied`.
const TIMEOUT: Duration = Duration::from_secs(75);
/// Of what has to do with the whole registry: cards are fetched meanwhile, and some hosts take their time to say nothing.
pub(super) const LONG_TIMEOUT: Duration = Duration::from_secs(600);

/// Why a command did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The command cannot be carried out as given.
    #[error("{0}")]
    Usage(String),
    /// Nobody answers there.
    #[error("{url} cannot be reached: {reason}")]
    Unreachable {
        /// Where.
        url: String,
        /// Why.
        reason: String,
    },
    /// The server said no.
    #[error("{0}")]
    Refused(String),
    /// The server said no, field by field.
    #[error("{message}")]
    Faults {
        /// All of it.
        message: String,
        /// Each field and what is wrong with it.
        faults: Vec<(String, String)>,
    },
    /// Done, but not everywhere.
    #[error("written, and not yet in force on every Envoy")]
    Pending,
}

impl CliError {
    /// The exit code that says so.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Refused(_) | Self::Faults { .. } => 1,
            Self::Usage(_) => 2,
            Self::Unreachable { .. } => 69,
            Self::Pending => 75,
        }
    }
}

/// A session.
pub(super) struct Session {
    http: Client,
    base: String,
    token: SecretText,
    pub(super) format: Format,
}

/// A client's id and secret.
pub(super) struct Credentials {
    pub(super) client_id: String,
    pub(super) client_secret: SecretText,
}

impl Session {
    /// Logs in, unless a token is given.
    pub(super) async fn open(connection: &Connection) -> Result<Self, CliError> {
        let http = client()?;
        let base = connection.admin_url.trim_end_matches('/').to_owned();
        let token = match &connection.token {
            Some(token) => token.clone(),
            None => {
                let answer = log_in(&http, &format!("{base}/oauth2/token"), &Credentials::of(connection)?, &[]).await?;
                SecretText::new(answer["access_token"].as_str().unwrap_or_default().to_owned())
            }
        };
        Ok(Self { http, base, token, format: Format::of(connection) })
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value, CliError> {
        self.send(Method::GET, path, None).await
    }

    /// An answer that is not JSON, or not one document.
    pub(super) async fn bytes(&self, path: &str) -> Result<Vec<u8>, CliError> {
        let url = format!("{}{path}", self.base);
        let request = self.http.get(&url).timeout(LONG_TIMEOUT).bearer_auth(self.token.expose());
        let (status, bytes) = exchange(request, &url).await?;
        if status.is_success() {
            return Ok(bytes);
        }
        Err(refusal(status.as_u16(), &serde_json::from_slice(&bytes).unwrap_or_default()))
    }

    pub(super) async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, CliError> {
        self.send_for(TIMEOUT, method, path, body).await
    }

    /// The same with another patience.
    pub(super) async fn send_for(
        &self,
        timeout: Duration,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, CliError> {
        let url = format!("{}{path}", self.base);
        let mut request = self.http.request(method, &url).timeout(timeout).bearer_auth(self.token.expose());
        if let Some(body) = body {
            request = request.json(body);
        }
        read(request, &url).await
    }
}

impl Credentials {
    pub(super) fn of(connection: &Connection) -> Result<Self, CliError> {
        match (&connection.client_id, &connection.client_secret, &connection.credentials) {
            (Some(id), Some(secret), _) => Ok(Self { client_id: id.clone(), client_secret: secret.clone() }),
            (_, _, Some(file)) => Self::from_file(file),
            _ => {
                let ways =
                    "give --credentials FILE, or TOLLGATE_CLIENT_ID and TOLLGATE_CLIENT_SECRET, or TOLLGATE_TOKEN";
                Err(CliError::Usage(format!("nobody to log in as: {ways}")))
            }
        }
    }

    fn from_file(path: &Path) -> Result<Self, CliError> {
        let odd = |reason: &str| CliError::Usage(format!("{} {reason}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| odd(&format!("cannot be read: {error}")))?;
        let value: Value = serde_json::from_str(&text).map_err(|_| odd("is not JSON"))?;
        let field = |name: &str| value[name].as_str().map(str::to_owned).ok_or_else(|| odd(&format!("has no {name}")));
        Ok(Self { client_id: field("clientId")?, client_secret: SecretText::new(field("clientSecret")?) })
    }
}

/// The HTTP client of all commands.
pub(super) fn client() -> Result<Client, CliError> {
    // Another part of the process may have chosen the same provider before: that is no failure.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let built = Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none()).build();
    built.map_err(|error| CliError::Usage(format!("no HTTP client: {error}")))
}

/// Gets a token by client credentials (RFC 6749 section 4.4).
pub(super) async fn log_in(
    http: &Client,
    url: &str,
    credentials: &Credentials,
    scopes: &[String],
) -> Result<Value, CliError> {
    let mut form = vec![("grant_type", "client_credentials".to_owned())];
    if !scopes.is_empty() {
        form.push(("scope", scopes.join(" ")));
    }
    // RFC 6749 section 2.3.1: both are form-encoded before they are joined.
    let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let secret = encode(credentials.client_secret.expose());
    let request = http.post(url).basic_auth(encode(&credentials.client_id), Some(secret)).form(&form);
    read(request, url).await
}

async fn read(request: reqwest::RequestBuilder, url: &str) -> Result<Value, CliError> {
    let (status, bytes) = exchange(request, url).await?;
    let body: Option<Value> = serde_json::from_slice(&bytes).ok();
    match body {
        Some(body) if status.is_success() => Ok(body),
        body => Err(refusal(status.as_u16(), &body.unwrap_or_default())),
    }
}

async fn exchange(request: reqwest::RequestBuilder, url: &str) -> Result<(reqwest::StatusCode, Vec<u8>), CliError> {
    let unreachable = |error: reqwest::Error| {
        let reason = if error.is_timeout() {
            "no answer in time"
        } else if error.is_builder() {
            return CliError::Usage(format!("{url} is no URL"));
        } else if error.is_connect() {
            "no connection"
        } else {
            "the connection broke"
        };
        CliError::Unreachable { url: url.to_owned(), reason: reason.to_owned() }
    };
    let response = request.send().await.map_err(unreachable)?;
    let status = response.status();
    let bytes = response.bytes().await.map_err(unreachable)?;
    Ok((status, bytes.to_vec()))
}

fn refusal(status: u16, body: &Value) -> CliError {
    let message = explain(status, body);
    let part = |fault: &Value, name: &str| fault[name].as_str().unwrap_or_default().to_owned();
    match body["error"]["details"]["faults"].as_array() {
        None => CliError::Refused(message),
        Some(faults) => {
            let faults = faults.iter().map(|fault| (part(fault, "field"), part(fault, "message"))).collect();
            CliError::Faults { message, faults }
        }
    }
}

/// The server's words: the admin API's, or an OAuth error (RFC 6749 section 5.2).
fn explain(status: u16, body: &Value) -> String {
    let error = &body["error"];
    let mut text = match (error["message"].as_str(), error.as_str()) {
        (Some(message), _) => format!("{message} ({}, {status})", error["code"].as_str().unwrap_or("no code")),
        (None, Some(code)) => format!("{} ({code}, {status})", body["error_description"].as_str().unwrap_or("refused")),
        _ => format!("the server answered {status}"),
    };
    let faults = error["details"]["faults"].as_array().into_iter().flatten().skip(1);
    for fault in faults {
        let part = |name: &str| fault[name].as_str().unwrap_or_default();
        let _ = write!(text, "\n  {} {}", part("field"), part("message"));
    }
    text
}
