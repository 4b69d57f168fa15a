//! The log: to standard error, as lines for people or as JSON. What is logged is everyone's business, but never a secret.

use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{LogFormat, LogSettings};

/// Starts the log. A second call in one process changes nothing.
pub fn start(settings: &LogSettings) {
    let filter = EnvFilter::try_new(&settings.level).unwrap_or_default();
    let log = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false);
    // Tests may have started one: then that one stays.
    let _ = match settings.format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().try_init(),
    };
}
