//! Where a card's interfaces are on the backend. A card contributes paths only: scheme, host and port are the registered
//! backend's, so no card can lead traffic, or the backend's credential, elsewhere.

use serde_json::{Map, Value};
use url::Url;

use tollgate_policy::document::{Dialect, Interface, ProtocolVersion};

use crate::domain::{BackendUrl, CardPaths};

/// The name of the gRPC binding.
const GRPC: &str = "GRPC";

/// An interface's protocol binding, as far as the gateway is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// JSON-RPC 2.0 over HTTP.
    JsonRpc,
    /// HTTP+JSON ("REST").
    HttpJson,
    /// gRPC, at a place of its own.
    Grpc,
    /// Bindings named by URI.
    NotCarried,
}

impl Binding {
    /// The binding of a `protocolBinding` (v1.0) or `transport` (v0.3).
    #[must_use]
    pub fn named(name: &str) -> Self {
        match name {
            "JSONRPC" => Self::JsonRpc,
            "HTTP+JSON" => Self::HttpJson,
            GRPC => Self::Grpc,
            _ => Self::NotCarried,
        }
    }
}

/// The backend paths of a card's interfaces. The first interface of a binding decides, v1.0's before v0.3's.
#[must_use]
pub fn card_paths(card: &Value, backend: &BackendUrl) -> CardPaths {
    let Value::Object(card) = card else { return CardPaths::default() };
    let mut paths = CardPaths::default();
    for (binding, version, url) in interfaces(card) {
        let Ok(url) = Url::parse(url) else { continue };
        let (interface, is_at_path) = match binding {
            Binding::JsonRpc => (Interface::Rpc, is_first_or_same(&mut paths.rpc, rpc_path(&url, backend))),
            Binding::HttpJson => (Interface::Rest, is_first_or_same(&mut paths.rest, rest_path(&url, backend))),
            Binding::Grpc | Binding::NotCarried => continue,
        };
        let dialect = Dialect::new(interface, version);
        if is_at_path && !paths.dialects.contains(&dialect) {
            paths.dialects.push(dialect);
        }
    }
    paths
}

/// The backend of a card that nobody has registered: where the first interface is that the gateway carries.
#[must_use]
pub fn first_backend(card: &Value) -> Option<BackendUrl> {
    let carried = |(binding, _, url): (Binding, ProtocolVersion, &str)| {
        let mut url = Url::parse(url).ok().filter(|_| matches!(binding, Binding::JsonRpc | Binding::HttpJson))?;
        url.set_path("/");
        url.set_query(None);
        url.set_fragment(None);
        BackendUrl::parse(url.as_str()).ok()
    };
    interfaces(card.as_object()?).into_iter().find_map(carried)
}

/// Whether `path` is the one that decides: the first of its binding.
fn is_first_or_same(decided: &mut Option<String>, path: String) -> bool {
    *decided.get_or_insert_with(|| path.clone()) == path
}

/// Whether a card offers gRPC in protocol 0.3, whose package is another than 1.0's.
pub(super) fn offers_old_grpc(card: &Map<String, Value>) -> bool {
    let mut modern = listed(card, "supportedInterfaces");
    let mut additional = listed(card, "additionalInterfaces").filter_map(|it| it.get("transport"));
    modern.any(|it| it["protocolBinding"] == GRPC && version(it.get("protocolVersion")) == ProtocolVersion::V0_3)
        || additional.any(|name| name == GRPC)
        || main_binding(card) == Binding::Grpc
}

/// Whether an interface at `url` is the one that the gateway reaches by `paths`.
pub(super) fn is_carried(binding: Binding, url: &str, paths: &CardPaths, backend: &BackendUrl) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    match binding {
        Binding::JsonRpc => paths.rpc.as_deref() == Some(&rpc_path(&url, backend)),
        Binding::HttpJson => paths.rest.as_deref() == Some(&rest_path(&url, backend)),
        Binding::Grpc | Binding::NotCarried => false,
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

fn interfaces(card: &Map<String, Value>) -> Vec<(Binding, ProtocolVersion, &str)> {
    let modern = listed(card, "supportedInterfaces").filter_map(|interface| {
        let (binding, url) = entry(interface, "protocolBinding")?;
        Some((binding, version(interface.get("protocolVersion")), url))
    });
    let old = |(binding, url)| (binding, ProtocolVersion::V0_3, url);
    let main = text(card, "url").map(|url| old((main_binding(card), url)));
    let additional = listed(card, "additionalInterfaces").filter_map(|interface| entry(interface, "transport"));
    modern.chain(main).chain(additional.map(old)).collect()
}

fn listed<'a>(card: &'a Map<String, Value>, field: &str) -> impl Iterator<Item = &'a Value> {
    card.get(field).and_then(Value::as_array).into_iter().flatten()
}

/// The version of an entry of `supportedInterfaces`; one that does not say is of the protocol that brought the field.
fn version(text: Option<&Value>) -> ProtocolVersion {
    match text.and_then(Value::as_str).is_some_and(|text| text.trim_start().starts_with("0.")) {
        true => ProtocolVersion::V0_3,
        false => ProtocolVersion::V1_0,
    }
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
    fn what_is_spoken_at_those_paths_is_told_in_the_cards_order() {
        use Dialect::{HttpJson1, HttpJson03, JsonRpc1, JsonRpc03};
        let spoken = |card: &Value| card_paths(card, &BackendUrl::parse("http://b:1").unwrap()).dialects;
        assert_eq!(spoken(&samples::modern("http://b:1")), [JsonRpc1, HttpJson1]);
        assert_eq!(spoken(&samples::old("http://b:1")), [JsonRpc03, HttpJson03]);
        assert_eq!(spoken(&samples::hybrid("http://b:1")), [JsonRpc1, HttpJson1, JsonRpc03, HttpJson03]);
        let elsewhere = json!({"supportedInterfaces": [
            {"url": "http://b:1/a", "protocolBinding": "JSONRPC", "protocolVersion": "1.0.0"},
            {"url": "http://b:1/b", "protocolBinding": "JSONRPC", "protocolVersion": "0.3.0"}]});
        assert_eq!(spoken(&elsewhere), [JsonRpc1]);
    }

    #[test]
    fn a_grpc_main_interface_is_not_taken_for_json_rpc() {
        check(&json!({"url": "http://b/g", "preferredTransport": "GRPC"}), "http://b", None, None);
    }
}
