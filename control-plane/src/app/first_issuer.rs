//! The first external issuer: where the embedded one is off, nobody could log in to register it.

use std::convert::Infallible;

use serde_json::json;
use tollgate_policy::document::ClaimNames;

use crate::{
    config::BootstrapIssuer,
    domain::{ExternalIssuer, Registry},
    store::{Change, Store, StoreError, WriteError},
};

/// Registers the issuer if there is none of its name. Its keys are read by the refresher, which begins at once.
pub(super) async fn ensure(settings: &BootstrapIssuer, store: &Store) -> Result<(), StoreError> {
    let issuer = ExternalIssuer {
        issuer: settings.issuer.clone(),
        audiences: settings.audiences.clone(),
        algorithms: settings.algorithms.clone(),
        claims: ClaimNames::default(),
        scope_prefix: None,
        source: settings.jwks.clone(),
        jwks: json!({ "keys": [] }),
        refresh_error: None,
    };
    let decide = move |registry: &Registry| {
        let known = registry.issuers.contains_key(&issuer.issuer);
        Ok::<_, Infallible>(if known { Vec::new() } else { vec![Change::PutIssuer(issuer)] })
    };
    store.write(decide).await.map(drop).map_err(|error| match error {
        WriteError::Refused(never) => match never {},
        WriteError::Store(error) => error,
    })
}
