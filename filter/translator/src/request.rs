//! One request and its answer: taken apart, put together for the agent, and the answer for the client. Requests are held until they
//! are whole. So are answers, unless they are streams: those are translated event by event, as they come.

use std::rc::Rc;

use proxy_wasm::{
    traits::{Context, HttpContext},
    types::Action,
};
use tollgate_a2a::{
    nearest::nearest,
    ownership::Owner,
    wire::{Answer, Call, Events, Exchange, Outgoing, RequestParts, VersionHeader},
};
use tollgate_policy::{
    a2a::Encoding,
    translated::{AGENT_HEADER, MARK_HEADER, Mark, REPLY_HEADER},
};

use crate::{host, owner::Ownership, plugin::Service};

/// The HTTP context.
pub(crate) struct Request {
    service: Option<Rc<Service>>,
    /// Whose tasks are told apart; `None`: nobody's.
    kept_apart: Option<KeptApart>,
    stage: Stage,
}

/// A caller at an agent that keeps its callers' tasks apart.
struct KeptApart {
    agent: String,
    pseudonym: String,
}

/// How far it has come.
enum Stage {
    /// Nothing is known yet, or everything is over.
    Idle,
    /// The request's body is awaited.
    Intake(Head),
    /// The agent has the request.
    Sent(Exchange),
    /// Its answer, which is no stream, is collected.
    Collecting { exchange: Exchange, status: u16, body: Vec<u8> },
    /// Its stream passes.
    Streaming(Events),
}

/// What is needed of the request's head once the body is there.
struct Head {
    mark: Mark,
    verb: String,
    path: String,
    query: String,
}

impl Request {
    pub(crate) fn new(service: Option<Rc<Service>>) -> Self {
        Self { service, kept_apart: None, stage: Stage::Idle }
    }

    /// Reads the head. `Err`: the answer.
    fn begin(&mut self) -> Result<(), Answer> {
        let map = host::request_headers();
        let header = |name: &[u8]| map.iter().find(|(key, _)| *key == name).map(|(_, value)| value);
        let text = |name: &[u8]| String::from_utf8(header(name).unwrap_or_default().to_vec()).unwrap_or_default();
        let mark = header(MARK_HEADER.as_bytes()).and_then(Mark::read).ok_or_else(unavailable)?;
        host::remove_request_header(MARK_HEADER);
        host::add_request_header(AGENT_HEADER, mark.cluster.as_bytes());
        if Encoding::from(header(b"content-encoding")) != Encoding::Identity {
            return Err(tollgate_a2a::wire::unreadable(mark.interface));
        }
        let whole = text(b":path");
        let (path, query) = whole.split_once('?').unwrap_or((&whole, ""));
        let mount = format!("/agents/{}", mark.agent);
        let path = path.strip_prefix(&mount).ok_or_else(unavailable)?.to_owned();
        let kept_apart = |pseudonym: &String| KeptApart { agent: mark.agent.clone(), pseudonym: pseudonym.clone() };
        self.kept_apart = mark.pseudonym.as_ref().map(kept_apart);
        self.stage = Stage::Intake(Head { verb: text(b":method"), path, query: query.to_owned(), mark });
        Ok(())
    }

    /// The request is whole: writes what the agent gets. `Err`: the answer.
    fn send(&mut self, service: &Service, head: &Head, body: &[u8]) -> Result<Sent, Answer> {
        // Where a request without a body was given one so that this module sees its end, there is nothing in it.
        let body = if is_blank(body) { &[] } else { body };
        let mark = &head.mark;
        let parts = RequestParts { verb: &head.verb, path: &head.path, query: &head.query, body };
        let call = Call::read(mark.interface, &parts).map_err(|refused| refused.answer())?;
        let to = nearest(&mark.speaks, call.dialect());
        let ids = self.ownership(service);
        let (outgoing, exchange) = call.write(to, &ids).map_err(|refused| refused.answer())?;
        set_path(mark.mount(to.interface()), &outgoing);
        let passes = exchange.passes(&ids);
        if !passes {
            set_head(&outgoing);
        }
        Ok(Sent { outgoing, exchange, passes })
    }

    fn ownership<'a>(&'a self, service: &'a Service) -> Ownership<'a> {
        let owner = |it: &'a KeptApart| Owner::new(service.settings.keyring(), &it.agent, &it.pseudonym);
        Ownership(self.kept_apart.as_ref().map(owner))
    }

    /// Ends the request with an answer of this module's.
    fn answer(&mut self, service: Option<&Service>, answer: &Answer) -> Action {
        self.stage = Stage::Idle;
        if let Some(service) = service {
            service.refused.add(1);
        }
        respond(answer);
        Action::Pause
    }

    fn finish_request(&mut self, service: &Service, buffered: usize, body: &[u8]) -> Action {
        let Stage::Intake(head) = std::mem::replace(&mut self.stage, Stage::Idle) else { return Action::Continue };
        match self.send(service, &head, body) {
            Ok(Sent { passes: true, .. }) if !body.is_empty() && !is_blank(body) => Action::Continue,
            Ok(Sent { outgoing, exchange, passes }) => {
                let body = outgoing.body.map(|(_, body)| body).unwrap_or_default();
                host::set_request_header("content-length", body.len().to_string().as_bytes());
                host::replace_request_body(buffered, &body);
                if !passes {
                    self.stage = Stage::Sent(exchange);
                }
                service.translated.add(1);
                Action::Continue
            }
            Err(answer) => self.answer(Some(service), &answer),
        }
    }
}

impl Context for Request {}

