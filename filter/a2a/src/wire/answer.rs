//! The agent's answer, whole, as the client expects it.

use serde_json::{Value, json};
use tollgate_policy::Operation;
use tollgate_policy::document::{Dialect, Interface, ProtocolVersion};

use super::events::Events;
use super::fault::Fault;
use super::{Ids, model};
use crate::convert::{self, Refusal, result_from_hub, result_to_hub};

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// HTTP's status.
    pub status: u16,
    /// Its media type; `None`: whatever the agent said.
    pub content_type: Option<&'static str>,
    /// Its body.
    pub body: Vec<u8>,
}

/// What an answer is translated by.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchange {
    pub(super) client: Dialect,
    pub(super) agent: Dialect,
    pub(super) operation: Operation,
    pub(super) id: Value,
}

impl Answer {
    pub(super) fn new(status: u16, content_type: &'static str, body: Vec<u8>) -> Self {
        Self { status, content_type: Some(content_type), body }
    }
}

/// The media type of a body in HTTP+JSON: 1.0.1 has one of A2A's own (section 11.1).
pub(super) fn media_type(dialect: Dialect) -> &'static str {
    match dialect.version() {
        ProtocolVersion::V1_0 => "application/a2a+json",
        ProtocolVersion::V0_3 => "application/json",
    }
}

impl Exchange {
    pub(super) fn new(client: Dialect, agent: Dialect, operation: Operation, id: Value) -> Self {
        Self { client, agent, operation, id }
    }

    /// Whether the answer passes as it is: both sides speak the same, and nobody's ids are replaced.
    #[must_use]
    pub fn passes(&self, ids: &dyn Ids) -> bool {
        self.client == self.agent && !ids.is_active()
    }

    /// Translates an answer that is no stream.
    #[must_use]
    pub fn unary(&self, status: u16, body: &[u8], ids: &dyn Ids) -> Answer {
        if self.client == self.agent {
            return self.same(status, body, ids);
        }
        let result = self
            .result(status, body)
            .and_then(|result| self.translate(result, ids).map_err(|refusal| Fault::from(&refusal)));
        match result {
            Ok(result) => self.success(&result),
            Err(fault) => fault.answer(self.client, &self.id),
        }
    }

    /// Translates a stream, event by event. `max_event`: longest event in bytes.
    #[must_use]
    pub fn events(self, max_event: usize) -> Events {
        Events::new(self, max_event)
    }

    /// Refuses an answer that is longer than `limit` bytes.
    #[must_use]
    pub fn too_large(&self, limit: usize) -> Answer {
        Fault::no_answer(&format!("the agent's answer is longer than {limit} bytes")).answer(self.client, &self.id)
    }

    /// In one dialect, an answer is what it was, but for its ids; and one that has none to replace is not even read. Of one that
    /// must be read and cannot be (a client's parser may take `NaN`), nothing is shown: it may hold what is others'.
    fn same(&self, status: u16, body: &[u8], ids: &dyn Ids) -> Answer {
        let is_success = (200..300).contains(&status);
        let as_it_is = || Answer { status, content_type: None, body: body.to_vec() };
        if !ids.is_active() || (is_success && self.may_be_empty(body)) {
            return as_it_is();
        }
        let mut answer = serde_json::from_slice::<Value>(body).unwrap_or_default();
        let is_error = answer.get("error").is_some_and(Value::is_object);
        let result = match self.agent.interface() {
            Interface::Rpc => answer.get_mut("result"),
            Interface::Rest if is_success && !answer.is_null() => Some(&mut answer),
            Interface::Rest => None,
        };
        let Some(result) = result else {
            let hides_a_result = is_success && !(is_error && self.agent.interface() == Interface::Rpc);
            let fault = hides_a_result.then(|| Fault::no_answer("the agent's answer cannot be read"));
            return fault.map_or_else(as_it_is, |fault| fault.answer(self.client, &self.id));
        };
        match self.own(result, ids) {
            Ok(()) => Answer { status, content_type: None, body: answer.to_string().into_bytes() },
            Err(refusal) => Fault::from(&refusal).answer(self.client, &self.id),
        }
    }

