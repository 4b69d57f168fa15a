//! The server put together: first everything that can fail (settings, registry, ports) with [`bind`], then [`Bound::run`] until it
//! is told to stop. Owns every task. What the parts do is their own business.

mod first_admin;
mod foundation;
mod health;
mod tasks;

use std::{
    collections::BTreeMap,
    future::Future,
    io,
    net::SocketAddr,
    time::{SystemTime, UNIX_EPOCH},
};

use tokio::net::TcpListener;

use crate::{config::Config, domain::UnixSeconds};
use foundation::Foundation;
pub use foundation::FoundationError;
pub use tasks::TaskError;
