//! The incremental protocol (xDS transport protocol, "Incremental xDS"): requests into channel changes, changes into responses.

use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, Resource as WireResource,
};

use super::{
    Resource, ResourceKind, Snapshot,
    channel::{Answer, Due},
    session::Session,
};

const ANY: &str = "*";

/// Takes a request. Types that are not served here are ignored.
pub(super) fn request(session: &mut Session, request: DeltaDiscoveryRequest, snapshot: &Snapshot) {
    let Some(kind) = ResourceKind::from_type_url(&request.type_url) else { return };
    let first = session.channel(kind).is_none();
    let channel = session.open(kind);
    if first && request.resource_names_subscribe.is_empty() && kind.defaults_to_wildcard() {
        channel.subscribe_all();
    }
    for name in &request.resource_names_subscribe {
        if name == ANY { channel.subscribe_all() } else { channel.subscribe(name) }
    }
    for name in &request.resource_names_unsubscribe {
        if name == ANY { channel.unsubscribe_all() } else { channel.unsubscribe(name) }
    }
    if first {
        request.initial_resource_versions.iter().for_each(|(name, version)| channel.reports(name, version));
    }
    if !request.response_nonce.is_empty() {
        let answer = request.error_detail.map_or(Answer::Accepted, |error| Answer::Refused(error.message));
        session.answer(kind, &request.response_nonce, answer, snapshot);
    }
}

/// The responses that are due.
pub(super) fn responses(session: &mut Session, snapshot: &Snapshot) -> Vec<DeltaDiscoveryResponse> {
    let mut responses = Vec::new();
    while let Some((kind, due, nonce)) = session.next(snapshot) {
        responses.push(response(kind, &due, nonce.clone(), snapshot));
        session.sent(kind, due, nonce, snapshot.generation());
    }
    responses
}

fn response(kind: ResourceKind, due: &Due, nonce: String, snapshot: &Snapshot) -> DeltaDiscoveryResponse {
    DeltaDiscoveryResponse {
        system_version_info: snapshot.generation().to_string(),
        type_url: kind.type_url().to_owned(),
        resources: due.upserts.iter().map(wire).collect(),
        removed_resources: due.removed.iter().map(|name| name.to_string()).collect(),
        nonce,
        ..Default::default()
    }
}

fn wire(resource: &Resource) -> WireResource {
    WireResource {
        name: resource.name().to_owned(),
        version: resource.version().to_owned(),
        resource: Some(resource.body().clone()),
        ..Default::default()
    }
}
