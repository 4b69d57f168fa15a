//! Properties of reading and rewriting cards, over documents that no test author thought of.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{BackendCard, CardGateway, GatewaySecurity, Offer, card_paths, samples, validate};
use crate::domain::{AgentId, BackendUrl};

/// The backend's host in all of these; no other text holds it.
const HOST: &str = "backend.internal";

fn gateway() -> CardGateway {
    let public_url = "https://gw.example".parse().unwrap();
    CardGateway { security: GatewaySecurity::embedded(&public_url), public_url, grpc_domain: None }
}

fn rewritten(document: &Value) -> Option<Value> {
    let backend = BackendUrl::parse(&format!("http://{HOST}:9000")).unwrap();
    let (agent, paths) = (AgentId::try_from("weather").unwrap(), card_paths(document, &backend));
    gateway().rewrite(BackendCard {
        agent: &agent,
        document,
        paths: &paths,
        backend: &backend,
        offer: &Offer::default(),
        skills: &[],
    })
}

/// Every value that a client could take for an interface.
fn interface_fields(card: &Value) -> Vec<&Value> {
    let fields = ["url", "additionalInterfaces", "supportedInterfaces", "preferredTransport", "securitySchemes"];
    fields.iter().filter_map(|field| card.get(field)).collect()
}

fn any_url() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => "(http|https|grpc|HTTP)://(backend\\.internal|u:p@backend\\.internal|elsewhere)(:9[0-9]{0,3})?(/[a-z]{0,4}){0,3}"
            .prop_map(Value::from),
        1 => Just(json!({"href": format!("http://{HOST}/")})),
        1 => Just(json!(format!("{HOST}:443"))),
        1 => any::<i64>().prop_map(Value::from),
    ]
}

fn any_interface() -> impl Strategy<Value = Value> {
    let binding = prop_oneof![Just("JSONRPC"), Just("HTTP+JSON"), Just("GRPC"), Just("urn:x")];
    (any_url(), binding, any_url(), "[a-z]{1,8}").prop_map(|(url, binding, other, key)| {
        json!({"url": url, "protocolBinding": binding, "transport": binding, "protocolVersion": "1.0", key: other})
    })
}

/// Cards of either shape, their interface fields tampered with.
fn any_card() -> impl Strategy<Value = Value> {
    let list = || prop_oneof![4 => prop::collection::vec(any_interface(), 0..4).prop_map(Value::from), 1 => any_json()];
    let origin = format!("http://{HOST}:9000");
    let base =
        prop_oneof![Just(samples::hybrid(&origin)), Just(samples::modern(&origin)), Just(samples::old(&origin)),];
    (base, any_url(), list(), list(), prop_oneof![Just("GRPC"), Just("HTTP+JSON")]).prop_map(
        |(mut card, url, new, old, main)| {
            for (field, value) in [("url", url), ("supportedInterfaces", new), ("additionalInterfaces", old)] {
                card.as_object_mut().unwrap().insert(field.to_owned(), value);
            }
            card["preferredTransport"] = main.into();
            card
        },
    )
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        any_url(),
    ];
    let names = prop_oneof![
        Just("url"),
        Just("supportedInterfaces"),
        Just("additionalInterfaces"),
        Just("preferredTransport"),
        Just("skills"),
        Just("capabilities"),
        Just("signatures"),
        Just("security"),
        Just("name"),
    ];
    leaf.prop_recursive(4, 48, 6, move |inner| {
        let entry = (names.clone().prop_map(str::to_owned), inner.clone());
        prop_oneof![
            prop::collection::vec(inner, 0..5).prop_map(Value::from),
            prop::collection::vec(entry, 0..6).prop_map(|entries| Value::Object(Map::from_iter(entries))),
        ]
    })
}

proptest! {
    #[test]
    fn no_backend_host_survives_in_an_interface(card in prop_oneof![any_card(), any_json()]) {
        let Some(card) = rewritten(&card) else { return Ok(()) };
        for field in interface_fields(&card) {
            prop_assert!(!field.to_string().contains(HOST), "{field}");
            prop_assert!(!field.to_string().contains("elsewhere"), "{field}");
        }
        prop_assert!(card.get("signatures").is_none());
    }

    #[test]
    fn any_json_is_judged_and_rewritten_without_panic(document in any_json()) {
        let _ = validate(&document);
        let _ = rewritten(&document);
    }

    #[test]
    fn rewriting_twice_is_rewriting_once(card in any_card()) {
        let once = rewritten(&card).unwrap();
        let gateway_backend = BackendUrl::parse("https://gw.example").unwrap();
        let (agent, paths) = (AgentId::try_from("weather").unwrap(), card_paths(&once, &gateway_backend));
        let again = BackendCard { agent: &agent, document: &once, paths: &paths, backend: &gateway_backend, offer: &Offer::default(), skills: &[] };
        prop_assert_eq!(gateway().rewrite(again), Some(once));
    }

    #[test]
    fn bytes_from_a_backend_never_panic(bytes: Vec<u8>) {
        if let Ok(document) = crate::strict_json::parse(&bytes) {
            let _ = validate(&document);
            let _ = rewritten(&document);
        }
    }
}

#[test]
fn a_transport_that_is_no_word_is_dropped() {
    let origin = format!("http://{HOST}");
    let card = rewritten(&json!({"url": origin, "preferredTransport": {"url": origin}})).unwrap();
    assert!(!card.to_string().contains(HOST), "{card}");
}

#[test]
fn a_hybrid_card_is_the_gateways_in_both_versions() {
    insta::assert_json_snapshot!(rewritten(&samples::hybrid(&format!("http://{HOST}:9000"))).unwrap());
}

#[test]
fn interfaces_on_other_paths_than_the_carried_one_are_dropped() {
    let mut card = samples::hybrid(&format!("http://{HOST}:9000"));
    card["url"] = json!(format!("http://{HOST}:9000/old-rpc"));
    let card = rewritten(&card).unwrap();
    assert_eq!(card["preferredTransport"], "HTTP+JSON", "the main interface gives way to one that is carried");
    assert_eq!(card["url"], "https://gw.example/agents/weather");
}
