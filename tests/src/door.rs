//! What a backend demands of whoever calls it, and its token endpoint.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use crate::backend::Seen;

/// The credential that a backend wants.
#[derive(Debug, Default)]
pub enum Door {
    /// None.
    #[default]
    Open,
    /// One header with one value, lower-case name.
    Header(&'static str, String),
    /// A token from the backend's own `/oauth/token`.
    OAuth(TokenEndpoint),
}

/// A client-credentials endpoint (RFC 6749 section 4.4).
#[derive(Debug)]
pub struct TokenEndpoint {
    /// The one client.
    pub client_id: &'static str,
    /// Its secret.
    pub client_secret: &'static str,
    /// How the client must authenticate.
    pub method: ClientAuth,
    /// Whether replies say when tokens expire.
    pub expiry: Expiry,
    /// Tokens issued so far; the last one is valid.
    pub issued: AtomicUsize,
    service: Mutex<Service>,
}

/// How a token endpoint stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Service {
    /// It issues tokens.
    #[default]
    Up,
    /// It answers that it issues none.
    Refusing,
    /// Its connections end unanswered.
    Down,
}

/// Client authentication (RFC 6749 section 2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// HTTP Basic.
    Basic,
    /// Form parameters.
    Form,
}

/// The `expires_in` of a token reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// Seconds.
    Seconds(u64),
    /// Not said.
    Unsaid,
}

impl Door {
    /// Whether a request may pass.
    #[must_use]
    pub fn admits(&self, seen: &Seen) -> bool {
        match self {
            Self::Open => true,
            Self::Header(name, value) => seen.header(name) == Some(value),
            Self::OAuth(endpoint) => seen.header("authorization") == Some(&format!("Bearer {}", endpoint.current())),
        }
    }
}

impl TokenEndpoint {
    /// An endpoint with one client.
    #[must_use]
    pub fn new(method: ClientAuth, expiry: Expiry) -> Self {
        Self {
            client_id: "backend-client",
            client_secret: "planted-backend-client-secret",
            method,
            expiry,
            issued: AtomicUsize::new(0),
            service: Mutex::default(),
        }
    }

    /// Stands otherwise from now on.
    pub fn set_service(&self, service: Service) {
        *self.service.lock().unwrap_or_else(PoisonError::into_inner) = service;
    }

    /// The token that is valid now.
    #[must_use]
    pub fn current(&self) -> String {
        format!("planted-backend-token-{}", self.issued.load(Ordering::SeqCst))
    }

    /// Answers a token request: status and body, or not at all.
    #[must_use]
    pub fn answer(&self, seen: &Seen) -> Option<(u16, String)> {
        match *self.service.lock().unwrap_or_else(PoisonError::into_inner) {
            Service::Up => Some(self.grant(seen)),
            Service::Refusing => Some((503, json!({"error": "temporarily_unavailable"}).to_string())),
            Service::Down => None,
        }
    }

    fn grant(&self, seen: &Seen) -> (u16, String) {
        let body = String::from_utf8_lossy(&seen.body).into_owned();
        let basic = STANDARD.encode(format!("{}:{}", self.client_id, self.client_secret));
        let known = match self.method {
            ClientAuth::Basic => {
                seen.header("authorization") == Some(&format!("Basic {basic}")) && !body.contains("client_secret")
            }
            ClientAuth::Form => {
                seen.header("authorization").is_none()
                    && has(&body, "client_id", self.client_id)
                    && has(&body, "client_secret", self.client_secret)
            }
        };
        if !known || !has(&body, "grant_type", "client_credentials") {
            return (401, json!({"error": "invalid_client"}).to_string());
        }
        self.issued.fetch_add(1, Ordering::SeqCst);
        let mut reply = json!({"access_token": self.current(), "token_type": "Bearer"});
        if let Expiry::Seconds(seconds) = self.expiry {
            reply["expires_in"] = json!(seconds);
        }
        (200, reply.to_string())
    }
}

/// Whether a form has this field with this value (neither needs escaping).
fn has(form: &str, name: &str, value: &str) -> bool {
    form.split('&').any(|pair| pair.split_once('=') == Some((name, value)))
}
