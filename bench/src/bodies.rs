//! What a body costs: passing unread, read for the decision, and translated into the other version of the protocol.

use anyhow::Result;
use serde::Serialize;
use serde_json::json;

use crate::{
    gateway::{Gateway, LimitRow, MEASURED_AGENT},
    http,
    stage::Stage,
    throughput::{self, Rounds, median},
    tokens::SCOPE,
};

/// The scope that opens reading alone.
const READER: &str = "bench.read";
/// Bytes of text in the larger message.
const LARGE: usize = 4096;
/// Bytes of text in the smaller one.
const SMALL: usize = 64;

/// Medians over the rounds, microseconds of Envoy's processor time for a request; ratios are medians of the ratios within a round.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figures {
    /// A caller who holds every class: 4 KiB pass unread.
    pub(crate) full_cpu_us: f64,
    /// A caller who may only read: the same is read for its method.
    pub(crate) reader_cpu_us: f64,
    /// The second over the first.
    pub(crate) reader_over_full: f64,
    /// A send of protocol 0.3 with little text, translated to 1.0, and its answer back.
    pub(crate) translated_small_cpu_us: f64,
    /// The same with 4 KiB of text.
    pub(crate) translated_large_cpu_us: f64,
    /// The difference of the two for each KiB of text.
    pub(crate) translation_us_per_kib: f64,
}

/// Measures all four in turn.
pub(crate) fn measure(stage: &Stage, rounds: Rounds) -> Result<Figures> {
    eprintln!("bodies: {} rounds of {:?}", rounds.count, rounds.length);
    let gateway = Gateway::start(stage, "bodies", LimitRow::Unlimited)?;
    gateway.writer()?.grant_reading(READER, &[MEASURED_AGENT])?;
    let target = gateway.target();
    let full = stage.issuer.token(0, SCOPE)?;
    let reader = stage.issuer.token(0, READER)?;
    let request = |token: &str, version: &str, body: &str| {
        let bearer = format!("Bearer {token}");
        let headers =
            [("content-type", "application/json"), ("authorization", bearer.as_str()), ("a2a-version", version)];
        vec![http::request("POST", &target.path, &target.host, &headers, body.as_bytes())]
    };
    let read = json!({"jsonrpc": "2.0", "id": 1, "method": "GetTask", "params": {"id": "t", "pad": "x".repeat(LARGE)}});
    let read = read.to_string();
    let plans = [
        request(&full, "1.0", &read),
        request(&reader, "1.0", &read),
        request(&full, "0.3", &old_send(SMALL)),
        request(&full, "0.3", &old_send(LARGE)),
    ];
    let mut samples: Vec<[f64; 4]> = Vec::new();
    for _ in 0..rounds.count {
        let mut round = [0.0; 4];
        for (cpu, requests) in round.iter_mut().zip(&plans) {
            *cpu = throughput::cpu(&target, requests, rounds.length)?;
        }
        samples.push(round);
    }
    gateway.envoy.expect_no_traps()?;
    let of = |at: usize| median(samples.iter().map(|round| round[at])).unwrap_or_default();
    let kib = (LARGE - SMALL) as f64 / 1024.0;
    Ok(Figures {
        full_cpu_us: of(0),
        reader_cpu_us: of(1),
        reader_over_full: median(samples.iter().map(|round| round[1] / round[0])).unwrap_or_default(),
        translated_small_cpu_us: of(2),
        translated_large_cpu_us: of(3),
        translation_us_per_kib: median(samples.iter().map(|round| (round[3] - round[2]) / kib)).unwrap_or_default(),
    })
}

/// A send of protocol 0.3 with a text of so many bytes.
fn old_send(bytes: usize) -> String {
    let part = json!({"kind": "text", "text": "x".repeat(bytes)});
    let message = json!({"kind": "message", "messageId": "m", "role": "user", "parts": [part]});
    json!({"jsonrpc": "2.0", "id": 1, "method": "message/send", "params": {"message": message}}).to_string()
}
