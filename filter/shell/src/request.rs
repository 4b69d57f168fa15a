//! One request: gather the head (and the body, when the decision depends on it), let the policy decide, act on the decision.

use std::rc::Rc;

use proxy_wasm::{
    traits::{Context, HttpContext},
    types::Action,
};
use tollgate_policy::{
    Admission, Body, Decision, Denial, Identity, Pending, RequestHead, Rewrite, Route, Step, begin,
    document::{BodyMode, RecordMode},
    token::TokenFault,
};

use crate::{header_value, host, plugin::Service, signature::EnvoySignatures};

/// Filter state that holds the decision record: `wasm.tollgate`.
const RECORD: &str = "tollgate";
/// Headers the routes act on; Envoy removed a client's own before the filter ran.
const CLUSTER: &str = "x-tollgate-cluster";
const BACKEND: &str = "x-tollgate-backend";
const CONTROL_PLANE: &str = "x-tollgate-control-plane";
/// Marks a request refused for an unknown key: Envoy's log of those tells the control plane to read its issuer's keys again.
const UNKNOWN_KEY: &str = "x-tollgate-unknown-key";
/// Every header of ours starts so, whoever sent it.
const OWN_PREFIX: &str = "x-tollgate-";
/// Milliseconds; Envoy's router reads it.
const TIMEOUT: &str = "x-envoy-upstream-rq-timeout-ms";

/// The HTTP context.
pub(crate) struct Request {
    /// `None`: no policy was ever accepted.
    service: Option<Rc<Service>>,
    /// A decision that waits for the end of the body.
    pending: Option<Pending>,
}

/// Whether the request's headers may still be written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Headers {
    /// The host still holds them.
    Held,
    /// They went upstream: touching them traps.
    Gone,
}

impl Request {
    /// A request that is decided by `service`.
    pub(crate) fn new(service: Option<Rc<Service>>) -> Self {
        Self { service, pending: None }
    }

    /// The body is complete: decide.
    fn finish(&mut self, service: &Service, pending: Pending, body: &[u8]) -> Action {
        let headers = match service.policy.gateway().body_mode {
            BodyMode::HoldHeaders => Headers::Held,
            BodyMode::StreamHeaders => Headers::Gone,
        };
        act(service, &pending.finish(body), headers)
    }
}

impl Context for Request {}

impl HttpContext for Request {
    fn on_http_request_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        let Some(service) = self.service.clone() else {
            return answer(&Denial::unavailable());
        };
        let step = first_step(&service, if end_of_stream { Body::None } else { Body::Follows });
        match step {
            Step::Decided(decision) => act(&service, &decision, Headers::Held),
            Step::NeedsBody(pending) => {
                let action = match service.policy.gateway().body_mode {
                    BodyMode::HoldHeaders => Action::Pause,
                    BodyMode::StreamHeaders => {
                        // After this the headers are gone, so they are made ready for the decision that lets them pass.
                        set_headers(pending.admission());
                        Action::Continue
                    }
                };
                self.pending = Some(pending);
                action
            }
        }
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        let (Some(service), Some(pending)) = (self.service.clone(), self.pending.take()) else {
            return Action::Continue;
        };
        if size > pending.max_body() {
            return deny(&service, &pending.overflow());
        }
        if !end_of_stream {
            self.pending = Some(pending);
            return Action::Pause;
        }
        self.finish(&service, pending, &host::request_body(size))
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        let (Some(service), Some(pending)) = (self.service.clone(), self.pending.take()) else {
            return Action::Continue;
        };
        // One byte more than allowed, so that a body which grew with its last chunk is seen to be too long.
        let body = host::request_body(pending.max_body().saturating_add(1));
        if body.len() > pending.max_body() {
            return deny(&service, &pending.overflow());
        }
        self.finish(&service, pending, &body)
    }
}

