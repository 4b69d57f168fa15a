//! Both APIs against a stand-in on loopback: what is sent, and what becomes of each answer.

use std::collections::BTreeMap;

use tempfile::TempDir;

use super::{
    sigv4::{Credentials, Post, Scope, sign},
    *,
};
use crate::{
    config::{AwsCredentials, BedrockSettings, OpenAiSettings},
    domain::{Secret, SecretText},
    fake_backend::{FakeBackend, outbound},
    outbound::{Outbound, OutboundSettings},
    search::{
        embedder::normalised,
        stand_in::{DIMENSION, Says, StandIn, letters},
    },
    secrets::anything_allowed,
};

const NOW: u64 = 1_767_225_600;

fn openai_settings(base_url: Url) -> OpenAiSettings {
    OpenAiSettings { base_url, model: "tiny".to_owned(), dimensions: None, api_key: None, batch_size: 2 }
}

fn openai(settings: OpenAiSettings) -> RemoteApi {
    let env = BTreeMap::from([("KEY".to_owned(), "planted-key".to_owned())]);
    RemoteApi::OpenAi(OpenAi::new(settings, &outbound(), anything_allowed(&env)))
}

fn titan(endpoint: Url, token: Option<&str>) -> RemoteApi {
    titan_of("amazon.titan-embed-text-v2:0", endpoint, token)
}

