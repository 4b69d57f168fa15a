//! The decision record: one compact JSON object for each request, for access logs and the log service.

use std::sync::Arc;

use crate::token::Caller;

/// Renders a record. What is not known is left out.
pub(crate) fn render(caller: Option<&Caller>, agent: Option<&str>, operation: &str, outcome: &str) -> Arc<str> {
    let mut out = String::with_capacity(160);
    out.push('{');
    if let Some(caller) = caller {
        member(&mut out, "issuer", caller.issuer());
        member(&mut out, "client", caller.client());
        if let Some(subject) = caller.subject() {
            member(&mut out, "subject", subject);
        }
    }
    if let Some(agent) = agent {
        member(&mut out, "agent", agent);
    }
    member(&mut out, "operation", operation);
    member(&mut out, "outcome", outcome);
    out.push('}');
    out.into()
}

fn member(out: &mut String, name: &str, value: &str) {
    if out.len() > 1 {
        out.push(',');
    }
    out.push('"');
    out.push_str(name);
    out.push_str("\":");
    out.push_str(&serde_json::Value::from(value).to_string());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_json_whatever_the_names_hold() {
        let caller = Caller::sample("we\"ird\\", &[]);
        let record = render(Some(&caller), Some("weather"), "SendMessage", "allowed");
        assert_eq!(
            &*record,
            r#"{"issuer":"https://issuer.example","client":"we\"ird\\","agent":"weather","operation":"SendMessage","outcome":"allowed"}"#
        );
        assert_eq!(&*render(None, None, "none", "token_missing"), r#"{"operation":"none","outcome":"token_missing"}"#);
    }
}
