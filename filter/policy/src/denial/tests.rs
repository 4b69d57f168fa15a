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
    assert_snapshot!(check(&Reason::Token(TokenFault::Missing), &read()), @"");
}

#[test]
fn an_expired_token_in_http_json() {
    assert_snapshot!(check(&Reason::Token(TokenFault::Expired), &Binding::HttpJson), @"");
}

#[test]
fn a_missing_scope_in_each_binding() {
    let reason = Reason::Scope(OperationClass::Write);
    assert_snapshot!(check(&reason, &read()), @"");
    assert_snapshot!(check(&reason, &Binding::HttpJson), @"");
    assert_snapshot!(check(&reason, &Binding::Gateway), @"");
    assert_snapshot!(check(&reason, &Binding::Grpc), @"");
}

#[test]
fn no_policy_yet() {
    let denial = Denial::unavailable();
    assert_eq!(denial.status(), 503);
    assert_snapshot!(denial.body(), @"");
}

#[test]
fn headers_and_records_are_ascii() {
    for fault in TokenFault::ALL {
        let text = check(&Reason::Token(fault), &Binding::HttpJson);
        assert!(text.is_ascii(), "{text}");
    }
}