fn titan_of(model: &str, endpoint: Url, token: Option<&str>) -> RemoteApi {
    let text = |text: &str| Secret::Inline(SecretText::new(text.to_owned()));
    let region = "eu-central-1".to_owned();
    let settings = BedrockSettings { region, model: model.to_owned(), dimensions: 256, endpoint, credentials: None };
    let keys = AwsCredentials {
        access_key_id: text("AKID"),
        secret_access_key: text("planted-key"),
        session_token: token.map(text),
    };
    RemoteApi::Bedrock(Bedrock::new(settings, keys, &outbound(), anything_allowed(&BTreeMap::new()), || NOW))
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

async fn embed(embedder: &RemoteEmbedder, of: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
    embedder.embed(TextKind::Document, &texts(of)).await
}

#[tokio::test]
async fn an_openai_compatible_api_is_asked_in_its_own_words() {
    let stand_in = StandIn::start().await;
    let api_key = Some(Secret::Env("KEY".to_owned()));
    let settings = OpenAiSettings { dimensions: Some(40), api_key, ..openai_settings(stand_in.url("/v1/")) };
    let embedder = openai(settings).connect().await.unwrap();
    assert_eq!((embedder.dimension(), embedder.max_batch()), (40, 2));
    stand_in.says(Says::Reversed);
    let vectors = embed(&embedder, &["invoice", "travel \"x\""]).await.unwrap();
    let expect = ["invoice", "travel \"x\""].map(|text| normalised(letters(text, 40)).unwrap());
    assert_eq!(vectors, expect, "whatever order they come in");
    let asked = stand_in.last();
    assert_eq!(asked.path, "/v1/embeddings");
    assert_eq!(
        (asked.header("authorization"), asked.header("content-type")),
        ("Bearer planted-key", "application/json")
    );
    let body = serde_json::json!({
        "model": "tiny", "input": ["invoice", "travel \"x\""], "dimensions": 40, "encoding_format": "float"
    });
    assert_eq!(asked.json(), body);
}

#[tokio::test]
async fn what_is_not_set_is_not_sent() {
    let stand_in = StandIn::start().await;
    let embedder = openai(openai_settings(stand_in.url(""))).connect().await.unwrap();
    assert_eq!(embedder.dimension(), DIMENSION, "learned by asking");
    let asked = stand_in.last();
    assert_eq!(asked.path, "/embeddings");
    assert_eq!(asked.headers.get("authorization"), None);
    assert_eq!(asked.json().get("dimensions"), None);
}

#[tokio::test]
async fn a_model_on_bedrock_is_invoked_by_signed_requests() {
    let stand_in = StandIn::start().await;
    for token in [None, Some("a-session")] {
        let embedder = titan(stand_in.url("/"), token).connect().await.unwrap();
        assert_eq!(embedder.dimension(), 256);
        let vectors = embed(&embedder, &["invoice", "travel"]).await.unwrap();
        assert_eq!(vectors, ["invoice", "travel"].map(|text| normalised(letters(text, 256)).unwrap()));
        let asked = stand_in.asked().into_iter().find(|asked| asked.json()["inputText"] == "travel").unwrap();
        assert_eq!(asked.path, "/model/amazon.titan-embed-text-v2%3A0/invoke");
        assert_eq!(asked.json(), serde_json::json!({"inputText": "travel", "dimensions": 256, "normalize": true}));
        // Signed once more from what arrived.
        let credentials = Credentials {
            access_key_id: SecretText::new("AKID".to_owned()),
            secret_access_key: SecretText::new("planted-key".to_owned()),
            session_token: stand_in
                .last()
                .headers
                .get("x-amz-security-token")
                .map(|token| SecretText::new(token.to_str().unwrap().to_owned())),
        };
        assert_eq!(credentials.session_token.as_ref().map(SecretText::expose), token);
        let asked = stand_in.last();
        let (path, host) = (asked.path.as_str(), asked.header("host"));
        let post = Post { path, host, content_type: Some("application/json"), body: &asked.bytes };
        let scope = Scope { region: "eu-central-1", service: "bedrock" };
        let expect = sign(&post, &scope, &credentials, NOW).unwrap();
        for (name, value) in &expect {
            assert_eq!(asked.headers.get(name), Some(value), "{name}");
        }
    }
}

#[tokio::test]
async fn an_arn_is_one_segment_of_the_path() {
    let stand_in = StandIn::start().await;
    let arn = "arn:aws:bedrock:eu-central-1:1:application-inference-profile/x";
    titan_of(arn, stand_in.url("/base"), None).connect().await.unwrap();
    let path = "/base/model/arn%3Aaws%3Abedrock%3Aeu-central-1%3A1%3Aapplication-inference-profile%2Fx/invoke";
    assert_eq!(stand_in.last().path, path);
}

/// Both APIs say this, and this becomes of it.
async fn check(says: Says, expect: &EmbedError) {
    let stand_in = StandIn::start().await;
    for api in [openai(openai_settings(stand_in.url("/v1"))), titan(stand_in.url("/"), None)] {
        stand_in.says(Says::Vectors);
        let embedder = api.connect().await.unwrap();
        stand_in.says(says.clone());
        let error = embed(&embedder, &["invoice"]).await.unwrap_err();
        assert_eq!(std::mem::discriminant(&error), std::mem::discriminant(expect), "{says:?}: {error}");
        for secret in ["hunter2", "planted-key"] {
            assert!(!format!("{error} {error:?}").contains(secret), "{error:?}");
        }
    }
}

#[tokio::test]
async fn a_status_says_whether_another_attempt_is_worth_it() {
    for status in [401, 403] {
        check(Says::Status(status), &EmbedError::Auth).await;
    }
    for status in [408, 424, 429, 500, 502, 503] {
        check(Says::Status(status), &EmbedError::Retryable(String::new())).await;
    }
    for status in [400, 413, 422] {
        check(Says::Status(status), &EmbedError::Refused(0)).await;
    }
    for status in [302, 404, 405] {
        check(Says::Status(status), &EmbedError::Fatal(String::new())).await;
    }
}

#[tokio::test]
async fn an_answer_that_is_not_a_vector_for_each_text_is_refused() {
    let fatal = EmbedError::Fatal(String::new());
    for says in [
        Says::Body("hunter2"),
        Says::Body(r#"{"error": "hunter2"}"#),
        Says::Body(r#"{"embedding": [0, 0], "data": [{"index": 0, "embedding": [0, 0]}]}"#),
        Says::Body(r#"{"embedding": [1e39], "data": [{"index": 0, "embedding": [1e39]}]}"#),
        Says::Dimension(16),
        Says::OneTooFew,
    ] {
        check(says, &fatal).await;
    }
}

#[tokio::test]
async fn other_dimensions_than_those_asked_for_are_refused_at_once() {
    let stand_in = StandIn::start().await;
    stand_in.says(Says::Dimension(16));
    let settings = OpenAiSettings { dimensions: Some(40), ..openai_settings(stand_in.url("/v1")) };
    let refused = EmbedError::Fatal("the embedder's vectors have 16 numbers, not 40".to_owned());
    assert_eq!(openai(settings).connect().await.err(), Some(refused));
    let refused = EmbedError::Fatal("the embedder's vectors have 16 numbers, not 256".to_owned());
    assert_eq!(titan(stand_in.url("/"), None).connect().await.err(), Some(refused));
}

#[tokio::test]
async fn what_may_not_be_reached_is_not_asked() {
    let closed = openai(openai_settings(FakeBackend::closed_url().await)).connect().await.err();
    assert!(matches!(closed, Some(EmbedError::Retryable(_))), "{closed:?}");
    let stand_in = StandIn::start().await;
    let everything =
        OutboundSettings { allow_private: vec!["0.0.0.0/0".parse().unwrap()], ..OutboundSettings::default() };
    for (url, settings) in
        [(stand_in.url("/v1"), OutboundSettings::default()), ("http://169.254.169.254/v1".parse().unwrap(), everything)]
    {
        let outbound = Outbound::new(settings).unwrap();
        let api = OpenAi::new(openai_settings(url), &outbound, anything_allowed(&BTreeMap::new()));
        let refused = RemoteApi::OpenAi(api).connect().await.err();
        assert!(matches!(refused, Some(EmbedError::Fatal(_))), "{refused:?}");
    }
    assert_eq!(stand_in.asked().len(), 0);
}

#[tokio::test]
async fn a_key_that_is_rotated_is_used_at_once_and_one_that_is_gone_may_come_back() {
    let (stand_in, dir) = (StandIn::start().await, TempDir::new().unwrap());
    let file = dir.path().join("key");
    std::fs::write(&file, "first\n").unwrap();
    let api_key = Some(Secret::File(file.clone()));
    let api = openai(OpenAiSettings { api_key, ..openai_settings(stand_in.url("/v1")) });
    let embedder = api.connect().await.unwrap();
    assert_eq!(stand_in.last().header("authorization"), "Bearer first");
    std::fs::write(&file, "the second\n").unwrap();
    embed(&embedder, &["x"]).await.unwrap();
    assert_eq!(stand_in.last().header("authorization"), "Bearer the second");
    std::fs::write(&file, "two\nlines").unwrap();
    assert!(matches!(embed(&embedder, &["x"]).await, Err(EmbedError::Fatal(_))));
    std::fs::remove_file(&file).unwrap();
    assert!(matches!(embed(&embedder, &["x"]).await, Err(EmbedError::Retryable(_))));
}

#[tokio::test]
async fn another_place_model_or_dimension_is_another_embedder() {
    let stand_in = StandIn::start().await;
    let settings = openai_settings(stand_in.url("/v1"));
    let mut ids = std::collections::BTreeSet::new();
    for settings in [
        settings.clone(),
        OpenAiSettings { base_url: stand_in.url("/v2"), ..settings.clone() },
        OpenAiSettings { model: "other".to_owned(), ..settings.clone() },
        OpenAiSettings { dimensions: Some(40), ..settings.clone() },
    ] {
        ids.insert(openai(settings).connect().await.unwrap().id().to_owned());
    }
    assert_eq!(ids.len(), 4);
    let id = openai(settings).connect().await.unwrap().id().to_owned();
    assert!(id.starts_with("openai:tiny:32:") && ids.contains(&id), "{id}");
    let id = titan(stand_in.url("/"), None).connect().await.unwrap().id().to_owned();
    assert!(id.starts_with("bedrock:amazon.titan-embed-text-v2:0:256:"), "{id}");
}
