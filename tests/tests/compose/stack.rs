//! One running stack, from a copy of what a user has after `cargo xtask dist`, on ports and a network of its own. It goes away with
//! the value.

use std::{
    cell::OnceCell,
    fs,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::Command,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tollgate_tests::{Request, Response, binaries, wait};

use crate::engine::{Engine, run};

const ADMIN_SECRET: &str = "planted-admin-secret-0123456789";
const WEATHER_SECRET: &str = "planted-weather-secret-0123456789";
const CALCULATOR_KEY: &str = "planted-calculator-key-0123456789";
const SERVICES: [&str; 4] = ["control-plane", "envoy", "weather", "calculator"];
const MESSAGE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"SendMessage","params":{"message":{"messageId":"m1","role":"ROLE_USER",
    "parts":[{"text":"What is the weather in Tokyo in July?"}]}}}"#;

/// The stack.
pub(crate) struct Stack {
    engine: Engine,
    project: tempfile::TempDir,
    gateway: SocketAddr,
    admin: SocketAddr,
    admin_token: OnceCell<String>,
    caller: OnceCell<(String, String)>,
}

impl Stack {
    /// Builds the images and starts everything.
    pub(crate) fn up(engine: Engine) -> Self {
        let project = project();
        let (gateway, admin) = (free_address(), free_address());
        let env = format!(
            "ADMIN_CLIENT_SECRET={ADMIN_SECRET}\nWEATHER_CLIENT_SECRET={WEATHER_SECRET}\nCALCULATOR_API_KEY={CALCULATOR_KEY}\n\
             PUBLIC_URL=http://{gateway}\nGATEWAY_PORT={}\nADMIN_PORT={}\nSUBNET=10.213.{}.0/24\n\
             COMPOSE_PROJECT_NAME=tollgate-test-{}\n",
            gateway.port(),
            admin.port(),
            std::process::id() % 200 + 20,
            std::process::id(),
        );
        fs::write(project.path().join(".env"), env).expect("a writable directory");
        let stack = Self { engine, project, gateway, admin, admin_token: OnceCell::new(), caller: OnceCell::new() };
        stack.compose(&["up", "--build", "--detach"]);
        stack.until_ready();
        for agent in ["weather", "calculator"] {
            stack.until_healthy(agent);
        }
        stack
    }

    /// Runs Compose.
    #[track_caller]
    pub(crate) fn compose(&self, arguments: &[&str]) -> String {
        run(self.engine.compose(self.project.path()).args(arguments)).unwrap_or_else(|error| {
            panic!("compose {arguments:?}: {error}\n{}", self.logs());
        })
    }

    /// Waits until the control plane is ready and Envoy passes on what is for it.
    pub(crate) fn until_ready(&self) {
        wait::until("the control plane", || {
            self.admin("GET", "/readyz").try_send().filter(|reply| reply.status == 200)
        });
        let metadata = self.gateway("GET", "/.well-known/oauth-authorization-server");
        wait::until("the gateway", || metadata.try_send().filter(|reply| reply.status == 200));
    }

    fn until_healthy(&self, service: &str) {
        let container = self.compose(&["ps", "-q", service]);
        let format = "{{.State.Health.Status}}";
        let health = || self.engine.docker(&["inspect", "--format", format, &container]).ok();
        wait::until(service, || health().filter(|status| status == "healthy"));
    }

    /// Looks for the planted secrets in every image of the stack, and for root in every container.
    pub(crate) fn holds_no_secret_in_an_image_and_nobody_is_root(&self) {
        for service in SERVICES {
            let container = self.compose(&["ps", "-q", service]);
            let inspect =
                |format, what: &str| self.engine.docker(&["inspect", "--format", format, what]).expect(service);
            let user = inspect("{{.Config.User}}", &container);
            assert!(!["", "0", "root", "0:0"].contains(&user.as_str()), "{service} runs as {user:?}");
            let image = inspect("{{.Image}}", &container);
            let history = self.engine.docker(&["history", "--no-trunc", &image]).expect(service);
            let told = inspect("{{json .Config}}", &image) + &history;
            for secret in [ADMIN_SECRET, WEATHER_SECRET, CALCULATOR_KEY] {
                assert!(!told.contains(secret), "the image of {service} tells a secret");
            }
        }
    }

    /// A request to the gateway.
    pub(crate) fn gateway(&self, method: &str, path: &str) -> Request {
        Request::new(self.gateway, method, path)
    }

    /// A request to the private admin API, without a token.
    pub(crate) fn admin(&self, method: &str, path: &str) -> Request {
        Request::new(self.admin, method, path)
    }

