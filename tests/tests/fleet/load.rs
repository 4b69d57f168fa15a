//! Load that goes on while things are killed and started again, and what of it was let through.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tollgate_tests::{Request, wait};

use super::admissions::Admission;

/// Someone who sends the same request again and again, each over a connection of its own.
pub(crate) struct Sender {
    pub(crate) request: Request,
    /// Time from one request to the next.
    pub(crate) spacing: Duration,
}

/// Load under way.
#[derive(Default)]
pub(crate) struct Load {
    ended: AtomicBool,
    admissions: Mutex<Vec<Admission>>,
    refused: AtomicUsize,
    unanswered: AtomicUsize,
}

/// Ends the load however the work ends: the threads of a failed test must not go on.
struct End<'a>(&'a Load);

impl Load {
    /// Keeps up the load while `work` is done.
    pub(crate) fn during<T>(senders: Vec<Sender>, work: impl FnOnce(&Self) -> T) -> T {
        let load = Self::default();
        std::thread::scope(|scope| {
            let end = End(&load);
            for sender in senders {
                scope.spawn(|| load.send(sender));
            }
            let done = work(&load);
            drop(end);
            done
        })
    }

    fn send(&self, sender: Sender) {
        let (begin, mut sent) = (Instant::now(), 0);
        while !self.ended.load(Ordering::Relaxed) {
            wait::pace(begin, sender.spacing * sent);
            sent += 1;
            let sent_at = Instant::now();
            match sender.request.try_send().map(|response| response.status) {
                Some(200) => {
                    let admission = Admission { sent: sent_at, answered: Instant::now() };
                    self.admissions.lock().unwrap().push(admission);
                }
                Some(429) => drop(self.refused.fetch_add(1, Ordering::Relaxed)),
                Some(status) => panic!("neither let through nor over the limit: {status}"),
                None => drop(self.unanswered.fetch_add(1, Ordering::Relaxed)),
            }
        }
    }

    /// Lets it go on for a while; the time it is then.
    pub(crate) fn go_on(&self, time: Duration) -> Instant {
        wait::pace(Instant::now(), time);
        Instant::now()
    }

    /// All that was let through so far.
    pub(crate) fn admissions(&self) -> Vec<Admission> {
        self.admissions.lock().unwrap().clone()
    }

    /// How many were refused, and how many found nobody, so far.
    pub(crate) fn others(&self) -> (usize, usize) {
        (self.refused.load(Ordering::Relaxed), self.unanswered.load(Ordering::Relaxed))
    }
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Relaxed);
    }
}
