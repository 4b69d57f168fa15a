//! The filter without the control plane: `envoy/standalone.yaml` as it ships, with this test's keys, ports and backend put in, in a
//! real Envoy and in both body modes. `standalone_native.rs` has it once more, with the filter in native code.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
};

use serde_json::json;
use tempfile::TempDir;
use tollgate_tests::{
    Backend, Issuer, Request, Response, binaries, http, is_native, issuer::SignedBy, process::Process, wait,
};

/// What the example trusts.
const ISSUER: &str = "https://issuer.example.com";
const AUDIENCE: &str = "https://agents.example.com";
/// A scope of the example that grants read and write, so that JSON-RPC is judged by its body.
const READ_AND_WRITE: &str = "weather.use";
/// A scope of the example that grants everything, so that bodies pass unread.
const EVERYTHING: &str = "agents.all";

#[derive(Debug, Clone, Copy)]
enum BodyMode {
    HoldHeaders,
    StreamHeaders,
}

const BODY_MODES: [BodyMode; 2] = [BodyMode::HoldHeaders, BodyMode::StreamHeaders];

/// The example, running.
struct Standalone {
    listener: SocketAddr,
    admin: SocketAddr,
    issuer: Issuer,
    backend: Backend,
    envoy: Process,
    _directory: TempDir,
}

