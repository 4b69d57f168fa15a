//! Denials as clients read them, byte for byte.

use insta::assert_snapshot;

use super::*;
use crate::document::OperationClass;
use crate::token::TokenFault;

fn check(reason: &Reason, binding: &Binding) -> String {
    let context = Context { public_url: "https://gw.example", caller: None, agent: Some("weather"), operation: "none" };
    let denial = Denial::new(reason, binding, context);
    let mut lines =
        vec![denial.grpc_status().map_or_else(|| denial.status().to_string(), |status| format!("grpc {status}"))];
    lines.extend(denial.headers().iter().map(|(name, value)| format!("{name}: {value}")));
    lines.push(denial.body().to_owned());
    lines.join("\n")
}

fn read() -> Binding {
    Binding::JsonRpc(RequestId::null())
}

#[test]
fn a_missing_token_in_json_rpc() {
    assert_snapshot!(check(&Reason::Token(TokenFault::Missing), &read()), @r#"
    401
    content-type: application/json
    www-authenticate: Bearer realm="tollgate", scope="agents:weather:read agents:weather:write", resource_metadata="https://gw.example/.well-known/oauth-protected-resource/agents/weather"
    {"jsonrpc":"2.0","id":null,"error":{"code":-32041,"message":"a bearer token is required","data":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"TOKEN_MISSING","domain":"tollgate","metadata":{"agentId":"weather"}}]}}
    "#);
}

