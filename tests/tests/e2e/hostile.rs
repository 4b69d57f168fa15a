//! Hostile requests against a real Envoy: each gets its status, none reaches the backend, and the filter never traps. What is legal
//! though odd must pass, or the list would prove nothing.

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use std::io::Write;
use tollgate_tests::{
    Backend, Gateway, Request, Response,
    http::{exchange, exchange_cut_short},
    issuer::{SignedBy, now},
};

/// Seconds of clock difference that the gateway allows by default.
const LEEWAY: u64 = 30;

/// A fresh agent behind the shared gateway.
struct Scene {
    gateway: &'static Gateway,
    backend: Backend,
    agent: &'static str,
}

impl Scene {
    fn set(agent: &'static str) -> Self {
        let scene = Self { gateway: Gateway::shared(), backend: Backend::start(), agent };
        scene.gateway.register(agent, &scene.backend);
        scene
    }

    /// A token for every operation: its requests are decided on their headers alone.
    fn full(&self) -> String {
        let scopes = ["read", "write", "push"].map(|class| format!("agents:{}:{class}", self.agent));
        self.gateway.token(&scopes.join(" "))
    }

    /// A token for reading: its JSON-RPC bodies are read.
    fn reader(&self) -> String {
        self.gateway.token(&format!("agents:{}:read", self.agent))
    }

    fn call(&self) -> Request {
        self.gateway.rpc(self.agent, "GetTask")
    }

    fn with_body(&self, body: impl AsRef<[u8]>) -> Request {
        let request = self.gateway.request("POST", &format!("/agents/{}", self.agent)).bearer(&self.reader());
        request.header("content-type", "application/json").body(body)
    }

    fn at(&self, path: &str) -> Request {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "GetTask"});
        self.gateway.request("POST", path).bearer(&self.full()).json(&body)
    }

    /// Every attack is answered with its status; then nothing arrived, nothing trapped, and an honest call passes.
    #[track_caller]
    fn check(&self, attacks: &[(&str, Request, u16)]) {
        let mut wrong = Vec::new();
        for (name, request, status) in attacks {
            let response = request.send();
            if response.status != *status {
                wrong.push(format!("{name}: {} instead of {status}: {}", response.status, response.text()));
            }
            assert_denial(name, &response);
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(self.backend.calls().is_empty(), "the backend was touched: {:?}", self.backend.calls());
        self.gateway.assert_no_trap();
        assert_eq!(self.call().bearer(&self.full()).send().status, 200);
    }
}

/// A 401 says how to do better; and no denial repeats the token.
#[track_caller]
fn assert_denial(name: &str, response: &Response) {
    if response.status == 401 {
        let challenge = response.header("www-authenticate").unwrap_or_default();
        assert!(challenge.starts_with("Bearer ") && challenge.contains("resource_metadata="), "{name}: {challenge}");
    }
    assert!(!response.text().contains("eyJ"), "{name}: {}", response.text());
}

#[test]
fn tokens_that_prove_nothing_are_refused() {
    let scene = Scene::set("hostile-tokens");
    let issuer = &scene.gateway.issuer;
    let good =
        issuer.claims("mallory", "agents:hostile-tokens:read agents:hostile-tokens:write agents:hostile-tokens:push");
    let without = |name: &str| {
        let mut claims = good.clone();
        claims.as_object_mut().expect("an object").remove(name);
        issuer.sign(SignedBy::Rsa, &claims)
    };
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        issuer.sign(SignedBy::Rsa, &claims)
    };
    let wrong_kid = json!({"alg": "RS256", "kid": "no-such-key", "typ": "JWT"});
    let critical = json!({"alg": "RS256", "kid": issuer.key_id(SignedBy::Rsa), "crit": ["exp"], "exp": 1});
    let duplicate = good.to_string().replacen('{', r#"{"sub":"admin","#, 1);
    let other_key = json!({"alg": "RS256", "kid": issuer.key_id(SignedBy::P256), "typ": "JWT"});
    let mut flipped = issuer.sign(SignedBy::Rsa, &good).into_bytes();
    let middle = flipped.len() - 100;
    flipped[middle] = if flipped[middle] == b'A' { b'B' } else { b'A' };
    let header = json!({"alg": "RS256", "kid": issuer.key_id(SignedBy::Rsa), "typ": "JWT"});
    let tokens: Vec<(&str, String)> = vec![
        ("alg none", issuer.sign(SignedBy::Nobody, &good)),
        ("HS256 with the public key", issuer.sign(SignedBy::PublicKeyAsSecret, &good)),
        ("unknown kid", issuer.sign_with_header(SignedBy::Rsa, &wrong_kid, &good.to_string())),
        ("kid of a key of another type", issuer.sign_with_header(SignedBy::Rsa, &other_key, &good.to_string())),
        ("critical extension", issuer.sign_with_header(SignedBy::Rsa, &critical, &good.to_string())),
        ("expired a second beyond leeway", with("exp", json!(now() - LEEWAY - 1))),
        ("not valid for a minute", with("nbf", json!(now() + LEEWAY + 60))),
        ("no expiry", without("exp")),
        ("expiry out of range", with("exp", json!(1e300))),
        ("expiry as text", with("exp", json!("tomorrow"))),
        ("no audience", without("aud")),
        ("another audience", with("aud", json!("https://elsewhere.test"))),
        ("audience with a slash more", with("aud", json!("https://gateway.test/"))),
        ("another issuer", with("iss", json!("https://issuer.test/"))),
        ("duplicate claim", issuer.sign_with_header(SignedBy::Rsa, &header, &duplicate)),
        ("payload that is no JSON", issuer.sign_with_header(SignedBy::Rsa, &header, "not json")),
        ("payload nested too deep", issuer.sign_with_header(SignedBy::Rsa, &header, &"[".repeat(5_000))),
        ("flipped signature", String::from_utf8(flipped).expect("ASCII")),
        ("two parts", "eyJhbGciOiJub25lIn0.e30".to_owned()),
        ("padding", format!("{}=", issuer.sign(SignedBy::Rsa, &good))),
        ("20 KiB of token", format!("{}{}", issuer.sign(SignedBy::Rsa, &good), "A".repeat(20 << 10))),
    ];
    let attacks: Vec<_> = tokens.iter().map(|(name, token)| (*name, scene.call().bearer(token), 401)).collect();
    scene.check(&attacks);
}

