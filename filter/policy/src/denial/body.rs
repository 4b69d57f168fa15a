//! The bodies of denials: A2A v1.0 section 3.3.2 and 5.4 for the two HTTP bindings, `{"error":{code,message,details}}` for the rest.

use serde_json::{Value, json};

use super::{Binding, Reason};

/// The domain of our `google.rpc.ErrorInfo`.
const DOMAIN: &str = "tollgate";

/// The media type of a denial's body.
pub(super) fn content_type(binding: &Binding) -> &'static str {
    match binding {
        Binding::HttpJson => "application/a2a+json",
        Binding::Grpc => "application/grpc",
        Binding::JsonRpc(_) | Binding::Gateway => "application/json",
    }
}

/// The body, for any binding that has one.
pub(super) fn render(reason: &Reason, message: &str, binding: &Binding, agent: Option<&str>) -> String {
    match binding {
        Binding::JsonRpc(id) => {
            let error = json!({"code": reason.rpc_code(), "message": message, "data": [info(reason, agent)]});
            // The id is JSON already.
            format!(r#"{{"jsonrpc":"2.0","id":{},"error":{error}}}"#, id.as_json())
        }
        Binding::HttpJson => json!({"error": {
            "code": reason.status(),
            "status": reason.google_status(),
            "message": message,
            "details": [info(reason, agent)],
        }})
        .to_string(),
        Binding::Gateway | Binding::Grpc => {
            let code = reason.code().to_ascii_uppercase();
            json!({"error": {"code": code, "message": message, "details": metadata(agent)}}).to_string()
        }
    }
}

fn info(reason: &Reason, agent: Option<&str>) -> Value {
    json!({
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": reason.code().to_ascii_uppercase(),
        "domain": DOMAIN,
        "metadata": metadata(agent),
    })
}

fn metadata(agent: Option<&str>) -> Value {
    agent.map_or_else(|| json!({}), |id| json!({"agentId": id}))
}
