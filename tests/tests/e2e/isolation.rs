//! Tasks that belong to whoever made them: two callers, two gateways that share the key, one agent that knows of neither.

use std::sync::OnceLock;

use serde_json::{Value, json};
use tollgate_tests::{
    Gateway, Response,
    gateway::Settings,
    peers::{Peer, Running},
};

const AGENT: &str = "kept-apart";
/// What both gateways seal ids with.
const KEY: &str = "aXNvbGF0aW9uLXRlc3Qta2V5LWlzb2xhdGlvbi10ZXN0LWtleQ";
const CALLERS: [&str; 2] = ["alice", "bob"];
const OPERATIONS: usize = 1000;

struct Scene {
    other: Gateway,
    _agent: Running,
}

impl Scene {
    fn shared() -> &'static Self {
        static SCENE: OnceLock<Scene> = OnceLock::new();
        SCENE.get_or_init(|| {
            let first = Gateway::shared();
            let agent = Peer::V1JsonRpc.start(first.data().parent().expect("the gateway's directory"));
            let other = Gateway::start(Settings { node: Some("second".to_owned()), ..Settings::default() });
            other.register_issuer(&first.issuer);
            agent.wait();
            for gateway in [first, &other] {
                let record = json!({"agentId": AGENT, "backendUrl": agent.url(), "taskIsolation": "caller"});
                gateway.admin_ok("POST", "/admin/task-keys", Some(&json!({"secret": KEY})));
                gateway.admin_ok("POST", "/admin/agents/register?wait=applied", Some(&record));
            }
            Scene { other, _agent: agent }
        })
    }

    /// One of the two gateways.
    fn gateway(&self, which: usize) -> &Gateway {
        if which.is_multiple_of(2) { Gateway::shared() } else { &self.other }
    }

    fn call(&self, gateway: usize, caller: &str, method: &str, params: &Value) -> Value {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        self.send(gateway, caller, "POST", "", Some(&call)).json()
    }

    fn send(&self, gateway: usize, caller: &str, verb: &str, path: &str, body: Option<&Value>) -> Response {
        let scopes = ["read", "write", "push"].map(|class| format!("agents:{AGENT}:{class}")).join(" ");
        let token = Gateway::shared().issuer.token(caller, &scopes);
        let request = self.gateway(gateway).request(verb, &format!("/agents/{AGENT}{path}")).bearer(&token);
        let request = request.header("a2a-version", "1.0");
        body.iter().fold(request, |request, body| request.json(body)).send()
    }

    /// A task of the caller's that waits for more input, and its context, as the caller is shown them.
    fn task(&self, gateway: usize, caller: &str) -> (String, String) {
        let params = json!({"message": {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "ask"}]}});
        let answer = self.call(gateway, caller, "SendMessage", &params);
        let task = &answer["result"]["task"];
        assert_eq!(task["status"]["state"], "TASK_STATE_INPUT_REQUIRED", "{answer}");
        let text = |field: &str| task[field].as_str().expect("an id").to_owned();
        (text("id"), text("contextId"))
    }

    fn listed(&self, gateway: usize, caller: &str) -> Vec<String> {
        let answer = self.call(gateway, caller, "ListTasks", &json!({"pageSize": 100}));
        let tasks = answer["result"]["tasks"].as_array().unwrap_or_else(|| panic!("{answer}"));
        assert_eq!(answer["result"]["totalSize"], tasks.len());
        tasks.iter().map(|task| task["id"].as_str().expect("an id").to_owned()).collect()
    }
}

/// A step of a linear congruential generator (Knuth's MMIX): the same run every time.
fn next(seed: &mut u64) -> usize {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*seed >> 33).expect("31 bits")
}

