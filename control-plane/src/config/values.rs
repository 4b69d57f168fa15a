//! Settings' own value types: the public URL and a host with a port. Each has one fallible constructor.

use std::{fmt, str::FromStr};

use url::Url;

/// The gateway's URL as clients know it: http or https, no trailing slash, no query, no fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(String);

/// A host name or address, and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPort {
    host: String,
    port: u16,
}

impl PublicUrl {
    /// As text, without a trailing slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its port, or its scheme's.
    #[must_use]
    pub fn port(&self) -> u16 {
        Url::parse(&self.0).ok().and_then(|url| url.port_or_known_default()).unwrap_or(443)
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PublicUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).map_err(|_| "is not an absolute URL")?;
        let plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !plain {
            return Err("must be an http or https URL without user, query and fragment");
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }
}

/// A domain below which every agent has a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrpcDomain(String);

impl GrpcDomain {
    /// As text, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GrpcDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for GrpcDomain {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.to_ascii_lowercase();
        let is_label = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if text.len() > 190 || !text.split('.').all(is_label) {
            return Err("must be a domain name without port and trailing dot, such as grpc.gateway.example");
        }
        Ok(Self(text))
    }
}

impl HostPort {
    /// The host, without brackets for IPv6.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for HostPort {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const SHAPE: &str = "must be HOST:PORT";
        let (host, port) = text.rsplit_once(':').ok_or(SHAPE)?;
        let port = port.parse().map_err(|_| SHAPE)?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let fine = |host: &str| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        match bare {
            Some(address) if address.parse::<std::net::Ipv6Addr>().is_ok() => {
                Ok(Self { host: address.to_owned(), port })
            }
            None if !host.is_empty() && fine(host) => Ok(Self { host: host.to_owned(), port }),
            _ => Err(SHAPE),
        }
    }
}
