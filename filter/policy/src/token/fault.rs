//! Why a request has no verified caller. A value that is cached, counted and worded for the client; it never quotes the token.

use std::fmt;

/// The reason a token is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenFault {
    /// There is no `Authorization` header.
    Missing,
    /// `Authorization` uses another scheme than `Bearer`.
    NotBearer,
    /// Not a JWS in compact form, or its JSON is not what the specifications allow.
    Malformed,
    /// Longer than [`MAX_TOKEN`](super::MAX_TOKEN).
    TooLong,
    /// `alg` is unknown, refused by the issuer's settings, or not what the key is for.
    UnsupportedAlgorithm,
    /// The header asks for something this gateway does not do: `crit`, or another `typ`.
    UnsupportedHeader,
    /// `iss` is absent or not configured.
    UnknownIssuer,
    /// `kid` names no key of the issuer, or there is no `kid` and more than one key would do. Fetching the keys again may help.
    UnknownKey,
    /// The signature is not the key's.
    BadSignature,
    /// `exp` has passed, leeway included.
    Expired,
    /// `nbf` has not come, leeway included.
    NotYetValid,
    /// There is no `exp`.
    MissingExpiry,
    /// `aud` names none of the issuer's configured audiences.
    WrongAudience,
    /// No claim that may name the client does.
    MissingClient,
    /// The token says that it is for something else, e.g. an OpenID Connect ID token.
    NotAccessToken,
    /// The token, its client, its subject or its issuer was revoked here.
    Revoked,
}

impl TokenFault {
    /// Every fault.
    pub const ALL: [Self; 16] = [
        Self::Missing,
        Self::NotBearer,
        Self::Malformed,
        Self::TooLong,
        Self::UnsupportedAlgorithm,
        Self::UnsupportedHeader,
        Self::UnknownIssuer,
        Self::UnknownKey,
        Self::BadSignature,
        Self::Expired,
        Self::NotYetValid,
        Self::MissingExpiry,
        Self::WrongAudience,
        Self::MissingClient,
        Self::NotAccessToken,
        Self::Revoked,
    ];

    /// A stable name, for metrics and records.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing => "token_missing",
            Self::NotBearer => "token_not_bearer",
            Self::Malformed => "token_malformed",
            Self::TooLong => "token_too_long",
            Self::UnsupportedAlgorithm => "token_unsupported_algorithm",
            Self::UnsupportedHeader => "token_unsupported_header",
            Self::UnknownIssuer => "token_unknown_issuer",
            Self::UnknownKey => "token_unknown_key",
            Self::BadSignature => "token_bad_signature",
            Self::Expired => "token_expired",
            Self::NotYetValid => "token_not_yet_valid",
            Self::MissingExpiry => "token_missing_expiry",
            Self::WrongAudience => "token_wrong_audience",
            Self::MissingClient => "token_missing_client",
            Self::NotAccessToken => "token_not_access_token",
            Self::Revoked => "token_revoked",
        }
    }

    /// Words for `error_description` (RFC 6750 section 3): ASCII without quotes, and nothing the client sent.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::Missing => "a bearer token is required",
            Self::NotBearer => "the authorization scheme must be Bearer",
            Self::Malformed => "the token is not a well-formed JWT",
            Self::TooLong => "the token is longer than 8 KiB",
            Self::UnsupportedAlgorithm => "the token is signed with an algorithm that is not accepted",
            Self::UnsupportedHeader => "the token's header asks for what is not supported (crit or typ)",
            Self::UnknownIssuer => "the token's issuer is not accepted here",
            Self::UnknownKey => "the token's key is not one of its issuer's",
            Self::BadSignature => "the token's signature is wrong",
            Self::Expired => "the token has expired",
            Self::NotYetValid => "the token is not valid yet",
            Self::MissingExpiry => "the token has no expiry",
            Self::WrongAudience => "the token is for another audience",
            Self::MissingClient => "the token names no client",
            Self::NotAccessToken => "the token is not an access token",
            Self::Revoked => "the token or its holder has been revoked",
        }
    }

    /// Whether no bearer token came at all: then a challenge carries no `error` (RFC 6750 section 3.1).
    #[must_use]
    pub const fn is_absence(self) -> bool {
        matches!(self, Self::Missing | Self::NotBearer)
    }

    /// How long the same token need not be looked at again, in seconds. What time or a newly fetched key can cure is asked again soon.
    pub(super) const fn remembered_for(self) -> u64 {
        match self {
            Self::Missing | Self::NotBearer | Self::TooLong => 0,
            Self::NotYetValid => 1,
            Self::UnknownKey => 2,
            _ => 10,
        }
    }
}

impl fmt::Display for TokenFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.description())
    }
}

impl std::error::Error for TokenFault {}

#[cfg(test)]
mod tests {
    use super::TokenFault;

    #[test]
    fn every_fault_has_its_own_code_and_words_that_fit_into_a_quoted_string() {
        for (index, fault) in TokenFault::ALL.into_iter().enumerate() {
            let later = TokenFault::ALL.into_iter().skip(index + 1);
            assert!(later.into_iter().all(|other| other.code() != fault.code()), "{fault:?}");
            let quotable = |byte: u8| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e);
            assert!(fault.description().bytes().all(quotable), "{fault:?}");
        }
    }
}
