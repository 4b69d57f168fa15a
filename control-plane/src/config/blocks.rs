//! Which settings there are, block by block, with their defaults.

use std::{net::SocketAddr, num::NonZeroU32, path::PathBuf, time::Duration};

use tollgate_policy::document::{AdminExposure, LimitDocument, QuotaAway, RecordMode, RevokedStreams};

use super::{
    BootstrapAdmin, BootstrapIssuer, Config, DEFAULT_REQUESTS_PER_MINUTE, EmbeddedIssuer, FleetLimits, Gateway,
    GrpcDomain, HostPort, KeySource, LedgerPlace, Listen, LogFormat, LogSettings, PublicUrl, SecretSettings, ServerTls,
    XdsTls, cards, discovery,
    reader::{Block, Reader},
    search,
};
use crate::{
    domain::{ClientId, JwksSource, Secret, SigningAlgorithm},
    outbound::{OutboundSettings, PlainHttp},
};

pub(super) const DAY: u64 = 86_400;

/// All blocks; `None` when a value without which nothing can be built is wrong.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Config> {
    let data_dir = reader.block("").or("data_dir", PathBuf::from("data"));
    let listen = listen(&mut reader.block("listen"));
    let gateway = gateway(reader, listen)?;
    let (issuer, jwks_refresh) = issuer(&mut reader.block("issuer"), &gateway.public_url);
    let bootstrap_issuer = bootstrap_issuer(&mut reader.block("bootstrap_issuer"), &gateway.public_url);
    Some(Config {
        data_dir,
        listen,
        issuer,
        jwks_refresh,
        cards: cards::read(&mut reader.block("cards")),
        discovery: discovery::read(&mut reader.block("discovery")),
        search: search::read(reader),
        gateway,
        default_limit: limits(&mut reader.block("limits")),
        fleet_limits: fleet_limits(&mut reader.block("limits")),
        outbound: outbound(&mut reader.block("outbound")),
        secrets: secrets(&mut reader.block("secrets")),
        xds_tls: xds_tls(&mut reader.block("xds_tls")),
        bootstrap_issuer,
        bootstrap_admin: bootstrap_admin(&mut reader.block("bootstrap_admin"))?,
        log: log(&mut reader.block("log")),
    })
}

fn listen(block: &mut Block<'_, '_>) -> Listen {
    Listen {
        admin: block.or("admin", SocketAddr::from(([127, 0, 0, 1], 8081))),
        discovery: block.or("discovery", SocketAddr::from(([127, 0, 0, 1], 8082))),
        xds: block.or("xds", SocketAddr::from(([127, 0, 0, 1], 18000))),
    }
}

fn gateway(reader: &mut Reader<'_>, listen: Listen) -> Option<Gateway> {
    let tls = server_tls(&mut reader.block("gateway.tls"));
    let mut block = reader.block("gateway");
    let url = block.text("public_url").unwrap_or_else(|| "http://127.0.0.1:8080".to_owned());
    let address = block.text("discovery_address").unwrap_or_else(|| listen.discovery.to_string());
    let public_url = url.parse::<PublicUrl>().map_err(|error| block.fault("public_url", error)).ok();
    let discovery_address = address.parse::<HostPort>().map_err(|error| block.fault("discovery_address", error)).ok();
    let records = [("filter_state", RecordMode::FilterState), ("off", RecordMode::Off)];
    let streams = [("end", RevokedStreams::End), ("finish", RevokedStreams::Finish)];
    let exposure = [("public", AdminExposure::Public), ("private", AdminExposure::Private)];
    let filter = block.or("filter", PathBuf::from("tollgate_filter.wasm"));
    let grpc_domain = block.text("grpc_domain").map(|text| text.parse::<GrpcDomain>());
    let grpc_domain = grpc_domain.transpose().unwrap_or_else(|error| {
        block.fault("grpc_domain", error);
        None
    });
    Some(Gateway {
        translator: block.or("translator", filter.with_file_name("tollgate_translator.wasm")),
        grpc_domain,
        public_url: public_url?,
        discovery_address: discovery_address?,
        listen: block.or("listen", SocketAddr::from(([0, 0, 0, 0], 8080))),
        filter,
        native_filter: block.optional("native_filter"),
        admin: block.word("admin", &exposure, AdminExposure::Private),
        max_body_bytes: ranged(&mut block, "max_body_bytes", 1 << 20, 1024, 16 << 20),
        leeway_seconds: ranged(&mut block, "leeway_seconds", 30, 0, 300),
        decision_records: block.word("decision_records", &records, RecordMode::Off),
        revoked_streams: block.word("revoked_streams", &streams, RevokedStreams::End),
        response_statistics: block.or("response_statistics", false),
        tls,
        upstream_ca: block.or("upstream_ca", PathBuf::from("/etc/ssl/certs/ca-certificates.crt")),
    })
}

