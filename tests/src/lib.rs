//! The harness of the end-to-end tests: a control plane, an Envoy and recording backends as processes and threads of one test
//! binary, and a client that sends exactly the bytes it is given. What is tested is in `tests/e2e/`. `cargo xtask test` builds what is
//! started here and names it in the environment (see `binaries`).
//!
//! Everything here panics when something is not as it must be: a harness has no caller to report to.

pub mod backend;
pub mod binaries;
pub mod cards;
pub mod certificates;
pub mod door;
pub mod gateway;
pub mod http;
pub mod issuer;
pub mod peers;
pub mod process;
pub mod tls;
pub mod wait;

pub use backend::Backend;
pub use certificates::{Authority, Identity};
pub use gateway::{Gateway, is_native};
pub use http::{Request, Response};
pub use issuer::Issuer;
