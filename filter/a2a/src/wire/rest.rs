//! HTTP+JSON's paths and queries: parameters out of them, and them out of parameters (v1.0 section 11.3, v0.3 section 3.5.3).

use serde_json::{Map, Value};
use tollgate_policy::Operation;
use tollgate_policy::a2a::http_json::{self, Asked};
use tollgate_policy::document::ProtocolVersion;
use tollgate_policy::path::percent_decoded;

use crate::convert::Refusal;

/// Query members that are numbers.
const NUMBERS: [&str; 2] = ["historyLength", "pageSize"];
/// Query members that are truths.
const TRUTHS: [&str; 1] = ["includeArtifacts"];

/// What a path and a query say of the parameters: the ids in it, the tenant in front of it, and the query's members. A POST has none:
/// its body was judged without them, and they would stand among its members.
pub(super) fn parameters(
    operation: Operation,
    verb: &str,
    path: &str,
    query: &str,
) -> Result<Map<String, Value>, Refusal> {
    let unreadable = || Refusal::new(Refusal::INVALID_PARAMS, "the path or the query cannot be read");
    let mut params = Map::new();
    let segments: Option<Vec<String>> = path.split('/').skip(1).map(percent_decoded).collect();
    let segments = segments.ok_or_else(unreadable)?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let (tenant, resource) = resource(&segments, operation).ok_or_else(unreadable)?;
    if let Some(tenant) = tenant {
        params.insert("tenant".into(), tenant.into());
    }
    let id = |name: &str| resource.get(1).map(|id| (name.to_owned(), Value::from(*id)));
    match operation {
        Operation::GetTask => params.extend(id("id")),
        Operation::CancelTask | Operation::SubscribeToTask => params.extend(resource.get(1).map(|segment| {
            let id = segment.rsplit_once(':').map_or(*segment, |(id, _)| id);
            ("id".to_owned(), Value::from(id))
        })),
        Operation::CreatePushConfig | Operation::ListPushConfigs => params.extend(id("taskId")),
        Operation::GetPushConfig | Operation::DeletePushConfig => {
            params.extend(id("taskId"));
            params.extend(resource.get(3).map(|id| ("id".to_owned(), Value::from(*id))));
        }
        _ => {}
    }
    for (name, value) in members(query).ok_or_else(unreadable)? {
        if verb == "POST" {
            let message = "a query has no place beside a body";
            return Err(Refusal::new(Refusal::INVALID_PARAMS, message));
        }
        params.entry(name.clone()).or_insert_with(|| typed(&name, value));
    }
    Ok(params)
}

/// The members of a query, decoded, but for the version, which may stand there (v1.0 section 3.6.1): what is written again says it in
/// a header.
fn members(query: &str) -> Option<Vec<(String, String)>> {
    let mut members = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (percent_decoded(&name.replace('+', " "))?, percent_decoded(&value.replace('+', " "))?);
        if !name.eq_ignore_ascii_case("a2a-version") {
            members.push((name, value));
        }
    }
    Some(members)
}

fn typed(name: &str, value: String) -> Value {
    if NUMBERS.contains(&name)
        && let Ok(number) = value.parse::<i64>()
    {
        return number.into();
    }
    match value.as_str() {
        "true" if TRUTHS.contains(&name) => true.into(),
        "false" if TRUTHS.contains(&name) => false.into(),
        _ => value.into(),
    }
}

/// The tenant in front, and the segments from the resource on. `/v1` and the tenant stand in front in either order.
fn resource<'s>(segments: &'s [&'s str], operation: Operation) -> Option<(Option<&'s str>, &'s [&'s str])> {
    let is_resource = |rest: &[&str]| match operation {
        Operation::SendMessage => rest == ["message:send"],
        Operation::SendStreamingMessage => rest == ["message:stream"],
        Operation::GetExtendedCard => matches!(rest, ["extendedAgentCard" | "card"]),
        Operation::ListTasks => rest == ["tasks"],
        Operation::GetTask => matches!(rest, ["tasks", _]),
        Operation::CancelTask => matches!(rest, ["tasks", task] if task.ends_with(":cancel")),
        Operation::SubscribeToTask => matches!(rest, ["tasks", task] if task.ends_with(":subscribe")),
        Operation::CreatePushConfig | Operation::ListPushConfigs => {
            matches!(rest, ["tasks", _, "pushNotificationConfigs"])
        }
        Operation::GetPushConfig | Operation::DeletePushConfig => {
            matches!(rest, ["tasks", _, "pushNotificationConfigs", _])
        }
    };
    let mounts = (0..=2).filter_map(|skipped| segments.split_at_checked(skipped));
    mounts.filter(|(_, rest)| is_resource(rest)).find_map(|(mount, rest)| match mount {
        [] | ["v1"] => Some((None, rest)),
        [tenant] | ["v1", tenant] | [tenant, "v1"] => Some((Some(*tenant), rest)),
        _ => None,
    })
}

