//! A stand-in for embedding APIs: real HTTP on loopback in both forms, vectors that are a true function of the text, requests kept as they
//! came.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// Numbers in a vector when nobody asks for so many.
pub(crate) const DIMENSION: usize = 32;

/// What it does.
#[derive(Debug, Clone)]
pub(crate) enum Says {
    /// A vector for each text.
    Vectors,
    /// The same, the last text's first.
    Reversed,
    /// Vectors of so many numbers, whatever is asked for.
    Dimension(usize),
    /// One vector too few, or none.
    OneTooFew,
    /// This status, and a body that nobody is to see again.
    Status(u16),
    /// This body.
    Body(&'static str),
    /// 400 to whatever has this in it.
    Refuses(&'static str),
    /// Vectors for so many requests more, then 503.
    Only(usize),
    /// Nothing, for ever.
    Silence,
}

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// As in the request line.
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Bytes,
}

impl Asked {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// In either form.
    fn texts(&self) -> Vec<String> {
        let body = self.json();
        let texts = body["input"].as_array().cloned().unwrap_or_else(|| vec![body["inputText"].clone()]);
        texts.iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    }
}

/// The stand-in; it ends with the test's runtime.
#[derive(Clone)]
pub(crate) struct StandIn {
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
}

struct Script {
    says: Says,
    asked: Vec<Asked>,
}

impl StandIn {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let script = Arc::new(Mutex::new(Script { says: Says::Vectors, asked: Vec::new() }));
        let router = Router::new().fallback(answer).with_state(script.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
        Self { address, script }
    }

    /// From now on.
    pub(crate) fn says(&self, says: Says) {
        self.script.lock().unwrap().says = says;
    }

    pub(crate) fn url(&self, path: &str) -> url::Url {
        format!("http://{}{path}", self.address).parse().unwrap()
    }

    /// Every request so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.script.lock().unwrap().asked.clone()
    }

    pub(crate) fn last(&self) -> Asked {
        self.asked().pop().unwrap()
    }

    /// Every text that was sent so far.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.asked().iter().flat_map(Asked::texts).collect()
    }
}

async fn answer(State(script): State<Arc<Mutex<Script>>>, uri: Uri, headers: HeaderMap, bytes: Bytes) -> Response {
    let asked = Asked { path: uri.to_string(), headers, bytes };
    let says = {
        let mut script = script.lock().unwrap();
        script.asked.push(asked.clone());
        if let Says::Only(left) = &mut script.says {
            *left = left.saturating_sub(1);
            if *left == 0 {
                script.says = Says::Status(503);
            }
            Says::Vectors
        } else {
            script.says.clone()
        }
    };
    match says {
        Says::Silence => std::future::pending().await,
        Says::Status(status) => (StatusCode::from_u16(status).unwrap(), "hunter2").into_response(),
        Says::Body(body) => body.into_response(),
        Says::Refuses(what) if asked.texts().iter().any(|text| text.contains(what)) => {
            (StatusCode::BAD_REQUEST, "hunter2").into_response()
        }
        _ => vectors(&asked, &says).into_response(),
    }
}

fn vectors(asked: &Asked, says: &Says) -> axum::Json<Value> {
    let wanted = asked.json()["dimensions"].as_u64().map_or(DIMENSION, |wanted| usize::try_from(wanted).unwrap());
    let dimension = if let Says::Dimension(dimension) = says { *dimension } else { wanted };
    let mut vectors: Vec<Vec<f32>> = asked.texts().iter().map(|text| letters(text, dimension)).collect();
    if let Says::OneTooFew = says {
        vectors.pop();
    }
    axum::Json(if asked.path.ends_with("/embeddings") {
        let one =
            |(index, vector): (usize, &Vec<f32>)| json!({"object": "embedding", "index": index, "embedding": vector});
        let mut data: Vec<Value> = vectors.iter().enumerate().map(one).collect();
        if let Says::Reversed = says {
            data.reverse();
        }
        json!({"object": "list", "data": data, "model": "stand-in", "usage": {"prompt_tokens": 1, "total_tokens": 1}})
    } else {
        json!({"embedding": vectors.first(), "inputTextTokenCount": 1})
    })
}

/// Counts letters: no model, but texts of the same letters mean the same to it.
pub(crate) fn letters(text: &str, dimension: usize) -> Vec<f32> {
    let mut counts = vec![0.0_f32; dimension];
    for byte in text.to_ascii_lowercase().bytes().filter(u8::is_ascii_lowercase) {
        if let Some(count) = counts.get_mut(usize::from(byte - b'a')) {
            *count += 1.0;
        }
    }
    counts
}