    /// The same with the administrator's token.
    pub(crate) fn as_admin(&self, method: &str, path: &str) -> Request {
        let token =
            self.admin_token.get_or_init(|| self.token(&self.admin("POST", "/oauth2/token"), "admin", ADMIN_SECRET));
        self.admin(method, path).bearer(token)
    }

    /// Fetches a token by client credentials.
    pub(crate) fn token(&self, endpoint: &Request, client: &str, secret: &str) -> String {
        let basic = STANDARD.encode(format!("{client}:{secret}"));
        let request = endpoint.clone().header("authorization", format!("Basic {basic}"));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let reply = request.body("grant_type=client_credentials").send();
        expect(&reply, 200, "access_token");
        reply.json()["access_token"].as_str().expect("a token").to_owned()
    }

    /// Registers an agent, and waits until Envoy has it.
    pub(crate) fn register(&self, agent: &str) {
        let request = self.as_admin("POST", "/admin/agents/register?wait=applied");
        let reply = request.header("content-type", "application/json").body(agent).send();
        assert!([200, 201].contains(&reply.status), "{agent}: {} {}\n{}", reply.status, reply.text(), self.logs());
    }

    /// Makes the client that calls agents, and fetches its token.
    pub(crate) fn make_caller(&self, client: &str) {
        let request = self.as_admin("POST", "/admin/clients").header("content-type", "application/json").body(client);
        let json = request.send().json();
        let (id, secret) = (json["clientId"].as_str(), json["clientSecret"].as_str());
        let (id, secret) = id.zip(secret).unwrap_or_else(|| panic!("no client: {json}"));
        let token = self.token(&self.gateway("POST", "/oauth2/token"), id, secret);
        self.caller.set((secret.to_owned(), token)).expect("one caller");
    }

    /// The caller's token.
    pub(crate) fn caller_token(&self) -> String {
        self.caller.get().expect("a caller").1.clone()
    }

    /// The caller's secret.
    pub(crate) fn caller_secret(&self) -> String {
        self.caller.get().expect("a caller").0.clone()
    }

    /// Sends a message to an agent through the gateway.
    pub(crate) fn send_to(&self, agent: &str, token: &str) -> Response {
        let request = self.gateway("POST", &format!("/agents/{agent}")).bearer(token).header("a2a-version", "1.0");
        request.header("content-type", "application/json").body(MESSAGE).send()
    }

    /// Searches by meaning, once the agents are read, and returns the best agent's card.
    pub(crate) fn find(&self, need: &str, token: &str) -> String {
        let request = self.gateway("POST", "/search").bearer(token).header("content-type", "application/json");
        let request = request.body(format!(r#"{{"query":"{need}","topK":1}}"#));
        let answer = wait::until("a search by meaning", || {
            let answer = request.send();
            assert_eq!(answer.status, 200, "{}", answer.text());
            Some(answer.json()).filter(|json| json["mode"] == "semantic")
        });
        answer["results"][0]["agentCard"]["name"].as_str().expect("an agent's name").to_owned()
    }

    fn logs(&self) -> String {
        let logs = run(self.engine.compose(self.project.path()).args(["logs", "--no-color", "--tail=40"]));
        logs.unwrap_or_else(|error| error)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let down = run(self.engine.compose(self.project.path()).args(["down", "--volumes", "--timeout", "5"]));
        if let Err(error) = down {
            eprintln!("the stack stays behind: {error}");
        }
    }
}

/// Checks the status of an answer, and that its body contains `text`.
#[track_caller]
pub(crate) fn expect(reply: &Response, status: u16, text: &str) {
    assert_eq!(reply.status, status, "{}", reply.text());
    assert!(reply.text().contains(text), "{:?} is not in {}", text, reply.text());
}

/// What a user has after `cargo xtask dist`, in a directory of its own: the files that are tested, and the binaries under test.
fn project() -> tempfile::TempDir {
    let (workspace, project) = (binaries::workspace(), tempfile::tempdir().expect("a temporary directory"));
    let copy = |from: &Path, to: &str| {
        let to = project.path().join(to);
        fs::create_dir_all(to.parent().expect("a file in a directory")).expect("a writable directory");
        run(Command::new("cp").arg("-R").arg(from).arg(&to)).expect("copied");
    };
    for file in
        ["docker-compose.yml", ".dockerignore", "control-plane/Dockerfile", "envoy/compose.json", "examples/agents"]
    {
        copy(&workspace.join(file), file);
    }
    copy(&binaries::tollgate(), "target/dist/tollgate");
    for module in ["tollgate_filter.wasm", "tollgate_translator.wasm"] {
        copy(&binaries::filter().with_file_name(module), &format!("target/dist/{module}"));
    }
    copy(&binaries::search_model(), "target/dist/search-model");
    project
}

fn free_address() -> SocketAddr {
    TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr()).expect("a free port")
}
