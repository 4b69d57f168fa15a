//! Just enough DER (X.690) to hand keys and signatures to a host: `SubjectPublicKeyInfo` and `Ecdsa-Sig-Value`. Writes only.

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;

/// `AlgorithmIdentifier { rsaEncryption, NULL }` (RFC 3279 section 2.3.1).
const RSA: &[u8] = &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
/// `AlgorithmIdentifier { id-ecPublicKey, prime256v1 }` (RFC 5480 section 2.1.1).
const P256: &[u8] = &[
    0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03,
    0x01, 0x07,
];

/// An RSA key from its big-endian modulus and exponent.
pub(super) fn rsa_spki(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let key = element(SEQUENCE, &[&integer(modulus), &integer(exponent)]);
    element(SEQUENCE, &[RSA, &element(BIT_STRING, &[&[0], &key])])
}

/// A P-256 key from its coordinates, 32 bytes each.
pub(super) fn p256_spki(x: &[u8], y: &[u8]) -> Vec<u8> {
    element(SEQUENCE, &[P256, &element(BIT_STRING, &[&[0, 4], x, y])])
}

/// An ECDSA signature from the form JWS uses, `r` and `s` of equal length one after the other (RFC 7518 section 3.4).
pub(super) fn ecdsa_signature(raw: &[u8]) -> Vec<u8> {
    let (r, s) = raw.split_at_checked(raw.len() / 2).unwrap_or((raw, &[]));
    element(SEQUENCE, &[&integer(r), &integer(s)])
}

/// `bytes` without leading zeros.
pub(super) fn significant(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

/// A number that is not negative: shortest form, with a zero before a leading 1 bit.
fn integer(big_endian: &[u8]) -> Vec<u8> {
    let digits = significant(big_endian);
    let sign: &[u8] = if digits.first().is_none_or(|first| *first >= 0x80) { &[0] } else { &[] };
    element(INTEGER, &[sign, digits])
}

fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let length = body.len().to_be_bytes();
    let digits = significant(&length);
    let mut out = vec![tag];
    match digits {
        [] => out.push(0),
        [short] if *short < 0x80 => out.push(*short),
        long => {
            out.push(0x80 | long.len() as u8);
            out.extend_from_slice(long);
        }
    }
    out.extend_from_slice(&body);
    out
}
