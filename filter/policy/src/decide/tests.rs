//! Whole decisions: a signed token and a head in, an admission or a denial out.

mod bodies;
mod grpc;
mod hostile;
mod routes;
mod scopes;
mod translation;
mod webhooks;

use serde_json::{Value, json};

use super::*;
use crate::Body;
use crate::policy::tests::document;
use crate::token::NoHost;
use crate::token::tests::signer::Signer;
use crate::token::tests::{NOW, claims};

/// A gateway under test: a policy, a worker's memory, and the key its issuer signs with.
struct Gate {
    policy: Policy,
    memory: Memory,
    signer: Signer,
}

/// A request as tests write it; what is not said is as an ordinary JSON-RPC client would have it.
struct Call<'a> {
    method: &'a str,
    path: &'a str,
    /// The whole header.
    authorization: Option<String>,
    content_type: Option<&'a str>,
    content_encoding: Option<&'a str>,
    authority: &'a str,
    version: Option<&'a str>,
    accept: Option<&'a str>,
    body: Option<&'a str>,
}

impl Gate {
    fn new() -> Self {
        Self::with(json!({}), json!({}))
    }

    /// With `gateway` merged into the gateway's settings and `changes` into the document.
    fn with(gateway: Value, changes: Value) -> Self {
        let signer = Signer::ed25519("k1");
        let mut document = document(&changes);
        document["issuers"][0]["jwks"] = json!({"keys": [signer.jwk]});
        for (name, value) in gateway.as_object().unwrap() {
            document["gateway"][name] = value.clone();
        }
        let policy = Policy::parse(document.to_string().as_bytes()).unwrap();
        Self { policy, memory: Memory::new(1, 64), signer }
    }

    fn bearer(&self, scopes: &str) -> String {
        format!("Bearer {}", self.signer.mint(&claims(json!({"scope": scopes}))))
    }

    fn begin(&mut self, call: &Call<'_>) -> Step {
        let head = RequestHead {
            method: call.method.as_bytes(),
            path: call.path.as_bytes(),
            authorization: call.authorization.as_deref().map(str::as_bytes),
            content_type: call.content_type.map(str::as_bytes),
            content_encoding: call.content_encoding.map(str::as_bytes),
            authority: call.authority.as_bytes(),
            version: call.version.map(str::as_bytes),
            accept: call.accept.map(str::as_bytes),
            body: if call.body.is_some() { Body::Follows } else { Body::None },
        };
        begin(&self.policy, &mut self.memory, &head, NOW, &NoHost)
    }

    /// The decision, the body read if it is asked for.
    fn decide(&mut self, call: &Call<'_>) -> Decision {
        match self.begin(call) {
            Step::Decided(decision) => decision,
            Step::NeedsBody(pending) => pending.finish(call.body.unwrap_or_default().as_bytes()),
        }
    }

    /// What comes of a call by a holder of `scopes`: the action's name, or status and code.
    fn outcome(&mut self, scopes: &str, call: Call<'_>) -> String {
        let call = Call { authorization: Some(self.bearer(scopes)), ..call };
        told(&self.decide(&call))
    }
}

fn told(decision: &Decision) -> String {
    match decision {
        Decision::Admit(admission) => admission.action().name().to_owned(),
        Decision::Deny(denial) => format!("{} {}", denial.status(), denial.code()),
    }
}

fn get(path: &str) -> Call<'_> {
    Call {
        method: "GET",
        path,
        authorization: None,
        content_type: None,
        content_encoding: None,
        authority: "gateway.example.com",
        version: None,
        accept: None,
        body: None,
    }
}

fn post<'a>(path: &'a str, body: &'a str) -> Call<'a> {
    Call { method: "POST", content_type: Some("application/json"), body: Some(body), ..get(path) }
}

fn rpc(method: &str) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": {}}).to_string()
}

fn denial(decision: Decision) -> Denial {
    match decision {
        Decision::Deny(denial) => denial,
        Decision::Admit(admission) => panic!("admitted: {admission:?}"),
    }
}

fn admission(decision: Decision) -> Admission {
    match decision {
        Decision::Admit(admission) => admission,
        Decision::Deny(denial) => panic!("denied: {denial:?}"),
    }
}
