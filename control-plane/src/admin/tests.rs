//! The admin API over a real store and a real backend.

mod a2a;
mod agents;
mod apply;
mod cards;
mod description;
mod others;
mod properties;
mod usage;

use axum::body::Body;
use http::{Method, Request, StatusCode, header};

use crate::admin::scene::{Answer, Scene};

async fn check_door(authorization: Option<&str>, expect: (u16, &str, &str)) {
    let scene = Scene::new().await;
    for path in ["/admin/agents", "/admin/nothing", "/admin/openapi.json", "/admin"] {
        let mut request = Request::builder().uri(path);
        if let Some(value) = authorization {
            request = request.header(header::AUTHORIZATION, value);
        }
        let answer = scene.send(request.body(Body::empty()).unwrap()).await;
        let got = (answer.status.as_u16(), answer.code(), answer.header("www-authenticate").to_owned());
        assert_eq!(got, (expect.0, expect.1.to_owned(), expect.2.to_owned()), "{path}");
    }
}

#[tokio::test]
async fn nothing_is_told_without_the_admin_scope() {
    check_door(None, (401, "UNAUTHENTICATED", "Bearer realm=\"tollgate\"")).await;
    let invalid = "Bearer realm=\"tollgate\", error=\"invalid_token\", error_description=\"the token is not good\"";
    check_door(Some("Bearer bad"), (401, "UNAUTHENTICATED", invalid)).await;
    let insufficient = "Bearer realm=\"tollgate\", error=\"insufficient_scope\"";
    check_door(Some("Bearer weather"), (403, "ADMIN_PERMISSION_REQUIRED", insufficient)).await;
}

#[tokio::test]
async fn two_authorization_headers_are_none() {
    let scene = Scene::new().await;
    let request = Request::builder().uri("/admin/agents").header("authorization", "Bearer admin");
    let answer = scene.send(request.header("authorization", "Bearer admin").body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_said_to_be() {
    let scene = Scene::new().await;
    assert_eq!(scene.get("/admin/agent").await.code(), "NOT_FOUND");
    let answer = scene.delete("/admin/agents").await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (405, "METHOD_NOT_ALLOWED"));
}

async fn send_body(content_type: &str, body: Vec<u8>) -> Answer {
    let request = Request::builder()
        .method(Method::PUT)
        .uri("/admin/permissions/s")
        .header(header::AUTHORIZATION, "Bearer admin")
        .header(header::CONTENT_TYPE, content_type);
    Scene::new().await.send(request.body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn bodies_that_could_be_misread_are_refused() {
    let json = "application/json";
    for (kind, body, status, code) in [
        (json, &br#"{"agents":["a"],"agents":["b"]}"#[..], 400, "INVALID_JSON"),
        (json, br#"{"agents":["a""#, 400, "INVALID_JSON"),
        (json, br#"{"agents":["a"]} {}"#, 400, "INVALID_JSON"),
        (json, b"{\"agents\":[\"\xff\"]}", 400, "INVALID_JSON"),
        (json, b"[]", 400, "INVALID_JSON"),
        (json, b"", 400, "MISSING_REQUIRED_FIELD"),
        ("text/plain", br#"{"agents":["a"]}"#, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("application/x-www-form-urlencoded", b"agents=a", 415, "UNSUPPORTED_MEDIA_TYPE"),
    ] {
        let answer = send_body(kind, body.to_vec()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (status, code),
            "{}",
            String::from_utf8_lossy(body)
        );
    }
    let answer = send_body(json, vec![b' '; super::body::MAX_BODY + 1]).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (413, "BODY_TOO_LARGE"));
}
