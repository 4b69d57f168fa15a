//! Signatures, verified by AWS-LC: several times as fast as pure Rust.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, VerificationAlgorithm,
};
use tollgate_policy::HostAlgorithm;

/// Whether `signature` of `message` is the key's; `None`: the key cannot be read. The parameters are those of
/// [`tollgate_policy::SignatureHost::verify`].
pub(crate) fn verify(algorithm: HostAlgorithm, spki_der: &[u8], signature: &[u8], message: &[u8]) -> Option<bool> {
    let algorithm: &dyn VerificationAlgorithm = match algorithm {
        HostAlgorithm::RsaPkcs1Sha256 => &RSA_PKCS1_2048_8192_SHA256,
        HostAlgorithm::RsaPkcs1Sha384 => &RSA_PKCS1_2048_8192_SHA384,
        HostAlgorithm::RsaPkcs1Sha512 => &RSA_PKCS1_2048_8192_SHA512,
        HostAlgorithm::EcdsaP256Sha256 => &ECDSA_P256_SHA256_ASN1,
    };
    let key = ParsedPublicKey::new(algorithm, spki_der).ok()?;
    Some(key.verify_sig(message, signature).is_ok())
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::{
        encoding::AsDer,
        rand::SystemRandom,
        signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA384, RsaKeyPair},
    };

    use super::*;

    #[test]
    fn signatures_are_those_of_the_key_in_its_info() {
        let random = SystemRandom::new();
        let ecdsa = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let spki = ecdsa.public_key().as_der().unwrap();
        let signature = ecdsa.sign(&random, b"message").unwrap();
        let check = |signature, message| verify(HostAlgorithm::EcdsaP256Sha256, spki.as_ref(), signature, message);
        assert_eq!(check(signature.as_ref(), b"message"), Some(true));
        assert_eq!(check(signature.as_ref(), b"another"), Some(false));
        assert_eq!(check(b"no signature", b"message"), Some(false));

        let rsa = RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
        let spki = rsa.public_key().as_der().unwrap();
        let mut signature = vec![0; rsa.public_modulus_len()];
        rsa.sign(&RSA_PKCS1_SHA384, &random, b"message", &mut signature).unwrap();
        let check = |algorithm| verify(algorithm, spki.as_ref(), &signature, b"message");
        assert_eq!(check(HostAlgorithm::RsaPkcs1Sha384), Some(true));
        assert_eq!(check(HostAlgorithm::RsaPkcs1Sha256), Some(false));
        assert_eq!(check(HostAlgorithm::EcdsaP256Sha256), None, "that is no key of this kind");
        assert_eq!(verify(HostAlgorithm::RsaPkcs1Sha384, b"no key", &signature, b"message"), None);
    }
}