#[test]
fn tokens_within_leeway_and_of_every_key_pass() {
    let scene = Scene::set("honest-tokens");
    let issuer = &scene.gateway.issuer;
    let mut claims =
        issuer.claims("alice", "agents:honest-tokens:read agents:honest-tokens:write agents:honest-tokens:push");
    claims["exp"] = json!(now() - LEEWAY + 10);
    for key in [SignedBy::Rsa, SignedBy::P256] {
        let response = scene.call().bearer(&issuer.sign(key, &claims)).send();
        assert_eq!(response.status, 200, "{key:?}: {}", response.text());
    }
}

#[test]
fn authorization_headers_that_can_be_read_two_ways_are_refused() {
    let scene = Scene::set("hostile-headers");
    let token = scene.full();
    let call = || scene.call();
    let query = format!("/agents/{}?access_token={token}", scene.agent);
    let in_query =
        |path: &str| scene.gateway.request("POST", path).json(&json!({"jsonrpc": "2.0", "id": 1, "method": "GetTask"}));
    scene.check(&[
        ("no authorization", call(), 401),
        ("empty authorization", call().header("authorization", ""), 401),
        ("two authorizations", call().bearer(&token).bearer(&token), 401),
        ("good, then Basic", call().bearer(&token).header("authorization", "Basic YTpi"), 401),
        ("Basic alone", call().header("authorization", "Basic YTpi"), 401),
        ("a scheme without a token", call().header("authorization", "Bearer"), 401),
        ("bytes that are no UTF-8", call().header("authorization", b"Bearer \xff\xfe\xc3\x28"), 401),
        (
            "good, then bytes that are no UTF-8",
            call().header("authorization", [b"Bearer ", token.as_bytes(), b" \xff"].concat()),
            401,
        ),
        ("token in the query", in_query(&query), 401),
        ("token in the query and in the header", in_query(&query).bearer(&token), 400),
        ("100 KiB of headers", call().bearer(&token).header("x-long", "a".repeat(100 << 10)), 431),
    ]);
}

#[test]
fn odd_but_legal_header_bytes_pass() {
    let scene = Scene::set("odd-headers");
    let call = scene.call().bearer(&scene.full());
    for (name, request) in [
        ("obs-text in a value", call.clone().header("x-odd", b"\xff\xfe caf\xe9")),
        ("obs-text in the user agent", call.clone().header("user-agent", b"\x80\x81")),
        ("two hundred headers' worth in one", call.clone().header("x-many", vec![b'v'; 20 << 10])),
    ] {
        assert_eq!(request.send().status, 200, "{name}");
    }
    scene.gateway.assert_no_trap();
}

