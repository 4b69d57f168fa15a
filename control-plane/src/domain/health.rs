//! How an agent's backends are looked after: what Envoy asks them, and what becomes of a backend's place in the load.

use std::{num::NonZeroU32, time::Duration};

use url::Url;

use super::{Agent, Backend};

/// How often a backend's health endpoint is asked, and how many answers decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealthCheck {
    /// Between two questions of one Envoy to one backend.
    pub interval: Duration,
    /// How long an answer may take. Not longer than the interval.
    pub timeout: Duration,
    /// Bad answers in a row that take a backend out.
    pub unhealthy_threshold: NonZeroU32,
    /// Good answers in a row that bring it back.
    pub healthy_threshold: NonZeroU32,
}

/// What is asked of every backend of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthTarget {
    /// Path and query.
    pub path: String,
    /// Where it is, if not at the backend's own port.
    pub port: Option<u16>,
}

/// Whether a backend is given calls, as far as the control plane has a say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Standing {
    /// It is.
    #[default]
    Up,
    /// It is not.
    Down,
    /// It is not, and ends what it has begun.
    Draining,
}

/// Why a health endpoint cannot be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HealthEndpointError {
    /// Neither a path nor a URL.
    #[error("must be a path such as /health, or an http or https URL")]
    Form,
    /// Has a byte that a request line cannot carry.
    #[error("must be visible ASCII without a fragment")]
    Bytes,
    /// A URL that leads past the backends: the backends are what is asked.
    #[error("must be at the backends' own scheme and host; give a path to ask each backend at its own port")]
    Elsewhere,
}

impl Default for HealthCheck {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(3),
            unhealthy_threshold: NonZeroU32::new(3).expect("three is not zero"),
            healthy_threshold: NonZeroU32::new(2).expect("two is not zero"),
        }
    }
}

impl HealthTarget {
    /// What `endpoint` asks of `backends`. A URL of one of them is its path, asked of all; at another port of their host, that port.
    ///
    /// # Errors
    /// Why it cannot be asked.
    pub fn read(endpoint: &str, backends: &[Backend]) -> Result<Self, HealthEndpointError> {
        if !endpoint.bytes().all(|byte| byte.is_ascii_graphic()) || endpoint.contains('#') {
            return Err(HealthEndpointError::Bytes);
        }
        if endpoint.starts_with('/') && !endpoint.starts_with("//") {
            return Ok(Self { path: endpoint.to_owned(), port: None });
        }
        let url = Url::parse(endpoint).map_err(|_| HealthEndpointError::Form)?;
        if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some() {
            return Err(HealthEndpointError::Form);
        }
        let path = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        if backends.iter().any(|backend| backend.url.url().origin() == url.origin()) {
            return Ok(Self { path, port: None });
        }
        let is_beside = |backend: &Backend| {
            let backend = backend.url.url();
            backend.scheme() == url.scheme() && backend.host_str() == url.host_str()
        };
        match url.port_or_known_default() {
            Some(port) if backends.iter().all(is_beside) => Ok(Self { path, port: Some(port) }),
            _ => Err(HealthEndpointError::Elsewhere),
        }
    }
}

impl Agent {
    /// What Envoy asks of its backends; `None`: nothing. A record from before endpoints were checked may hold one that cannot be asked.
    #[must_use]
    pub fn health_target(&self) -> Option<HealthTarget> {
        HealthTarget::read(self.health_endpoint.as_deref()?, &self.backends).ok()
    }
}

impl Standing {
    /// The standing of a whole of which these are parts: as good as the best of them.
    #[must_use]
    pub fn best(parts: impl IntoIterator<Item = Self>) -> Self {
        let rank = |standing: &Self| match standing {
            Self::Down => 0,
            Self::Draining => 1,
            Self::Up => 2,
        };
        parts.into_iter().max_by_key(rank).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::BackendUrl;

    fn check(endpoint: &str, backends: &[&str], expect: Result<(&str, Option<u16>), HealthEndpointError>) {
        let backend =
            |url: &&str| Backend { url: BackendUrl::parse(url).unwrap(), priority: 0, weight: NonZeroU32::MIN };
        let backends: Vec<Backend> = backends.iter().map(backend).collect();
        let expect = expect.map(|(path, port)| HealthTarget { path: path.to_owned(), port });
        assert_eq!(HealthTarget::read(endpoint, &backends), expect, "{endpoint}");
    }

    #[test]
    fn a_path_is_asked_of_each_backend_at_its_own_port() {
        let two = ["http://10.0.0.1:9000/a2a", "http://10.0.0.2:9000/a2a"];
        check("/health?deep=1", &two, Ok(("/health?deep=1", None)));
        check("http://10.0.0.2:9000/health", &two, Ok(("/health", None)));
    }

    #[test]
    fn a_url_may_name_another_port_of_the_backends_host_and_nothing_else() {
        check("http://a.example:8081/z", &["http://a.example:9000"], Ok(("/z", Some(8081))));
        check("http://a.example/z", &["http://a.example:9000"], Ok(("/z", Some(80))));
        for elsewhere in ["https://a.example:8081/z", "http://b.example:9000/z", "http://169.254.169.254/latest"] {
            check(elsewhere, &["http://a.example:9000"], Err(HealthEndpointError::Elsewhere));
        }
        check("http://10.0.0.1:1/z", &["http://10.0.0.1:9", "http://10.0.0.2:9"], Err(HealthEndpointError::Elsewhere));
    }

    #[test]
    fn what_no_request_line_carries_is_refused() {
        for (endpoint, error) in [
            ("health", HealthEndpointError::Form),
            ("//health", HealthEndpointError::Form),
            ("ftp://a.example/x", HealthEndpointError::Form),
            ("http://user@a.example:9000/x", HealthEndpointError::Form),
            ("/a b", HealthEndpointError::Bytes),
            ("/a#b", HealthEndpointError::Bytes),
            ("/a\r\nx: y", HealthEndpointError::Bytes),
            ("/ä", HealthEndpointError::Bytes),
        ] {
            check(endpoint, &["http://a.example:9000"], Err(error));
        }
    }

    #[test]
    fn a_whole_is_as_good_as_its_best_part() {
        use Standing::{Down, Draining, Up};
        assert_eq!(Standing::best([Down, Up, Draining]), Up);
        assert_eq!(Standing::best([Down, Draining]), Draining);
        assert_eq!(Standing::best([]), Up);
    }
}
