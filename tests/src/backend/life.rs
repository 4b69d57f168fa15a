//! The end of a backend, and its return at the same address; and what its health endpoint says meanwhile.

use std::{
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{Backend, Seen, lock};
use crate::wait;

/// What `/health` answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Health {
    /// 200.
    #[default]
    Well,
    /// 503.
    Ill,
    /// 200 to whoever asked first, on that connection, and 503 to everybody else.
    WellToTheFirst,
}

/// How a backend is.
#[derive(Debug, Default)]
pub(super) struct Life {
    is_over: AtomicBool,
    connections: Mutex<Vec<TcpStream>>,
    health: Mutex<Health>,
    checks: Mutex<Vec<Seen>>,
    first: Mutex<Option<SocketAddr>>,
}

impl Life {
    /// The status that a health check gets.
    pub(super) fn check(&self, seen: Seen) -> u16 {
        let peer = seen.peer.expect("a connection has a peer");
        lock(&self.checks).push(seen);
        let is_first = peer == *lock(&self.first).get_or_insert(peer);
        match *lock(&self.health) {
            Health::Well => 200,
            Health::Ill => 503,
            Health::WellToTheFirst if is_first => 200,
            Health::WellToTheFirst => 503,
        }
    }
}

impl Backend {
    /// Answers health checks so from now on.
    pub fn set_health(&self, health: Health) {
        *lock(&self.state.life.first) = None;
        *lock(&self.state.life.health) = health;
    }

    /// Every health check so far.
    #[must_use]
    pub fn checks(&self) -> Vec<Seen> {
        lock(&self.state.life.checks).clone()
    }

    /// Dies as a killed process does: nothing listens any more, and every connection ends in the middle of whatever it was about.
    pub fn die(&self) {
        let life = &self.state.life;
        life.is_over.store(true, Ordering::SeqCst);
        // Whoever waits for the next connection gets one, and sees that it is over.
        let _ = TcpStream::connect(self.address());
        wait::until("the backend's end", || TcpStream::connect(self.address()).is_err().then_some(()));
        for connection in lock(&life.connections).drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    /// Comes back at the same address.
    ///
    /// # Panics
    /// When somebody else has taken it.
    pub fn return_to_life(&self) {
        self.state.life.is_over.store(false, Ordering::SeqCst);
        let listener = wait::until("the backend's address", || TcpListener::bind(self.address()).ok());
        self.live(listener);
    }

    /// Serves until its end.
    pub(super) fn live(&self, listener: TcpListener) {
        let server = self.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let life = &server.state.life;
                if life.is_over.load(Ordering::SeqCst) {
                    return;
                }
                lock(&life.connections).extend(stream.try_clone());
                let server = server.clone();
                std::thread::spawn(move || server.accept(stream));
            }
        });
    }
}
