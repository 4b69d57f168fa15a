//! Where a card's interfaces are on the backend. A card contributes paths only: scheme, host and port are the registered
//! backend's, so no card can lead traffic, or the backend's credential, elsewhere.

use serde_json::{Map, Value};
use url::Url;

use crate::domain::{BackendUrl, CardPaths};

/// An interface's protocol binding, as far as the gateway is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// JSON-RPC 2.0 over HTTP.
    JsonRpc,
    /// HTTP+JSON ("REST").
    HttpJson,
    /// gRPC, and bindings named by URI.
    NotCarried,
}

impl Binding {
    /// The binding of a `protocolBinding` (v1.0) or `transport` (v0.3).
    #[must_use]
    pub fn named(name: &str) -> Self {
        match name {
            "JSONRPC" => Self::JsonRpc,
            "HTTP+JSON" => Self::HttpJson,
            _ => Self::NotCarried,
        }
    }
}

/// The backend paths of a card's interfaces. The first interface of a binding decides, v1.0's before v0.3's.
#[must_use]
pub fn card_paths(card: &Value, backend: &BackendUrl) -> CardPaths {
    let Value::Object(card) = card else { return CardPaths::default() };
    let mut paths = CardPaths::default();
    for (binding, url) in interfaces(card) {
        let Ok(url) = Url::parse(url) else { continue };
        match binding {
            Binding::JsonRpc => paths.rpc = paths.rpc.or_else(|| Some(rpc_path(&url, backend))),
            Binding::HttpJson => paths.rest = paths.rest.or_else(|| Some(rest_path(&url, backend))),
            Binding::NotCarried => {}
        }
    }
    paths
}

/// Whether an interface at `url` is the one that the gateway reaches by `paths`.
pub(super) fn is_carried(binding: Binding, url: &str, paths: &CardPaths, backend: &BackendUrl) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    match binding {
        Binding::JsonRpc => paths.rpc.as_deref() == Some(&rpc_path(&url, backend)),
        Binding::HttpJson => paths.rest.as_deref() == Some(&rest_path(&url, backend)),
        Binding::NotCarried => false,
    }
}

/// The binding of the v0.3 main interface.
pub(super) fn main_binding(card: &Map<String, Value>) -> Binding {
    Binding::named(text(card, "preferredTransport").unwrap_or("JSONRPC"))
}

/// The binding and URL of an entry of `supportedInterfaces` or `additionalInterfaces`.
pub(super) fn entry<'a>(interface: &'a Value, binding: &str) -> Option<(Binding, &'a str)> {
    let interface = interface.as_object()?;
    Some((Binding::named(text(interface, binding)?), text(interface, "url")?))
}

fn interfaces(card: &Map<String, Value>) -> Vec<(Binding, &str)> {
    let list = |field: &str| card.get(field).and_then(Value::as_array).into_iter().flatten();
    let modern = list("supportedInterfaces").filter_map(|interface| entry(interface, "protocolBinding"));
    let main = text(card, "url").map(|url| (main_binding(card), url));
    let additional = list("additionalInterfaces").filter_map(|interface| entry(interface, "transport"));
    modern.chain(main).chain(additional).collect()
}

fn text<'a>(object: &'a Map<String, Value>, field: &str) -> Option<&'a str> {
    object.get(field)?.as_str()
}

fn rpc_path(url: &Url, backend: &BackendUrl) -> String {
    place(url, backend).path().to_owned()
}

fn rest_path(url: &Url, backend: &BackendUrl) -> String {
    place(url, backend).path().trim_end_matches('/').to_owned()
}

/// A card that names another origin was written for another network. Then its path counts only if the backend is registered
/// without one.
fn place<'a>(url: &'a Url, backend: &'a BackendUrl) -> &'a Url {
    let same_origin = url.origin() == backend.url().origin();
    if same_origin || backend.base_path().is_empty() { url } else { backend.url() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cards::samples;

    fn check(card: &Value, backend: &str, rpc: Option<&str>, rest: Option<&str>) {
        let paths = card_paths(card, &BackendUrl::parse(backend).unwrap());
        assert_eq!((paths.rpc.as_deref(), paths.rest.as_deref()), (rpc, rest), "{card} at {backend}");
    }

    #[test]
    fn takes_the_paths_of_each_version() {
        for card in [samples::hybrid("http://b:1"), samples::modern("http://b:1"), samples::old("http://b:1")] {
            check(&card, "http://b:1", Some("/rpc"), Some("/rest"));
        }
    }

    #[test]
    fn a_card_of_another_origin_gives_its_path_only_to_a_backend_without_one() {
        let card = samples::modern("http://localhost:9");
        check(&card, "http://b:1", Some("/rpc"), Some("/rest"));
        check(&card, "http://b:1/base", Some("/base"), Some("/base"));
        check(&samples::modern("http://b:1/base"), "http://b:1/base", Some("/base/rpc"), Some("/base/rest"));
    }

    #[test]
    fn roots_have_their_own_forms() {
        let card = json!({"supportedInterfaces": [
            {"url": "http://b", "protocolBinding": "JSONRPC"}, {"url": "http://b/", "protocolBinding": "HTTP+JSON"}]});
        check(&card, "http://b", Some("/"), Some(""));
    }

    #[test]
    fn the_first_interface_of_a_binding_decides_and_others_are_not_carried() {
        let card = json!({"supportedInterfaces": [
            {"url": "b:443", "protocolBinding": "GRPC"},
            {"url": "http://b/one", "protocolBinding": "JSONRPC"}, {"url": "http://b/two", "protocolBinding": "JSONRPC"}]});
        check(&card, "http://b", Some("/one"), None);
    }

    #[test]
    fn a_grpc_main_interface_is_not_taken_for_json_rpc() {
        check(&json!({"url": "http://b/g", "preferredTransport": "GRPC"}), "http://b", None, None);
    }
}
