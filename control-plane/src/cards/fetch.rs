//! Fetching a card: bounded, strictly read, validated, its signatures verified, with the backend's own credential when the card is where the backend is.

use std::sync::Arc;

use futures::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde_json::Value;
use tollgate_a2a::wire::{Outgoing, VersionHeader};
use tollgate_policy::document::{Dialect, Interface};
use url::Url;

use super::{CardFault, CardVerifier, SignatureError, card_paths, first_backend, validate};
use crate::{
    broker::{Broker, BrokerError},
    domain::{Agent, Backend, BackendAuth, BackendUrl, Card, CardPaths, CardSignatures, UnixSeconds},
    outbound::{Fetched, Outbound, OutboundError},
    strict_json::{self, StrictJsonError},
};

/// No card is longer, in bytes.
pub const MAX_CARD: usize = 256 << 10;
/// Where a card is under its backend (A2A section 8.2).
const WELL_KNOWN: &str = "/.well-known/agent-card.json";

/// Gives the header that a backend wants.
pub trait CredentialSource: Send + Sync {
    /// The header; `None`: none is wanted.
    fn header<'a>(
        &'a self,
        auth: &'a BackendAuth,
    ) -> BoxFuture<'a, Result<Option<(HeaderName, HeaderValue)>, BrokerError>>;
}

impl CredentialSource for Broker {
    fn header<'a>(
        &'a self,
        auth: &'a BackendAuth,
    ) -> BoxFuture<'a, Result<Option<(HeaderName, HeaderValue)>, BrokerError>> {
        Box::pin(Self::header(self, auth))
    }
}

/// Fetches cards.
#[derive(Clone)]
pub struct CardFetcher {
    outbound: Outbound,
    credentials: Arc<dyn CredentialSource>,
    verifier: CardVerifier,
}

