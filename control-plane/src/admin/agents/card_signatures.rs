//! `cardSignatures`: whether an agent's card must be signed, and by whom. And how that, and what came of it, is shown.

use serde_json::{Value, json};

use super::credentials::http_url;
use crate::{
    admin::fields::Fields,
    cards,
    domain::{CardKeySource, CardSignatures, SignatureOutcome, SignaturePolicy},
};

/// Reads `cardSignatures`; what is wrong with it is among the faults.
pub(super) fn read(mut fields: Fields<'_>) -> CardSignatures {
    if !fields.has("policy") {
        fields.missing("MISSING_REQUIRED_FIELD", "policy");
    }
    let policy = fields.parsed("policy", |text| {
        let named = SignaturePolicy::ALL.into_iter().find(|policy| policy.as_str() == text);
        named.ok_or("must be \"ignore\", \"verify_if_present\" or \"require\"")
    });
    let keys = match (fields.has("jwks"), fields.has("jwksUrl")) {
        (true, true) => {
            fields.ignore(&["jwks", "jwksUrl"]);
            fields.fault("INVALID_FIELD", "jwksUrl", "is one too many: give one of jwks, jwksUrl");
            None
        }
        (true, false) => take_keys(&mut fields),
        (false, _) => fields.parsed("jwksUrl", http_url).map(CardKeySource::Url),
    };
    fields.end();
    CardSignatures { policy: policy.unwrap_or_default(), keys: keys.unwrap_or_default() }
}

fn take_keys(fields: &mut Fields<'_>) -> Option<CardKeySource> {
    let jwks = fields.value("jwks")?;
    match cards::key_set(&jwks) {
        Ok(_) => Some(CardKeySource::Inline(jwks)),
        Err(error) => {
            fields.fault("INVALID_JWKS", "jwks", error.to_string());
            None
        }
    }
}

/// What is asked for.
pub(super) fn view(wanted: &CardSignatures) -> Value {
    let mut view = json!({"policy": wanted.policy.as_str()});
    match &wanted.keys {
        CardKeySource::None => {}
        CardKeySource::Inline(jwks) => view["jwks"] = jwks.clone(),
        CardKeySource::Url(url) => view["jwksUrl"] = url.as_str().into(),
    }
    view
}

/// What came of it.
pub(super) fn outcome(outcome: &SignatureOutcome) -> Value {
    match outcome {
        SignatureOutcome::Unchecked => json!({"status": "unchecked"}),
        SignatureOutcome::Unsigned => json!({"status": "unsigned"}),
        SignatureOutcome::Ignored => json!({"status": "ignored"}),
        SignatureOutcome::Verified(signature) => json!({
            "status": "verified",
            "keyId": signature.key_id,
            "algorithm": signature.algorithm,
            "form": signature.form.as_str(),
            "uncovered": signature.uncovered,
        }),
    }
}