impl Standalone {
    fn start(mode: BodyMode) -> Self {
        let (issuer, backend) = (Issuer::new(ISSUER), Backend::start());
        let bound = [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port"));
        let [listener, admin] = bound.map(|socket| socket.local_addr().expect("an address"));
        let example = fs::read_to_string(binaries::workspace().join("envoy/standalone.yaml")).expect("the example");
        let edits = [
            ("port_value: 8080", format!("port_value: {}", listener.port())),
            ("port_value: 9901", format!("port_value: {}", admin.port())),
            ("port_value: 9101", format!("port_value: {}", backend.address().port())),
            ("target/tools/wasm/tollgate_filter.wasm", binaries::filter().display().to_string()),
            (
                "normalize_path: true",
                format!("normalize_path: true\n{:16}http_protocol_options: {{ enable_trailers: true }}", ""),
            ),
        ];
        let mut config = with_keys(&example, &issuer);
        for (from, to) in edits {
            assert!(config.contains(from), "the example has no {from}");
            config = config.replace(from, &to);
        }
        if is_native() {
            config = with_native_filter(&config);
        }
        if let BodyMode::StreamHeaders = mode {
            config = config.replace("hold_headers", "stream_headers").replace("iteration: true", "iteration: false");
        }
        let directory = TempDir::new().expect("a directory");
        let file = directory.path().join("envoy.yaml");
        fs::write(&file, config).expect("written");
        let arguments = ["-c", &file.to_string_lossy(), "--disable-hot-restart", "--concurrency", "1", "-l", "warning"];
        let envoy = Process::start(&binaries::envoy(), &arguments, &[], &directory.path().join("envoy.log"));
        wait::until("Envoy is ready", || {
            assert!(envoy.is_running(), "Envoy ended at start:\n{}", envoy.log());
            Request::new(admin, "GET", "/ready").try_send().filter(|answer| answer.status == 200)
        });
        Self { listener, admin, issuer, backend, envoy, _directory: directory }
    }

    fn token(&self, scope: &str) -> String {
        let mut claims = self.issuer.claims("client", scope);
        claims["aud"] = json!(AUDIENCE);
        self.issuer.sign(SignedBy::P256, &claims)
    }

    fn request(&self, method: &str, path: &str, scope: &str) -> Request {
        Request::new(self.listener, method, path).bearer(&self.token(scope))
    }

    fn call(&self, method: &str, scope: &str) -> Response {
        self.request("POST", "/agents/weather", scope).json(&rpc(method)).send()
    }

    /// Ends a test: nothing trapped.
    #[track_caller]
    fn assert_no_trap(&self) {
        if is_native() {
            assert!(!self.envoy.log().contains("panicked"), "{}", self.envoy.log());
            return;
        }
        let stats = Request::new(self.admin, "GET", "/stats?filter=vm_reload").send().text();
        assert!(stats.contains("wasm.tollgate.vm_reload: 0"), "{stats}");
    }
}

/// The example with this issuer's keys in place of its own.
fn with_keys(example: &str, issuer: &Issuer) -> String {
    let (before, rest) = example.split_once("\"jwks\": {").expect("the example has keys");
    let (_, after) = rest.split_once("}] }").expect("the example's keys end");
    format!("{before}\"jwks\": {}{after}", issuer.jwks())
}

/// The example with the filter of `docs/native-filter.md` in place of the wasm one, and the same policy.
fn with_native_filter(example: &str) -> String {
    const POLICY: &str = "value: |\n";
    let page = fs::read_to_string(binaries::workspace().join("docs/native-filter.md")).expect("the page");
    let (_, snippet) = page.split_once("- name: tollgate\n  typed_config:\n").expect("the page has the filter");
    let (snippet, _) = snippet.split_once(POLICY).expect("the filter has a policy");
    let file = snippet.split_once("filename: ").and_then(|(_, rest)| rest.split_once(' ')).expect("a file").0;
    let snippet = snippet.replace(file, &binaries::native().display().to_string());
    let (before, rest) = example.split_once("- name: tollgate\n").expect("the example has the filter");
    let (_, policy) = rest.split_once(POLICY).expect("the example has a policy");
    let indented: String = snippet.lines().map(|line| format!("{:18}{line}\n", "")).collect();
    let begin = format!("{before}- name: tollgate\n{:20}typed_config:\n{indented}", "");
    format!("{}{POLICY}{policy}", begin.trim_end_matches([' ', '\n']).to_owned() + "\n" + &" ".repeat(24))
}

fn rpc(method: &str) -> serde_json::Value {
    json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": {}})
}

#[test]
fn passes_a_caller_on_without_the_credential_and_without_forged_headers() {
    let standalone = Standalone::start(BodyMode::HoldHeaders);
    let request = standalone.request("GET", "/agents/weather/v1/tasks/1?historyLength=2", EVERYTHING);
    let answer = request.header("x-tollgate-subject", "forged").header("x-tollgate-odd", b"\xff").send();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let call = standalone.backend.only_call();
    assert_eq!(call.path, "/v1/tasks/1?historyLength=2");
    assert_eq!(call.header("authorization"), None);
    assert!(call.headers.iter().all(|(name, _)| !name.starts_with("x-tollgate-")), "{:?}", call.headers);
    standalone.assert_no_trap();
}

#[test]
fn refuses_callers_without_a_token_or_a_scope_before_the_backend() {
    let standalone = Standalone::start(BodyMode::HoldHeaders);
    let nobody = Request::new(standalone.listener, "GET", "/agents/weather/v1/tasks/1").send();
    assert_eq!(nobody.status, 401, "{}", nobody.text());
    let challenge = nobody.header("www-authenticate").expect("RFC 6750 section 3");
    assert!(challenge.starts_with("Bearer "), "{challenge}");
    let stranger = standalone.request("GET", "/agents/weather/v1/tasks/1", "something.else").send();
    assert_eq!(stranger.status, 403, "{}", stranger.text());
    assert_eq!(standalone.backend.calls().len(), 0);
    standalone.assert_no_trap();
}

#[test]
fn judges_a_call_by_its_body_in_both_body_modes() {
    for mode in BODY_MODES {
        let standalone = Standalone::start(mode);
        let sent = standalone.call("SendMessage", READ_AND_WRITE);
        assert_eq!(sent.status, 200, "{mode:?}: {}", sent.text());
        assert_eq!(
            serde_json::from_slice::<serde_json::Value>(&standalone.backend.only_call().body).expect("JSON"),
            rpc("SendMessage")
        );
        let refused = standalone.call("CreateTaskPushNotificationConfig", READ_AND_WRITE);
        assert_eq!((refused.status, &refused.json()["id"]), (403, &json!(7)), "{mode:?}: {}", refused.text());
        assert_eq!(standalone.call("CreateTaskPushNotificationConfig", EVERYTHING).status, 200, "{mode:?}");
        standalone.assert_no_trap();
    }
}

#[test]
fn refuses_a_body_that_is_too_long_to_judge_in_both_body_modes() {
    for mode in BODY_MODES {
        let standalone = Standalone::start(mode);
        let request = standalone.request("POST", "/agents/weather", READ_AND_WRITE);
        let long = request.header("content-type", "application/json").body(vec![b' '; (1 << 20) + 1]);
        assert_eq!(long.send().status, 413, "{mode:?}");
        assert_eq!(standalone.backend.calls().len(), 0, "{mode:?}");
        standalone.assert_no_trap();
    }
}

#[test]
fn decides_when_a_body_ends_in_trailers_in_both_body_modes() {
    for mode in BODY_MODES {
        let standalone = Standalone::start(mode);
        let check = |method: &str, status: u16| {
            let body = rpc(method).to_string();
            let request = standalone.request("POST", "/agents/weather", READ_AND_WRITE);
            let request = request.header("content-type", "application/json").header("transfer-encoding", "chunked");
            let request = request.body(format!("{:x}\r\n{body}\r\n0\r\nx-trailer: 1\r\n\r\n", body.len()));
            let answer = Response::parse(&http::exchange(standalone.listener, &request.bytes())).expect("an answer");
            assert_eq!(answer.status, status, "{mode:?}: {method}: {}", answer.text());
        };
        check("SendMessage", 200);
        check("CreateTaskPushNotificationConfig", 403);
        standalone.assert_no_trap();
    }
}
