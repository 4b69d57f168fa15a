//! The issuers of a policy, compiled: keys parsed, settings checked, once for each document and not for each token.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::algorithm::SigningAlgorithm;
use super::caller::{Caller, Verified};
use super::claims::Claims;
use super::jwks;
use super::key::Key;
use super::{TokenFault, UnixSeconds};
use crate::document::{ClaimNames, IssuerDocument};
use crate::fault::ConfigFault;
use crate::ids::Scope;

/// Largest clock difference that can be configured, in seconds.
pub const MAX_LEEWAY: u32 = 300;

/// Whose tokens are believed.
pub struct Issuers {
    list: Vec<Issuer>,
    leeway: u64,
    fingerprint: u64,
}

/// One issuer.
pub(super) struct Issuer {
    name: Arc<str>,
    audiences: Vec<String>,
    /// Empty: whatever the keys are for.
    algorithms: Vec<SigningAlgorithm>,
    claims: ClaimNames,
    scope_prefix: Option<String>,
    keys: Vec<Key>,
}

impl Issuers {
    /// Compiles `docs`; `leeway` is in seconds.
    ///
    /// # Errors
    /// Every fault, with its path in the policy document (`issuers[0].jwks.keys[1].n`).
    pub fn compile(docs: &[IssuerDocument], leeway: u32) -> Result<Self, Vec<ConfigFault>> {
        let mut faults = Vec::new();
        let mut list: Vec<Issuer> = Vec::new();
        if docs.is_empty() {
            faults.push(ConfigFault::new("issuers", "must name at least one issuer"));
        }
        if leeway > MAX_LEEWAY {
            faults.push(ConfigFault::new("gateway.leewaySeconds", format!("must be at most {MAX_LEEWAY}")));
        }
        for (index, doc) in docs.iter().enumerate() {
            let path = format!("issuers[{index}]");
            if docs.iter().take(index).any(|other| other.issuer == doc.issuer) {
                faults.push(ConfigFault::new(format!("{path}.issuer"), "is given twice"));
            }
            match Issuer::compile(doc, &path) {
                Ok(issuer) => list.push(issuer),
                Err(more) => faults.extend(more),
            }
        }
        if faults.is_empty() {
            Ok(Self { list, leeway: leeway.into(), fingerprint: fingerprint(docs, leeway) })
        } else {
            Err(faults)
        }
    }

    /// Whether the issuer's keys include one of that `kid`. If not, fetching them again may help.
    #[must_use]
    pub fn knows_key(&self, issuer: &str, kid: &str) -> bool {
        self.find(issuer).is_ok_and(|issuer| issuer.keys.iter().any(|key| key.id.as_deref() == Some(kid)))
    }

    /// Differs where the documents or the leeway differ: what was believed under one may not be under the other.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// Seconds of clock difference allowed.
    #[must_use]
    pub fn leeway(&self) -> u64 {
        self.leeway
    }

    /// The issuer of that name, byte for byte.
    pub(super) fn find(&self, name: &str) -> Result<&Issuer, TokenFault> {
        self.list.iter().find(|issuer| *issuer.name == *name).ok_or(TokenFault::UnknownIssuer)
    }
}

impl Issuer {
    fn compile(doc: &IssuerDocument, path: &str) -> Result<Self, Vec<ConfigFault>> {
        let mut faults = Vec::new();
        let mut require = |holds: Result<(), &str>, field: &str| {
            if let Err(message) = holds {
                faults.push(ConfigFault::new(format!("{path}.{field}"), message));
            }
        };
        require(named(std::slice::from_ref(&doc.issuer)), "issuer");
        require(named(&doc.audiences), "audiences");
        require(named(&doc.claims.client), "claims.client");
        require(named(&doc.claims.scope), "claims.scope");
        if let Some(prefix) = &doc.scope_prefix {
            require(named(std::slice::from_ref(prefix)), "scopePrefix");
        }
        let algorithms = compile_algorithms(&doc.algorithms, path, &mut faults);
        let keys = jwks::compile(&doc.jwks, &format!("{path}.jwks")).unwrap_or_else(|more| {
            faults.extend(more);
            Vec::new()
        });
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Self {
            name: doc.issuer.as_str().into(),
            audiences: doc.audiences.clone(),
            algorithms,
            claims: doc.claims.clone(),
            scope_prefix: doc.scope_prefix.clone(),
            keys,
        })
    }

    pub(super) fn audiences(&self) -> &[String] {
        &self.audiences
    }

    /// The one key that may have signed: the one `kid` names, or without `kid` the only one for that algorithm.
    pub(super) fn select(&self, algorithm: SigningAlgorithm, key_id: Option<&str>) -> Result<&Key, TokenFault> {
        if !self.algorithms.is_empty() && !self.algorithms.contains(&algorithm) {
            return Err(TokenFault::UnsupportedAlgorithm);
        }
        let named = |key: &&Key| key_id.is_none() || key.id.as_deref() == key_id;
        let mut fitting = self.keys.iter().filter(named).filter(|key| key.permits(algorithm));
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(key),
            (None, _) if key_id.is_some() && self.keys.iter().any(|key| named(&key)) => {
                Err(TokenFault::UnsupportedAlgorithm)
            }
            _ => Err(TokenFault::UnknownKey),
        }
    }

    /// The caller that verified claims name.
    pub(super) fn caller(&self, claims: &Claims, expires_at: UnixSeconds) -> Result<Caller, TokenFault> {
        let client = claims.first_text(&self.claims.client)?.ok_or(TokenFault::MissingClient)?;
        let words = claims.first_words(&self.claims.scope)?;
        let verified = Verified {
            issuer: Arc::clone(&self.name),
            client: client.into(),
            subject: claims.text("sub")?.map(Box::from),
            token_id: claims.text("jti")?.map(Box::from),
            scopes: words.into_iter().filter_map(|word| self.scope(word)).collect(),
            issued_at: claims.issued_at(),
            expires_at,
        };
        Ok(Caller::from(verified))
    }

    fn scope(&self, word: &str) -> Option<Scope> {
        let word = match &self.scope_prefix {
            Some(prefix) => word.strip_prefix(prefix.as_str())?,
            None => word,
        };
        Scope::try_from(word).ok()
    }
}

const EMPTY: &str = "must not be empty";

fn named(names: &[String]) -> Result<(), &'static str> {
    if names.is_empty() || names.iter().any(String::is_empty) { Err(EMPTY) } else { Ok(()) }
}

fn compile_algorithms(names: &[String], path: &str, faults: &mut Vec<ConfigFault>) -> Vec<SigningAlgorithm> {
    let mut algorithms = Vec::new();
    for (index, name) in names.iter().enumerate() {
        match SigningAlgorithm::from_name(name) {
            Some(algorithm) => algorithms.push(algorithm),
            None => faults.push(ConfigFault::new(
                format!("{path}.algorithms[{index}]"),
                "must be one of RS256, RS384, RS512, PS256, ES256, ES256K, EdDSA",
            )),
        }
    }
    algorithms
}

fn fingerprint(docs: &[IssuerDocument], leeway: u32) -> u64 {
    let mut hasher = Sha256::new();
    hasher.update(leeway.to_be_bytes());
    hasher.update(serde_json::to_vec(docs).unwrap_or_default());
    let digest = hasher.finalize();
    digest.iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}
