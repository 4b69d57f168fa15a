//! Public keys as JWK (RFC 7517, 7518 section 6, 8037) and their thumbprints (RFC 7638).

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The public key's own members, in the order of RFC 7638 section 3.2.
pub(super) enum PublicKey<'a> {
    /// P-256, uncompressed point without its leading 4: x and y.
    P256 { x: &'a [u8], y: &'a [u8] },
    /// RSA: modulus and exponent, big endian.
    Rsa { n: &'a [u8], e: &'a [u8] },
    /// Ed25519.
    Ed25519 { x: &'a [u8] },
}

impl PublicKey<'_> {
    /// `kid`: the SHA-256 thumbprint.
    pub(super) fn thumbprint(&self) -> String {
        // The members are base64url and fixed names: nothing in them needs escaping.
        let canonical = match self {
            Self::P256 { x, y } => format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, text(x), text(y)),
            Self::Rsa { n, e } => format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, text(e), text(n)),
            Self::Ed25519 { x } => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, text(x)),
        };
        text(&Sha256::digest(canonical))
    }

    /// The JWK as it is published.
    pub(super) fn to_jwk(&self, algorithm: &str) -> Value {
        let mut jwk = match self {
            Self::P256 { x, y } => json!({"kty": "EC", "crv": "P-256", "x": text(x), "y": text(y)}),
            Self::Rsa { n, e } => json!({"kty": "RSA", "n": text(n), "e": text(e)}),
            Self::Ed25519 { x } => json!({"kty": "OKP", "crv": "Ed25519", "x": text(x)}),
        };
        jwk["kid"] = self.thumbprint().into();
        jwk["use"] = "sig".into();
        jwk["alg"] = algorithm.into();
        jwk
    }
}

pub(super) fn text(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// Modulus and exponent of an `RSAPublicKey` (RFC 8017 appendix A.1.1), without leading zeros.
pub(super) fn rsa_parts(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (body, _) = element(der, 0x30)?;
    let (n, rest) = element(body, 0x02)?;
    let (e, _) = element(rest, 0x02)?;
    let unsigned = |bytes: &'_ [u8]| bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    Some((&n[unsigned(n)..], &e[unsigned(e)..]))
}

/// One DER element of the given tag: its content, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, first], rest) = der.split_first_chunk::<2>()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    if found == tag { rest.split_at_checked(length) } else { None }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

    use super::PublicKey;

    #[test]
    fn the_thumbprint_is_that_of_rfc_7638_section_3_1() {
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let n = BASE64_URL_SAFE_NO_PAD.decode(n).unwrap();
        let key = PublicKey::Rsa { n: &n, e: &[1, 0, 1] };
        assert_eq!(key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }
}
