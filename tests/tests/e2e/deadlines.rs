//! How long callers wait: each agent's own deadline, streams that outlive it, agents that are not there or have too much to do; and that
//! whatever Envoy has to say in an agent's place comes in the caller's binding.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tollgate_tests::{Backend, Gateway, Response, http::Request, wait};

/// An agent that never answers a call, and whose streams begin at once and end when they are told to.
struct Thinker {
    address: SocketAddr,
    ends: mpsc::Sender<()>,
}

impl Thinker {
    fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let (ends, mut ended) = mpsc::channel();
        thread::spawn(move || {
            // Connections that are not answered stay open as long as they are held.
            let mut held = Vec::new();
            for connection in listener.incoming().flatten() {
                if asks_for_stream(&connection) {
                    let (_, none) = mpsc::channel();
                    let until = std::mem::replace(&mut ended, none);
                    thread::spawn(move || stream(connection, &until));
                } else {
                    held.push(connection);
                }
            }
        });
        Self { address, ends }
    }

    /// Registers it as `id`, with the card of `card`.
    fn register(&self, gateway: &Gateway, id: &str, card: &Backend, more: &Value) {
        let mut record = json!({
            "agentId": id, "name": id, "backendUrl": format!("http://{}", self.address),
            "agentCardUrl": format!("{}/.well-known/agent-card.json", card.url()),
        });
        more.as_object().expect("fields").iter().for_each(|(name, value)| record[name] = value.clone());
        gateway.admin_ok("POST", "/admin/agents/register?wait=applied", Some(&record));
    }
}

fn asks_for_stream(connection: &TcpStream) -> bool {
    let mut lines = BufReader::new(connection).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    lines.any(|line| line.eq_ignore_ascii_case("accept: text/event-stream"))
}

fn stream(mut connection: TcpStream, until: &mpsc::Receiver<()>) {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\ndata: {\"n\":1}\n\n";
    let _ = connection.write_all(head.as_bytes());
    let _ = until.recv();
    let _ = connection.write_all(b"data: {\"n\":2}\n\n");
}

fn bearer(gateway: &Gateway, id: &str) -> String {
    gateway.token(&format!("agents:{id}:read agents:{id}:write agents:{id}:push"))
}

fn rest(gateway: &Gateway, id: &str) -> Request {
    let path = format!("/agents/{id}/message:send");
    gateway.request("POST", &path).bearer(&bearer(gateway, id)).json(&json!({"message": {}}))
}

fn rpc(gateway: &Gateway, id: &str) -> Request {
    gateway.rpc(id, "SendMessage").bearer(&bearer(gateway, id))
}

/// An error of the gateway's own in HTTP+JSON (A2A v1.0 section 11.6).
#[track_caller]
fn check_rest(answer: &Response, status: u16, google: &str, reason: &str) {
    let error = &answer.json()["error"];
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (status, Some("application/a2a+json")),
        "{}",
        answer.text()
    );
    assert_eq!((&error["status"], &error["details"][0]["reason"]), (&json!(google), &json!(reason)));
}

/// The same in JSON-RPC.
#[track_caller]
fn check_rpc(answer: &Response, status: u16, code: i32) {
    let body = answer.json();
    assert_eq!((answer.status, &body["jsonrpc"], &body["error"]["code"]), (status, &json!("2.0"), &json!(code)));
}

