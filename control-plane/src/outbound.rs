//! Requests to URLs that operators gave: cards, token endpoints, key sets. Every address is vetted after resolution and the
//! vetted address is the one connected to; no redirects; bounded in time and size; the peer's body is never part of an error.
//! What a body means is the caller's business.

mod address;
mod failure;
mod resolver;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use ipnet::IpNet;
use url::{Host, Url};

pub use address::{AddressRules, Refusal};
pub use failure::{CertificateFault, OutboundError, Stage};
use failure::{explain, host_of};
use resolver::VettingResolver;

/// Settings of the outbound client.
#[derive(Debug, Clone)]
pub struct OutboundSettings {
    /// Loopback and private networks that may be reached. Link-local and metadata addresses never are.
    pub allow_private: Vec<IpNet>,
    /// Whether `http` URLs are taken.
    pub plain_http: PlainHttp,
    /// For a whole exchange: resolution, connection, body.
    pub timeout: Duration,
    /// Largest body read, in bytes.
    pub max_bytes: usize,
}

/// Whether URLs without TLS are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PlainHttp {
    /// `http` and `https`.
    #[default]
    Allowed,
    /// `https` only.
    Refused,
}

impl Default for OutboundSettings {
    fn default() -> Self {
        Self {
            allow_private: Vec::new(),
            plain_http: PlainHttp::Allowed,
            timeout: Duration::from_secs(10),
            max_bytes: 1 << 20,
        }
    }
}

/// The client. Cheap to clone; clones share connections.
#[derive(Debug, Clone)]
pub struct Outbound {
    client: reqwest::Client,
    rules: Arc<AddressRules>,
    plain_http: PlainHttp,
    max_bytes: usize,
    /// `None`: as the settings have it.
    timeout: Option<Duration>,
}

/// An answer.
#[derive(Clone)]
pub struct Fetched {
    /// Its status.
    pub status: StatusCode,
    /// Its `ETag`, if it is text.
    pub etag: Option<String>,
    /// Its `Last-Modified`, if it is text.
    pub last_modified: Option<String>,
    /// Its body, whole. May hold secrets (tokens): no `Debug`.
    pub body: Vec<u8>,
}

/// The HTTP client could not be built: the system's root certificates cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the outbound HTTP client cannot be built")]
pub struct BuildError(#[source] reqwest::Error);

impl Outbound {
    /// Builds the client.
    ///
    /// # Errors
    /// If the TLS roots of the system cannot be loaded.
    pub fn new(settings: OutboundSettings) -> Result<Self, BuildError> {
        // Another part of the process may have chosen the same provider before: that is no failure.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let rules = Arc::new(AddressRules::new(settings.allow_private));
        let client = reqwest::Client::builder()
            .dns_resolver(Arc::new(VettingResolver::new(rules.clone())))
            .redirect(reqwest::redirect::Policy::none())
            // A proxy would resolve the name again, out of our sight.
            .no_proxy()
            .timeout(settings.timeout)
            .user_agent(concat!("tollgate/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(BuildError)?;
        Ok(Self { client, rules, plain_http: settings.plain_http, max_bytes: settings.max_bytes, timeout: None })
    }

    /// The same client with another bound on bodies, in bytes.
    #[must_use]
    pub fn with_max_bytes(&self, max_bytes: usize) -> Self {
        Self { max_bytes, ..self.clone() }
    }

    /// The same client with another bound on whole exchanges.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..self.clone() }
    }

    /// GETs `url`.
    ///
    /// # Errors
    /// [`OutboundError`]; a status that is neither 2xx nor 304 is one.
    pub async fn get(&self, url: &Url, headers: HeaderMap) -> Result<Fetched, OutboundError> {
        let fetched = self.send(self.client.get(url.clone()).headers(headers), url).await?;
        match fetched.status {
            status if status.is_success() || status == StatusCode::NOT_MODIFIED => Ok(fetched),
            status => Err(OutboundError::Status(status.as_u16())),
        }
    }

    /// Calls an agent or an API: any verb, JSON if there is a body. Every status is an answer.
    ///
    /// # Errors
    /// [`OutboundError`], never `Status`.
    pub async fn call(
        &self,
        method: Method,
        url: &Url,
        headers: HeaderMap,
        body: Option<Vec<u8>>,
    ) -> Result<Fetched, OutboundError> {
        let request = self.client.request(method, url.clone()).headers(headers);
        self.send(body.into_iter().fold(request, |request, body| request.body(body)), url).await
    }

    /// POSTs a form (`application/x-www-form-urlencoded`). Every status is an answer: token endpoints say in the body what is
    /// wrong (RFC 6749 section 5.2).
    ///
    /// # Errors
    /// [`OutboundError`], never `Status`.
    pub async fn post_form(
        &self,
        url: &Url,
        headers: HeaderMap,
        form: &[(&str, &str)],
    ) -> Result<Fetched, OutboundError> {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self
            .client
            .post(url.clone())
            .headers(headers)
            .header(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))
            .body(body);
        self.send(request, url).await
    }

    /// Whether `url` leads only to addresses that may be reached. A name that does not resolve (yet) passes.
    ///
    /// # Errors
    /// `Scheme` or `NotAllowed`.
    pub async fn vet(&self, url: &Url) -> Result<(), OutboundError> {
        self.vet_literal(url)?;
        let Some(Host::Domain(name)) = url.host() else { return Ok(()) };
        let Ok(addresses) = tokio::net::lookup_host((name, 0)).await else { return Ok(()) };
        for address in addresses {
            let refused = |refusal| OutboundError::NotAllowed { host: name.to_owned(), refusal };
            self.rules.check(address.ip()).map_err(refused)?;
        }
        Ok(())
    }

    /// What needs no resolution. The HTTP client asks no resolver about address literals, so this is their only check.
    ///
    /// # Errors
    /// `Scheme` or `NotAllowed`.
    pub fn vet_literal(&self, url: &Url) -> Result<(), OutboundError> {
        match (url.scheme(), self.plain_http) {
            ("https", _) | ("http", PlainHttp::Allowed) => {}
            _ => return Err(OutboundError::Scheme),
        }
        let address = match url.host() {
            Some(Host::Ipv4(address)) => address.into(),
            Some(Host::Ipv6(address)) => address.into(),
            _ => return Ok(()),
        };
        self.rules.check(address).map_err(|refusal| OutboundError::NotAllowed { host: host_of(url), refusal })
    }

    async fn send(&self, request: reqwest::RequestBuilder, url: &Url) -> Result<Fetched, OutboundError> {
        self.vet_literal(url)?;
        // Compressed bodies would be bounded before they unfold.
        let request = request.header(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let request = self.timeout.into_iter().fold(request, |request, timeout| request.timeout(timeout));
        let mut response = request.send().await.map_err(|error| explain(&error, url))?;
        let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (etag, last_modified) = (text(header::ETAG), text(header::LAST_MODIFIED));
        let too_large = OutboundError::TooLarge { limit: self.max_bytes };
        let promised = response.content_length().unwrap_or(0);
        if promised > self.max_bytes as u64 {
            return Err(too_large);
        }
        let mut body = Vec::with_capacity(usize::try_from(promised).unwrap_or(0));
        while let Some(chunk) = response.chunk().await.map_err(|error| explain(&error, url))? {
            if body.len() + chunk.len() > self.max_bytes {
                return Err(too_large);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Fetched { status: response.status(), etag, last_modified, body })
    }
}
