//! One public key: what it may verify, and the verification. RS256/384/512 and ES256 ask the host first; everything else, and every
//! host that cannot, goes through jwt-compact. Its `Algorithm` is called directly instead of its `validator`, which reads the claims
//! once more and refuses the fractional times that RFC 7519 section 2 allows.

use jwt_compact::alg::{Ed25519, Es256, Es256k, Rsa, RsaPublicKey};
use jwt_compact::{Algorithm, AlgorithmSignature, UntrustedToken};

use super::algorithm::SigningAlgorithm;
use super::der;
use super::host::{HostAlgorithm, SignatureHost};

/// A key that is of use.
pub(super) struct Key {
    /// `kid`.
    pub(super) id: Option<Box<str>>,
    /// The JWK's own `alg`, if it has one: then the key is for nothing else.
    pub(super) only: Option<SigningAlgorithm>,
    /// The key itself.
    pub(super) material: Material,
}

/// The kinds of key.
pub(super) enum Material {
    /// RSA, with its X.509 form.
    Rsa {
        /// For the implementation here.
        key: Box<RsaPublicKey>,
        /// For the host.
        spki: Vec<u8>,
    },
    /// P-256, with its X.509 form.
    P256 {
        /// For the implementation here.
        key: Box<<Es256 as Algorithm>::VerifyingKey>,
        /// For the host.
        spki: Vec<u8>,
    },
    /// secp256k1.
    Secp256k1(Box<<Es256k as Algorithm>::VerifyingKey>),
    /// Ed25519.
    Ed25519(<Ed25519 as Algorithm>::VerifyingKey),
}

impl Material {
    /// Whether keys of this kind make such signatures at all.
    pub(super) fn fits(&self, algorithm: SigningAlgorithm) -> bool {
        use SigningAlgorithm as A;
        match self {
            Self::Rsa { .. } => matches!(algorithm, A::Rs256 | A::Rs384 | A::Rs512 | A::Ps256),
            Self::P256 { .. } => algorithm == A::Es256,
            Self::Secp256k1(_) => algorithm == A::Es256k,
            Self::Ed25519(_) => algorithm == A::EdDsa,
        }
    }
}

impl Key {
    /// Whether this key may verify `algorithm`.
    pub(super) fn permits(&self, algorithm: SigningAlgorithm) -> bool {
        self.material.fits(algorithm) && self.only.is_none_or(|only| only == algorithm)
    }

    /// Whether `token`'s signature over `signed` is this key's.
    pub(super) fn verifies(
        &self,
        algorithm: SigningAlgorithm,
        token: &UntrustedToken<'_>,
        signed: &[u8],
        host: &dyn SignatureHost,
    ) -> bool {
        use SigningAlgorithm as A;
        let raw = token.signature_bytes();
        match (&self.material, algorithm) {
            (Material::Rsa { key, spki }, A::Rs256) => host
                .verify(HostAlgorithm::RsaPkcs1Sha256, spki, raw, signed)
                .unwrap_or_else(|| holds(&Rsa::rs256(), key, token, signed)),
            (Material::Rsa { key, spki }, A::Rs384) => host
                .verify(HostAlgorithm::RsaPkcs1Sha384, spki, raw, signed)
                .unwrap_or_else(|| holds(&Rsa::rs384(), key, token, signed)),
            (Material::Rsa { key, spki }, A::Rs512) => host
                .verify(HostAlgorithm::RsaPkcs1Sha512, spki, raw, signed)
                .unwrap_or_else(|| holds(&Rsa::rs512(), key, token, signed)),
            (Material::Rsa { key, .. }, A::Ps256) => holds(&Rsa::ps256(), key, token, signed),
            (Material::P256 { .. }, A::Es256) if raw.len() != 64 => false,
            (Material::P256 { key, spki }, A::Es256) => host
                .verify(HostAlgorithm::EcdsaP256Sha256, spki, &der::ecdsa_signature(raw), signed)
                .unwrap_or_else(|| holds(&Es256, key, token, signed)),
            (Material::Secp256k1(key), A::Es256k) => holds(&<Es256k>::default(), key, token, signed),
            (Material::Ed25519(key), A::EdDsa) => holds(&Ed25519, key, token, signed),
            _ => false,
        }
    }
}

/// jwt-compact's own verification: its reader must have seen the same `alg`.
fn holds<A: Algorithm>(algorithm: &A, key: &A::VerifyingKey, token: &UntrustedToken<'_>, signed: &[u8]) -> bool {
    let raw = token.signature_bytes();
    let has_length = A::Signature::LENGTH.is_none_or(|length| length.get() == raw.len());
    has_length
        && algorithm.name() == token.algorithm()
        && A::Signature::try_from_slice(raw).is_ok_and(|signature| algorithm.verify_signature(&signature, key, signed))
}
