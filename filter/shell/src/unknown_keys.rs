//! Tokens refused because their issuer's key set does not have their key. The issuer may have changed keys since the set was read, so
//! the control plane is shown one such token of each issuer, once a second at most; what it makes of it is its own business.

use std::{mem, sync::Mutex, time::Duration};

use tollgate_policy::token::key_hint;

use crate::{host, service::lock};

/// Issuers a worker tells of at a time. More would be a policy with as many issuers, all changing keys within a second.
const MOST: usize = 16;
/// How long the control plane may take, which has nothing to do for it but to take note; nobody waits for it.
const PATIENCE: Duration = Duration::from_millis(500);

/// What waits to be shown.
#[derive(Default)]
pub(crate) struct UnknownKeys {
    waiting: Mutex<Vec<Refused>>,
}

struct Refused {
    issuer: String,
    authorization: Vec<u8>,
}

impl UnknownKeys {
    /// Remembers a refused token, unless one of its issuer is remembered already.
    pub(crate) fn note(&self, authorization: &[u8]) {
        let mut waiting = lock(&self.waiting);
        if waiting.len() >= MOST || waiting.iter().any(|known| known.authorization == authorization) {
            return;
        }
        let Some(hint) = key_hint(authorization) else { return };
        if !waiting.iter().any(|known| known.issuer == hint.issuer) {
            waiting.push(Refused { issuer: hint.issuer, authorization: authorization.to_vec() });
        }
    }

    /// Shows the control plane in `cluster` what was remembered, as a caller would: it judges tokens by the same policy.
    pub(crate) fn tell(&self, cluster: &str) {
        for refused in mem::take(&mut *lock(&self.waiting)) {
            let Ok(authorization) = String::from_utf8(refused.authorization) else { continue };
            let headers = [
                (":method", "GET"),
                (":path", "/agents?limit=1"),
                (":authority", cluster),
                ("authorization", authorization.as_str()),
            ];
            host::call(cluster, &headers, PATIENCE);
        }
    }
}
