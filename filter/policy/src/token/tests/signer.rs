//! Makes tokens: aws-lc's keys and signatures, and no check whatsoever of what is signed.

use std::sync::LazyLock;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P256K1_SHA256_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaEncoding,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// Making one takes a noticeable while, so that tests share it.
static RSA: LazyLock<RsaKeyPair> = LazyLock::new(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap());

/// Signs tokens with one key.
pub(crate) struct Signer {
    /// `alg`.
    pub(super) algorithm: &'static str,
    /// The public key.
    pub(crate) jwk: Value,
    /// The public key in X.509 form, as aws-lc writes it.
    pub(super) spki: Vec<u8>,
    sign: Sign,
}

type Sign = Box<dyn Fn(&[u8]) -> Vec<u8>>;

impl Signer {
    /// An Ed25519 key: quick to make and to verify, for tests that are not about keys.
    pub(crate) fn ed25519(kid: &str) -> Self {
        let pair = Ed25519KeyPair::generate().unwrap();
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": base64(pair.public_key().as_ref())});
        let spki = spki(pair.public_key());
        Self { algorithm: "EdDSA", jwk, spki, sign: Box::new(move |message| pair.sign(message).as_ref().to_vec()) }
    }

    pub(super) fn es256(kid: &str) -> Self {
        Self::ecdsa("ES256", "P-256", kid, &ECDSA_P256_SHA256_FIXED_SIGNING)
    }

    pub(super) fn es256k(kid: &str) -> Self {
        Self::ecdsa("ES256K", "secp256k1", kid, &ECDSA_P256K1_SHA256_FIXED_SIGNING)
    }

    /// `algorithm` is one of `RS256`, `RS384`, `RS512`, `PS256`.
    pub(super) fn rsa(algorithm: &'static str, kid: &str) -> Self {
        let padding: &'static dyn RsaEncoding = match algorithm {
            "RS256" => &RSA_PKCS1_SHA256,
            "RS384" => &RSA_PKCS1_SHA384,
            "RS512" => &RSA_PKCS1_SHA512,
            _ => &RSA_PSS_SHA256,
        };
        // RSAPublicKey of 2048 bits (RFC 8017 appendix A.1.1): two headers of four bytes, a zero, the modulus, the exponent.
        let modulus = &RSA.public_key().as_ref()[9..265];
        let jwk = json!({"kty": "RSA", "kid": kid, "n": base64(modulus), "e": "AQAB"});
        let sign = move |message: &[u8]| {
            let mut signature = vec![0; RSA.public_modulus_len()];
            RSA.sign(padding, &SystemRandom::new(), message, &mut signature).unwrap();
            signature
        };
        Self { algorithm, jwk, spki: spki(RSA.public_key()), sign: Box::new(sign) }
    }

    fn ecdsa(algorithm: &'static str, curve: &str, kid: &str, kind: &'static EcdsaSigningAlgorithm) -> Self {
        let pair = EcdsaKeyPair::generate(kind).unwrap();
        let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
        let jwk = json!({"kty": "EC", "crv": curve, "kid": kid, "x": base64(x), "y": base64(y)});
        let spki = spki(pair.public_key());
        let sign = move |message: &[u8]| pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec();
        Self { algorithm, jwk, spki, sign: Box::new(sign) }
    }

    /// A token with this key's own header.
    pub(crate) fn mint(&self, payload: &str) -> String {
        let header = json!({"alg": self.algorithm, "kid": self.jwk["kid"], "typ": "at+jwt"});
        self.mint_bytes(header.to_string().as_bytes(), payload.as_bytes())
    }

    /// A token of whatever bytes.
    pub(super) fn mint_bytes(&self, header: &[u8], payload: &[u8]) -> String {
        self.sign_text(&format!("{}.{}", base64(header), base64(payload)))
    }

    /// `signed`, a dot, its signature.
    pub(super) fn sign_text(&self, signed: &str) -> String {
        format!("{signed}.{}", base64(&(self.sign)(signed.as_bytes())))
    }
}

pub(super) fn base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn spki(key: &impl AsDer<PublicKeyX509Der<'static>>) -> Vec<u8> {
    key.as_der().unwrap().as_ref().to_vec()
}
