//! proxy-wasm's side of the filter: the root context is one configuration, an HTTP context one request. Envoy makes a new root for each
//! configuration and lets the old one serve until the new one is taken, so a refused document leaves the last good one in force.

use std::{rc::Rc, sync::Arc};

use proxy_wasm::{
    traits::{Context, HttpContext, RootContext},
    types::{Action, ContextType},
};

use crate::{
    host,
    ledger::Part,
    request::{Flow, Request},
    service::{Configured, Service, TICK, Worker},
};

thread_local! {
    /// A VM is one thread: this is one value per VM, shared by all of its configurations.
    static WORKER: Arc<Worker> = Arc::default();
}

proxy_wasm::main! {{
    proxy_wasm::set_log_level(proxy_wasm::types::LogLevel::Info);
    proxy_wasm::set_root_context(|context| Box::new(Plugin { context, service: None }));
}}

/// The root context: the policy this configuration holds, if it was good. Without one, every request is answered 503.
struct Plugin {
    /// The host's number for this context.
    context: u32,
    service: Option<Rc<Service>>,
}

impl Context for Plugin {
    fn on_http_call_response(&mut self, call: u32, _headers: usize, body: usize, _trailers: usize) {
        if let Some(service) = &self.service {
            service.answered(call, &host::call_response_body(body));
        }
    }
}

impl RootContext for Plugin {
    fn on_configure(&mut self, size: usize) -> bool {
        let Ok(configured) = Configured::read(&host::plugin_configuration(size)) else { return false };
        host::tick_every(TICK);
        self.service = Some(Rc::new(Service::new(Arc::new(configured), WORKER.with(Arc::clone))));
        true
    }

    fn on_tick(&mut self) {
        let Some(service) = &self.service else { return };
        for stream in service.tick(Part::MayLead) {
            host::reset_stream(stream, self.context);
        }
    }

    fn create_http_context(&self, context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Request::new(self.service.clone(), context_id)))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

impl Context for Request {}

impl HttpContext for Request {
    fn on_http_request_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        self.head(end_of_stream).into()
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.body(size, end_of_stream).into()
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        self.trailers().into()
    }

    fn on_http_response_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        self.response().into()
    }
}

impl From<Flow> for Action {
    fn from(flow: Flow) -> Self {
        match flow {
            Flow::Continue => Self::Continue,
            Flow::Pause => Self::Pause,
        }
    }
}
