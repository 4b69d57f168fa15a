//! External issuers' key sets: read from where their record says, on a period and when a token names a key that nobody knows.
//! A set that cannot be read keeps the last good one. Believing the keys is the policy crate's business.

use std::{collections::HashMap, sync::Arc, time::Duration};

use http::HeaderMap;
use serde_json::Value;
use tokio::{sync::mpsc, time::Instant};
use tollgate_policy::{document::IssuerDocument, token::Issuers};

use crate::{
    domain::{ExternalIssuer, JwksSource, Registry},
    outbound::{Outbound, OutboundError},
    secrets::{SecretError, SecretSource},
    store::{Change, Store, WriteError},
};

/// No key set is longer.
const MAX_BYTES: usize = 256 << 10;
/// An unknown key has an issuer's set read again at most this often.
const REFETCH_AT_MOST_EVERY: Duration = Duration::from_secs(10);
/// Reports beyond these say nothing new.
const REPORTS: usize = 64;

/// Why a key set cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum JwksError {
    /// It cannot be fetched.
    #[error("the key set cannot be fetched: {0}")]
    Fetch(#[from] OutboundError),
    /// It cannot be read.
    #[error("the key set cannot be read: {0}")]
    File(#[from] SecretError),
    /// Not a key set.
    #[error("is not a key set (RFC 7517 section 5): an object with an array \"keys\"")]
    Shape,
    /// The filter would refuse it.
    #[error("the key set has no usable key: {0}")]
    Unusable(String),
}

/// Reads key sets.
#[derive(Clone)]
pub struct JwksReader {
    outbound: Outbound,
    files: SecretSource,
}

/// Keeps external issuers' keys fresh.
pub struct Refresher {
    store: Store,
    reader: JwksReader,
    period: Duration,
    reports: mpsc::Receiver<String>,
}

/// Takes reports of tokens whose key nobody knows. Clones report to the same refresher.
#[derive(Clone)]
pub struct UnknownKeys {
    reports: mpsc::Sender<String>,
}

impl JwksReader {
    /// A reader that reaches what `outbound` may, and files that `files` allows.
    #[must_use]
    pub fn new(outbound: &Outbound, files: SecretSource) -> Self {
        Self { outbound: outbound.with_max_bytes(MAX_BYTES), files }
    }

    /// Reads the key set of a record and has the filter's own parser accept it.
    ///
    /// # Errors
    /// It cannot be had, or the filter would refuse it.
    pub async fn read_for(&self, issuer: &ExternalIssuer) -> Result<Value, JwksError> {
        let jwks = self.read(&issuer.source, &issuer.jwks).await?;
        let document = IssuerDocument { jwks, ..IssuerDocument::from(issuer) };
        match Issuers::compile(std::slice::from_ref(&document), 0) {
            Ok(_) => Ok(document.jwks),
            Err(faults) => Err(JwksError::Unusable(faults.first().map(ToString::to_string).unwrap_or_default())),
        }
    }

    /// Reads a key set; `inline` is what the record holds, and the answer for an inline source.
    async fn read(&self, source: &JwksSource, inline: &Value) -> Result<Value, JwksError> {
        let bytes = match source {
            JwksSource::Inline => return checked(inline.clone()),
            JwksSource::Url(url) => self.outbound.get(url, HeaderMap::new()).await?.body,
            JwksSource::File(path) => {
                let (files, path) = (self.files.clone(), path.clone());
                let read = move || files.read_allowed(&path, MAX_BYTES as u64);
                tokio::task::spawn_blocking(read).await.expect("reading a file does not panic")?
            }
        };
        checked(serde_json::from_slice(&bytes).map_err(|_| JwksError::Shape)?)
    }
}

fn checked(jwks: Value) -> Result<Value, JwksError> {
    if jwks.get("keys").is_some_and(Value::is_array) { Ok(jwks) } else { Err(JwksError::Shape) }
}

impl UnknownKeys {
    /// Says that a token of `issuer` names an unknown key. Never waits.
    pub fn report(&self, issuer: &str) {
        // A full line means that a refetch is about to happen anyway.
        let _ = self.reports.try_send(issuer.to_owned());
    }
}

impl Refresher {
    /// A refresher, and where to report unknown keys to.
    #[must_use]
    pub fn new(store: Store, reader: JwksReader, period: Duration) -> (Self, UnknownKeys) {
        let (sender, reports) = mpsc::channel(REPORTS);
        (Self { store, reader, period, reports }, UnknownKeys { reports: sender })
    }

    /// Refreshes for ever.
    pub async fn run(mut self) {
        let mut tick = tokio::time::interval(self.period);
        let mut refetched: HashMap<String, Instant> = HashMap::new();
        loop {
            tokio::select! {
                _ = tick.tick() => self.refresh_all().await,
                Some(name) = self.reports.recv() => self.refetch(name, &mut refetched).await,
            }
        }
    }

    /// Reads the set of the issuer `name`, unless that was done just now.
    async fn refetch(&self, name: String, refetched: &mut HashMap<String, Instant>) {
        let now = Instant::now();
        refetched.retain(|_, at| now.duration_since(*at) < REFETCH_AT_MOST_EVERY);
        let registry = self.store.registry();
        if let Some(issuer) = registry.issuers.get(&name)
            && !refetched.contains_key(&name)
        {
            refetched.insert(name, now);
            self.refresh(issuer).await;
        }
    }

    async fn refresh_all(&self) {
        for issuer in self.store.registry().issuers.values() {
            self.refresh(issuer).await;
        }
    }

    async fn refresh(&self, issuer: &Arc<ExternalIssuer>) {
        if issuer.source == JwksSource::Inline {
            return;
        }
        let outcome = self.reader.read_for(issuer).await;
        let (jwks, refresh_error) = match outcome {
            Ok(jwks) => (Some(jwks), None),
            Err(error) => (None, Some(error.to_string())),
        };
        if let Some(reason) = &refresh_error {
            tracing::warn!(issuer = issuer.issuer, reason, "an issuer's keys could not be refreshed");
        }
        let source = issuer.source.clone();
        let name = issuer.issuer.clone();
        let decide = move |registry: &Registry| Ok(changes(registry, &name, &source, jwks, refresh_error));
        match self.store.write::<std::convert::Infallible>(decide).await {
            Ok(_) => {}
            Err(WriteError::Refused(never)) => match never {},
            Err(WriteError::Store(error)) => {
                tracing::error!(error = &error as &dyn std::error::Error, "an issuer's keys could not be written");
            }
        }
    }
}

/// What a refresh changes: nothing, if the record went or its source changed meanwhile, or all is as it was.
fn changes(
    registry: &Registry,
    name: &str,
    source: &JwksSource,
    jwks: Option<Value>,
    refresh_error: Option<String>,
) -> Vec<Change> {
    let Some(current) = registry.issuers.get(name).filter(|current| current.source == *source) else {
        return Vec::new();
    };
    let fresh =
        ExternalIssuer { jwks: jwks.unwrap_or_else(|| current.jwks.clone()), refresh_error, ..(**current).clone() };
    if fresh == **current { Vec::new() } else { vec![Change::PutIssuer(fresh)] }
}

#[cfg(test)]
mod tests;
