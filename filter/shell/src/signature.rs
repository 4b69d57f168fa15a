//! Envoy's `verify_signature` (BoringSSL, 39 µs for RSA and 61 µs for P-256, where wasm needs 0.5 to 0.9 ms), as the policy's
//! signature host. How the question and the answer are written is [`message`]'s.

mod message;

use std::cell::Cell;

use tollgate_policy::token::{HostAlgorithm, SignatureHost};

use crate::{
    host::{self, ForeignError},
    metrics::Metrics,
};

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
        let arguments = message::arguments(algorithm.hash_name(), spki_der, signature, message);
        match host::foreign_function("verify_signature", &arguments) {
            Ok(answer) => Some(message::is_verified(&answer)),
            Err(ForeignError::Missing) => {
                self.availability.missing.set(true);
                None
            }
            Err(ForeignError::Refused) => None,
        }
    }
}
