//! Whether the filter would take a row: it is compiled by the filter's own parser, alone, and the parser's faults are named by the
//! fields of the admin API.

use serde_json::json;
use tollgate_policy::{
    ConfigFault, Policy,
    document::{IssuerDocument, PermissionDocument, PolicyDocument, VERSION},
    token::Issuers,
};

use super::{ApiError, fields::Faults};
use crate::domain::{ExternalIssuer, Permission};

/// Checks a permission row.
///
/// # Errors
/// Names the first field at fault, and all of them in the details.
pub(super) fn permission(row: &Permission) -> Result<(), ApiError> {
    // Any gateway and any issuer will do: rows do not depend on them.
    let around = json!({
        "version": VERSION,
        "gateway": {"publicUrl": "http://localhost"},
        "issuers": [{"issuer": "any", "audiences": ["any"], "jwks": {"keys": []}}],
    });
    let document: PolicyDocument = serde_json::from_value(around).expect("every other field has a default");
    let document = PolicyDocument { permissions: vec![PermissionDocument::from(row)], ..document };
    match Policy::compile(document) {
        Ok(_) => Ok(()),
        Err(error) => Err(name(error.faults, "permissions[0]", "INVALID_PERMISSION")),
    }
}

/// Checks an issuer, its keys included.
///
/// # Errors
/// As [`permission`].
pub(super) fn issuer(issuer: &ExternalIssuer) -> Result<(), ApiError> {
    match Issuers::compile(&[IssuerDocument::from(issuer)], 0) {
        Ok(_) => Ok(()),
        Err(found) => Err(name(found, "issuers[0]", "INVALID_ISSUER")),
    }
}

/// Faults of a document with one row, by the row's own fields.
fn name(found: Vec<ConfigFault>, root: &str, code: &'static str) -> ApiError {
    let faults = Faults::default();
    for fault in found {
        let field = fault.path.strip_prefix(root).map_or(fault.path.as_str(), |rest| rest.trim_start_matches('.'));
        faults.push(code, field.to_owned(), fault.message);
    }
    faults.refuse()
}