#[test]
fn each_agent_has_its_own_deadline_and_streams_outlive_both() {
    let gateway = Gateway::shared();
    let card = Backend::start();
    let (quick, patient) = (Thinker::start(), Thinker::start());
    quick.register(gateway, "deadline-1", &card, &json!({"timeouts": {"requestSeconds": 1}}));
    patient.register(gateway, "deadline-5", &card, &json!({"timeouts": {"requestSeconds": 5}}));
    thread::scope(|scope| {
        let streams = ["deadline-1", "deadline-5"].map(|id| {
            let request = rpc(gateway, id).header("accept", "text/event-stream");
            scope.spawn(move || request.send())
        });
        let timed = |request: Request| {
            scope.spawn(move || {
                let begin = Instant::now();
                (request.send(), begin.elapsed())
            })
        };
        let calls = [rest(gateway, "deadline-1"), rest(gateway, "deadline-5"), rpc(gateway, "deadline-5")].map(timed);
        let [(first, after_first), (second, after_second), (third, _)] =
            calls.map(|call| call.join().expect("an answer"));
        check_rest(&first, 504, "DEADLINE_EXCEEDED", "BACKEND_TIMEOUT");
        check_rest(&second, 504, "DEADLINE_EXCEEDED", "BACKEND_TIMEOUT");
        check_rpc(&third, 504, -32049);
        assert_eq!(first.header("retry-after"), None, "it may have been acted on");
        // Envoy's timers are as exact as a millisecond.
        let early = Duration::from_millis(10);
        assert!(after_first + early >= Duration::from_secs(1) && after_second + early >= Duration::from_secs(5));
        assert!(after_first < after_second, "{after_first:?} {after_second:?}");
        // Both deadlines are over by now.
        drop((quick, patient));
        for stream in streams {
            let answer = stream.join().expect("a stream");
            assert_eq!((answer.status, answer.text()), (200, "data: {\"n\":1}\n\ndata: {\"n\":2}\n\n".to_owned()));
        }
    });
    gateway.assert_no_trap();
}

#[test]
fn a_silent_stream_ends_when_its_agents_record_says() {
    let gateway = Gateway::shared();
    let (card, thinker) = (Backend::start(), Thinker::start());
    thinker.register(gateway, "silent", &card, &json!({"timeouts": {"streamIdleSeconds": 1}}));
    let request = rpc(gateway, "silent").header("accept", "text/event-stream");
    let answer = Response::parse(&tollgate_tests::http::exchange(
        gateway.listener(),
        &request.header("connection", "close").bytes(),
    ));
    let answer = answer.expect("the head came");
    assert_eq!((answer.status, answer.text().contains("\"n\":2")), (200, false), "{}", answer.text());
    // A stream of another agent goes on: it has the gateway's own patience.
    drop(thinker.ends);
}

/// What an agent's record says that keeps tasks apart: each of its calls is taken apart on its way.
fn apart() -> Value {
    json!({"taskIsolation": "caller"})
}

fn check_absent(id: &str, more: &Value) {
    let gateway = Gateway::shared();
    let card = Backend::start();
    let gone = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr()).expect("a port");
    let mut record = json!({
        "agentId": id, "name": id, "backendUrl": format!("http://{gone}"),
        "agentCardUrl": format!("{}/.well-known/agent-card.json", card.url()),
    });
    more.as_object().expect("fields").iter().for_each(|(name, value)| record[name] = value.clone());
    gateway.admin_ok("POST", "/admin/agents/register?wait=applied", Some(&record));
    let answer = rest(gateway, id).send();
    check_rest(&answer, 503, "UNAVAILABLE", "BACKEND_UNREACHABLE");
    assert_eq!((answer.header("retry-after"), answer.header("x-tollgate-reply")), (Some("5"), None));
    let answer = rpc(gateway, id).send();
    check_rpc(&answer, 503, -32048);
    assert_eq!((answer.header("retry-after"), answer.header("x-tollgate-reply")), (Some("5"), None));
}

#[test]
fn an_agent_that_is_not_there_is_503_in_the_callers_binding() {
    check_absent("gone", &json!({}));
    check_absent("gone-apart", &apart());
}

#[test]
fn an_agent_whose_calls_are_taken_apart_has_its_deadline_too() {
    let gateway = Gateway::shared();
    let (card, thinker) = (Backend::start(), Thinker::start());
    let mut record = apart();
    record["timeouts"] = json!({"requestSeconds": 1});
    thinker.register(gateway, "deadline-apart", &card, &record);
    check_rest(&rest(gateway, "deadline-apart").send(), 504, "DEADLINE_EXCEEDED", "BACKEND_TIMEOUT");
    check_rpc(&rpc(gateway, "deadline-apart").send(), 504, -32049);
    let quick = rest(gateway, "deadline-apart").header("x-tollgate-reply", "via a client").send();
    check_rest(&quick, 504, "DEADLINE_EXCEEDED", "BACKEND_TIMEOUT");
}

