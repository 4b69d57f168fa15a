//! Name resolution that hands out vetted addresses only, so that what was checked is what is connected to.

use std::{net::SocketAddr, sync::Arc};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::{AddressRules, Refusal};

/// Every address of the name was refused; the reason is the first one's.
#[derive(Debug, thiserror::Error)]
#[error("the address is {}", .0.as_str())]
pub(super) struct NotAllowedAddress(pub(super) Refusal);

pub(super) struct VettingResolver {
    rules: Arc<AddressRules>,
}

impl VettingResolver {
    pub(super) fn new(rules: Arc<AddressRules>) -> Self {
        Self { rules }
    }
}

impl Resolve for VettingResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let rules = self.rules.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let addresses = allowed(found, &rules)?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

fn allowed(
    found: impl Iterator<Item = SocketAddr>,
    rules: &AddressRules,
) -> Result<Vec<SocketAddr>, NotAllowedAddress> {
    let mut refused = None;
    let mut addresses = Vec::new();
    for address in found {
        match rules.check(address.ip()) {
            Ok(()) => addresses.push(address),
            Err(refusal) => refused = refused.or(Some(refusal)),
        }
    }
    match refused {
        Some(refusal) if addresses.is_empty() => Err(NotAllowedAddress(refusal)),
        _ => Ok(addresses),
    }
}
