//! Envoy's `verify_signature` (BoringSSL, 39 µs for RSA and 61 µs for P-256, where wasm needs 0.5 to 0.9 ms), as the policy's
//! signature host. Its arguments and its answer are protobuf messages of a few fields, written and read by hand here.

use std::cell::Cell;

use tollgate_policy::token::{HostAlgorithm, SignatureHost};

use crate::{
    host::{self, ForeignError},
    metrics::Metrics,
};

/// Fields of `envoy.source.extensions.common.wasm.VerifySignatureArguments`.
const HASH_FUNCTION: u8 = 1;
const PUBLIC_KEY: u8 = 2;
const SIGNATURE: u8 = 3;
const TEXT: u8 = 4;
/// `VerifySignatureResult.result`, a varint: its key byte.
const RESULT_KEY: u8 = 0x08;

/// Whether this VM's host has the function; found out by asking once.
#[derive(Default)]
pub(crate) struct Availability {
    missing: Cell<bool>,
}

/// The host's verification for the time of one request.
pub(crate) struct EnvoySignatures<'a> {
    /// Shared by all requests of the VM.
    pub(crate) availability: &'a Availability,
    pub(crate) metrics: &'a Metrics,
}

impl SignatureHost for EnvoySignatures<'_> {
    fn verify(&self, algorithm: HostAlgorithm, spki_der: &[u8], signature: &[u8], message: &[u8]) -> Option<bool> {
        let verdict = self.ask(algorithm, spki_der, signature, message);
        let counter = if verdict.is_some() { self.metrics.host_signatures } else { self.metrics.module_signatures };
        counter.add(1);
        verdict
    }
}

impl EnvoySignatures<'_> {
    fn ask(&self, algorithm: HostAlgorithm, spki_der: &[u8], signature: &[u8], message: &[u8]) -> Option<bool> {
        if self.availability.missing.get() {
            return None;
        }
        let arguments = arguments(algorithm.hash_name(), spki_der, signature, message);
        match host::foreign_function("verify_signature", &arguments) {
            Ok(answer) => Some(is_verified(&answer)),
            Err(ForeignError::Missing) => {
                self.availability.missing.set(true);
                None
            }
            Err(ForeignError::Refused) => None,
        }
    }
}

/// The message that asks. Every field is length-delimited (protobuf wire type 2).
fn arguments(hash: &str, spki_der: &[u8], signature: &[u8], message: &[u8]) -> Vec<u8> {
    let fields =
        [(HASH_FUNCTION, hash.as_bytes()), (PUBLIC_KEY, spki_der), (SIGNATURE, signature), (TEXT, message)];
    let mut bytes = Vec::with_capacity(fields.iter().map(|(_, value)| value.len().saturating_add(6)).sum());
    for (number, value) in fields {
        bytes.push((number << 3) | 2);
        push_varint(&mut bytes, value.len());
        bytes.extend_from_slice(value);
    }
    bytes
}

fn push_varint(bytes: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        bytes.push(u8::try_from(value & 0x7f).unwrap_or(0) | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap_or(0));
}

/// Whether the answer says `result: true`. It is the first field; an absent one is false, and so is anything unexpected.
fn is_verified(answer: &[u8]) -> bool {
    matches!(answer, [RESULT_KEY, 1, ..])
}
