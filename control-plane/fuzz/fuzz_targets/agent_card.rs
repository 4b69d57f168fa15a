//! Whatever a backend serves as its card, judging and rewriting it never panics, and no interface of the rewritten card leads to the
//! backend.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate::{
    cards::{BackendCard, CardGateway, GatewaySecurity, Offer, card_paths, validate},
    domain::{AgentId, BackendUrl},
    strict_json,
};

const HOST: &str = "backend.internal";

fuzz_target!(|bytes: &[u8]| {
    let Ok(document) = strict_json::parse(bytes) else { return };
    let _ = validate(&document);
    let public_url = "https://gw.example".parse().expect("a constant");
    let gateway = CardGateway { security: GatewaySecurity::embedded(&public_url), public_url, grpc_domain: None };
    let backend = BackendUrl::parse(&format!("http://{HOST}")).expect("a constant");
    let agent = AgentId::try_from("agent").expect("a constant");
    let paths = card_paths(&document, &backend);
    let offer = Offer::default();
    let card = BackendCard {
        agent: &agent,
        document: &document,
        paths: &paths,
        backend: &backend,
        offer: &offer,
        skills: &[],
    };
    let Some(card) = gateway.rewrite(card) else { return };
    for field in ["url", "additionalInterfaces", "supportedInterfaces", "securitySchemes"] {
        let leaks = |url: &serde_json::Value| url.as_str().is_some_and(|url| url.contains(HOST));
        let entries = card.get(field).and_then(|list| list.as_array()).into_iter().flatten();
        assert!(!card.get(field).is_some_and(leaks));
        assert!(!entries.filter_map(|entry| entry.get("url")).any(leaks));
    }
});