/// A request line of HTTP+JSON, and what is left of the parameters for its body.
pub(super) struct Line {
    pub(super) verb: &'static str,
    /// With its query.
    pub(super) path: String,
    /// `None`: the verb has no body.
    pub(super) body: Option<Map<String, Value>>,
}

/// Writes an operation's request line.
pub(super) fn line(
    operation: Operation,
    version: ProtocolVersion,
    mut params: Map<String, Value>,
) -> Result<Line, Refusal> {
    let tenant = take(&mut params, "tenant")?;
    if tenant.as_deref().is_some_and(|tenant| !is_segment(tenant)) {
        return Err(Refusal::new(Refusal::INVALID_PARAMS, "params.tenant has no place in a path"));
    }
    let mount = match (version, tenant) {
        (ProtocolVersion::V0_3, _) => "/v1".to_owned(),
        (ProtocolVersion::V1_0, Some(tenant)) => format!("/{}", encoded(&tenant)),
        (ProtocolVersion::V1_0, None) => String::new(),
    };
    let (verb, resource) = target(operation, version, &mut params)?;
    let path = format!("{mount}{resource}");
    // The gateway's own reading: a task `t:archive`, or a tenant called `tasks`, would make it a request that nobody decided about.
    if http_json::classify(verb.as_bytes(), &path) != Asked::Operation(operation) {
        return Err(Refusal::new(Refusal::INVALID_PARAMS, "the ids in params would make another operation's path"));
    }
    if verb == "POST" && operation != Operation::SubscribeToTask {
        return Ok(Line { verb, path, body: Some(params) });
    }
    let query = query(&params)?;
    let separator = if query.is_empty() { "" } else { "?" };
    Ok(Line { verb, path: format!("{path}{separator}{query}"), body: None })
}

/// An operation's verb, and its path below the mount, with the ids it takes out of the parameters.
fn target(
    operation: Operation,
    version: ProtocolVersion,
    params: &mut Map<String, Value>,
) -> Result<(&'static str, String), Refusal> {
    let is_v1 = version == ProtocolVersion::V1_0;
    let mut id = |name: &str| {
        let refused = |what| Refusal::new(Refusal::INVALID_PARAMS, format!("params.{name} {what}"));
        let id = take(params, name)?.filter(|id| !id.is_empty()).ok_or_else(|| refused("is missing"))?;
        if is_segment(&id) { Ok(encoded(&id)) } else { Err(refused("has no place in a path")) }
    };
    Ok(match operation {
        Operation::SendMessage => ("POST", "/message:send".to_owned()),
        Operation::SendStreamingMessage => ("POST", "/message:stream".to_owned()),
        Operation::GetTask => ("GET", format!("/tasks/{}", id("id")?)),
        Operation::ListTasks => ("GET", "/tasks".to_owned()),
        Operation::CancelTask => ("POST", format!("/tasks/{}:cancel", id("id")?)),
        // 1.0 says POST (section 11.3.2), what spoke 0.3 has GET.
        Operation::SubscribeToTask => (if is_v1 { "POST" } else { "GET" }, format!("/tasks/{}:subscribe", id("id")?)),
        Operation::CreatePushConfig => ("POST", format!("/tasks/{}/pushNotificationConfigs", id("taskId")?)),
        Operation::ListPushConfigs => ("GET", format!("/tasks/{}/pushNotificationConfigs", id("taskId")?)),
        Operation::GetPushConfig => ("GET", format!("/tasks/{}/pushNotificationConfigs/{}", id("taskId")?, id("id")?)),
        Operation::DeletePushConfig => {
            ("DELETE", format!("/tasks/{}/pushNotificationConfigs/{}", id("taskId")?, id("id")?))
        }
        Operation::GetExtendedCard => ("GET", if is_v1 { "/extendedAgentCard" } else { "/card" }.to_owned()),
    })
}

/// Whether an id is one segment of a path to every server, also to one that decodes the path before it looks at it.
fn is_segment(id: &str) -> bool {
    let is_plain = |c: char| !(c.is_control() || matches!(c, '/' | '\\' | '?' | '#' | '%'));
    !matches!(id, "" | "." | "..") && id.chars().all(is_plain)
}

fn take(params: &mut Map<String, Value>, name: &str) -> Result<Option<String>, Refusal> {
    match params.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Refusal::new(Refusal::INVALID_PARAMS, format!("params.{name} must be a string"))),
    }
}

fn query(params: &Map<String, Value>) -> Result<String, Refusal> {
    let mut pairs = Vec::new();
    for (name, value) in params {
        let value = match value {
            Value::Null => continue,
            Value::String(text) => encoded(text),
            Value::Bool(_) | Value::Number(_) => encoded(&value.to_string()),
            Value::Array(_) | Value::Object(_) => {
                let message = format!("params.{name} has no place in a query");
                return Err(Refusal::new(Refusal::INVALID_PARAMS, message));
            }
        };
        pairs.push(format!("{}={value}", encoded(name)));
    }
    Ok(pairs.join("&"))
}

