//! The load generator: a fixed number of keep-alive connections on one thread, each with one request in flight.
//! Closed loop for throughput, paced for a flood that must not grow with the speed of the server. Latency is from the write of a
//! request to the read of its answer's last byte.

use std::{
    collections::BTreeMap,
    io::{ErrorKind, Read, Write},
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use hdrhistogram::Histogram;
use mio::{Events, Interest, Poll, Token, net::TcpStream};

use crate::http;

/// How fast requests are sent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pace {
    /// The next one as soon as the last is answered.
    Closed,
    /// This many a second over all connections, as long as one is free.
    PerSecond(u32),
}

/// What to send, where, and for how long.
pub(crate) struct Plan<'a> {
    /// The proxy.
    pub(crate) target: SocketAddr,
    /// Connections, each with one request in flight.
    pub(crate) connections: usize,
    /// Rendered requests, sent in turn.
    pub(crate) requests: &'a [Vec<u8>],
    /// Time before anything is counted.
    pub(crate) warm_up: Duration,
    /// Time that is counted.
    pub(crate) measured: Duration,
    /// How fast.
    pub(crate) pace: Pace,
}

/// What came back in the measured time.
pub(crate) struct Outcome {
    begin: Instant,
    /// Measured time as it turned out.
    pub(crate) elapsed: Duration,
    /// Nanoseconds from request to answer.
    pub(crate) latency: Histogram<u64>,
    /// Answers by status.
    pub(crate) statuses: BTreeMap<u16, u64>,
    /// Connections that the other side ended.
    pub(crate) broken: u64,
    /// When each answer of 200 was read, from the beginning of the measured time.
    pub(crate) allowed_at: Vec<Duration>,
}

impl Outcome {
    fn new(begin: Instant) -> Result<Self> {
        Ok(Self {
            begin,
            elapsed: Duration::ZERO,
            latency: Histogram::new(3)?,
            statuses: BTreeMap::new(),
            broken: 0,
            allowed_at: Vec::new(),
        })
    }

    /// Answers with `status` in the measured time.
    pub(crate) fn count(&self, status: u16) -> u64 {
        self.statuses.get(&status).copied().unwrap_or_default()
    }

    /// Answers in the measured time.
    pub(crate) fn completed(&self) -> u64 {
        self.statuses.values().sum()
    }

    /// Answers a second.
    pub(crate) fn rate(&self) -> f64 {
        self.completed() as f64 / self.elapsed.as_secs_f64()
    }

    /// Microseconds at a quantile.
    pub(crate) fn micros(&self, quantile: f64) -> f64 {
        self.latency.value_at_quantile(quantile) as f64 / 1_000.0
    }

    /// An error unless every answer had `status` and no connection broke.
    pub(crate) fn expect_only(&self, status: u16) -> Result<()> {
        if self.broken > 0 || self.statuses.keys().any(|seen| *seen != status) || self.completed() == 0 {
            bail!("expected only {status}, saw {:?} and {} broken connections", self.statuses, self.broken);
        }
        Ok(())
    }
}

/// Runs a plan. `on_start` is called when the measured time begins.
pub(crate) fn run(plan: &Plan<'_>, on_start: impl FnOnce() -> Result<()>) -> Result<Outcome> {
    let mut generator = Generator::connect(plan)?;
    generator.until(Instant::now() + plan.warm_up)?;
    on_start()?;
    let begin = Instant::now();
    generator.outcome = Outcome::new(begin)?;
    generator.until(begin + plan.measured)?;
    generator.outcome.elapsed = begin.elapsed();
    Ok(generator.outcome)
}

struct Generator<'a> {
    plan: &'a Plan<'a>,
    poll: Poll,
    events: Events,
    clients: Vec<Client>,
    /// Clients with nothing in flight.
    idle: Vec<usize>,
    next_request: usize,
    next_due: Instant,
    outcome: Outcome,
}

struct Client {
    stream: TcpStream,
    received: Vec<u8>,
    sent: Instant,
}

enum Progress {
    Waiting,
    Answered(u16),
    Broken,
}

