//! The state-of-the-world protocol (xDS transport protocol, "Basic Protocol Overview"): each response lists everything of its type.

use std::collections::BTreeMap;

use envoy_types::pb::envoy::service::discovery::v3::{DiscoveryRequest, DiscoveryResponse};

use super::{
    Resource, ResourceKind, Snapshot,
    channel::{Answer, Channel},
    resource::version_of,
    session::Session,
};

/// The nonce of each type's last response: what this protocol needs beyond a [`Session`].
#[derive(Default)]
pub(super) struct Ledger {
    last: BTreeMap<ResourceKind, String>,
}

/// Takes a request. Types that are not served here are ignored, and so is an answer to anything but the last response.
pub(super) fn request(session: &mut Session, ledger: &Ledger, request: DiscoveryRequest, snapshot: &Snapshot) {
    let Some(kind) = ResourceKind::from_type_url(&request.type_url) else { return };
    let first = session.channel(kind).is_none();
    let last = ledger.last.get(&kind);
    if !first && last != Some(&request.response_nonce) && !request.response_nonce.is_empty() {
        return;
    }
    let channel = session.open(kind);
    if first && request.resource_names.is_empty() && kind.defaults_to_wildcard() {
        channel.subscribe_all();
    } else if !request.resource_names.is_empty() {
        replace_names(channel, &request.resource_names);
    }
    if first {
        resume(channel, &request.version_info, snapshot);
    } else if !request.response_nonce.is_empty() {
        let answer = request.error_detail.map_or(Answer::Accepted, |error| Answer::Refused(error.message));
        let refused = session.answer(kind, &request.response_nonce, answer, snapshot);
        if !refused.is_empty() {
            // The whole response counts as refused: send it again without what was named.
            session.open(kind).send_again();
        }
    }
}

/// The responses that are due.
pub(super) fn responses(session: &mut Session, ledger: &mut Ledger, snapshot: &Snapshot) -> Vec<DiscoveryResponse> {
    let mut responses = Vec::new();
    while let Some((kind, due, nonce)) = session.next(snapshot) {
        session.sent(kind, due, nonce.clone(), snapshot.generation());
        let resources = session.open(kind).full(snapshot);
        ledger.last.insert(kind, nonce.clone());
        responses.push(DiscoveryResponse {
            version_info: version(&resources),
            type_url: kind.type_url().to_owned(),
            resources: resources.iter().map(|resource| resource.body().clone()).collect(),
            nonce,
            ..Default::default()
        });
    }
    responses
}

fn replace_names(channel: &mut Channel, names: &[String]) {
    let gone: Vec<_> = channel.names().iter().filter(|name| !names.iter().any(|it| **it == ***name)).cloned().collect();
    gone.iter().for_each(|name| channel.unsubscribe(name));
    let fresh: Vec<_> = names.iter().filter(|name| !channel.names().contains(name.as_str())).collect();
    for name in fresh {
        if name == "*" { channel.subscribe_all() } else { channel.subscribe(name) }
    }
}

/// A client that comes back with the version it would be sent has everything already.
fn resume(channel: &mut Channel, claimed: &str, snapshot: &Snapshot) {
    if claimed.is_empty() {
        return;
    }
    let resources = channel.full(snapshot);
    let current = version(&resources) == claimed;
    for resource in &resources {
        // Held in some version at least: a stand-in must not replace it.
        let version = if current { resource.version() } else { "" };
        channel.reports(resource.name(), version);
    }
}

fn version(resources: &[Resource]) -> String {
    let parts = resources.iter().flat_map(|it| [it.name().as_bytes(), it.version().as_bytes()]);
    version_of(&parts.collect::<Vec<_>>())
}