/// Percent-encoded but for RFC 3986's unreserved characters.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~' | b'.') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use Operation::*;
    use ProtocolVersion::{V0_3, V1_0};

    #[track_caller]
    fn check(operation: Operation, path: &str, query: &str, expect: Value) {
        assert_eq!(Value::Object(parameters(operation, "GET", path, query).unwrap()), expect, "{path}?{query}");
    }

    #[test]
    fn paths_and_queries_become_parameters() {
        check(GetTask, "/tasks/t1", "historyLength=3", json!({"id": "t1", "historyLength": 3}));
        check(GetTask, "/v1/tasks/a%20b", "", json!({"id": "a b"}));
        check(CancelTask, "/acme/tasks/t:1:cancel", "", json!({"id": "t:1", "tenant": "acme"}));
        check(SubscribeToTask, "/tasks/t1%3Asubscribe", "", json!({"id": "t1"}));
        check(
            ListTasks,
            "/tasks",
            "contextId=c+1&pageSize=x&includeArtifacts=true&status=TASK_STATE_WORKING&A2A-Version=1.0",
            json!({"contextId": "c 1", "pageSize": "x", "includeArtifacts": true, "status": "TASK_STATE_WORKING"}),
        );
        check(GetPushConfig, "/tasks/t1/pushNotificationConfigs/c1", "", json!({"taskId": "t1", "id": "c1"}));
        check(SendMessage, "/v1/acme/message:send", "", json!({"tenant": "acme"}));
        for path in ["/tasks/%ff", "/tasks/%+5", "/tasks/%4"] {
            assert!(parameters(GetTask, "GET", path, "").is_err(), "{path}");
        }
    }

    #[test]
    fn parameters_become_paths_and_queries() {
        let written = |operation, version, params: Value| {
            let Value::Object(params) = params else { panic!() };
            let line = line(operation, version, params).unwrap();
            (line.verb, line.path, line.body.map(Value::Object))
        };
        assert_eq!(
            written(GetTask, V1_0, json!({"id": "t 1", "historyLength": 3, "tenant": "a"})),
            ("GET", "/a/tasks/t%201?historyLength=3".into(), None)
        );
        assert_eq!(
            written(SendMessage, V0_3, json!({"request": {}})),
            ("POST", "/v1/message:send".into(), Some(json!({"request": {}})))
        );
        assert_eq!(written(SubscribeToTask, V0_3, json!({"id": "t"})), ("GET", "/v1/tasks/t:subscribe".into(), None));
        assert_eq!(written(SubscribeToTask, V1_0, json!({"id": "a:b"})).1, "/tasks/a%3Ab:subscribe");
        assert_eq!(written(GetExtendedCard, V0_3, json!({})).1, "/v1/card");
        assert_eq!(
            written(DeletePushConfig, V1_0, json!({"taskId": "t", "id": "c"})),
            ("DELETE", "/tasks/t/pushNotificationConfigs/c".into(), None)
        );
    }

    #[test]
    fn what_has_no_place_is_refused() {
        let refused = |operation, params: Value| {
            let Value::Object(params) = params else { panic!() };
            line(operation, V1_0, params).map(|line| line.path).unwrap_err().message
        };
        assert_eq!(refused(GetTask, json!({})), "params.id is missing");
        assert_eq!(refused(GetTask, json!({"id": 7})), "params.id must be a string");
        for id in ["..", "a/b", "a%2Fb", "a?b", "a\\b", "a\u{0}"] {
            assert_eq!(refused(GetTask, json!({"id": id})), "params.id has no place in a path", "{id}");
        }
        let other = "the ids in params would make another operation's path";
        for id in ["t:cancel", "t:subscribe", "t:archive", ":t"] {
            assert_eq!(refused(GetTask, json!({"id": id})), other, "{id}");
            assert_eq!(refused(ListPushConfigs, json!({"taskId": id})), other, "{id}");
        }
        assert_eq!(refused(ListTasks, json!({"tenant": "tasks"})), other);
        assert_eq!(refused(GetTask, json!({"tenant": "tasks", "id": "pushNotificationConfigs"})), other);
        assert_eq!(refused(SendMessage, json!({"tenant": "a/b"})), "params.tenant has no place in a path");
        assert_eq!(refused(GetTask, json!({"id": "t", "metadata": {}})), "params.metadata has no place in a query");
    }

    proptest! {
        #[test]
        fn ids_survive_the_path(id in "[^:/?#%\\\\\\.\\pC]{1,30}", config in "[a-z:. é]{3,30}z") {
            let params = json!({"taskId": id, "id": config});
            let Value::Object(given) = params.clone() else { unreachable!() };
            let line = line(GetPushConfig, V1_0, given).unwrap();
            prop_assert_eq!(Value::Object(parameters(GetPushConfig, "GET", &line.path, "").unwrap()), params);
        }

        #[test]
        fn arbitrary_paths_never_panic(path in ".{0,60}", query in ".{0,60}") {
            for operation in [GetTask, CancelTask, ListTasks, GetPushConfig, SendMessage] {
                let _ = parameters(operation, "GET", &path, &query);
            }
        }
    }
}
