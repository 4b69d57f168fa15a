//! The signature algorithms there are. What is not listed here is never verified: neither `none` nor any `HS*`.

/// A JWS algorithm (RFC 7518 section 3.1, RFC 8037 section 3.1, RFC 8812 section 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigningAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on secp256k1 with SHA-256.
    Es256k,
    /// EdDSA on Ed25519.
    EdDsa,
}

impl SigningAlgorithm {
    /// Every algorithm, in the order documentation lists them.
    pub const ALL: [Self; 7] =
        [Self::Rs256, Self::Rs384, Self::Rs512, Self::Ps256, Self::Es256, Self::Es256k, Self::EdDsa];

    /// The algorithm of that `alg` name, byte for byte; `None` for any other.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// Its `alg` name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::Es256k => "ES256K",
            Self::EdDsa => "EdDSA",
        }
    }
}
