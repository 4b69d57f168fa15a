//! TLS where the gateway is the client, to backends, and between Envoy and the control plane: private authorities, each trusted for one
//! of the two, and certificates that do not hold.

use std::{fs, sync::OnceLock};

use serde_json::json;
use tempfile::TempDir;
use tollgate_tests::{
    Authority, Backend, Gateway, Identity, Response,
    gateway::{self, NODE, Settings},
    http, tls, wait,
};

/// The type of an HTTP/2 server's first frame, its fourth byte (RFC 9113 sections 3.4, 4.1).
const SETTINGS: u8 = 4;

/// A gateway that trusts one authority for backends and another for the xDS port.
struct Scene {
    gateway: Gateway,
    backends: Authority,
    envoys: Authority,
    _files: TempDir,
}

impl Scene {
    /// One for all tests here: they leave it running.
    fn shared() -> &'static Self {
        static SHARED: OnceLock<Scene> = OnceLock::new();
        SHARED.get_or_init(Self::set)
    }

    fn set() -> Self {
        let (backends, envoys) = (Authority::new("the backends' authority"), Authority::new("the Envoys' authority"));
        let files = gateway::directory();
        let write = |name: &str, text: &str| {
            let path = files.path().join(name);
            fs::write(&path, text).expect("written");
            path.to_string_lossy().into_owned()
        };
        let (server, envoy) = (envoys.identity(&["127.0.0.1"]), envoys.identity(&[NODE]));
        let (trusted, ca) = (write("backends.pem", &backends.pem()), write("envoys.pem", &envoys.pem()));
        let xds_tls = format!(
            "[xds_tls]\ncertificate = {:?}\nkey = {:?}\nclient_ca = {ca:?}\n",
            write("server.pem", &server.certificate_pem()),
            write("server.key", &server.key_pem()),
        );
        let bootstrap = [
            ("--tls-ca", ca),
            ("--tls-cert", write("envoy.pem", &envoy.certificate_pem())),
            ("--tls-key", write("envoy.key", &envoy.key_pem())),
        ];
        let variables = [
            // The control plane fetches cards with the one, Envoy calls with the other.
            ("SSL_CERT_FILE", trusted.clone()),
            ("TOLLGATE_GATEWAY_UPSTREAM_CA", trusted),
            // Where localhost is ::1 too.
            ("TOLLGATE_OUTBOUND_ALLOW_PRIVATE", "127.0.0.0/8,::1/128".to_owned()),
        ];
        let gateway = Gateway::start(Settings {
            more: xds_tls,
            variables: variables.map(|(name, value)| (name.to_owned(), value)).into(),
            bootstrap: bootstrap.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect(),
            ..Settings::default()
        });
        Self { gateway, backends, envoys, _files: files }
    }

    fn call(&self, agent: &str) -> Response {
        let token = self.gateway.token(&format!("agents:{agent}:read"));
        self.gateway.rpc(agent, "GetTask").bearer(&token).send()
    }

    /// Certificates that do not hold for `localhost`, and what is wrong with each.
    fn bad_certificates(&self) -> [(&'static str, Identity); 3] {
        [
            ("of-another", self.envoys.identity(&["localhost"])),
            ("for-another", self.backends.identity(&["elsewhere.test"])),
            ("for-an-address", self.backends.identity(&["127.0.0.1"])),
        ]
    }
}

#[test]
fn a_backend_is_reached_over_tls_by_name_and_by_address() {
    let scene = Scene::shared();
    for (agent, host, server_name) in [("by-name", "localhost", Some("localhost")), ("by-address", "127.0.0.1", None)] {
        let backend = Backend::over_tls(host, &scene.backends.identity(&[host]));
        let registered = scene.gateway.register(agent, &backend);
        assert_eq!(registered["agentCard"]["name"], "Recorder", "the card came over TLS: {registered}");
        let response = scene.call(agent);
        assert_eq!(response.status, 200, "{host}: {}", response.text());
        let call = backend.only_call();
        assert_eq!(call.server_name.as_deref(), server_name);
        assert_eq!(call.header("host"), backend.url().strip_prefix("https://"));
        assert_eq!(backend.broken_handshakes(), [""; 0]);
    }
}

#[test]
fn backends_of_one_agent_are_each_verified_by_their_own_name() {
    let scene = Scene::shared();
    let hosts = ["localhost", "127.0.0.1"];
    let both = hosts.map(|host| Backend::over_tls(host, &scene.backends.identity(&[host])));
    register_both(scene, "two-names", both.each_ref());
    wait::until("a call at each backend", || {
        let response = scene.call("two-names");
        assert_eq!(response.status, 200, "{}", response.text());
        both.iter().all(|backend| !backend.calls().is_empty()).then_some(())
    });
    assert_eq!(both.each_ref().map(Backend::broken_handshakes), [[""; 0]; 2]);
    assert_eq!(both[0].calls()[0].server_name.as_deref(), Some("localhost"));
    assert_eq!(both[1].calls()[0].server_name, None, "RFC 6066 section 3: no address");
}

