//! The kill switch: whoever is revoked is refused by the time the admin has the answer, on every path, and open streams end.

use std::io::{ErrorKind, Read};

use serde_json::{Value, json};
use tollgate_tests::{Backend, Gateway, gateway::Settings, wait};

fn revoke(body: &Value) -> Value {
    Gateway::shared().admin_ok("POST", "/admin/revocations?wait=applied", Some(body))
}

fn status(agent: &str, token: &str) -> u16 {
    Gateway::shared().rpc(agent, "GetTask").bearer(token).send().status
}

#[test]
fn a_revoked_caller_is_refused_once_the_answer_has_come_and_let_in_again_when_it_is_deleted() {
    let gateway = Gateway::shared();
    let _backend = Backend::start();
    gateway.register("revoked", &_backend);
    let scopes = "agents:revoked:read agents:revoked:write";
    let (bad, good) = (gateway.issuer.token("thief", scopes), gateway.issuer.token("owner", scopes));
    assert_eq!((status("revoked", &bad), status("revoked", &good)), (200, 200));
    let made = revoke(&json!({"issuer": gateway.issuer.name, "client": "thief", "reason": "stolen"}));
    let refused = gateway.rpc("revoked", "GetTask").bearer(&bad).send();
    assert_eq!(refused.status, 401);
    assert_eq!(refused.json()["error"]["data"][0]["reason"], json!("TOKEN_REVOKED"));
    assert!(refused.header("www-authenticate").unwrap().contains("invalid_token"));
    assert_eq!(gateway.request("GET", "/agents").bearer(&bad).send().status, 401, "the control plane refuses it too");
    assert_eq!(status("revoked", &good), 200);
    let path = format!("/admin/revocations/{}?wait=applied", made["revocationId"].as_str().unwrap());
    gateway.admin_ok("DELETE", &path, None);
    assert_eq!(status("revoked", &bad), 200);
}

#[test]
fn one_token_can_be_revoked_and_its_owner_goes_on_with_another() {
    let gateway = Gateway::shared();
    let _backend = Backend::start();
    gateway.register("one-token", &_backend);
    let mut claims = gateway.issuer.claims("app", "agents:one-token:read");
    let mut sign = |id: &str| {
        claims["jti"] = json!(id);
        gateway.issuer.sign(tollgate_tests::issuer::SignedBy::P256, &claims)
    };
    let (lost, kept) = (sign("lost"), sign("kept"));
    assert_eq!((status("one-token", &lost), status("one-token", &kept)), (200, 200));
    revoke(&json!({"tokenId": "lost", "until": tollgate_tests::issuer::now() + 600}));
    assert_eq!((status("one-token", &lost), status("one-token", &kept)), (401, 200));
}

#[test]
fn a_disabled_or_deleted_clients_tokens_are_good_for_nothing() {
    let gateway = Gateway::shared();
    let _backend = Backend::start();
    gateway.register("disabled", &_backend);
    let (id, secret) = gateway.client("to-disable", &["agents:disabled:read"]);
    let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    let token = gateway.token_request(&form).send().json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(status("disabled", &token), 200);
    let set = |status: &str| {
        let body = json!({"status": status});
        gateway.admin_ok("PATCH", "/admin/clients/to-disable/status?wait=applied", Some(&body));
    };
    set("inactive");
    assert_eq!(status("disabled", &token), 401);
    set("active");
    assert_eq!(status("disabled", &token), 200);
    gateway.admin_ok("DELETE", "/admin/clients/to-disable?wait=applied", None);
    assert_eq!(status("disabled", &token), 401);
}

#[test]
fn an_open_stream_of_a_revoked_caller_ends() {
    let gateway = Gateway::shared();
    let _backend = Backend::start();
    gateway.register("streaming", &_backend);
    let scopes = "agents:streaming:read agents:streaming:write agents:streaming:push";
    let (mut cut, mut kept) = (open("streaming", "cut-off", scopes), open("streaming", "stays", scopes));
    revoke(&json!({"client": "cut-off"}));
    let ended = |stream: &mut std::net::TcpStream| matches!(stream.read(&mut [0; 1]), Ok(0));
    wait::until("the stream of the revoked caller ends", || ended(&mut cut).then_some(()));
    assert!(!ended(&mut kept));
    gateway.assert_no_trap();
}