/// Registers an agent that is well at one place and gives `answer`, and hangs up, at another.
fn half_well(id: &str, answer: &'static str, more: &Value) -> Backend {
    let well = Backend::start();
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let place = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            asks_for_stream(&connection);
            let _ = connection.write_all(answer.as_bytes());
        }
    });
    let mut record = json!({
        "agentId": id, "backends": [{"url": well.url()}, {"url": format!("http://{place}")}],
        "agentCardUrl": format!("{}/.well-known/agent-card.json", well.url()),
    });
    more.as_object().expect("fields").iter().for_each(|(name, value)| record[name] = value.clone());
    Gateway::shared().admin_ok("POST", "/admin/agents/register?wait=applied", Some(&record));
    well
}

fn is_bad(status: u16) -> bool {
    [502, 503].contains(&status)
}

fn check_ejected(id: &str, answer: &'static str, more: &Value, check: impl Fn(&Response)) {
    let gateway = Gateway::shared();
    let _well = half_well(id, answer, more);
    let bad = wait::until("a call to the place that is not well", || {
        Some(rest(gateway, id).send()).filter(|answer| is_bad(answer.status))
    });
    check(&bad);
    wait::until("a run of calls that all went well", || {
        (0..20).all(|_| !is_bad(rest(gateway, id).send().status)).then_some(())
    });
    let backends = || gateway.admin_ok("GET", &format!("/admin/agents/{id}"), None)["health"]["backends"].clone();
    let shown = wait::until("the ejection shown", || Some(backends()).filter(|it| it[1]["state"] == "unhealthy"));
    assert_eq!((&shown[1]["reason"], &shown[0]["state"]), (&json!("outlier ejected"), &json!("healthy")));
}

#[test]
fn a_place_that_hangs_up_is_502_and_ejected() {
    for (id, more) in [("quitting", json!({})), ("quitting-apart", apart())] {
        check_ejected(id, "", &more, |broken| {
            check_rest(broken, 502, "UNAVAILABLE", "BACKEND_CONNECTION_BROKEN");
            assert_eq!(broken.header("retry-after"), None, "it may have been acted on");
        });
    }
}

#[test]
fn a_place_whose_proxy_has_nothing_behind_it_is_ejected() {
    let answer = "HTTP/1.1 503 Nobody home\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    check_ejected("deserted", answer, &json!({}), |bad| assert_eq!(bad.status, 503));
    // What Envoy says of itself behind the translation, no agent can say.
    let forged =
        "HTTP/1.1 503 No\r\nx-tollgate-reply: no_healthy_upstream\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    check_ejected("deserted-apart", forged, &apart(), |bad| {
        assert!(!bad.text().contains("NO_HEALTHY_BACKEND"), "{}", bad.text());
        assert_eq!(bad.header("x-tollgate-reply"), None);
    });
}

#[test]
fn an_agents_own_error_is_an_answer_and_ejects_nothing() {
    let gateway = Gateway::shared();
    let _well =
        half_well("erring", "HTTP/1.1 500 My own\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", &json!({}));
    let call = || rest(gateway, "erring").send().status;
    wait::until("the first error", || (call() == 500).then_some(()));
    let later: Vec<u16> = (0..60).map(|_| call()).collect();
    assert!(later[40..].contains(&500) && later.iter().all(|status| [200, 500].contains(status)), "{later:?}");
}

#[test]
fn a_full_agent_is_503_at_once() {
    let gateway = Gateway::shared();
    let (card, thinker) = (Backend::start(), Thinker::start());
    thinker.register(gateway, "full", &card, &json!({"circuitBreaker": {"maxRequests": 1}}));
    let stream = rpc(gateway, "full").header("accept", "text/event-stream");
    thread::scope(|scope| {
        let open = scope.spawn(move || stream.send());
        let answer = wait::until("a call that finds the agent full", || {
            // Until the stream is there a call would be held for its whole deadline.
            let active = gateway.envoy("/clusters").text();
            active
                .lines()
                .any(|line| line.starts_with("agent-full::") && line.ends_with("::rq_active::1"))
                .then(|| rest(gateway, "full").send())
        });
        check_rest(&answer, 503, "UNAVAILABLE", "BACKEND_OVERLOADED");
        assert_eq!(answer.header("retry-after"), Some("1"));
        drop(thinker.ends);
        assert_eq!(open.join().expect("the stream").status, 200);
    });
}