impl HttpContext for Request {
    fn on_http_request_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        let Some(service) = self.service.clone() else { return self.answer(None, &unavailable()) };
        if let Err(answer) = self.begin() {
            return self.answer(Some(&service), &answer);
        }
        if end_of_stream {
            return self.finish_request(&service, 0, &[]);
        }
        Action::Pause
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        let (Some(service), Stage::Intake(head)) = (self.service.clone(), &self.stage) else {
            return Action::Continue;
        };
        if size > service.settings.max_body() {
            let answer = tollgate_a2a::wire::too_large(head.mark.interface, service.settings.max_body());
            return self.answer(Some(&service), &answer);
        }
        if !end_of_stream {
            return Action::Pause;
        }
        self.finish_request(&service, size, &host::request_body(size))
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        let Some(service) = self.service.clone() else { return Action::Continue };
        let body = host::request_body(service.settings.max_body().saturating_add(1));
        self.finish_request(&service, body.len(), &body)
    }

    fn on_http_response_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        let Some(service) = self.service.clone() else { return Action::Continue };
        let Stage::Sent(exchange) = std::mem::replace(&mut self.stage, Stage::Idle) else { return Action::Continue };
        let map = host::response_headers();
        let header = |name: &[u8]| map.iter().find(|(key, _)| *key == name).map(|(_, value)| value);
        // The host's own words, or the refusal of the gateway's credential: the filter says either in the caller's binding.
        if header(REPLY_HEADER.as_bytes()).is_some() || header(b":status") == Some(b"401") {
            return Action::Continue;
        }
        let status = header(b":status").and_then(|text| std::str::from_utf8(text).ok()?.parse().ok()).unwrap_or(502);
        let is_stream = header(b"content-type").is_some_and(|kind| kind.starts_with(b"text/event-stream"));
        let is_plain = Encoding::from(header(b"content-encoding")) == Encoding::Identity;
        host::remove_response_header("content-length");
        if status == 200 && is_stream && is_plain && !end_of_stream {
            self.stage = Stage::Streaming(exchange.events(service.settings.max_body()));
            return Action::Continue;
        }
        if end_of_stream || !is_plain {
            let answer = exchange.unary(status, &[], &self.ownership(&service));
            return self.replace(&answer);
        }
        self.stage = Stage::Collecting { exchange, status, body: Vec::new() };
        Action::Pause
    }

    fn on_http_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        let Some(service) = self.service.clone() else { return Action::Continue };
        match std::mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Streaming(mut events) => {
                let ids = self.ownership(&service);
                let out = events.feed(&host::response_body(size), &ids);
                host::replace_response_body(size, &out);
                self.stage = Stage::Streaming(events);
                Action::Continue
            }
            Stage::Collecting { exchange, status, mut body } => {
                body.extend(host::response_body(size));
                if body.len() > service.settings.max_body() {
                    let answer = exchange.too_large(service.settings.max_body());
                    host::replace_response_body(size, &[]);
                    return self.replace(&answer);
                }
                if !end_of_stream {
                    // Taken out of the host's buffer, whose bound is smaller than ours.
                    host::replace_response_body(size, &[]);
                    self.stage = Stage::Collecting { exchange, status, body };
                    return Action::Pause;
                }
                let answer = exchange.unary(status, &body, &self.ownership(&service));
                set_response_head(&answer);
                host::replace_response_body(size, &answer.body);
                Action::Continue
            }
            stage => {
                self.stage = stage;
                Action::Continue
            }
        }
    }
}

impl Request {
    /// Answers instead of the agent, whose headers are still held.
    fn replace(&mut self, answer: &Answer) -> Action {
        self.stage = Stage::Idle;
        respond(answer);
        Action::Pause
    }
}

fn respond(answer: &Answer) {
    let headers = [("content-type", answer.content_type.unwrap_or("application/json").to_owned())];
    host::respond(answer.status, &headers, &answer.body);
}

/// A request as the agent gets it.
struct Sent {
    outgoing: Outgoing,
    exchange: Exchange,
    /// Whether it is what it was, but for its path, and its answer passes too.
    passes: bool,
}

fn is_blank(body: &[u8]) -> bool {
    body.iter().all(u8::is_ascii_whitespace)
}

fn set_path(mount: &str, outgoing: &Outgoing) {
    let path = match outgoing.path.as_str() {
        path if path.starts_with('/') => format!("{}{path}", mount.trim_end_matches('/')),
        path => format!("{mount}{path}"),
    };
    host::set_request_header(":path", path.as_bytes());
}

/// Writes the head of what the agent gets.
fn set_head(outgoing: &Outgoing) {
    host::set_request_header(":method", outgoing.verb.as_bytes());
    host::set_request_header("accept", outgoing.accept.as_bytes());
    // The body's length is known now, however it came.
    host::remove_request_header("transfer-encoding");
    // An answer is read on its way back.
    host::set_request_header("accept-encoding", b"identity");
    match outgoing.version {
        VersionHeader::Is(version) => host::set_request_header("a2a-version", version.as_bytes()),
        VersionHeader::Removed => host::remove_request_header("a2a-version"),
        VersionHeader::Kept => {}
    }
    match &outgoing.body {
        Some((media_type, _)) => host::set_request_header("content-type", media_type.as_bytes()),
        None => host::remove_request_header("content-type"),
    }
}

fn set_response_head(answer: &Answer) {
    host::set_response_header(":status", answer.status.to_string().as_bytes());
    if let Some(content_type) = answer.content_type {
        host::set_response_header("content-type", content_type.as_bytes());
    }
    host::set_response_header("content-length", answer.body.len().to_string().as_bytes());
}

/// There are no settings yet, or the mark is of another form.
fn unavailable() -> Answer {
    tollgate_a2a::wire::unavailable()
}