/// Reads the head and asks the policy. The two headers that describe the body are read only where the first answer is not an
/// admission: an admission does not depend on them, and a header read costs 0.6 µs.
fn first_step(service: &Service, body: Body) -> Step {
    let method = host::request_header(":method").unwrap_or_default();
    let path = host::request_header(":path").unwrap_or_default();
    let authorization = host::request_header("authorization");
    let worker = &service.worker;
    let signatures = EnvoySignatures { availability: &worker.signatures, metrics: &service.metrics };
    let now = host::now();
    let mut memory = worker.memory.borrow_mut();
    let mut head = RequestHead {
        method: &method,
        path: &path,
        authorization: authorization.as_deref(),
        content_type: None,
        content_encoding: None,
        body,
    };
    let mut step = begin(&service.policy, &mut memory, &head, now, &signatures);
    if !matches!(step, Step::Decided(Decision::Admit(_))) {
        let content_type = host::request_header("content-type");
        let content_encoding = host::request_header("content-encoding");
        if may_change(&step, content_type.as_deref(), content_encoding.as_deref()) {
            head.content_type = content_type.as_deref();
            head.content_encoding = content_encoding.as_deref();
            step = begin(&service.policy, &mut memory, &head, now, &signatures);
        }
    }
    step
}

/// Whether the headers that describe the body could lead to another answer. A refused token stays refused, and is not verified
/// twice, unless its refusal must be worded for gRPC.
fn may_change(step: &Step, content_type: Option<&[u8]>, content_encoding: Option<&[u8]>) -> bool {
    match step {
        Step::Decided(Decision::Deny(denial)) if denial.status() == 401 => {
            content_type.is_some_and(|value| value.starts_with(b"application/grpc"))
        }
        _ => content_type.is_some() || content_encoding.is_some(),
    }
}

fn act(service: &Service, decision: &Decision, headers: Headers) -> Action {
    match decision {
        Decision::Deny(denial) => {
            if headers == Headers::Held && denial.code() == TokenFault::UnknownKey.code() {
                host::set_request_header(UNKNOWN_KEY, b"1");
            }
            deny(service, denial)
        }
        Decision::Admit(admission) => {
            keep_record(service, admission.record());
            if headers == Headers::Held {
                set_headers(admission);
            }
            service.worker.tally.count_allowed();
            Action::Continue
        }
    }
}

fn deny(service: &Service, denial: &Denial) -> Action {
    service.metrics.count_denied(denial.status());
    keep_record(service, denial.record());
    answer(denial)
}

/// Leaves the decision record where access logs find it, if any reads it.
fn keep_record(service: &Service, record: &str) {
    if service.policy.gateway().records == RecordMode::FilterState {
        host::set_filter_state(RECORD, record);
    }
}

fn answer(denial: &Denial) -> Action {
    match denial.grpc_status() {
        Some(status) => host::respond_grpc(status, denial.headers(), denial.body()),
        None => host::respond(denial.status(), denial.headers(), denial.body()),
    }
    Action::Pause
}

/// Writes what the routes need: one header for most requests.
fn set_headers(admission: &Admission) {
    match admission.route() {
        Route::ControlPlane => host::set_request_header(CONTROL_PLANE, b"1"),
        Route::Agent { cluster, rewrite, identity, timeout_ms } => {
            match rewrite {
                Rewrite::Constant => host::set_request_header(CLUSTER, cluster.as_bytes()),
                Rewrite::Path(path) => {
                    host::set_request_header(":path", path.as_bytes());
                    host::set_request_header(BACKEND, cluster.as_bytes());
                }
            }
            if *identity == Identity::Forwarded {
                set_identity(admission);
            }
            if let Some(milliseconds) = timeout_ms {
                host::set_request_header(TIMEOUT, milliseconds.to_string().as_bytes());
            }
        }
        Route::Unchanged => clean_headers(),
    }
}

/// Tells the backend who calls, from the verified token.
fn set_identity(admission: &Admission) {
    let Some(caller) = admission.caller() else { return };
    host::set_request_header("x-tollgate-client", header_value::encoded(caller.client()).as_bytes());
    if let Some(subject) = caller.subject() {
        host::set_request_header("x-tollgate-subject", header_value::encoded(subject).as_bytes());
    }
}

/// Removes the caller's credential and whatever claims to be ours, where no route of ours does it.
fn clean_headers() {
    host::remove_request_header("authorization");
    for name in host::request_header_names() {
        if name.starts_with(OWN_PREFIX) {
            host::remove_request_header(&name);
        }
    }
}
