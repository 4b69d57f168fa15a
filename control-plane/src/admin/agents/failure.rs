//! What to tell a client when an agent's card, host or credential fails: the field to look at, nothing that the peer wrote.

use axum::http::StatusCode;

use super::credentials::secret_of;
use crate::{
    admin::ApiError,
    broker::BrokerError,
    cards::{CardError, SignatureError},
    domain::BackendAuth,
    outbound::OutboundError,
};

/// A registration's card cannot be had: what was registered is not good (422), or was not allowed (400).
pub(super) fn card(error: &CardError, field: &str, auth: &BackendAuth) -> ApiError {
    let unusable =
        |code| ApiError::field(code, field, format!("{field}: {error}")).with_status(StatusCode::UNPROCESSABLE_ENTITY);
    match error {
        CardError::Fetch(cause) => outbound(cause, field),
        CardError::Credential(cause) => credential(cause, auth),
        CardError::Json(_) => unusable("INVALID_AGENT_CARD"),
        CardError::Invalid(fault) => unusable("INVALID_AGENT_CARD").detail("cardPath", fault.path.as_str()),
        CardError::NoInterface => unusable("UNSUPPORTED_AGENT_CARD"),
        CardError::Signature(cause) => signature(cause),
    }
}

/// A card that is not signed by whom it should be: the field to look at is the one that asks for it.
pub(super) fn signature(error: &SignatureError) -> ApiError {
    let unusable = |code, field: &str| {
        ApiError::field(code, field, error.to_string()).with_status(StatusCode::UNPROCESSABLE_ENTITY)
    };
    match error {
        SignatureError::Unsigned => unusable("AGENT_CARD_NOT_SIGNED", "cardSignatures.policy"),
        SignatureError::Invalid(_) => unusable("INVALID_AGENT_CARD_SIGNATURE", "cardSignatures"),
        SignatureError::NoKeys => ApiError::field("MISSING_REQUIRED_FIELD", "cardSignatures.jwks", error.to_string()),
        SignatureError::Fetch(OutboundError::Scheme | OutboundError::NotAllowed { .. }) => {
            ApiError::field("URL_NOT_ALLOWED", "cardSignatures.jwksUrl", error.to_string())
        }
        SignatureError::Fetch(_) => unusable("JWKS_UNREACHABLE", "cardSignatures.jwksUrl"),
        SignatureError::KeySet(_) => unusable("INVALID_JWKS", "cardSignatures"),
    }
}

/// A URL that cannot, or must not, be reached.
pub(super) fn outbound(error: &OutboundError, field: &str) -> ApiError {
    let code = match error {
        OutboundError::Scheme | OutboundError::NotAllowed { .. } => "URL_NOT_ALLOWED",
        OutboundError::TooLarge { .. } => "AGENT_CARD_TOO_LARGE",
        OutboundError::Timeout => "BACKEND_TIMEOUT",
        OutboundError::Unreachable { .. } => "BACKEND_UNREACHABLE",
        OutboundError::Status(_) => "AGENT_CARD_NOT_FOUND",
    };
    let status = match error {
        OutboundError::Scheme | OutboundError::NotAllowed { .. } => StatusCode::BAD_REQUEST,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    ApiError::field(code, field, format!("{field}: {error}")).with_status(status)
}

/// A backend's credential that is not to be had.
pub(super) fn credential(error: &BrokerError, auth: &BackendAuth) -> ApiError {
    let secret_field = secret_of(auth).map_or("authConfig", |(field, _)| field);
    match error {
        BrokerError::Secret(_) => {
            ApiError::field("UNREADABLE_SECRET", secret_field, format!("{secret_field}: {error}"))
        }
        BrokerError::NotAHeader => {
            let message = format!("{secret_field} has characters that no header may have");
            ApiError::field("INVALID_AUTH_CONFIG", secret_field, message)
        }
        BrokerError::Token(_) => ApiError::field("OAUTH_ERROR", "authConfig.tokenUrl", error.to_string())
            .with_status(StatusCode::UNPROCESSABLE_ENTITY),
    }
}
