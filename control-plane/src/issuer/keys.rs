//! Signing keys: made, kept as PKCS#8, and used. When one is made or leaves is `rotation`'s business.

use aws_lc_rs::{
    encoding::AsDer,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use zeroize::Zeroizing;

use super::jwk::{PublicKey, rsa_parts};
use crate::domain::{SigningAlgorithm, SigningKey, UnixSeconds};

/// The cryptographic library refused a key or a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signing key cannot be made or used")]
pub struct KeyError;

/// A key that is ready to sign.
pub struct Signer {
    kid: String,
    pair: Pair,
}

enum Pair {
    Es256(EcdsaKeyPair),
    Rs256(Box<RsaKeyPair>),
    EdDsa(Ed25519KeyPair),
}

/// The algorithm's JWS name (RFC 7518 section 3.1, RFC 8037 section 3.1).
pub(super) fn jws_name(algorithm: SigningAlgorithm) -> &'static str {
    match algorithm {
        SigningAlgorithm::Es256 => "ES256",
        SigningAlgorithm::Rs256 => "RS256",
        SigningAlgorithm::EdDsa => "EdDSA",
    }
}

/// Makes a key. RSA takes a good part of a second.
pub(super) fn generate(algorithm: SigningAlgorithm, active_from: UnixSeconds) -> Result<SigningKey, KeyError> {
    let (pair, pkcs8) = match algorithm {
        SigningAlgorithm::Es256 => {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| KeyError)?;
            let pkcs8 = pair.to_pkcs8v1().map_err(|_| KeyError)?.as_ref().to_vec();
            (Pair::Es256(pair), pkcs8)
        }
        SigningAlgorithm::Rs256 => {
            let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyError)?;
            let pkcs8 = pair.as_der().map_err(|_| KeyError)?.as_ref().to_vec();
            (Pair::Rs256(Box::new(pair)), pkcs8)
        }
        SigningAlgorithm::EdDsa => {
            let pair = Ed25519KeyPair::generate().map_err(|_| KeyError)?;
            let pkcs8 = pair.to_pkcs8().map_err(|_| KeyError)?.as_ref().to_vec();
            (Pair::EdDsa(pair), pkcs8)
        }
    };
    let private_key = Zeroizing::new(pkcs8);
    let (kid, public_jwk) = pair.with_public(|key| (key.thumbprint(), key.to_jwk(jws_name(algorithm))))?;
    Ok(SigningKey { kid, algorithm, private_key, public_jwk, active_from, retires_at: None })
}

impl Pair {
    fn with_public<T>(&self, read: impl FnOnce(PublicKey<'_>) -> T) -> Result<T, KeyError> {
        match self {
            Self::Es256(pair) => {
                // SEC 1 section 2.3.3: 4, then x and y.
                let point = pair.public_key().as_ref();
                let (x, y) = point.get(1..).and_then(|xy| xy.split_at_checked(32)).ok_or(KeyError)?;
                Ok(read(PublicKey::P256 { x, y }))
            }
            Self::Rs256(pair) => {
                let (n, e) = rsa_parts(pair.public_key().as_ref()).ok_or(KeyError)?;
                Ok(read(PublicKey::Rsa { n, e }))
            }
            Self::EdDsa(pair) => Ok(read(PublicKey::Ed25519 { x: pair.public_key().as_ref() })),
        }
    }
}

impl Signer {
    /// Makes a stored key ready.
    ///
    /// # Errors
    /// It is no key of its algorithm.
    pub fn new(key: &SigningKey) -> Result<Self, KeyError> {
        let pkcs8 = key.private_key.as_slice();
        let pair = match key.algorithm {
            SigningAlgorithm::Es256 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).map(Pair::Es256)
            }
            SigningAlgorithm::Rs256 => RsaKeyPair::from_pkcs8(pkcs8).map(|pair| Pair::Rs256(Box::new(pair))),
            SigningAlgorithm::EdDsa => Ed25519KeyPair::from_pkcs8(pkcs8).map(Pair::EdDsa),
        };
        Ok(Self { kid: key.kid.clone(), pair: pair.map_err(|_| KeyError)? })
    }

    /// Its `kid`.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Its algorithm.
    #[must_use]
    pub fn algorithm(&self) -> SigningAlgorithm {
        match self.pair {
            Pair::Es256(_) => SigningAlgorithm::Es256,
            Pair::Rs256(_) => SigningAlgorithm::Rs256,
            Pair::EdDsa(_) => SigningAlgorithm::EdDsa,
        }
    }

    /// Signs, in the form JWS wants (RFC 7518 section 3).
    ///
    /// # Errors
    /// The library refuses.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Es256(pair) => Ok(pair.sign(&random, message).map_err(|_| KeyError)?.as_ref().to_vec()),
            Pair::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).map_err(|_| KeyError)?;
                Ok(signature)
            }
            Pair::EdDsa(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
    };
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

    use super::{Signer, generate};
    use crate::domain::{SigningAlgorithm, SigningKey};

    fn member(key: &SigningKey, name: &str) -> Vec<u8> {
        BASE64_URL_SAFE_NO_PAD.decode(key.public_jwk[name].as_str().unwrap()).unwrap()
    }

    #[test]
    fn what_a_key_signs_its_published_key_verifies() {
        for algorithm in [SigningAlgorithm::Es256, SigningAlgorithm::Rs256, SigningAlgorithm::EdDsa] {
            let key = generate(algorithm, 0).unwrap();
            let signer = Signer::new(&key).unwrap();
            assert_eq!((signer.kid(), signer.algorithm()), (key.kid.as_str(), algorithm));
            let signature = signer.sign(b"message").unwrap();
            let verified = match algorithm {
                SigningAlgorithm::Es256 => {
                    let point = [vec![4], member(&key, "x"), member(&key, "y")].concat();
                    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(b"message", &signature)
                }
                SigningAlgorithm::Rs256 => RsaPublicKeyComponents { n: member(&key, "n"), e: member(&key, "e") }
                    .verify(&RSA_PKCS1_2048_8192_SHA256, b"message", &signature),
                SigningAlgorithm::EdDsa => {
                    UnparsedPublicKey::new(&ED25519, member(&key, "x")).verify(b"message", &signature)
                }
            };
            assert!(verified.is_ok(), "{algorithm:?}");
        }
    }
}
