//! Agent cards as backends write them: A2A v1.0, v0.3, and the hybrid that a2a-sdk 1.3.0 emits.

use serde_json::{Value, json};

/// Which shape a backend's card has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CardShape {
    /// A2A v1.0, one URL for both bindings, and a gRPC interface that the gateway cannot carry.
    #[default]
    V1,
    /// A2A v1.0 with JSON-RPC alone.
    V1Rpc,
    /// A2A v1.0 with HTTP+JSON alone.
    V1Rest,
    /// A2A v0.3.
    V03,
    /// Both in one document, with the interfaces below a path.
    Hybrid,
}

/// A card for a backend at `origin`, which has no trailing slash.
#[must_use]
pub fn card(shape: CardShape, origin: &str) -> Value {
    match shape {
        CardShape::V1 => v1(origin),
        CardShape::V1Rpc => only(v1(origin), "JSONRPC"),
        CardShape::V1Rest => only(v1(origin), "HTTP+JSON"),
        CardShape::V03 => v03(origin),
        CardShape::Hybrid => hybrid(origin),
    }
}

fn common() -> Value {
    json!({
        "name": "Recorder", "description": "Answers and remembers.", "version": "1.0.0",
        "capabilities": {"streaming": true, "pushNotifications": false},
        "defaultInputModes": ["text/plain"], "defaultOutputModes": ["text/plain"],
        "skills": [{"id": "echo", "name": "Echo", "description": "Says it again.", "tags": ["test"]}],
        "documentationUrl": "https://docs.example.com/recorder", "x-unknown": {"kept": [1, 2, 3]},
    })
}

fn v1(origin: &str) -> Value {
    let interfaces = json!({
        "supportedInterfaces": [
            {"url": format!("{origin}/"), "protocolBinding": "JSONRPC", "protocolVersion": "1.0"},
            {"url": origin, "protocolBinding": "HTTP+JSON", "protocolVersion": "1.0"},
            {"url": "grpc.internal.example:443", "protocolBinding": "GRPC", "protocolVersion": "1.0"},
        ],
        "securitySchemes": {"own": {"apiKeySecurityScheme": {"location": "header", "name": "x-backend-key"}}},
        "securityRequirements": [{"schemes": {"own": {"list": []}}}],
        "signatures": [{"protected": "eyJhbGciOiJFUzI1NiJ9", "signature": "c3RhbGU"}],
    });
    merged(common(), interfaces)
}

fn only(mut card: Value, binding: &str) -> Value {
    let interfaces = card["supportedInterfaces"].as_array_mut().expect("a list");
    interfaces.retain(|interface| interface["protocolBinding"] == binding);
    card
}

fn v03(origin: &str) -> Value {
    let interfaces = json!({
        "protocolVersion": "0.3.0", "url": format!("{origin}/"), "preferredTransport": "JSONRPC",
        "additionalInterfaces": [
            {"url": format!("{origin}/"), "transport": "JSONRPC"},
            {"url": origin, "transport": "HTTP+JSON"},
            {"url": "grpc.internal.example:443", "transport": "GRPC"},
        ],
        "securitySchemes": {"own": {"type": "apiKey", "in": "header", "name": "x-backend-key"}}, "security": [{"own": []}],
    });
    merged(common(), interfaces)
}

fn hybrid(origin: &str) -> Value {
    let (rpc, rest) = (format!("{origin}/a2a/rpc"), format!("{origin}/a2a/rest"));
    let interfaces = json!({
        "supportedInterfaces": [
            {"url": rpc, "protocolBinding": "JSONRPC", "protocolVersion": "1.0"},
            {"url": rpc, "protocolBinding": "JSONRPC", "protocolVersion": "0.3"},
            {"url": rest, "protocolBinding": "HTTP+JSON", "protocolVersion": "1.0"},
        ],
        "protocolVersion": "0.3", "url": rpc, "preferredTransport": "JSONRPC",
        "additionalInterfaces": [{"url": rest, "transport": "HTTP+JSON"}],
    });
    merged(common(), interfaces)
}

fn merged(mut into: Value, from: Value) -> Value {
    let (Value::Object(target), Value::Object(source)) = (&mut into, from) else { unreachable!("both are objects") };
    target.extend(source);
    into
}