#[test]
fn an_open_stream_of_a_revoked_caller_goes_on_where_it_may_finish() {
    use std::io::Write;
    let finish = ("TOLLGATE_GATEWAY_REVOKED_STREAMS".to_owned(), "finish".to_owned());
    let gateway = Gateway::start(Settings { variables: vec![finish], ..Settings::default() });
    let backend = Backend::start();
    gateway.register("finishing", &backend);
    let scopes = "agents:finishing:read agents:finishing:write agents:finishing:push";
    let token = gateway.issuer.token("cut-off", scopes);
    let ask = || gateway.rpc("finishing", "GetTask").bearer(&token).send().status;
    let mut stream = open_at(&gateway, "finishing", "cut-off", scopes);
    assert_eq!(ask(), 200);
    wait::until("the filter has let the stream through", || {
        let active = gateway.stats("http.tollgate.downstream_rq_active");
        active.iter().any(|(_, count)| *count == 1).then_some(())
    });
    gateway.admin_ok("POST", "/admin/revocations?wait=applied", Some(&json!({"client": "cut-off"})));
    assert_eq!(ask(), 401);
    // Streams of the revoked are looked for at each tick: the ledger's count of exchanges tells that some have passed.
    let ticks = || gateway.stats("tollgate_ledger_exchanges").iter().map(|(_, value)| value).sum::<u64>();
    let before = ticks();
    wait::until("several ticks of the filter", || (ticks() > before + 5).then_some(()));
    assert!(
        matches!(stream.read(&mut [0; 1]), Err(error) if error.kind() == ErrorKind::WouldBlock),
        "it is still open"
    );
    let body = format!("{:<64}", json!({"jsonrpc": "2.0", "id": 1, "method": "GetTask"}).to_string());
    stream.write_all(body.as_bytes()).unwrap();
    stream.set_read_timeout(Some(wait::PATIENCE)).unwrap();
    let mut answer = [0; 15];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 200 OK");
    let bodies: Vec<Vec<u8>> = backend.calls().into_iter().map(|call| call.body).collect();
    assert!(bodies.contains(&body.into_bytes()), "the agent has all of it");
    assert!(gateway.stats("tollgate_revoked_streams_ended").iter().all(|(_, count)| *count == 0));
    assert_eq!(ask(), 401);
}

#[test]
fn a_body_held_back_does_not_outlast_a_revocation() {
    use std::io::Write;
    let gateway = Gateway::shared();
    let backend = Backend::start();
    gateway.register("held-back", &backend);
    // Reading and writing without push: the body decides, and is waited for.
    let mut stream = open("held-back", "holder", "agents:held-back:read agents:held-back:write");
    assert_eq!(status("held-back", &gateway.issuer.token("holder", "agents:held-back:read")), 200);
    let before = backend.calls().len();
    revoke(&json!({"client": "holder"}));
    let ended = |stream: &mut std::net::TcpStream| match stream.read(&mut [0; 1]) {
        Ok(0) => true,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        Ok(_) => panic!("answered"),
    };
    wait::until("the request that waits for its body ends", || ended(&mut stream).then_some(()));
    let _ = stream
        .write_all(format!("{:<64}", json!({"jsonrpc": "2.0", "id": 1, "method": "GetTask"}).to_string()).as_bytes());
    assert_eq!(backend.calls().len(), before, "nothing of it reached the agent");
    gateway.assert_no_trap();
}

/// A request that was let through and whose body never comes.
fn open(agent: &str, client: &str, scopes: &str) -> std::net::TcpStream {
    open_at(Gateway::shared(), agent, client, scopes)
}

fn open_at(gateway: &Gateway, agent: &str, client: &str, scopes: &str) -> std::net::TcpStream {
    use std::io::Write;
    let token = gateway.issuer.token(client, scopes);
    let mut stream = std::net::TcpStream::connect(gateway.listener()).unwrap();
    let head = format!(
        "POST /agents/{agent} HTTP/1.1\r\nhost: gw\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\ncontent-length: 64\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_millis(100))).unwrap();
    stream
}
