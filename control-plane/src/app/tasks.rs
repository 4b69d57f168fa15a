//! Every task of the server, in one set: the first that ends in failure, or ends at all before it was told to, ends the server
//! with its reason.

use std::{future::Future, time::Duration};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Longest wait for requests and streams to finish.
const GRACE: Duration = Duration::from_secs(10);

/// The tasks.
pub(super) struct Tasks {
    set: JoinSet<(&'static str, Result<(), String>)>,
    stop: CancellationToken,
}

/// A task did what ends the server.
#[derive(Debug, thiserror::Error)]
#[error("{task} ended: {reason}")]
pub struct TaskError {
    /// The task.
    pub task: &'static str,
    /// Why.
    pub reason: String,
}

impl Tasks {
    pub(super) fn new() -> Self {
        Self { set: JoinSet::new(), stop: CancellationToken::new() }
    }

    /// Told when the server is to stop.
    pub(super) fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// A task that ends when it is told to, and not before.
    pub(super) fn serve<E: std::error::Error>(
        &mut self,
        name: &'static str,
        task: impl Future<Output = Result<(), E>> + Send + 'static,
    ) {
        self.set.spawn(async move { (name, task.await.map_err(|error| chain(&error))) });
    }

    /// A task that goes on for ever, and is dropped when the server stops: it holds nothing that must be finished.
    pub(super) fn background(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.set.spawn(async move {
            stop.run_until_cancelled(task).await;
            (name, Ok(()))
        });
    }

    /// Returns when the first task ends, which none should; or never, if none does.
    pub(super) async fn failed(&mut self) -> TaskError {
        match self.set.join_next().await {
            Some(Ok((task, Ok(())))) => TaskError { task, reason: "it was not told to".to_owned() },
            Some(Ok((task, Err(reason)))) => TaskError { task, reason },
            Some(Err(error)) => TaskError { task: "a task", reason: error.to_string() },
            None => std::future::pending().await,
        }
    }

    /// Tells every task to stop and waits for them, but not for ever.
    pub(super) async fn finish(mut self) {
        self.stop.cancel();
        let all = async { while self.set.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, all).await.is_err() {
            tracing::warn!(seconds = GRACE.as_secs(), "not everything finished in time: cut short");
        }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
