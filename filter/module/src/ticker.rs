//! The thread that says when a tick is due.

use std::{
    io,
    sync::{Mutex, PoisonError},
    thread,
};

use tollgate_filter::TICK;

use crate::configs;

static RUNS: Mutex<bool> = Mutex::new(false);

/// Starts the thread, unless it runs. It never ends: the module is not unloaded.
pub(crate) fn start() -> io::Result<()> {
    let mut runs = RUNS.lock().unwrap_or_else(PoisonError::into_inner);
    if !*runs {
        thread::Builder::new().name("tollgate-tick".to_owned()).spawn(run)?;
        *runs = true;
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a tick is time that has passed")]
fn run() {
    loop {
        thread::sleep(TICK);
        configs::wake();
    }
}
