//! Why a request to an operator-given URL has no answer: the HTTP client's errors, read for what an operator can act on.

use std::{error::Error, fmt, io, iter};

use rustls::CertificateError;
use url::Url;

use super::{address::Refusal, resolver::NotAllowedAddress};

/// Why there is no answer. Safe to show to an operator: nothing in it was written by the peer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// The URL's scheme is not taken.
    #[error("the scheme of the URL is not allowed")]
    Scheme,
    /// The host leads to an address that must not be reached.
    #[error("the host {host} is not allowed: it is {}", refusal.as_str())]
    NotAllowed {
        /// Host of the URL.
        host: String,
        /// Why.
        refusal: Refusal,
    },
    /// Not resolved, refused, reset, or a TLS failure.
    #[error("{host} cannot be reached: {stage}")]
    Unreachable {
        /// Host of the URL.
        host: String,
        /// What failed.
        stage: Stage,
    },
    /// The body is longer than the bound.
    #[error("the answer is longer than {limit} bytes")]
    TooLarge {
        /// The bound.
        limit: usize,
    },
    /// Not done in time.
    #[error("no answer in time")]
    Timeout,
    /// An answer, but neither 2xx nor 304. Redirects are not followed.
    #[error("the answer has status {0}")]
    Status(u16),
}

/// How far an exchange came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The name was not resolved, the connection not made, or TLS failed.
    Connect,
    /// The peer's certificate does not hold.
    Certificate(CertificateFault),
    /// The connection broke before the answer was whole.
    Exchange,
}

/// What is wrong with a peer's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateFault {
    /// No authority that this process trusts signed it.
    UnknownIssuer,
    /// It is for another name.
    OtherName,
    /// It is not valid any more, or not yet.
    Expired,
    /// Something else.
    Unusable,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "no connection (name, network or TLS)",
            Self::Certificate(CertificateFault::UnknownIssuer) => {
                "its certificate is of no authority that is trusted here"
            }
            Self::Certificate(CertificateFault::OtherName) => "its certificate is for another name",
            Self::Certificate(CertificateFault::Expired) => "its certificate is not valid at this time",
            Self::Certificate(CertificateFault::Unusable) => "its certificate cannot be used",
            Self::Exchange => "the connection broke",
        })
    }
}

/// What an error of the HTTP client means.
pub(super) fn explain(error: &reqwest::Error, url: &Url) -> OutboundError {
    for cause in causes(error) {
        if let Some(NotAllowedAddress(refusal)) = cause.downcast_ref() {
            return OutboundError::NotAllowed { host: host_of(url), refusal: *refusal };
        }
        if let Some(rustls::Error::InvalidCertificate(error)) = cause.downcast_ref() {
            return OutboundError::Unreachable { host: host_of(url), stage: Stage::Certificate(error.into()) };
        }
    }
    if error.is_timeout() {
        return OutboundError::Timeout;
    }
    let stage = if error.is_connect() { Stage::Connect } else { Stage::Exchange };
    OutboundError::Unreachable { host: host_of(url), stage }
}

/// The host of a URL, for messages.
pub(super) fn host_of(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

/// What caused an error, outermost first. An `io::Error` does not count what it wraps as its source, but as itself.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    iter::successors(error.source(), |&cause| match cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => cause.source(),
    })
}

impl From<&CertificateError> for CertificateFault {
    fn from(error: &CertificateError) -> Self {
        match error {
            CertificateError::UnknownIssuer => Self::UnknownIssuer,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Self::OtherName,
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => Self::Expired,
            _ => Self::Unusable,
        }
    }
}