#[test]
fn an_expired_token_in_http_json() {
    assert_snapshot!(check(&Reason::Token(TokenFault::Expired), &Binding::HttpJson), @r#"
    401
    content-type: application/a2a+json
    www-authenticate: Bearer realm="tollgate", error="invalid_token", error_description="the token has expired", resource_metadata="https://gw.example/.well-known/oauth-protected-resource/agents/weather"
    {"error":{"code":401,"status":"UNAUTHENTICATED","message":"the token has expired","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"TOKEN_EXPIRED","domain":"tollgate","metadata":{"agentId":"weather"}}]}}
    "#);
}

#[test]
fn a_missing_scope_in_each_binding() {
    let reason = Reason::Scope(OperationClass::Write);
    assert_snapshot!(check(&reason, &read()), @r#"
    403
    content-type: application/json
    www-authenticate: Bearer realm="tollgate", error="insufficient_scope", scope="agents:weather:write", resource_metadata="https://gw.example/.well-known/oauth-protected-resource/agents/weather"
    {"jsonrpc":"2.0","id":null,"error":{"code":-32043,"message":"the token's scopes do not grant write on this agent","data":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"INSUFFICIENT_SCOPE","domain":"tollgate","metadata":{"agentId":"weather"}}]}}
    "#);
    assert_snapshot!(check(&reason, &Binding::HttpJson), @r#"
    403
    content-type: application/a2a+json
    www-authenticate: Bearer realm="tollgate", error="insufficient_scope", scope="agents:weather:write", resource_metadata="https://gw.example/.well-known/oauth-protected-resource/agents/weather"
    {"error":{"code":403,"status":"PERMISSION_DENIED","message":"the token's scopes do not grant write on this agent","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"INSUFFICIENT_SCOPE","domain":"tollgate","metadata":{"agentId":"weather"}}]}}
    "#);
    assert_snapshot!(check(&reason, &Binding::Gateway), @r#"
    403
    content-type: application/json
    www-authenticate: Bearer realm="tollgate", error="insufficient_scope", scope="agents:weather:write", resource_metadata="https://gw.example/.well-known/oauth-protected-resource/agents/weather"
    {"error":{"code":"INSUFFICIENT_SCOPE","message":"the token's scopes do not grant write on this agent","details":{"agentId":"weather"}}}
    "#);
    assert_snapshot!(check(&reason, &Binding::Grpc), @r#"
    grpc 7
    content-type: application/grpc
    www-authenticate: Bearer realm="tollgate", error="insufficient_scope", scope="agents:weather:write", resource_metadata="https://gw.example/.well-known/oauth-protected-resource/agents/weather"
    grpc-status-details-bin: CAcSM3RoZSB0b2tlbidzIHNjb3BlcyBkbyBub3QgZ3JhbnQgd3JpdGUgb24gdGhpcyBhZ2VudBpeCih0eXBlLmdvb2dsZWFwaXMuY29tL2dvb2dsZS5ycGMuRXJyb3JJbmZvEjIKEklOU1VGRklDSUVOVF9TQ09QRRIIdG9sbGdhdGUaEgoHYWdlbnRJZBIHd2VhdGhlcg
    the token's scopes do not grant write on this agent
    "#);
}

#[test]
fn no_policy_yet() {
    let denial = Denial::unavailable();
    assert_eq!(denial.status(), 503);
    assert_snapshot!(denial.body(), @r#"{"error":{"code":"NO_POLICY","message":"the gateway has no policy yet","details":{"retryAfterSeconds":1}}}"#);
}

#[test]
fn headers_and_records_are_ascii() {
    for fault in TokenFault::ALL {
        let text = check(&Reason::Token(fault), &Binding::HttpJson);
        assert!(text.is_ascii(), "{text}");
    }
}

fn exhausted() -> Reason {
    let caller = Caller::sample("app", &[]);
    let limit = crate::Limits { shared: Some(crate::Limit::DEFAULT), ..crate::Limits::default() };
    let quota = crate::quota::Quotas::new(&limit, caller.key(), "weather").of(None).quota().unwrap().clone();
    Reason::RateLimited(crate::quota::Exhausted { quota, retry_after: 7 })
}

#[test]
fn a_used_up_limit_in_every_binding() {
    assert_snapshot!(check(&exhausted(), &read()), @r#"
    429
    content-type: application/json
    ratelimit: "default";r=0;t=7
    ratelimit-policy: "default";q=100;w=60
    retry-after: 7
    {"jsonrpc":"2.0","id":null,"error":{"code":-32042,"message":"the rate limit for this agent is used up: try again in 7 s","data":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"RATE_LIMITED","domain":"tollgate","metadata":{"agentId":"weather","retryAfterSeconds":"7"}}]}}
    "#);
    assert_snapshot!(check(&exhausted(), &Binding::HttpJson), @r#"
    429
    content-type: application/a2a+json
    ratelimit: "default";r=0;t=7
    ratelimit-policy: "default";q=100;w=60
    retry-after: 7
    {"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"the rate limit for this agent is used up: try again in 7 s","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"RATE_LIMITED","domain":"tollgate","metadata":{"agentId":"weather","retryAfterSeconds":"7"}}]}}
    "#);
    assert_snapshot!(check(&exhausted(), &Binding::Grpc), @r#"
    grpc 8
    content-type: application/grpc
    ratelimit: "default";r=0;t=7
    ratelimit-policy: "default";q=100;w=60
    retry-after: 7
    grpc-status-details-bin: CAgSOnRoZSByYXRlIGxpbWl0IGZvciB0aGlzIGFnZW50IGlzIHVzZWQgdXA6IHRyeSBhZ2FpbiBpbiA3IHMacAoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLkVycm9ySW5mbxJECgxSQVRFX0xJTUlURUQSCHRvbGxnYXRlGhIKB2FnZW50SWQSB3dlYXRoZXIaFgoRcmV0cnlBZnRlclNlY29uZHMSATc
    the rate limit for this agent is used up: try again in 7 s
    "#);
}

#[test]
fn too_many_at_once() {
    assert_snapshot!(check(&Reason::Overloaded, &Binding::HttpJson), @r#"
    503
    content-type: application/a2a+json
    retry-after: 1
    {"error":{"code":503,"status":"UNAVAILABLE","message":"too many requests are under way at this agent: try again","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"TOO_MANY_CONCURRENT","domain":"tollgate","metadata":{"agentId":"weather","retryAfterSeconds":"1"}}]}}
    "#);
}
