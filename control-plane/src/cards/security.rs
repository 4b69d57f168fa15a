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
        let is_modern = card.contains_key("supportedInterfaces");
        let is_old = card.contains_key("url");
        let pushes = card.get("capabilities").and_then(|it| it.get("pushNotifications")) == Some(&Value::Bool(true));
        let mut scheme = self.scheme(agent, &scopes, pushes);
        scheme.retain(|field, _| if field.ends_with("SecurityScheme") { is_modern } else { is_old || !is_modern });
        card.insert("securitySchemes".into(), json!({ SCHEME: scheme }));
        let listed: &[String] = if matches!(self, Self::OAuth { .. }) { &scopes } else { &[] };
        if is_modern {
            card.insert("securityRequirements".into(), json!([{"schemes": {SCHEME: {"list": listed}}}]));
        } else {
            card.remove("securityRequirements");
        }
        if is_old {
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

    /// Both halves of the scheme. Strict readers of either version take no field of the other's, so a card has those it needs.
    fn scheme(&self, agent: &AgentId, [read, write]: &[String; 2], pushes: bool) -> Map<String, Value> {
        let scheme = match self {
            Self::OAuth { token_url, metadata_url } => {
                let mut scopes = json!({read: "Read this agent's tasks", write: "Send to this agent"});
                if pushes {
                    scopes[format!("agents:{agent}:push")] = "Register webhooks at this agent".into();
                }
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
        };
        match scheme {
            Value::Object(fields) => fields,
            _ => Map::new(),
        }
    }
}