impl<'a> Generator<'a> {
    fn connect(plan: &'a Plan<'a>) -> Result<Self> {
        let poll = Poll::new()?;
        let outcome = Outcome::new(Instant::now())?;
        let clients = (0..plan.connections).map(|slot| open(plan.target, &poll, slot)).collect::<Result<_>>()?;
        let idle = (0..plan.connections).collect();
        let events = Events::with_capacity(plan.connections.max(16));
        Ok(Self { plan, poll, events, clients, idle, next_request: 0, next_due: Instant::now(), outcome })
    }

    fn until(&mut self, end: Instant) -> Result<()> {
        loop {
            let now = Instant::now();
            if now >= end {
                return Ok(());
            }
            let wait = self.send_due(now)?.min(end - now);
            if let Err(error) = self.poll.poll(&mut self.events, Some(wait))
                && error.kind() != ErrorKind::Interrupted
            {
                return Err(error.into());
            }
            let ready: Vec<usize> = self.events.iter().map(|event| event.token().0).collect();
            for slot in ready {
                self.receive(slot)?;
            }
        }
    }

    /// Sends what is due and returns how long nothing more will be.
    fn send_due(&mut self, now: Instant) -> Result<Duration> {
        while let Some(slot) = self.idle.pop() {
            if let Pace::PerSecond(rate) = self.plan.pace {
                if self.next_due > now {
                    self.idle.push(slot);
                    return Ok(self.next_due - now);
                }
                // A late start is not made up for: the flood keeps its rate, it does not burst.
                self.next_due = self.next_due.max(now - Duration::from_millis(20)) + Duration::from_secs(1) / rate;
            }
            self.send(slot)?;
        }
        Ok(Duration::from_millis(100))
    }

    fn send(&mut self, slot: usize) -> Result<()> {
        let request = &self.plan.requests[self.next_request % self.plan.requests.len()];
        self.next_request += 1;
        let client = &mut self.clients[slot];
        client.received.clear();
        client.sent = Instant::now();
        match client.stream.write(request) {
            Ok(count) if count == request.len() => Ok(()),
            Ok(_) => bail!("a request did not fit the socket's buffer"),
            Err(_) => self.reopen(slot),
        }
    }

    fn receive(&mut self, slot: usize) -> Result<()> {
        match self.clients[slot].read() {
            Progress::Waiting => Ok(()),
            Progress::Broken => self.reopen(slot),
            Progress::Answered(status) => {
                let nanos = u64::try_from(self.clients[slot].sent.elapsed().as_nanos()).unwrap_or(u64::MAX);
                self.outcome.latency.record(nanos).context("latency out of range")?;
                *self.outcome.statuses.entry(status).or_default() += 1;
                if status == 200 {
                    self.outcome.allowed_at.push(self.outcome.begin.elapsed());
                }
                match self.plan.pace {
                    Pace::Closed => self.send(slot),
                    Pace::PerSecond(_) => {
                        self.idle.push(slot);
                        Ok(())
                    }
                }
            }
        }
    }

    fn reopen(&mut self, slot: usize) -> Result<()> {
        self.outcome.broken += 1;
        self.clients[slot] = open(self.plan.target, &self.poll, slot)?;
        self.idle.push(slot);
        Ok(())
    }
}

impl Client {
    fn read(&mut self) -> Progress {
        let mut chunk = [0; 8 << 10];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => return Progress::Broken,
                Ok(count) => self.received.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Progress::Waiting,
                Err(_) => return Progress::Broken,
            }
            // Nothing more can come before the next request: no read until it would block.
            if http::frame(&self.received).is_some() {
                return Progress::Answered(http::status(&self.received));
            }
        }
    }
}

fn open(target: SocketAddr, poll: &Poll, slot: usize) -> Result<Client> {
    // Connected before it is registered, so that the first write succeeds.
    let stream = std::net::TcpStream::connect(target).with_context(|| format!("connecting to {target}"))?;
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    let mut stream = TcpStream::from_std(stream);
    poll.registry().register(&mut stream, Token(slot), Interest::READABLE)?;
    Ok(Client { stream, received: Vec::with_capacity(4 << 10), sent: Instant::now() })
}