#[test]
fn a_backend_whose_certificate_does_not_hold_is_not_registered() {
    let scene = Scene::shared();
    for (agent, identity) in scene.bad_certificates() {
        let agent = format!("refused-{agent}");
        let backend = Backend::over_tls("localhost", &identity);
        let record = json!({"agentId": agent, "name": "x", "backendUrl": backend.url()});
        let response = scene.gateway.admin("POST", "/admin/agents/register", Some(&record));
        assert_eq!(response.status, 422, "{agent}: {}", response.text());
        let error = &response.json()["error"];
        assert_eq!((&error["code"], &error["details"]["field"]), (&json!("BACKEND_UNREACHABLE"), &json!("backendUrl")));
        assert!(error["message"].as_str().is_some_and(|message| message.contains("certificate")), "{error}");
        assert_eq!(scene.gateway.admin("GET", &format!("/admin/agents/{agent}"), None).status, 404);
    }
}

#[test]
fn envoy_calls_no_backend_whose_certificate_does_not_hold() {
    let scene = Scene::shared();
    // Its card is elsewhere, so that a registration does not find out.
    let elsewhere = Backend::start();
    let card = format!("{}/.well-known/agent-card.json", elsewhere.url());
    for (agent, identity) in scene.bad_certificates() {
        let agent = format!("met-{agent}");
        let backend = Backend::over_tls("localhost", &identity);
        scene.gateway.register_with(&agent, &backend, &json!({"agentCardUrl": card}));
        let response = scene.call(&agent);
        assert_eq!(response.status, 503, "{agent}: {}", response.text());
        wait_for_alert(&backend);
        assert!(backend.calls().is_empty() && elsewhere.calls().is_empty(), "{agent}");
    }
}

#[test]
fn a_certificate_of_one_backend_does_not_hold_for_another_of_the_same_agent() {
    let scene = Scene::shared();
    let identity = scene.backends.identity(&["localhost"]);
    let (own, borrowed) = (Backend::over_tls("localhost", &identity), Backend::over_tls("127.0.0.1", &identity));
    register_both(scene, "borrowed-name", [&own, &borrowed]);
    wait::until("a call that tries the wrong one first", || {
        let response = scene.call("borrowed-name");
        assert_eq!(response.status, 200, "tried again at the right one: {}", response.text());
        (!borrowed.broken_handshakes().is_empty()).then_some(())
    });
    wait_for_alert(&borrowed);
    assert!(borrowed.calls().is_empty() && !own.calls().is_empty());
}

/// The client, and not the network, broke the handshake off. Its alert arrives beside its caller's answer.
#[track_caller]
fn wait_for_alert(backend: &Backend) {
    let broken = wait::until("a broken handshake", || {
        Some(backend.broken_handshakes()).filter(|handshakes| !handshakes.is_empty())
    });
    assert!(broken.iter().all(|reason| reason.starts_with("received fatal alert: ")), "{broken:?}");
}

fn register_both(scene: &Scene, agent: &str, backends: [&Backend; 2]) {
    let backends = backends.map(|backend| json!({"url": backend.url()}));
    let record = json!({"agentId": agent, "name": agent, "backends": backends});
    scene.gateway.admin_ok("POST", "/admin/agents/register?wait=applied", Some(&record));
}

#[test]
fn the_xds_port_serves_who_has_a_certificate_of_its_authority_and_nobody_else() {
    let scene = Scene::shared();
    let nodes = scene.gateway.admin_ok("GET", "/admin/nodes", None)["nodes"].to_string();
    assert!(nodes.contains(NODE), "Envoy came in with its certificate: {nodes}");
    let knock = |identity: Option<&Identity>| tls::first_bytes(scene.gateway.xds(), scene.envoys.roots(), identity);
    let greeting = knock(Some(&scene.envoys.identity(&["another-envoy"]))).expect("a greeting");
    assert_eq!(greeting.get(3), Some(&SETTINGS), "{greeting:?}");
    let of_another = scene.backends.identity(&[NODE]);
    for (identity, alert) in [(None, "CertificateRequired"), (Some(&of_another), "UnknownCA")] {
        let refusal = knock(identity).expect_err(alert);
        assert_eq!(refusal.to_string(), format!("received fatal alert: {alert}"));
    }
    let plain = http::exchange(scene.gateway.xds(), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    assert_ne!(plain.get(3), Some(&SETTINGS), "{plain:?}");
}
