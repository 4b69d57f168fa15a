//! A stream, translated as it passes: each event leaves when its last byte is there, and none is kept longer.

use serde_json::Value;
use tollgate_policy::document::Interface;

use super::Ids;
use super::answer::Exchange;
use super::fault::Fault;
use super::sse::{Block, Blocks, Typed};

/// A stream under way.
#[derive(Debug)]
pub struct Events {
    exchange: Exchange,
    blocks: Blocks,
    max_event: usize,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Runs,
    /// Something in it could not be told to the client, who was told so: nothing follows.
    Broken,
}

impl Events {
    pub(super) fn new(exchange: Exchange, max_event: usize) -> Self {
        Self { exchange, blocks: Blocks::default(), max_event, state: State::Runs }
    }

    /// Takes a chunk; gives what the client gets for it, which may be nothing.
    pub fn feed(&mut self, chunk: &[u8], ids: &dyn Ids) -> Vec<u8> {
        let mut out = Vec::new();
        let mut rest = chunk;
        while !rest.is_empty() && self.state == State::Runs {
            if let Some(block) = self.blocks.take(&mut rest) {
                self.pass(&block, ids, &mut out);
            } else if self.blocks.pending() > self.max_event {
                let message = format!("the agent sent an event longer than {} bytes", self.max_event);
                self.refuse(&Fault::no_answer(&message), &mut out);
            }
        }
        out
    }

    fn pass(&mut self, block: &Block, ids: &dyn Ids, out: &mut Vec<u8>) {
        let is_same = self.exchange.client == self.exchange.agent;
        let Some(data) = block.data().filter(|_| !is_same || ids.is_active()) else { return block.write(out) };
        match self.event(block, &data, ids) {
            Ok(data) => block.with_data(&data, if is_same { Typed::Kept } else { Typed::Dropped }, out),
            Err(fault) => self.refuse(&fault, out),
        }
    }

    /// The data of one event for the client.
    fn event(&self, block: &Block, data: &[u8], ids: &dyn Ids) -> Result<String, Fault> {
        let exchange = &self.exchange;
        let is_same = exchange.client == exchange.agent;
        let no_event = || Fault::no_answer("the agent sent an event that is not A2A's");
        let mut event: Value = serde_json::from_slice(data).map_err(|_| no_event())?;
        let translate = |result| exchange.translate(result, ids).map_err(|refusal| Fault::from(&refusal));
        match exchange.agent.interface() {
            Interface::Rpc => {
                if let Some(error) = event.get("error").filter(|error| error.is_object()) {
                    return if is_same { Ok(event.to_string()) } else { Err(Fault::from_rpc(error, 200)) };
                }
                let result = translate(event.get_mut("result").map(Value::take).ok_or_else(no_event)?)?;
                if is_same && let Some(place) = event.get_mut("result") {
                    *place = result;
                    return Ok(event.to_string());
                }
                Ok(exchange.enveloped(&result))
            }
            Interface::Rest => {
                if block.is_of_type(b"error") || event.get("error").is_some_and(Value::is_object) {
                    return if is_same {
                        Ok(event.to_string())
                    } else {
                        Err(Fault::from_http(200, data, exchange.agent))
                    };
                }
                Ok(exchange.enveloped(&translate(event)?))
            }
        }
    }

    /// Tells the client of an error, as its binding does in a stream, and ends there.
    fn refuse(&mut self, fault: &Fault, out: &mut Vec<u8>) {
        self.state = State::Broken;
        let client = self.exchange.client;
        let event = match client.interface() {
            Interface::Rpc => {
                let error = fault.rpc(client.version());
                serde_json::json!({"jsonrpc": "2.0", "id": self.exchange.id, "error": error}).to_string()
            }
            Interface::Rest => fault.http().1.to_string(),
        };
        if client.interface() == Interface::Rest {
            out.extend_from_slice(b"event: error\n");
        }
        out.extend_from_slice(format!("data: {event}\n\n").as_bytes());
    }
}
