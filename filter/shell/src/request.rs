//! One request: gather the head (and the body, when the decision depends on it), let the policy decide, act on the decision.

use std::rc::Rc;

use tollgate_policy::{
    Admission, BackendPath, Binding, Body, CLUSTER_HEADER, ControlPlane, Decision, Denial, Headers, Identity,
    LocalReply, Pending, ROUTE_HEADER, Reason, Rewrite, Route, Step, TO_CONTROL_PLANE, begin,
    document::{BodyMode, RecordMode, RevokedStreams},
    quota::{Allowance, Passage, UnixMicros},
    token::TokenFault,
    translated::{MARK_HEADER, REPLY_HEADER},
};

use crate::{
    header_value, host,
    service::{SECOND, Service},
    signature::EnvoySignatures,
};

/// Filter state that holds the decision record: `wasm.tollgate`.
const RECORD: &str = "tollgate";
/// `ResponseCodeDetails` of an answer that came from where it was sent.
const VIA_UPSTREAM: &[u8] = b"via_upstream";
/// Milliseconds; Envoy's router reads it.
const TIMEOUT: &str = "x-envoy-upstream-rq-timeout-ms";

/// A request, from its head to the end of its stream.
pub struct Request {
    /// `None`: no policy was ever accepted.
    service: Option<Rc<Service>>,
    /// The host's number for this stream.
    stream: host::StreamId,
    /// A decision that waits for the end of the body.
    pending: Option<Pending>,
    /// What its caller may still spend, once it was admitted.
    allowance: Option<Allowance>,
    /// The gates it holds open until its stream is over.
    passage: Option<Passage>,
    /// What it was admitted as, if an agent is to answer it.
    admitted: Option<Admission>,
}

/// What becomes of what just came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// It goes on.
    Continue,
    /// It waits for what follows, or was answered.
    Pause,
}

/// Whether the request's headers may still be written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writing {
    /// The host still holds them, and none of them is one of ours: a header is set by adding it.
    Adds,
    /// The host still holds them.
    Replaces,
    /// They went upstream: touching them traps.
    Over,
}

impl Request {
    /// A request that is decided by `service`.
    #[must_use]
    pub fn new(service: Option<Rc<Service>>, stream: host::StreamId) -> Self {
        Self { service, stream, pending: None, allowance: None, passage: None, admitted: None }
    }

    /// Its headers came; `end_of_stream`: nothing follows.
    pub fn head(&mut self, end_of_stream: bool) -> Flow {
        let Some(service) = self.service.clone() else {
            return answer(&Denial::unavailable());
        };
        let (now, body) = (host::now(), if end_of_stream { Body::None } else { Body::Follows });
        let (step, writing) = host::with_request_headers(|map| {
            let headers = Headers::of(map.iter());
            let writing = if headers.own().is_empty() { Writing::Adds } else { Writing::Replaces };
            (first_step(&service, &headers, body, now), writing)
        });
        match step {
            Step::Decided(decision) => self.act(&service, decision, writing, now),
            Step::NeedsBody(pending) => {
                // Else a body held back until after the revocation would still be decided by the policy from before.
                self.enlist(&service, pending.admission());
                let action = match service.policy.gateway().body_mode {
                    BodyMode::HoldHeaders => Flow::Pause,
                    BodyMode::StreamHeaders => {
                        // After this the headers are gone, so they are made ready for the decision that lets them pass.
                        set_headers(pending.admission(), writing);
                        Flow::Continue
                    }
                };
                self.pending = Some(pending);
                action
            }
        }
    }

    /// A part of its body came: `size` bytes wait by now.
    pub fn body(&mut self, size: usize, end_of_stream: bool) -> Flow {
        let (Some(service), Some(pending)) = (self.service.clone(), self.pending.take()) else {
            return Flow::Continue;
        };
        if size > pending.max_body() {
            return deny(&service, &pending.overflow());
        }
        if !end_of_stream {
            self.pending = Some(pending);
            return Flow::Pause;
        }
        self.finish(&service, pending, &host::request_body(size))
    }

    /// Its trailers came: the body is complete.
    pub fn trailers(&mut self) -> Flow {
        let (Some(service), Some(pending)) = (self.service.clone(), self.pending.take()) else {
            return Flow::Continue;
        };
        // One byte more than allowed, so that a body which grew with its last chunk is seen to be too long.
        let body = host::request_body(pending.max_body().saturating_add(1));
        if body.len() > pending.max_body() {
            return deny(&service, &pending.overflow());
        }
        self.finish(&service, pending, &body)
    }