fn server_tls(block: &mut Block<'_, '_>) -> Option<ServerTls> {
    match (block.optional("certificate"), block.optional("key")) {
        (Some(certificate), Some(key)) => Some(ServerTls { certificate, key }),
        (None, None) => None,
        (None, Some(_)) => {
            block.fault("certificate", "is missing beside key");
            None
        }
        (Some(_), None) => {
            block.fault("key", "is missing beside certificate");
            None
        }
    }
}

fn issuer(block: &mut Block<'_, '_>, public_url: &PublicUrl) -> (Option<EmbeddedIssuer>, Duration) {
    let algorithms =
        [("ES256", SigningAlgorithm::Es256), ("RS256", SigningAlgorithm::Rs256), ("EdDSA", SigningAlgorithm::EdDsa)];
    let embedded = block.or("embedded", true);
    let issuer = EmbeddedIssuer {
        issuer: block.or("issuer", public_url.to_string()),
        audience: block.or("audience", public_url.to_string()),
        algorithm: block.word("algorithm", &algorithms, SigningAlgorithm::Es256),
        token_ttl: seconds(block, "token_ttl_seconds", 900, 60, DAY),
        rotation: Duration::from_secs(ranged(block, "rotation_days", 30, 1, 3650) * DAY),
        overlap: seconds(block, "overlap_seconds", 3600, 60, DAY),
    };
    let refresh = seconds(block, "jwks_refresh_seconds", 300, 10, DAY);
    (embedded.then_some(issuer), refresh)
}

fn limits(block: &mut Block<'_, '_>) -> LimitDocument {
    let unlimited = LimitDocument { requests_per_minute: None, burst: None, unlimited: true };
    let text = block.text("default_requests_per_minute");
    let burst = block.optional::<NonZeroU32>("default_burst").map(NonZeroU32::get);
    let rate = match text.as_deref() {
        None => DEFAULT_REQUESTS_PER_MINUTE,
        Some("unlimited") => return unlimited,
        Some(text) => text.parse().unwrap_or_else(|_| {
            block.fault("default_requests_per_minute", "must be a number from 1, or \"unlimited\"");
            DEFAULT_REQUESTS_PER_MINUTE
        }),
    };
    LimitDocument { requests_per_minute: Some(rate.get()), burst, unlimited: false }
}

fn fleet_limits(block: &mut Block<'_, '_>) -> FleetLimits {
    let away = [("fair_share", QuotaAway::FairShare), ("refuse", QuotaAway::Refuse)];
    let when_away = block.word("when_control_plane_away", &away, QuotaAway::FairShare);
    let url = block.text("redis_url").map(Secret::from_written);
    if let Some(Secret::Inline(text)) = &url
        && url::Url::parse(text.expose()).is_ok_and(|url| url.password().is_some())
    {
        block.fault("redis_url", "must be env:NAME or file:PATH where it holds a password");
    }
    let in_redis = block.word("ledger", &[("memory", None), ("redis", Some(()))], None).is_some();
    let ledger = match url {
        Some(url) if in_redis => LedgerPlace::Redis(url),
        None if in_redis => {
            block.fault("redis_url", "is missing beside ledger = \"redis\"");
            LedgerPlace::Memory
        }
        _ => LedgerPlace::Memory,
    };
    FleetLimits { ledger, when_away }
}

