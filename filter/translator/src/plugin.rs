//! One configuration of the translation: the root context. A refused document leaves the last good one in force.

use std::rc::Rc;

use prost::Message;
use proxy_wasm::{
    traits::{Context, HttpContext, RootContext},
    types::ContextType,
};
use tollgate_a2a::settings::Settings;

use crate::{
    host::{self, Counter},
    request::Request,
};

/// Settings in force, and what is counted.
pub(crate) struct Service {
    pub(crate) settings: Settings,
    pub(crate) translated: Counter,
    pub(crate) refused: Counter,
}

/// The root context.
#[derive(Default)]
pub(crate) struct Plugin {
    service: Option<Rc<Service>>,
}

/// `envoy.extensions.transport_sockets.tls.v3.GenericSecret`, as far as it is used: hosts hand over a message as its bytes.
#[derive(Clone, PartialEq, Message)]
struct GenericSecret {
    #[prost(message, optional, tag = "1")]
    secret: Option<DataSource>,
}

/// `envoy.config.core.v3.DataSource`, with the text in the message.
#[derive(Clone, PartialEq, Message)]
struct DataSource {
    #[prost(bytes = "vec", optional, tag = "2")]
    inline_bytes: Option<Vec<u8>>,
    #[prost(string, optional, tag = "3")]
    inline_string: Option<String>,
}

impl Context for Plugin {}

impl RootContext for Plugin {
    fn on_configure(&mut self, size: usize) -> bool {
        let document = document(&host::plugin_configuration(size));
        match Settings::parse(&document) {
            Ok(settings) => {
                let translated = Counter::define("tollgate_translated_total");
                let refused = Counter::define("tollgate_translation_refused_total");
                self.service = Some(Rc::new(Service { settings, translated, refused }));
                true
            }
            Err(error) => {
                host::log_error(&format!("tollgate: the translation's settings are refused: {error}"));
                false
            }
        }
    }

    fn create_http_context(&self, _context: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Request::new(self.service.clone())))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// The document itself, which may come as a secret or as it is.
fn document(configuration: &[u8]) -> Vec<u8> {
    if configuration.first() == Some(&b'{') {
        return configuration.to_vec();
    }
    let secret = GenericSecret::decode(configuration).ok().and_then(|secret| secret.secret).unwrap_or_default();
    secret.inline_bytes.or(secret.inline_string.map(String::into_bytes)).unwrap_or_default()
}