/// Why there is no card. Safe to show: nothing in it is the peer's own text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CardError {
    /// No answer, or not the right one.
    #[error("the card cannot be fetched: {0}")]
    Fetch(#[from] OutboundError),
    /// The backend's credential is not to be had.
    #[error("the card cannot be fetched without the backend's credential: {0}")]
    Credential(#[from] BrokerError),
    /// Not JSON, or JSON that two parsers could read differently.
    #[error("the card is not strict JSON: {0}")]
    Json(#[from] StrictJsonError),
    /// JSON, but not a card.
    #[error("the card is not valid: {0}")]
    Invalid(#[from] CardFault),
    /// None of its interfaces can be carried.
    #[error("the card offers no interface that the gateway carries (JSONRPC or HTTP+JSON over http or https)")]
    NoInterface,
    /// Not signed by whom it should be.
    #[error(transparent)]
    Signature(#[from] SignatureError),
}

impl CardFetcher {
    /// A fetcher that reaches what `outbound` may, with credentials from `credentials`.
    #[must_use]
    pub fn new(outbound: &Outbound, credentials: Arc<dyn CredentialSource>, verifier: CardVerifier) -> Self {
        Self { outbound: outbound.with_max_bytes(MAX_CARD), credentials, verifier }
    }

    /// What verifies the cards.
    #[must_use]
    pub fn verifier(&self) -> &CardVerifier {
        &self.verifier
    }

    /// Fetches and checks a card, as if it were its agent's first.
    ///
    /// # Errors
    /// [`CardError`].
    pub async fn fetch(&self, place: CardPlace<'_>, now: UnixSeconds) -> Result<Card, CardError> {
        let fetched = self.exchange(place, &Validators::default(), now).await?;
        let fetched = fetched.ok_or(OutboundError::Status(StatusCode::NOT_MODIFIED.as_u16()))?;
        Ok(fetched.card)
    }

    /// Fetches the card again, if it is another than the one that `known` stands for. Where the backend says that nothing has changed,
    /// the signatures of the card there is are verified again: keys come and go.
    ///
    /// # Errors
    /// [`CardError`].
    pub async fn refetch(&self, agent: &Agent, known: &Validators, now: UnixSeconds) -> Result<Refetched, CardError> {
        let place = CardPlace::from(agent);
        if let Some(fetched) = self.exchange(place, known, now).await? {
            return Ok(fetched);
        }
        let signature = self.verifier.check(&agent.card.document, place.signatures).await?;
        let card = Card { fetched_at: now, signature, ..(*agent.card).clone() };
        Ok(Refetched { card, validators: known.clone() })
    }

    /// Asks an agent for its extended card: `outgoing` as the translation wrote it for `dialect`. The answer's status and body, whatever
    /// they are.
    ///
    /// # Errors
    /// [`CardError`]: it could not be asked.
    pub async fn extended(
        &self,
        agent: &Agent,
        dialect: Dialect,
        outgoing: Outgoing,
        mut headers: HeaderMap,
    ) -> Result<(u16, Vec<u8>), CardError> {
        let place = CardPlace::from(agent);
        let mut url = place.backends[0].url.url().clone();
        let paths = &agent.card.paths;
        let mount = match dialect.interface() {
            Interface::Rpc => paths.rpc.as_deref().unwrap_or("/"),
            Interface::Rest => paths.rest.as_deref().unwrap_or_default(),
        };
        let (path, query) = outgoing.path.split_once('?').unwrap_or((&outgoing.path, ""));
        url.set_path(&format!("{mount}{path}"));
        url.set_query(Some(query).filter(|query| !query.is_empty()));
        headers.insert(header::ACCEPT, HeaderValue::from_static(outgoing.accept));
        match outgoing.version {
            VersionHeader::Is(version) => drop(headers.insert("a2a-version", HeaderValue::from_static(version))),
            VersionHeader::Removed => drop(headers.remove("a2a-version")),
            VersionHeader::Kept => {}
        }
        if let Some((content_type, _)) = &outgoing.body {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        headers.extend(self.credentials.header(place.auth).await?);
        let method = Method::from_bytes(outgoing.verb.as_bytes()).unwrap_or(Method::GET);
        let fetched = self.outbound.call(method, &url, headers, outgoing.body.map(|(_, body)| body)).await?;
        Ok((fetched.status.as_u16(), fetched.body.to_vec()))
    }

    /// Checks a card that was found somewhere, for an agent that nobody has registered. Its signatures are not looked at: nobody has said
    /// whose count.
    ///
    /// # Errors
    /// [`CardError`].
    pub async fn found(&self, fetched: Fetched, now: UnixSeconds) -> Result<FoundCard, CardError> {
        if fetched.body.len() > MAX_CARD {
            return Err(OutboundError::TooLarge { limit: MAX_CARD }.into());
        }
        let document = strict_json::parse(&fetched.body)?;
        validate(&document)?;
        let backend = first_backend(&document).ok_or(CardError::NoInterface)?;
        let card = self.checked(document, fetched, &backend, &CardSignatures::default(), now).await?;
        Ok(FoundCard { backend, card })
    }

    /// A valid document as a card: with a way to call its agent, and signed as it must be.
    async fn checked(
        &self,
        document: Value,
        fetched: Fetched,
        backend: &BackendUrl,
        signatures: &CardSignatures,
        now: UnixSeconds,
    ) -> Result<Card, CardError> {
        let paths = card_paths(&document, backend);
        if paths == CardPaths::default() {
            return Err(CardError::NoInterface);
        }
        let signature = self.verifier.check(&document, signatures).await?;
        // Strict JSON is UTF-8: nothing is replaced here.
        let text = String::from_utf8_lossy(&fetched.body).into();
        Ok(Card { document, text, version: 1, fetched_at: now, etag: fetched.etag, signature, paths })
    }

    /// `None`: the backend says that the card it gave before is current.
    async fn exchange(
        &self,
        place: CardPlace<'_>,
        known: &Validators,
        now: UnixSeconds,
    ) -> Result<Option<Refetched>, CardError> {
        let url = place.url();
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let asked = [(header::IF_NONE_MATCH, &known.etag), (header::IF_MODIFIED_SINCE, &known.last_modified)];
        for (name, value) in asked {
            headers.extend(value.as_deref().and_then(|text| Some((name, HeaderValue::from_str(text).ok()?))));
        }
        if place.is_at_backend(&url) {
            headers.extend(self.credentials.header(place.auth).await?);
        }
        let fetched = self.outbound.get(&url, headers).await?;
        if fetched.status == StatusCode::NOT_MODIFIED {
            return Ok(None);
        }
        let document = strict_json::parse(&fetched.body)?;
        validate(&document)?;
        let validators = Validators { etag: fetched.etag.clone(), last_modified: fetched.last_modified.clone() };
        let card = self.checked(document, fetched, &place.backends[0].url, place.signatures, now).await?;
        Ok(Some(Refetched { card, validators }))
    }
}

/// What a backend said of the card that it gave, so that it is asked for another only (RFC 9110 section 8.8).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Validators {
    /// Its `ETag`.
    pub etag: Option<String>,
    /// Its `Last-Modified`.
    pub last_modified: Option<String>,
}

impl Validators {
    /// Those that a record keeps.
    #[must_use]
    pub fn of(card: &Card) -> Self {
        Self { etag: card.etag.clone(), last_modified: None }
    }
}

/// A card that was found without a registration.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundCard {
    /// Where its agent says it runs.
    pub backend: BackendUrl,
    /// The card.
    pub card: Card,
}

/// A card that was fetched again.
#[derive(Debug, Clone, PartialEq)]
pub struct Refetched {
    /// The card there is now, which may be the one there was.
    pub card: Card,
    /// For the next time.
    pub validators: Validators,
}

/// Where a card is, and what is asked of it.
#[derive(Debug, Clone, Copy)]
pub struct CardPlace<'a> {
    /// Where the agent runs: at least one.
    pub backends: &'a [Backend],
    /// Where its card is, if not at the well-known path.
    pub card_url: Option<&'a Url>,
    /// The credential it wants.
    pub auth: &'a BackendAuth,
    /// Whether it must be signed, and by whom.
    pub signatures: &'a CardSignatures,
}

impl<'a> From<&'a Agent> for CardPlace<'a> {
    fn from(agent: &'a Agent) -> Self {
        let Agent { backends, card_url, auth, card_signatures, .. } = agent;
        Self { backends, card_url: card_url.as_ref(), auth, signatures: card_signatures }
    }
}

impl CardPlace<'_> {
    /// Its URL.
    #[must_use]
    pub fn url(&self) -> Url {
        self.card_url.cloned().unwrap_or_else(|| {
            let backend = &self.backends[0].url;
            let mut url = backend.url().clone();
            url.set_path(&format!("{}{WELL_KNOWN}", backend.base_path()));
            url
        })
    }

    /// A credential goes to the origins it was registered for, and nowhere else.
    fn is_at_backend(&self, url: &Url) -> bool {
        self.backends.iter().any(|backend| backend.url.url().origin() == url.origin())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cards::samples,
        domain::Secret,
        fake_backend::{FakeBackend, Reply, outbound},
    };

    struct FixedKey;

    impl CredentialSource for FixedKey {
        fn header<'a>(
            &'a self,
            _: &'a BackendAuth,
        ) -> BoxFuture<'a, Result<Option<(HeaderName, HeaderValue)>, BrokerError>> {
            let header = (HeaderName::from_static("x-key"), HeaderValue::from_static("planted"));
            Box::pin(async { Ok(Some(header)) })
        }
    }

    async fn fetch(backend: &FakeBackend, card_url: Option<Url>) -> Result<Card, CardError> {
        let url = BackendUrl::parse(backend.url("/base/").as_str()).unwrap();
        let backends = [Backend { url, priority: 0, weight: std::num::NonZeroU32::MIN }];
        let auth = BackendAuth::ApiKey { header: "x-key".to_owned(), key: Secret::Env("KEY".to_owned()) };
        let verifier = CardVerifier::new(&outbound(), Vec::new());
        let signatures = CardSignatures::default();
        let place =
            CardPlace { backends: &backends, card_url: card_url.as_ref(), auth: &auth, signatures: &signatures };
        CardFetcher::new(&outbound(), Arc::new(FixedKey), verifier).fetch(place, 7).await
    }

    async fn check(body: &str, expect: Result<Option<&str>, &str>) {
        let backend = FakeBackend::start(Reply::ok(body)).await;
        let got = fetch(&backend, None).await;
        let got = got.as_ref().map(|card| card.paths.rpc.as_deref()).map_err(ToString::to_string);
        assert_eq!(got, expect.map_err(str::to_owned));
    }

    #[tokio::test]
    async fn takes_a_valid_card() {
        check(&samples::modern("http://elsewhere").to_string(), Ok(Some("/base/"))).await;
    }

    #[tokio::test]
    async fn refuses_what_is_no_card_and_never_quotes_it() {
        check("<html>secret</html>", Err("the card is not strict JSON: expected value at line 1 column 1")).await;
        check("{}", Err("the card is not valid: name is missing")).await;
        let grpc = samples::modern("http://b").to_string().replace("JSONRPC", "GRPC").replace("HTTP+JSON", "urn:x");
        check(&grpc, Err(&CardError::NoInterface.to_string())).await;
        check(&" ".repeat(MAX_CARD + 1), Err("the card cannot be fetched: the answer is longer than 262144 bytes"))
            .await;
    }

    #[tokio::test]
    async fn asks_the_well_known_place_below_the_backend_with_its_credential() {
        let backend = FakeBackend::start(Reply::ok("{}")).await;
        let _ = fetch(&backend, None).await;
        let request = backend.requests().remove(0);
        assert!(request.starts_with("GET /base/.well-known/agent-card.json HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("x-key: planted\r\n"), "{request}");
    }

    #[tokio::test]
    async fn a_card_elsewhere_is_fetched_without_the_credential() {
        let (backend, elsewhere) = (FakeBackend::start(Reply::ok("")).await, FakeBackend::start(Reply::ok("{}")).await);
        let _ = fetch(&backend, Some(elsewhere.url("/card.json"))).await;
        let request = elsewhere.requests().remove(0);
        assert!(request.starts_with("GET /card.json HTTP/1.1\r\n") && !request.contains("x-key"), "{request}");
        assert_eq!(backend.requests(), Vec::<String>::new());
    }
}
