//! The seam to a host that verifies signatures faster than wasm can: Envoy's `verify_signature` (BoringSSL). No host is needed.

/// A host's signature check.
pub trait SignatureHost {
    /// Whether `signature` of `message` is the key's. `None`: this host cannot tell, and the implementation in this crate is used.
    ///
    /// `spki_der` is the key as X.509 `SubjectPublicKeyInfo`. ECDSA signatures are handed over in DER (RFC 3279 section 2.2.3),
    /// not in the raw form that JWS uses.
    fn verify(&self, algorithm: HostAlgorithm, spki_der: &[u8], signature: &[u8], message: &[u8]) -> Option<bool>;
}

/// What a host may be asked to verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RsaPkcs1Sha256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RsaPkcs1Sha384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RsaPkcs1Sha512,
    /// ECDSA on P-256 with SHA-256.
    EcdsaP256Sha256,
}

impl HostAlgorithm {
    /// The hash, as Envoy's `verify_signature` names it. The scheme follows from the key.
    #[must_use]
    pub const fn hash_name(self) -> &'static str {
        match self {
            Self::RsaPkcs1Sha256 | Self::EcdsaP256Sha256 => "sha256",
            Self::RsaPkcs1Sha384 => "sha384",
            Self::RsaPkcs1Sha512 => "sha512",
        }
    }
}

/// No host: every signature is verified here.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoHost;

impl SignatureHost for NoHost {
    fn verify(&self, _: HostAlgorithm, _: &[u8], _: &[u8], _: &[u8]) -> Option<bool> {
        None
    }
}
