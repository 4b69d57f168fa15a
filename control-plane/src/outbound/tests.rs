//! The client against real sockets on loopback.

use http::HeaderMap;
use url::Url;

use super::{Outbound, OutboundError, OutboundSettings, PlainHttp, Refusal, Stage};
use crate::fake_backend::{FakeBackend, Reply};

fn outbound(allow: &[&str]) -> Outbound {
    let allow_private = allow.iter().map(|net| net.parse().unwrap()).collect();
    let timeout = std::time::Duration::from_millis(500);
    Outbound::new(OutboundSettings { allow_private, timeout, max_bytes: 64, ..OutboundSettings::default() }).unwrap()
}

async fn check(reply: Reply, expect: Result<&str, OutboundError>) {
    let backend = FakeBackend::start(reply).await;
    let got = outbound(&["127.0.0.0/8"]).get(&backend.url("/x"), HeaderMap::new()).await;
    assert_eq!(got.map(|fetched| String::from_utf8(fetched.body).unwrap()), expect.map(str::to_owned));
}

#[tokio::test]
async fn fetches_a_body_within_bounds() {
    check(Reply::ok("hello"), Ok("hello")).await;
    check(Reply::chunked(&["hel", "lo"]), Ok("hello")).await;
}

#[tokio::test]
async fn stops_reading_at_the_bound_whether_or_not_the_length_was_announced() {
    check(Reply::ok(&"a".repeat(65)), Err(OutboundError::TooLarge { limit: 64 })).await;
    check(Reply::chunked(&[&"a".repeat(40), &"b".repeat(40)]), Err(OutboundError::TooLarge { limit: 64 })).await;
}

#[tokio::test]
async fn a_redirect_is_an_error_and_is_not_followed() {
    check(Reply::status(302).header("location", "http://169.254.169.254/"), Err(OutboundError::Status(302))).await;
    check(Reply::status(500), Err(OutboundError::Status(500))).await;
}

#[tokio::test]
async fn a_silent_peer_is_a_timeout() {
    check(Reply::silence(), Err(OutboundError::Timeout)).await;
}

#[tokio::test]
async fn refuses_names_and_literals_that_lead_to_addresses_not_allowed() {
    let backend = FakeBackend::start(Reply::ok("never read")).await;
    let port = backend.address().port();
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"] {
        let url = Url::parse(&format!("http://{host}:{port}/")).unwrap();
        let got = outbound(&[]).get(&url, HeaderMap::new()).await.map(|_| ());
        let refusal = Refusal::Loopback;
        assert_eq!(got, Err(OutboundError::NotAllowed { host: url.host_str().unwrap().to_owned(), refusal }));
        assert!(matches!(outbound(&[]).vet(&url).await, Err(OutboundError::NotAllowed { .. })));
    }
    assert_eq!(backend.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_form_is_encoded_and_any_status_is_an_answer() {
    let backend = FakeBackend::start(Reply::status(400)).await;
    let form = [("grant_type", "client_credentials"), ("scope", "a b&c")];
    let url = backend.url("/token");
    let fetched = outbound(&["127.0.0.0/8"]).post_form(&url, HeaderMap::new(), &form).await.unwrap();
    assert_eq!(fetched.status.as_u16(), 400);
    assert!(backend.requests()[0].ends_with("\r\n\r\ngrant_type=client_credentials&scope=a+b%26c"));
}

#[tokio::test]
async fn says_that_nobody_listens() {
    let url = FakeBackend::closed_url().await;
    let got = outbound(&["127.0.0.0/8"]).get(&url, HeaderMap::new()).await.map(|_| ());
    assert_eq!(got, Err(OutboundError::Unreachable { host: "127.0.0.1".to_owned(), stage: Stage::Connect }));
}

#[tokio::test]
async fn plain_http_can_be_refused() {
    let settings = OutboundSettings { plain_http: PlainHttp::Refused, ..OutboundSettings::default() };
    let got = Outbound::new(settings).unwrap().get(&Url::parse("http://example.com").unwrap(), HeaderMap::new()).await;
    assert_eq!(got.map(|_| ()), Err(OutboundError::Scheme));
}
