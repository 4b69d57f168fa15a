//! Cards for tests, as real agents write them.

use serde_json::{Value, json};

fn common() -> Value {
    json!({
        "name": "Weather", "description": "Says what the weather is.", "version": "1.0.0",
        "capabilities": {"streaming": true, "pushNotifications": false},
        "defaultInputModes": ["text/plain"], "defaultOutputModes": ["text/plain"],
        "documentationUrl": "https://docs.example/weather",
        "skills": [{"id": "now", "name": "Now", "description": "Current weather", "tags": ["weather"]}],
    })
}

fn with(mut card: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("an object") };
    card.as_object_mut().unwrap().extend(more);
    card
}

/// A v1.0 card.
pub(crate) fn modern(origin: &str) -> Value {
    with(
        common(),
        json!({
            "supportedInterfaces": [
                {"url": format!("{origin}/rpc"), "protocolBinding": "JSONRPC", "protocolVersion": "1.0"},
                {"url": format!("{origin}/rest"), "protocolBinding": "HTTP+JSON", "protocolVersion": "1.0"},
                {"url": "backend.example:443", "protocolBinding": "GRPC", "protocolVersion": "1.0"},
            ],
            "securitySchemes": {"key": {"apiKeySecurityScheme": {"location": "header", "name": "x-key"}}},
            "securityRequirements": [{"schemes": {"key": {"list": []}}}],
        }),
    )
}

/// A v0.3 card.
pub(crate) fn old(origin: &str) -> Value {
    with(
        common(),
        json!({
            "protocolVersion": "0.3.0", "url": format!("{origin}/rpc"), "preferredTransport": "JSONRPC",
            "additionalInterfaces": [
                {"url": format!("{origin}/rest"), "transport": "HTTP+JSON"},
                {"url": format!("{origin}/grpc"), "transport": "GRPC"},
            ],
            "security": [{"key": []}],
            "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "x-key"}},
            "supportsAuthenticatedExtendedCard": true,
        }),
    )
}

/// Both at once, as `a2a-sdk` 1.3.0 writes it, signed.
pub(crate) fn hybrid(origin: &str) -> Value {
    let signed = json!({"signatures": [{"protected": "e30", "signature": "AA"}], "x-vendor": {"kept": true}});
    with(with(modern(origin), old(origin)), signed)
}
