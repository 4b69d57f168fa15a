//! The server's settings: raw text to a typed [`Config`] in one place, every fault reported in one go, before anything binds.
//! Each key stands in a TOML file, and `TOLLGATE_<BLOCK>_<KEY>` in the environment overrides it. `docs/configuration.md` lists
//! them all. What the settings are for is the business of whoever takes them.

mod blocks;
mod cards;
mod discovery;
mod reader;
mod search;
mod values;

use std::{collections::BTreeMap, fmt, net::SocketAddr, num::NonZeroU32, path::Path, path::PathBuf, time::Duration};

use tollgate_policy::document::{AdminExposure, LimitDocument, QuotaAway, RecordMode, RevokedStreams};

use crate::{
    domain::{ClientId, JwksSource, Secret, SigningAlgorithm},
    outbound::OutboundSettings,
};
pub use cards::{CardSettings, CardSigning};
pub use discovery::DiscoverySettings;
pub use search::{AwsCredentials, BedrockSettings, OpenAiSettings, SearchSettings, Semantic};
pub use values::{GrpcDomain, HostPort, PublicUrl};

/// Exit code for a configuration that is refused (`EX_USAGE` of sysexits).
pub const EXIT_CODE: u8 = 64;

/// All settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the registry and the generated keys live.
    pub data_dir: PathBuf,
    /// Where the server listens.
    pub listen: Listen,
    /// The gateway as Envoy is to run it.
    pub gateway: Gateway,
    /// The embedded issuer; `None`: only external issuers are believed.
    pub issuer: Option<EmbeddedIssuer>,
    /// How often external issuers' keys are read again.
    pub jwks_refresh: Duration,
    /// How agents' cards are signed and verified.
    pub cards: CardSettings,
    /// Where new agents are looked for.
    pub discovery: DiscoverySettings,
    /// How agents are found by what they do.
    pub search: SearchSettings,
    /// The limit where no permission row names one.
    pub default_limit: LimitDocument,
    /// How limits hold across a fleet of Envoys.
    pub fleet_limits: FleetLimits,
    /// What requests to operator-given URLs may reach.
    pub outbound: OutboundSettings,
    /// Where secrets come from.
    pub secrets: SecretSettings,
    /// TLS on the xDS port; `None`: plain text.
    pub xds_tls: Option<XdsTls>,
    /// The first administrator.
    pub bootstrap_admin: BootstrapAdmin,
    /// The first external issuer, if one is to be registered on start.
    pub bootstrap_issuer: Option<BootstrapIssuer>,
    /// The log.
    pub log: LogSettings,
}

/// The server's own ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen {
    /// The private admin API.
    pub admin: SocketAddr,
    /// What Envoy forwards: listing, cards, tokens, admin for those who may.
    pub discovery: SocketAddr,
    /// The xDS port.
    pub xds: SocketAddr,
}

/// What Envoy is told about the gateway as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gateway {
    /// The URL clients use.
    pub public_url: PublicUrl,
    /// Where Envoy listens.
    pub listen: SocketAddr,
    /// The filter module's file.
    pub filter: PathBuf,
    /// The filter's native form, a path on Envoy's machine; `None`: Envoy gets [`Gateway::filter`].
    pub native_filter: Option<PathBuf>,
    /// The translation module's file.
    pub translator: PathBuf,
    /// The domain below which each agent has a host for gRPC; `None`: gRPC is not carried.
    pub grpc_domain: Option<GrpcDomain>,
    /// Whether the admin API is reachable through the gateway.
    pub admin: AdminExposure,
    /// Where Envoy finds [`Listen::discovery`].
    pub discovery_address: HostPort,
    /// Largest body read for a decision, bytes.
    pub max_body_bytes: u32,
    /// Clock difference allowed on tokens, seconds.
    pub leeway_seconds: u32,
    /// What becomes of the filter's decision records.
    pub decision_records: RecordMode,
    /// What becomes of a revoked caller's open streams.
    pub revoked_streams: RevokedStreams,
    /// Whether Envoy counts what clusters answer by status, and how long they take.
    pub response_statistics: bool,
    /// TLS towards clients; `None`: plain text, TLS ends elsewhere. The files are read by Envoy.
    pub tls: Option<ServerTls>,
    /// CA bundle that Envoy checks https backends against; a path on Envoy's machine.
    pub upstream_ca: PathBuf,
}