#[test]
fn a_thousand_operations_on_each_others_tasks_and_none_succeeds() {
    let scene = Scene::shared();
    let tasks: Vec<[(String, String); 2]> = (0..10).map(|at| CALLERS.map(|caller| scene.task(at, caller))).collect();
    let mut seed = 7;
    for _ in 0..OPERATIONS {
        let (who, owner) = (next(&mut seed) % 2, next(&mut seed) % 2);
        let (id, context) = &tasks[next(&mut seed) % tasks.len()][owner];
        let (gateway, kind) = (next(&mut seed), next(&mut seed) % 8);
        let caller = CALLERS[who];
        let error = |answer: Value| answer["error"]["code"].as_i64();
        let outcome = match kind {
            0 => error(scene.call(gateway, caller, "GetTask", &json!({"id": id}))),
            1 => error(scene.call(gateway, caller, "ListTaskPushNotificationConfigs", &json!({"taskId": id}))),
            2 => match scene.send(gateway, caller, "GET", &format!("/tasks/{id}"), None) {
                answer if answer.status == 404 => Some(-32001),
                answer => {
                    assert_eq!((answer.status, &answer.json()["id"]), (200, &json!(id)), "{}", answer.text());
                    None
                }
            },
            3 => {
                let config = json!({"taskId": id, "url": "https://hooks.example.com/x"});
                error(scene.call(gateway, caller, "CreateTaskPushNotificationConfig", &config))
            }
            4 => {
                let shown = scene.listed(gateway, caller).contains(id);
                (!shown).then_some(-32001)
            }
            5 => {
                let of_context = json!({"contextId": context, "pageSize": 100});
                let answer = scene.call(gateway, caller, "ListTasks", &of_context);
                let shown = answer["result"]["tasks"].to_string().contains(&**id);
                (!shown).then_some(-32001)
            }
            // What would change the task is tried on others' alone: their owners go on with them.
            6 if who != owner => error(scene.call(gateway, caller, "CancelTask", &json!({"id": id}))),
            7 if who != owner => {
                let more = json!({"messageId": "m2", "role": "ROLE_USER", "taskId": id, "parts": [{"text": "more"}]});
                error(scene.call(gateway, caller, "SendMessage", &json!({"message": more})))
            }
            _ => error(scene.call(gateway, caller, "GetTask", &json!({"id": id}))),
        };
        let expect = (who != owner).then_some(-32001);
        assert_eq!(outcome, expect, "operation {kind} of {caller} on a task of {}", CALLERS[owner]);
    }
    for (who, caller) in CALLERS.iter().enumerate() {
        for task in &tasks {
            let answer = scene.call(0, caller, "GetTask", &json!({"id": task[who].0}));
            assert_eq!(answer["result"]["status"]["state"], "TASK_STATE_INPUT_REQUIRED", "nobody changed it");
        }
    }
}

#[test]
fn ids_outlive_a_rotation_and_are_the_agents_nowhere() {
    // A gateway of its own: after a rotation, tasks are shown under other ids.
    let gateway = Gateway::start(Settings::default());
    let agent = Peer::V1JsonRpc.start(gateway.data().parent().expect("the gateway's directory"));
    agent.wait();
    let record = json!({"agentId": AGENT, "backendUrl": agent.url(), "taskIsolation": "caller"});
    gateway.admin_ok("POST", "/admin/agents/register?wait=applied", Some(&record));
    let token = gateway.issuer.token("carol", &format!("agents:{AGENT}:read agents:{AGENT}:write"));
    let call = |method: &str, params: Value| {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let request = gateway.request("POST", &format!("/agents/{AGENT}")).bearer(&token);
        request.header("a2a-version", "1.0").json(&call).send().json()
    };
    let message = json!({"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "ask"}]});
    let made = call("SendMessage", json!({"message": message}));
    let id = made["result"]["task"]["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
    gateway.admin_ok("POST", "/admin/task-keys?wait=applied", Some(&json!({})));
    let found = call("GetTask", json!({"id": id}));
    let again = found["result"]["id"].as_str().unwrap_or_else(|| panic!("{found}"));
    assert_eq!(call("GetTask", json!({"id": again}))["result"]["id"], again);
    // The agent's own id, which is the sealed one's end, opens nothing.
    let own = id.rsplit('.').next().expect("an id");
    assert_eq!(call("GetTask", json!({"id": own}))["error"]["code"], -32001);
}

#[test]
fn a_stream_shows_the_callers_ids_and_its_task_is_found_by_them() {
    let scene = Scene::shared();
    let params =
        json!({"message": {"messageId": "m", "role": "ROLE_USER", "contextId": "trip", "parts": [{"text": "hello"}]}});
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "SendStreamingMessage", "params": params});
    let text = scene.send(0, "dave", "POST", "", Some(&call)).text();
    let events: Vec<Value> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).expect("JSON"))
        .collect();
    let task = &events[0]["result"]["task"];
    assert_eq!(task["contextId"], "trip", "{text}");
    assert!(text.matches("trip~").count() == 0, "{text}");
    let found = scene.call(1, "dave", "GetTask", &json!({"id": task["id"]}));
    assert_eq!(found["result"]["contextId"], "trip", "{found}");
    assert_eq!(scene.call(1, "bob", "GetTask", &json!({"id": task["id"]}))["error"]["code"], -32001);
}
