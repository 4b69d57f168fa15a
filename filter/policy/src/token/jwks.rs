//! A JWK set (RFC 7517) to the keys that are of use here. Keys that are for something else are passed over, as section 5 asks;
//! keys of a kind used here that are broken or weak are faults, and so is a private key: the document is not a secret.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_compact::jwk::JsonWebKey;
use serde_json::{Map, Value};

use super::algorithm::SigningAlgorithm;
use super::der;
use super::key::{Key, Material};
use crate::fault::ConfigFault;

/// Smallest and largest RSA modulus, in bits (RFC 7518 section 3.3; the upper end bounds the work of a verification).
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

type Object = Map<String, Value>;

/// The keys of `set`, which stands at `path`. `{"keys": []}` is an issuer whose keys are not known yet.
pub(super) fn compile(set: &Value, path: &str) -> Result<Vec<Key>, Vec<ConfigFault>> {
    let list_path = format!("{path}.keys");
    let Some(list) = set.get("keys").and_then(Value::as_array) else {
        return Err(vec![ConfigFault::new(list_path, "must be a list of keys (RFC 7517 section 5)")]);
    };
    let mut keys: Vec<Key> = Vec::new();
    let mut faults = Vec::new();
    for (index, jwk) in list.iter().enumerate() {
        let key_path = format!("{list_path}[{index}]");
        match compile_key(jwk, &key_path) {
            Ok(Some(key)) if keys.iter().any(|other| collides(other, &key)) => {
                faults.push(ConfigFault::new(format!("{key_path}.kid"), "another key of that type has the same kid"));
            }
            Ok(Some(key)) => keys.push(key),
            Ok(None) => {}
            Err(fault) => faults.push(fault),
        }
    }
    if keys.is_empty() && faults.is_empty() && !list.is_empty() {
        let message = "holds no key that can verify RS256, RS384, RS512, PS256, ES256, ES256K or EdDSA";
        faults.push(ConfigFault::new(list_path, message));
    }
    if faults.is_empty() { Ok(keys) } else { Err(faults) }
}

/// Whether a `kid` would no longer choose between the two (RFC 7517 section 4.5).
fn collides(one: &Key, other: &Key) -> bool {
    let same_kind = std::mem::discriminant(&one.material) == std::mem::discriminant(&other.material);
    same_kind && one.id.is_some() && one.id == other.id
}

fn compile_key(jwk: &Value, path: &str) -> Result<Option<Key>, ConfigFault> {
    let jwk = jwk.as_object().ok_or_else(|| ConfigFault::new(path, "must be an object"))?;
    if jwk.contains_key("d") || jwk.contains_key("k") {
        return Err(ConfigFault::new(path, "holds a private or symmetric key; publish public keys only"));
    }
    let text = |name: &str| match jwk.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(ConfigFault::new(format!("{path}.{name}"), "must be a string")),
    };
    let kind = text("kty")?.ok_or_else(|| ConfigFault::new(format!("{path}.kty"), "is required"))?;
    let id = text("kid")?.map(Box::from);
    let algorithm = text("alg")?;
    if !is_for_verification(jwk, text("use")?) {
        return Ok(None);
    }
    let only = algorithm.and_then(SigningAlgorithm::from_name);
    if algorithm.is_some() && only.is_none() {
        return Ok(None);
    }
    let material = match (kind, text("crv")?) {
        ("RSA", _) => rsa(jwk, path)?,
        ("EC", Some("P-256")) => p256(jwk, path)?,
        ("EC", Some("secp256k1")) => secp256k1(jwk, path)?,
        ("OKP", Some("Ed25519")) => ed25519(jwk, path)?,
        _ => return Ok(None),
    };
    match only {
        Some(only) if !material.fits(only) => {
            Err(ConfigFault::new(format!("{path}.alg"), "is not an algorithm of this type of key"))
        }
        _ => Ok(Some(Key { id, only, material })),
    }
}

/// RFC 7517 sections 4.2 and 4.3.
fn is_for_verification(jwk: &Object, purpose: Option<&str>) -> bool {
    let operations = jwk.get("key_ops").and_then(Value::as_array);
    purpose.is_none_or(|purpose| purpose == "sig")
        && operations.is_none_or(|list| list.iter().any(|operation| operation == "verify"))
}

fn rsa(jwk: &Object, path: &str) -> Result<Material, ConfigFault> {
    let modulus = bytes(jwk, path, "n")?;
    let exponent = bytes(jwk, path, "e")?;
    let (n, e) = (der::significant(&modulus), der::significant(&exponent));
    if !RSA_BITS.contains(&bits(n)) || !is_odd(n) {
        return Err(ConfigFault::new(format!("{path}.n"), "must be an RSA modulus of 2048 to 4096 bits"));
    }
    let fault = || ConfigFault::new(format!("{path}.e"), "must be an odd RSA exponent of 3 to 2^33-1");
    if !is_odd(e) || e == [1] {
        return Err(fault());
    }
    let jwk = JsonWebKey::Rsa { modulus: n.into(), public_exponent: e.into(), private_parts: None };
    let key = (&jwk).try_into().map_err(|_| fault())?;
    Ok(Material::Rsa { key: Box::new(key), spki: der::rsa_spki(n, e) })
}

fn p256(jwk: &Object, path: &str) -> Result<Material, ConfigFault> {
    let (x, y) = (bytes(jwk, path, "x")?, bytes(jwk, path, "y")?);
    let jwk = JsonWebKey::EllipticCurve { curve: "P-256".into(), x: (&x).into(), y: (&y).into(), secret: None };
    let key = (&jwk).try_into().map_err(|_| not_a_point(path))?;
    Ok(Material::P256 { key: Box::new(key), spki: der::p256_spki(&x, &y) })
}

fn secp256k1(jwk: &Object, path: &str) -> Result<Material, ConfigFault> {
    let (x, y) = (bytes(jwk, path, "x")?, bytes(jwk, path, "y")?);
    let jwk = JsonWebKey::EllipticCurve { curve: "secp256k1".into(), x: x.into(), y: y.into(), secret: None };
    (&jwk).try_into().map(|key| Material::Secp256k1(Box::new(key))).map_err(|_| not_a_point(path))
}

fn ed25519(jwk: &Object, path: &str) -> Result<Material, ConfigFault> {
    let x = bytes(jwk, path, "x")?;
    let jwk = JsonWebKey::KeyPair { curve: "Ed25519".into(), x: x.into(), secret: None };
    (&jwk).try_into().map(Material::Ed25519).map_err(|_| not_a_point(path))
}

fn not_a_point(path: &str) -> ConfigFault {
    ConfigFault::new(format!("{path}.x"), "x (and y) must be a point on the key's curve, 32 bytes each")
}

fn bytes(jwk: &Object, path: &str, name: &str) -> Result<Vec<u8>, ConfigFault> {
    let decoded = jwk.get(name).and_then(Value::as_str).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    decoded.ok_or_else(|| ConfigFault::new(format!("{path}.{name}"), "must be base64url without padding"))
}

/// The size of a number without leading zero bytes.
fn bits(number: &[u8]) -> usize {
    let leading = number.first().map_or(0, |first| first.leading_zeros() as usize);
    number.len().saturating_mul(8).saturating_sub(leading)
}

fn is_odd(number: &[u8]) -> bool {
    number.last().is_some_and(|last| last & 1 == 1)
}