    /// The headers of its response came.
    pub fn response(&mut self) -> Flow {
        if let (Some(service), Some(admission)) = (&self.service, self.admitted.take())
            && let Some(reason) = failure(&admission)
        {
            if let (Reason::BackendRefused, Some(payment)) = (&reason, admission.payment()) {
                // The control plane hears of it with what was spent, and fetches another credential.
                service.worker.memory().purse().unauthorized(payment);
            }
            return deny(service, &admission.refuse(&reason, service.policy.gateway()));
        }
        if let Some(allowance) = self.allowance.take() {
            host::add_response_header("ratelimit", &allowance.header());
            host::add_response_header("ratelimit-policy", allowance.quota().policy_header());
        }
        Flow::Continue
    }

    /// The body is complete: decide.
    #[inline(never)]
    fn finish(&mut self, service: &Service, pending: Pending, body: &[u8]) -> Flow {
        let writing = match service.policy.gateway().body_mode {
            BodyMode::HoldHeaders => Writing::Replaces,
            BodyMode::StreamHeaders => Writing::Over,
        };
        self.act(service, pending.finish(body), writing, host::now())
    }

    fn act(&mut self, service: &Service, decision: Decision, writing: Writing, now: UnixMicros) -> Flow {
        match decision {
            Decision::Deny(denial) => deny(service, &denial),
            Decision::Admit(admission) => match self.spend(service, &admission, now) {
                Err(reason) => deny(service, &admission.refuse(&reason, service.policy.gateway())),
                Ok(()) => {
                    self.enlist(service, &admission);
                    keep_record(service, admission.record());
                    set_headers(&admission, writing);
                    service.worker.tally.count_allowed();
                    self.admitted = admission.agent().is_some().then_some(admission);
                    Flow::Continue
                }
            },
        }
    }

    /// Notes whose stream this is, so that it ends if its caller is revoked: admitted, or on its way to be.
    fn enlist(&self, service: &Service, admission: &Admission) {
        if let (RevokedStreams::End, Some(caller)) = (service.policy.gateway().revoked_streams, admission.caller()) {
            service.worker.streams.begin(self.stream, caller);
        }
    }

    /// Takes what the request costs: a place at the gates that count it, then a token.
    fn spend(&mut self, service: &Service, admission: &Admission, now: UnixMicros) -> Result<(), Reason> {
        let mut memory = service.worker.memory();
        if admission.gates().next().is_some() {
            let passage = memory.flight().enter(admission.gates(), &host::Shared, now / SECOND);
            if passage.is_none()
                && let Some(payment) = admission.payment()
            {
                memory.purse().shed(payment);
            }
            self.passage = Some(passage.ok_or(Reason::Overloaded)?);
        }
        if let Some(payment) = admission.payment() {
            self.allowance = memory.purse().pay(payment, &host::Shared, now).map_err(Reason::RateLimited)?;
        }
        Ok(())
    }
}

impl Drop for Request {
    /// The stream is over, however it ended.
    fn drop(&mut self) {
        let Some(service) = &self.service else { return };
        service.worker.streams.end(self.stream);
        if let Some(passage) = self.passage.take() {
            service.worker.memory().flight().leave(passage, &host::Shared, host::now() / SECOND);
        }
    }
}

/// Asks the policy about the head.
fn first_step(service: &Service, headers: &Headers<'_>, body: Body, now: UnixMicros) -> Step {
    let worker = &service.worker;
    let signatures = EnvoySignatures { availability: &worker.signatures, metrics: &service.metrics };
    let head = headers.head(body);
    let step = begin(&service.policy, &mut worker.memory(), &head, now / SECOND, &signatures);
    if let (Step::Decided(Decision::Deny(denial)), Some(authorization)) = (&step, head.authorization)
        && denial.code() == TokenFault::UnknownKey.code()
        && service.policy.gateway().control_plane != ControlPlane::Absent
    {
        worker.unknown_keys.note(authorization);
    }
    step
}

