//! The bench's own token issuer: RS256 (RFC 7518 section 3.3) with a key kept under `target/bench`, so that another gateway
//! measured beside ours can be given the same public key beforehand.

use std::{
    fs,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result};
use aws_lc_rs::{
    encoding::AsDer,
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// `iss` of every token.
pub(crate) const ISSUER: &str = "https://issuer.bench.test";
/// `aud` of every token.
pub(crate) const AUDIENCE: &str = "tollgate-bench";
/// The scope that the measured agent asks for.
pub(crate) const SCOPE: &str = "bench.call";
/// The scope whose permission row the propagation measurement rewrites.
pub(crate) const PROBE_SCOPE: &str = "bench.probe";
const KEY_ID: &str = "bench-1";
const LIFETIME_SECONDS: u64 = 4 * 3600;

/// Signs tokens.
pub(crate) struct Issuer {
    key: KeyPair,
}

impl Issuer {
    /// Reads the key of an earlier run, or makes one; the public half is written beside it as `jwks.json`.
    pub(crate) fn open(directory: &Path) -> Result<Self> {
        fs::create_dir_all(directory)?;
        let path = directory.join("issuer.pkcs8");
        let key = match fs::read(&path) {
            Ok(der) => KeyPair::from_pkcs8(&der).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?,
            Err(_) => {
                let key = KeyPair::generate(KeySize::Rsa2048).context("making an RSA key")?;
                fs::write(&path, AsDer::as_der(&key).context("encoding the key")?.as_ref())?;
                key
            }
        };
        let issuer = Self { key };
        fs::write(directory.join("jwks.json"), issuer.jwks().to_string())?;
        Ok(issuer)
    }

    /// The public key as a JWKS (RFC 7517).
    pub(crate) fn jwks(&self) -> Value {
        let public = self.key.public_key();
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({"keys": [{
            "kty": "RSA", "kid": KEY_ID, "alg": "RS256", "use": "sig",
            "n": encode(public.modulus().big_endian_without_leading_zero()),
            "e": encode(public.exponent().big_endian_without_leading_zero()),
        }]})
    }

    /// A good token for caller number `caller` with one scope.
    pub(crate) fn token(&self, caller: usize, scope: &str) -> Result<String> {
        let text = unsigned(caller, scope)?;
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).context("signing")?;
        Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// A token that is right in everything but its signature, different for each `caller`.
    pub(crate) fn forged(&self, caller: usize) -> Result<String> {
        let mut signature = vec![0x5a; self.key.public_modulus_len()];
        signature[1..9].copy_from_slice(&(caller as u64).to_be_bytes());
        Ok(format!("{}.{}", unsigned(caller, SCOPE)?, URL_SAFE_NO_PAD.encode(signature)))
    }
}

fn unsigned(caller: usize, scope: &str) -> Result<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?.as_secs();
    let header = json!({"alg": "RS256", "kid": KEY_ID, "typ": "JWT"}).to_string();
    let claims = json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": format!("caller-{caller}"), "client_id": format!("caller-{caller}"),
        "scope": scope, "iat": now, "exp": now + LIFETIME_SECONDS,
    });
    Ok(format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims.to_string())))
}
