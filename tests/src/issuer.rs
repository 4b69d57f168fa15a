//! An external token issuer with an RSA and a P-256 key, and every way to make a token wrong.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::{
    encoding::AsDer,
    hmac,
    rand::SystemRandom,
    rsa::{KeyPair as RsaKeyPair, KeySize, PublicKeyComponents},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// `aud` of every good token.
pub const AUDIENCE: &str = "https://gateway.test";

/// Signs tokens.
pub struct Issuer {
    /// `iss`.
    pub name: String,
    rsa: RsaKeyPair,
    p256: EcdsaKeyPair,
}

/// The key and algorithm of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedBy {
    /// RS256.
    Rsa,
    /// ES256.
    P256,
    /// HS256 with the RSA public key's DER as the secret: the algorithm-confusion attack (RFC 8725 section 2.1).
    PublicKeyAsSecret,
    /// `alg: none`.
    Nobody,
}

impl Issuer {
    /// An issuer with new keys.
    ///
    /// # Panics
    /// When the system has no randomness.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let p256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("randomness");
        Self { name: name.to_owned(), rsa: RsaKeyPair::generate(KeySize::Rsa2048).expect("randomness"), p256 }
    }

    /// Both public keys (RFC 7517), with key ids that end in `suffix`.
    #[must_use]
    pub fn jwks(&self) -> Value {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let rsa = PublicKeyComponents::<Vec<u8>>::from(self.rsa.public_key());
        let point = self.p256.public_key().as_ref();
        json!({"keys": [
            {"kty": "RSA", "kid": self.key_id(SignedBy::Rsa), "alg": "RS256", "use": "sig", "n": encode(&rsa.n), "e": encode(&rsa.e)},
            {"kty": "EC", "kid": self.key_id(SignedBy::P256), "alg": "ES256", "use": "sig", "crv": "P-256",
                "x": encode(&point[1..33]), "y": encode(&point[33..65])},
        ]})
    }

    /// The key id of a key: unlike that of any other issuer object.
    #[must_use]
    pub fn key_id(&self, key: SignedBy) -> String {
        let public = self.p256.public_key().as_ref();
        let kind = if key == SignedBy::P256 { "ec" } else { "rsa" };
        format!("{kind}-{}", URL_SAFE_NO_PAD.encode(&public[1..7]))
    }

    /// Claims of a good token for `client`.
    ///
    /// # Panics
    /// When the clock is before 1970.
    #[must_use]
    pub fn claims(&self, client: &str, scope: &str) -> Value {
        json!({
            "iss": self.name, "aud": AUDIENCE, "sub": format!("subject-of-{client}"), "client_id": client,
            "scope": scope, "iat": now(), "exp": now() + 3_600,
        })
    }

    /// A good RS256 token.
    #[must_use]
    pub fn token(&self, client: &str, scope: &str) -> String {
        self.sign(SignedBy::Rsa, &self.claims(client, scope))
    }

    /// A token with these claims.
    #[must_use]
    pub fn sign(&self, by: SignedBy, claims: &Value) -> String {
        let alg = match by {
            SignedBy::Rsa => "RS256",
            SignedBy::P256 => "ES256",
            SignedBy::PublicKeyAsSecret => "HS256",
            SignedBy::Nobody => "none",
        };
        self.sign_with_header(by, &json!({"alg": alg, "kid": self.key_id(by), "typ": "JWT"}), &claims.to_string())
    }

    /// A token with this header and this payload text.
    ///
    /// # Panics
    /// When signing fails.
    #[must_use]
    pub fn sign_with_header(&self, by: SignedBy, header: &Value, payload: &str) -> String {
        let encode = |text: &[u8]| URL_SAFE_NO_PAD.encode(text);
        let message = format!("{}.{}", encode(header.to_string().as_bytes()), encode(payload.as_bytes()));
        let signature = match by {
            SignedBy::Rsa => {
                let mut signature = vec![0; self.rsa.public_modulus_len()];
                self.rsa
                    .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature)
                    .expect("signed");
                signature
            }
            SignedBy::P256 => {
                self.p256.sign(&SystemRandom::new(), message.as_bytes()).expect("signed").as_ref().to_vec()
            }
            SignedBy::PublicKeyAsSecret => {
                let der = AsDer::as_der(self.rsa.public_key()).expect("encodes");
                hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, der.as_ref()), message.as_bytes()).as_ref().to_vec()
            }
            SignedBy::Nobody => Vec::new(),
        };
        format!("{message}.{}", encode(&signature))
    }
}

/// Seconds since the epoch.
///
/// # Panics
/// When the clock is before 1970.
#[must_use]
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}
