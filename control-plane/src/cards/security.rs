//! What a caller must bring, in a card's words: the gateway's own scheme instead of the backend's, which is the gateway's to
//! satisfy. A card may be read as v0.3 (OpenAPI style, with `type`) or v1.0 (a field named after the kind): the scheme is written
//! so that both find theirs, and a2a-sdk 0.3.26 and 1.3.0 each read their half of it.

use serde_json::{Map, Value, json};

use crate::{config::PublicUrl, domain::AgentId};

/// How callers get tokens for this gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GatewaySecurity {
    /// From the embedded issuer.
    OAuth {
        /// Its token endpoint.
        token_url: String,
        /// Its metadata (RFC 8414).
        metadata_url: String,
    },
    /// From an issuer elsewhere: a JWT as bearer token.
    Bearer,
}

/// Name of the scheme in the cards.
const SCHEME: &str = "tollgate";

impl GatewaySecurity {
    /// The embedded issuer below the gateway's own URL.
    #[must_use]
    pub fn embedded(public_url: &PublicUrl) -> Self {
        Self::OAuth {
            token_url: format!("{public_url}/oauth2/token"),
            metadata_url: format!("{public_url}/.well-known/oauth-authorization-server"),
        }
    }

    /// Replaces whatever the card says about security, its skills included.
    pub(super) fn write(&self, card: &mut Map<String, Value>, agent: &AgentId) {
        let scopes = [format!("agents:{agent}:read"), format!("agents:{agent}:write")];
        card.insert("securitySchemes".into(), json!({ SCHEME: self.scheme(&scopes) }));
        let listed: &[String] = if matches!(self, Self::OAuth { .. }) { &scopes } else { &[] };
        if card.contains_key("supportedInterfaces") {
            card.insert("securityRequirements".into(), json!([{"schemes": {SCHEME: {"list": listed}}}]));
        } else {
            card.remove("securityRequirements");
        }
        if card.contains_key("url") {
            card.insert("security".into(), json!([{ SCHEME: listed }]));
        } else {
            card.remove("security");
        }
        for skill in card.get_mut("skills").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(skill) = skill.as_object_mut() {
                skill.shift_remove("security");
                skill.shift_remove("securityRequirements");
            }
        }
    }

    fn scheme(&self, [read, write]: &[String; 2]) -> Value {
        match self {
            Self::OAuth { token_url, metadata_url } => {
                let scopes = json!({read: "Read this agent's tasks", write: "Send to this agent"});
                let flows = json!({"clientCredentials": {"tokenUrl": token_url, "scopes": scopes}});
                json!({
                    "type": "oauth2", "flows": flows, "oauth2MetadataUrl": metadata_url,
                    "oauth2SecurityScheme": {"flows": flows, "oauth2MetadataUrl": metadata_url},
                })
            }
            Self::Bearer => json!({
                "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                "httpAuthSecurityScheme": {"scheme": "bearer", "bearerFormat": "JWT"},
            }),
        }
    }
}
