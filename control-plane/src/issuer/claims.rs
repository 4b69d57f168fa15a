//! An access token's header and claims (RFC 9068 section 2).

use aws_lc_rs::rand;
use serde::Serialize;

use super::{
    jwk::text,
    keys::{KeyError, Signer, jws_name},
};
use crate::{
    config::EmbeddedIssuer,
    domain::{Client, Scope, UnixSeconds},
};

#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    typ: &'static str,
    kid: &'a str,
}

#[derive(Serialize)]
pub(super) struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    client_id: &'a str,
    aud: &'a str,
    scope: String,
    iat: UnixSeconds,
    exp: UnixSeconds,
    jti: String,
}

impl<'a> Claims<'a> {
    pub(super) fn new(
        settings: &'a EmbeddedIssuer,
        client: &'a Client,
        scopes: &[Scope],
        now: UnixSeconds,
        expires_at: UnixSeconds,
    ) -> Self {
        Self {
            iss: &settings.issuer,
            sub: client.id.as_str(),
            client_id: client.id.as_str(),
            aud: &settings.audience,
            scope: join(scopes),
            iat: now,
            exp: expires_at,
            jti: random_text::<16>(),
        }
    }

    /// The signed token, in compact form (RFC 7515 section 3.1).
    pub(super) fn sign(&self, signer: &Signer) -> Result<String, KeyError> {
        let header = Header { alg: jws_name(signer.algorithm()), typ: "at+jwt", kid: signer.kid() };
        let mut token = format!("{}.{}", json_text(&header), json_text(self));
        let signature = signer.sign(token.as_bytes())?;
        token.push('.');
        token.push_str(&text(&signature));
        Ok(token)
    }
}

/// Scopes as OAuth writes them (RFC 6749 section 3.3).
pub(super) fn join(scopes: &[Scope]) -> String {
    scopes.iter().map(Scope::as_str).collect::<Vec<_>>().join(" ")
}

/// `N` random bytes, base64url.
pub(super) fn random_text<const N: usize>() -> String {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the system has randomness");
    text(&bytes)
}

fn json_text(value: &impl Serialize) -> String {
    text(&serde_json::to_vec(value).expect("string keys only"))
}
