//! The control plane's own endpoints judge callers by the policy that Envoy has: same tokens, same answers.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use tollgate_policy::{
    Policy, Revocations,
    document::RevocationDocument,
    token::{Caller, NoHost, TokenCache, TokenFault, key_hint},
};

use crate::{
    domain::{AgentId, UnixSeconds},
    gate::{Gate, Sight, Unverified, Visitor},
    issuer::{Clock, UnknownKeys},
    reconciler::Published,
};

/// Verified tokens remembered. Callers of listings and the admin API are few beside those of agents.
const REMEMBERED: usize = 4096;

/// Judges by the published policy.
pub(super) struct PolicyGate {
    published: Published,
    remembered: Mutex<TokenCache>,
    unknown_keys: UnknownKeys,
    clock: Clock,
}

/// A caller, and the policy it is judged by.
struct PolicyVisitor {
    policy: Arc<Policy>,
    caller: Arc<Caller>,
    published: Published,
}

impl PolicyGate {
    pub(super) fn new(published: Published, unknown_keys: UnknownKeys, clock: Clock, seed: u64) -> Self {
        Self { published, remembered: Mutex::new(TokenCache::new(seed, REMEMBERED)), unknown_keys, clock }
    }
}

impl Gate for PolicyGate {
    fn admit(&self, authorization: Option<&[u8]>) -> Result<Arc<dyn Visitor>, Unverified> {
        let policy = self.published.policy().ok_or(Unverified::NotReady)?;
        let now = (self.clock)();
        let outcome = {
            let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
            policy.authenticate(&mut remembered, authorization, now, &NoHost)
        };
        match outcome {
            Ok(caller) => Ok(Arc::new(PolicyVisitor { policy, caller, published: self.published.clone() })),
            Err(TokenFault::Missing) => Err(Unverified::NoToken),
            Err(fault) => {
                if let (TokenFault::UnknownKey, Some(hint)) = (fault, authorization.and_then(key_hint)) {
                    self.unknown_keys.report(&hint.issuer);
                }
                Err(Unverified::BadToken { description: fault.description() })
            }
        }
    }
}

impl Visitor for PolicyVisitor {
    fn client(&self) -> &str {
        self.caller.client()
    }

    fn subject(&self) -> Option<&str> {
        self.caller.subject()
    }

    fn is_admin(&self) -> bool {
        self.policy.is_admin(&self.caller)
    }

    fn is_cut_off_by(&self, revocation: &RevocationDocument, now: UnixSeconds) -> bool {
        Revocations::would_cut_off(revocation, &self.caller, now)
    }

    fn may_beat(&self, agent: &AgentId) -> bool {
        self.policy.may_beat(&self.caller, agent.as_str())
    }

    fn sight(&self) -> Sight {
        let scopes: BTreeSet<&str> = self.caller.scopes().iter().map(|scope| scope.as_str()).collect();
        Sight { scopes: scopes.into_iter().map(str::to_owned).collect() }
    }

    fn renewed(&self) -> Arc<dyn Visitor> {
        let policy = self.published.policy().unwrap_or_else(|| self.policy.clone());
        Arc::new(Self { policy, caller: self.caller.clone(), published: self.published.clone() })
    }

    fn may_see(&self, agent: &AgentId) -> bool {
        !self.policy.grants(&self.caller, agent.as_str()).operations.is_empty()
    }
}