#[test]
fn paths_that_only_resemble_an_agent_are_refused() {
    let scene = Scene::set("hostile-paths");
    scene.check(&[
        ("encoded slash", scene.at("/agents%2fhostile-paths"), 400),
        ("encoded slash after the id", scene.at("/agents/hostile-paths%2F..%2Fother"), 400),
        ("encoded backslash", scene.at("/agents%5chostile-paths"), 400),
        ("backslash", scene.at("/agents\\hostile-paths"), 400),
        ("doubled slash in front", scene.at("//agents/hostile-paths"), 400),
        ("doubled slash before the id", scene.at("/agents//hostile-paths"), 400),
        ("doubled slash after the id", scene.at("/agents/hostile-paths//message:send"), 400),
        ("dot segment", scene.at("/agents/./hostile-paths"), 400),
        ("dot segments", scene.at("/agents/other/../hostile-paths"), 400),
        ("dot segments out of the agent", scene.at("/agents/hostile-paths/../../admin/agents"), 400),
        ("encoded dot segments", scene.at("/agents/other/%2e%2e/hostile-paths"), 400),
        ("half-encoded dot segments", scene.at("/agents/other/.%2E/hostile-paths"), 400),
        ("encoded letter in the id", scene.at("/agents/hostile%2dpaths"), 404),
        ("encoded NUL", scene.at("/agents/hostile-paths%00"), 400),
        ("path parameter", scene.at("/agents/hostile-paths;x=1/message:send"), 400),
        ("bytes that are no ASCII", scene.at("/agents/hostile-paths/\u{e9}"), 400),
        ("another case", scene.at("/agents/Hostile-Paths"), 404),
        ("another case of the prefix", scene.at("/Agents/hostile-paths"), 404),
        ("a suffix", scene.at("/agents/hostile-paths2"), 403),
        ("a suffix that is no id", scene.at("/agents/hostile-paths."), 404),
        ("a prefix of the id", scene.at("/agents/hostile-path"), 403),
        ("an operation that is none", scene.at("/agents/hostile-paths/admin"), 404),
        ("an agent within an agent", scene.at("/agents/hostile-paths/agents/other"), 404),
    ]);
}

#[test]
fn bodies_that_can_be_read_two_ways_are_refused() {
    let scene = Scene::set("hostile-bodies");
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"GetTask","params":{"id":"t"}}"#;
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(call.as_bytes()).expect("compresses");
    let gzip = gzip.finish().expect("compresses");
    let big = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"GetTask","params":{{"pad":"{}"}}}}"#, "a".repeat(2 << 20));
    let typed = |content_type: &[u8]| {
        let request = scene.gateway.request("POST", "/agents/hostile-bodies").bearer(&scene.reader());
        request.header("content-type", content_type).body(call)
    };
    scene.check(&[
        ("a write by a reader", scene.with_body(call.replace("GetTask", "SendMessage")), 403),
        ("duplicate method", scene.with_body(call.replacen('{', r#"{"method":"SendMessage","#, 1)), 400),
        ("duplicate key deep inside", scene.with_body(call.replace(r#""id":"t""#, r#""id":"t","id":"u""#)), 400),
        ("duplicate by escape", scene.with_body(call.replacen('{', r#"{"m\u0065thod":"SendMessage","#, 1)), 400),
        ("truncated", scene.with_body(&call[..40]), 400),
        ("two values", scene.with_body(format!("{call}{call}")), 400),
        ("batch", scene.with_body(format!("[{call}]")), 400),
        ("empty", scene.with_body(""), 400),
        ("no UTF-8", scene.with_body(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"GetTask\xff\"}"), 400),
        ("byte order mark", scene.with_body(format!("\u{feff}{call}")), 400),
        (
            "nested too deep",
            scene.with_body(call.replace(r#""t""#, &format!("{}{}", "[".repeat(900), "]".repeat(900)))),
            400,
        ),
        ("number without end", scene.with_body(call.replace(r#""id":1"#, r#""id":1e999999"#)), 400),
        ("unknown method", scene.with_body(call.replace("GetTask", "Gettask")), 200),
        ("oversize", scene.with_body(&big), 413),
        ("text", typed(b"text/plain"), 415),
        ("form", typed(b"application/x-www-form-urlencoded"), 415),
        ("a type of no UTF-8", typed(b"application/json\xff"), 415),
        ("gzip", scene.with_body(&gzip).header("content-encoding", "gzip"), 415),
        ("an encoding of no UTF-8", scene.with_body(call).header("content-encoding", b"\xff"), 415),
    ]);
}

#[test]
fn a_body_that_never_ends_reaches_nobody() {
    let scene = Scene::set("hostile-ends");
    let cut = scene.with_body(r#"{"jsonrpc":"2.0","id":1,"method":"GetTask"}"#).header("content-length", "4000");
    let answer = exchange_cut_short(scene.gateway.listener(), &cut.bytes());
    assert!(
        Response::parse(&answer).is_none_or(|response| response.status >= 400),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    let smuggled = scene.with_body("0\r\n\r\n").header("content-length", "5").header("transfer-encoding", "chunked");
    let answer = Response::parse(&exchange(scene.gateway.listener(), &smuggled.bytes())).expect("an answer");
    assert_eq!(answer.status, 400);
    scene.check(&[]);
}

#[test]
fn unknown_methods_and_unknown_paths_are_refused() {
    let scene = Scene::set("hostile-methods");
    let with = |method: &str, path: &str| scene.gateway.request(method, path).bearer(&scene.full());
    scene.check(&[
        ("PUT on the agent", with("PUT", "/agents/hostile-methods"), 405),
        ("PATCH on an operation", with("PATCH", "/agents/hostile-methods/tasks"), 405),
        ("an unknown path", with("GET", "/elsewhere"), 404),
        ("the root", with("GET", "/"), 404),
        ("the card of no agent", with("GET", "/agents/.well-known/agent-card.json"), 404),
        ("the admin API without its scope", with("GET", "/admin/agents"), 403),
        ("an unknown path without a token", scene.gateway.request("GET", "/elsewhere"), 401),
    ]);
}