fn outbound(block: &mut Block<'_, '_>) -> OutboundSettings {
    let http = [("true", PlainHttp::Allowed), ("false", PlainHttp::Refused)];
    OutboundSettings {
        allow_private: block.list("allow_private"),
        plain_http: block.word("allow_http", &http, PlainHttp::Allowed),
        timeout: seconds(block, "timeout_seconds", 10, 1, 120),
        max_bytes: ranged(block, "max_bytes", 1 << 20, 1024, 16 << 20),
    }
}

fn secrets(block: &mut Block<'_, '_>) -> SecretSettings {
    let key = match block.text("key").map(Secret::from_written) {
        None => KeySource::DataDir,
        Some(Secret::Env(name)) => KeySource::Env(name),
        Some(Secret::File(path)) => KeySource::File(path),
        Some(Secret::Inline(_)) => {
            block.fault("key", "must be env:NAME or file:PATH");
            KeySource::DataDir
        }
    };
    SecretSettings { key, env: block.list("env"), file_dirs: block.list("file_dirs") }
}

fn xds_tls(block: &mut Block<'_, '_>) -> Option<XdsTls> {
    let client_ca = block.optional::<PathBuf>("client_ca");
    let server = server_tls(block);
    if server.is_none() && client_ca.is_some() {
        block.fault("client_ca", "needs certificate and key beside it");
    }
    server.map(|server| XdsTls { server, client_ca })
}

fn bootstrap_admin(block: &mut Block<'_, '_>) -> Option<BootstrapAdmin> {
    let name = block.text("client_id").unwrap_or_else(|| "admin".to_owned());
    let client_id = ClientId::try_from(name.as_str()).map_err(|error| block.fault("client_id", error)).ok();
    let client_secret = block.text("client_secret").map(Secret::from_written);
    if matches!(client_secret, Some(Secret::Inline(_))) {
        block.fault("client_secret", "must be env:NAME or file:PATH");
    }
    Some(BootstrapAdmin { client_id: client_id?, client_secret })
}

fn bootstrap_issuer(block: &mut Block<'_, '_>, public_url: &PublicUrl) -> Option<BootstrapIssuer> {
    let issuer = block.text("issuer");
    let jwks = block.text("jwks").and_then(|text| match text.strip_prefix("file:") {
        Some(path) => Some(JwksSource::File(PathBuf::from(path))),
        None => text.parse().map(JwksSource::Url).map_err(|_| block.fault("jwks", "must be a URL or file:PATH")).ok(),
    });
    let mut audiences = block.list("audiences");
    if audiences.is_empty() {
        audiences.push(public_url.to_string());
    }
    let algorithms = block.list("algorithms");
    match (issuer, jwks) {
        (Some(issuer), Some(jwks)) => Some(BootstrapIssuer { issuer, audiences, algorithms, jwks }),
        (None, Some(_)) => {
            block.fault("issuer", "is missing beside jwks");
            None
        }
        (Some(_), None) => {
            block.fault("jwks", "is missing beside issuer, or wrong");
            None
        }
        (None, None) => None,
    }
}

fn log(block: &mut Block<'_, '_>) -> LogSettings {
    let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    let level: String = block.or("level", "info".to_owned());
    if level.parse::<tracing_subscriber::EnvFilter>().is_err() {
        block.fault("level", "is not a log filter, such as \"info\" or \"info,tollgate=debug\"");
    }
    LogSettings { format: block.word("format", &formats, LogFormat::Text), level }
}

pub(super) fn seconds(block: &mut Block<'_, '_>, key: &str, default: u64, least: u64, most: u64) -> Duration {
    Duration::from_secs(ranged(block, key, default, least, most))
}

pub(super) fn ranged<T>(block: &mut Block<'_, '_>, key: &str, default: T, least: T, most: T) -> T
where
    T: Copy + PartialOrd + std::fmt::Display + std::str::FromStr,
{
    let Some(text) = block.text(key) else { return default };
    match text.parse::<T>() {
        Ok(value) if value >= least && value <= most => value,
        _ => {
            block.fault(key, format!("must be a whole number from {least} to {most}"));
            default
        }
    }
}