/// What went wrong between the gateway and the agent, where the answer is not one for the caller: the agent does not know who calls, and
/// the caller cannot log in any better, for it is the gateway's credential that was refused, and is fetched anew; or it is Envoy that
/// answers, in words of its own. gRPC has a form for those, and Envoy uses it.
fn failure(admission: &Admission) -> Option<Reason> {
    const UNAUTHORIZED: u64 = 401;
    const UNAUTHENTICATED: &[u8] = b"16";
    if *admission.binding() == Binding::Grpc {
        let is_refusal = host::with_response_headers(|map| {
            map.iter().any(|(name, value)| name == b"grpc-status" && value == UNAUTHENTICATED)
        });
        return is_refusal.then_some(Reason::BackendRefused);
    }
    let status = host::response_status();
    if status == UNAUTHORIZED {
        return Some(Reason::BackendRefused);
    }
    if !LocalReply::is_possible(status) {
        return None;
    }
    let details = host::response_code_details();
    if details == VIA_UPSTREAM && admission.is_translated() {
        return LocalReply::read(status, &said_behind_the_translation()).map(Reason::NoAnswer);
    }
    LocalReply::read(status, &details).map(Reason::NoAnswer)
}

/// Why the host answered behind the translation; empty if it did not. Nobody else hears of it.
#[cold]
fn said_behind_the_translation() -> Vec<u8> {
    let said = host::with_response_headers(|map| {
        map.iter().find(|(name, _)| *name == REPLY_HEADER.as_bytes()).map(|(_, details)| details.to_vec())
    });
    host::remove_response_header(REPLY_HEADER);
    said.unwrap_or_default()
}

#[cold]
#[inline(never)]
fn deny(service: &Service, denial: &Denial) -> Flow {
    service.metrics.count_denied(denial);
    keep_record(service, denial.record());
    answer(denial)
}

/// Leaves the decision record where access logs find it, if any reads it.
fn keep_record(service: &Service, record: &str) {
    if service.policy.gateway().records == RecordMode::FilterState {
        host::set_filter_state(RECORD, record);
    }
}

fn answer(denial: &Denial) -> Flow {
    match denial.grpc_status() {
        Some(status) => host::respond_grpc(status, denial.headers(), denial.body()),
        None => host::respond(denial.status(), denial.headers(), denial.body().as_bytes()),
    }
    Flow::Pause
}

/// Writes what the routes need: one header for most requests.
fn set_headers(admission: &Admission, writing: Writing) {
    let set = match writing {
        Writing::Adds => host::add_request_header,
        Writing::Replaces => host::set_request_header,
        Writing::Over => return,
    };
    match admission.route() {
        Route::ControlPlane => set(ROUTE_HEADER, TO_CONTROL_PLANE.as_bytes()),
        Route::Agent { cluster, rewrite, identity, lane } => {
            let (cluster, path) = match rewrite {
                Rewrite::Constant => (cluster, BackendPath::Rewritten),
                Rewrite::Kept => (cluster, BackendPath::Kept),
                Rewrite::Path(path) => {
                    host::set_request_header(":path", path.as_bytes());
                    (cluster, BackendPath::Kept)
                }
                Rewrite::Translation(cluster, told) => {
                    set(MARK_HEADER, told.as_bytes());
                    (cluster, BackendPath::Kept)
                }
            };
            match lane.route(path) {
                None => set(ROUTE_HEADER, cluster.as_bytes()),
                Some(route) => {
                    set(ROUTE_HEADER, route.as_bytes());
                    set(CLUSTER_HEADER, cluster.as_bytes());
                }
            }
            if *identity == Identity::Forwarded {
                set_identity(admission);
            }
            if let Some(milliseconds) = lane.timeout_ms() {
                host::set_request_header(TIMEOUT, milliseconds.to_string().as_bytes());
            }
        }
        Route::Unchanged => clean_headers(),
    }
}

/// Tells the backend who calls, from the verified token.
#[inline(never)]
fn set_identity(admission: &Admission) {
    let Some(caller) = admission.caller() else { return };
    host::set_request_header("x-tollgate-client", header_value::encoded(caller.client()).as_bytes());
    if let Some(subject) = caller.subject() {
        host::set_request_header("x-tollgate-subject", header_value::encoded(subject).as_bytes());
    }
}

/// Removes the caller's credential and whatever claims to be ours, where no route of ours does it.
#[inline(never)]
fn clean_headers() {
    // A field name is a token (RFC 9110 section 5.1): visible ASCII.
    let text = |name: &&[u8]| String::from_utf8_lossy(name).into_owned();
    let own: Vec<_> = host::with_request_headers(|map| Headers::of(map.iter()).own().iter().map(text).collect());
    host::remove_request_header("authorization");
    own.iter().for_each(|name| host::remove_request_header(name));
}