/// A certificate and its key, PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerTls {
    /// Certificate chain.
    pub certificate: PathBuf,
    /// Private key.
    pub key: PathBuf,
}

/// The issuer inside the control plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddedIssuer {
    /// `iss` of its tokens.
    pub issuer: String,
    /// `aud` of its tokens.
    pub audience: String,
    /// How it signs.
    pub algorithm: SigningAlgorithm,
    /// How long its tokens live.
    pub token_ttl: Duration,
    /// How long a key signs.
    pub rotation: Duration,
    /// How long a new key is published before it signs, so that every verifier has it.
    pub overlap: Duration,
}

/// How limits hold across a fleet of Envoys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetLimits {
    /// Where tokens are kept that no Envoy holds.
    pub ledger: LedgerPlace,
    /// What an Envoy does while the control plane does not answer.
    pub when_away: QuotaAway,
}

/// Where the ledger is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerPlace {
    /// In the control plane's memory.
    Memory,
    /// In the Redis of this URL, for several control planes.
    Redis(Secret),
}

/// Where secrets come from, and what keeps them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretSettings {
    /// The key that seals secrets at rest.
    pub key: KeySource,
    /// Names (globs) that `env:NAME` may use.
    pub env: Vec<String>,
    /// Directories that `file:PATH` may read.
    pub file_dirs: Vec<PathBuf>,
}

/// Where the sealing key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// `sealing.key` in the data directory, made on first start.
    DataDir,
    /// A variable that holds 32 bytes in base64.
    Env(String),
    /// A file, made on first start.
    File(PathBuf),
}

/// TLS on the xDS port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XdsTls {
    /// The server's certificate and key.
    pub server: ServerTls,
    /// CA (PEM) that Envoys' certificates must be signed by; `None`: no client certificate is asked for.
    pub client_ca: Option<PathBuf>,
}

/// The administrator made on first start, when no client holds the admin scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootstrapAdmin {
    /// Its id.
    pub client_id: ClientId,
    /// Its secret; `None`: generated and written to `admin-credentials.json` in the data directory.
    pub client_secret: Option<Secret>,
}

/// An external issuer registered on start, when there is none of its name: with the embedded one off, nobody could log in to
/// register it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootstrapIssuer {
    /// `iss`, byte for byte.
    pub issuer: String,
    /// Accepted `aud` values.
    pub audiences: Vec<String>,
    /// JWS algorithms believed; empty: those its keys allow.
    pub algorithms: Vec<String>,
    /// Where its keys are: a URL or a file.
    pub jwks: JwksSource,
}

/// The log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// Its form.
    pub format: LogFormat,
    /// What is logged: a `tracing` filter such as `info` or `info,tollgate=debug`.
    pub level: String,
}

/// The log's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// One thing wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The key, as `block.key`.
    pub key: String,
    /// What is wrong with it. Never the value of a secret.
    pub message: String,
}

/// Everything wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFaults(pub Vec<Fault>);

impl fmt::Display for ConfigFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration is refused")?;
        self.0.iter().try_for_each(|fault| write!(f, "\n  {}: {}", fault.key, fault.message))
    }
}

impl std::error::Error for ConfigFaults {}

impl Config {
    /// Reads the file, if one is given, and the environment over it.
    ///
    /// # Errors
    /// Every fault at once.
    pub fn load(file: Option<&Path>, env: &BTreeMap<String, String>) -> Result<Self, ConfigFaults> {
        let text = match file {
            None => String::new(),
            Some(path) => std::fs::read_to_string(path).map_err(|error| {
                ConfigFaults(vec![Fault { key: path.display().to_string(), message: error.to_string() }])
            })?,
        };
        Self::parse(&text, env)
    }

    /// Reads TOML text and the environment over it.
    ///
    /// # Errors
    /// Every fault at once.
    pub fn parse(text: &str, env: &BTreeMap<String, String>) -> Result<Self, ConfigFaults> {
        let mut reader = reader::Reader::new(text, env)?;
        let config = blocks::read(&mut reader);
        reader.finish(config)
    }
}

/// The default limit: requests per minute.
const DEFAULT_REQUESTS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(100).expect("100 is not zero");

#[cfg(test)]
mod tests;