    /// Whether an empty body says all there is to say: a webhook deleted over HTTP+JSON.
    fn may_be_empty(&self, body: &[u8]) -> bool {
        let is_delete = self.operation == Operation::DeletePushConfig && self.agent.interface() == Interface::Rest;
        is_delete && body.trim_ascii().is_empty()
    }

    /// The result in the agent's answer.
    fn result(&self, status: u16, body: &[u8]) -> Result<Value, Fault> {
        let is_success = (200..300).contains(&status);
        let answer = serde_json::from_slice::<Value>(body).ok();
        match (self.agent.interface(), answer) {
            (Interface::Rpc, Some(Value::Object(mut answer))) => {
                if let Some(error) = answer.get("error").filter(|error| error.get("code").is_some_and(Value::is_i64)) {
                    return Err(Fault::from_rpc(error, status));
                }
                match answer.remove("result") {
                    Some(result) if is_success => Ok(result),
                    // 0.3's answer is null, which a2a-sdk 0.3.26 leaves out.
                    None if is_success && self.operation == Operation::DeletePushConfig => Ok(Value::Null),
                    _ if is_success => Err(Fault::no_answer("the agent's answer is no JSON-RPC response")),
                    _ => Err(Fault::from_http(status, body, self.agent)),
                }
            }
            (Interface::Rest, Some(answer)) if is_success => Ok(answer),
            (Interface::Rest, None) if is_success && self.may_be_empty(body) => Ok(json!({})),
            _ if is_success => Err(Fault::no_answer("the agent's answer is not JSON")),
            _ => Err(Fault::from_http(status, body, self.agent)),
        }
    }

    /// A result, or one event of a stream, in the client's model with the client's ids.
    pub(super) fn translate(&self, result: Value, ids: &dyn Ids) -> Result<Value, Refusal> {
        if self.client == self.agent {
            let mut result = result;
            self.own(&mut result, ids)?;
            return Ok(result);
        }
        let mut hub = result_to_hub(self.operation, model(self.agent), result)?;
        self.own(&mut hub, ids)?;
        result_from_hub(self.operation, model(self.client), hub)
    }

    fn own(&self, result: &mut Value, ids: &dyn Ids) -> Result<(), Refusal> {
        if !ids.is_active() {
            return Ok(());
        }
        if self.operation == Operation::ListTasks {
            keep_own(result, ids);
        }
        convert::visit_result(result, &mut |kind, id| ids.outward(kind, id))
    }

    fn success(&self, result: &Value) -> Answer {
        let is_stream = matches!(self.operation, Operation::SendStreamingMessage | Operation::SubscribeToTask);
        let body = self.enveloped(result);
        if is_stream {
            // The client waits for events: this is the only one.
            return Answer::new(200, "text/event-stream", format!("data: {body}\n\n").into_bytes());
        }
        let content_type = match self.client.interface() {
            Interface::Rpc => "application/json",
            Interface::Rest => media_type(self.client),
        };
        Answer::new(200, content_type, body.into_bytes())
    }

    /// A result in the client's envelope.
    pub(super) fn enveloped(&self, result: &Value) -> String {
        match self.client.interface() {
            Interface::Rpc => json!({"jsonrpc": "2.0", "id": self.id, "result": result}).to_string(),
            Interface::Rest => result.to_string(),
        }
    }
}

/// Leaves a listing with the client's own tasks, and with numbers that tell of no others. What is no listing shows nothing.
fn keep_own(listing: &mut Value, ids: &dyn Ids) {
    let Some(tasks) = listing.get_mut("tasks").and_then(Value::as_array_mut) else {
        *listing = json!({"tasks": [], "nextPageToken": "", "pageSize": 0, "totalSize": 0});
        return;
    };
    tasks.retain(|task| {
        let context = task.get("contextId").or_else(|| task.get("context_id"));
        ids.shows(context.and_then(Value::as_str))
    });
    let shown = tasks.len();
    for name in ["totalSize", "pageSize", "total_size", "page_size"] {
        if let Some(size) = listing.get_mut(name) {
            *size = shown.into();
        }
    }
}
