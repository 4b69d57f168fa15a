//! Tests of token verification as a whole, against tokens that another implementation (aws-lc) signed.

mod cache;
mod claims;
mod detached;
mod hostile;
mod keys;
mod properties;
pub(crate) mod signer;
mod vectors;

use serde_json::{Value, json};

use self::signer::Signer;
use super::{Caller, Issuers, NoHost, TokenFault, UnixSeconds, verify};
use crate::document::IssuerDocument;

pub(crate) const NOW: UnixSeconds = 1_800_000_000;
const LEEWAY: u32 = 30;
pub(crate) const ISSUER: &str = "https://issuer.example";

fn document(signers: &[&Signer]) -> IssuerDocument {
    let keys: Vec<&Value> = signers.iter().map(|signer| &signer.jwk).collect();
    let document = json!({"issuer": ISSUER, "audiences": ["other", "gateway"], "jwks": {"keys": keys}});
    serde_json::from_value(document).unwrap()
}

fn issuers(signers: &[&Signer]) -> Issuers {
    compile(document(signers))
}

fn compile(document: IssuerDocument) -> Issuers {
    match Issuers::compile(&[document], LEEWAY) {
        Ok(issuers) => issuers,
        Err(faults) => panic!("{faults:?}"),
    }
}

/// Good claims, with `changes` made; a change to `null` takes the claim away.
pub(crate) fn claims(changes: Value) -> String {
    let mut claims = json!({
        "iss": ISSUER, "aud": "gateway", "exp": NOW + 60, "sub": "alice", "client_id": "app", "jti": "token-1",
        "scope": "agents:weather:read agents:calculator:write",
    });
    let (all, Value::Object(changes)) = (claims.as_object_mut().unwrap(), changes) else { panic!("not an object") };
    for (name, value) in changes {
        if value.is_null() {
            all.remove(&name)
        } else {
            all.insert(name, value)
        };
    }
    claims.to_string()
}

/// A caller with these properties.
pub(crate) fn caller(
    issuer: &str,
    client: &str,
    subject: Option<&str>,
    token_id: Option<&str>,
    issued_at: Option<UnixSeconds>,
) -> Caller {
    Caller::from(super::caller::Verified {
        issuer: issuer.into(),
        client: client.into(),
        subject: subject.map(Box::from),
        token_id: token_id.map(Box::from),
        scopes: Vec::new(),
        issued_at,
        expires_at: UnixSeconds::MAX,
    })
}

/// Signs `payload` by the best of signers, and verifies it.
fn check(payload: &str) -> Result<Caller, TokenFault> {
    let signer = Signer::ed25519("k1");
    verify(&issuers(&[&signer]), signer.mint(payload).as_bytes(), NOW, &NoHost)
}
