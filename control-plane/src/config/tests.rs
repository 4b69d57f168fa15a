//! What is accepted, what is refused, and how it is said.

use std::collections::BTreeMap;

use super::{Config, ConfigFaults, KeySource, LedgerPlace, blocks, reader::Reader};
use crate::domain::Secret;

fn check(text: &str, env: &[(&str, &str)]) -> Result<Config, ConfigFaults> {
    let env: BTreeMap<String, String> = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Config::parse(text, &env)
}

fn faults(text: &str, env: &[(&str, &str)]) -> Vec<String> {
    let faults = check(text, env).expect_err("refused").0;
    faults.into_iter().map(|fault| format!("{}: {}", fault.key, fault.message)).collect()
}

#[test]
fn nothing_at_all_is_a_working_configuration() {
    let config = check("", &[]).unwrap();
    assert_eq!(config.listen.admin.to_string(), "127.0.0.1:8081");
    assert_eq!(config.gateway.discovery_address.to_string(), "127.0.0.1:8082");
    assert_eq!(config.issuer.unwrap().audience, "http://127.0.0.1:8080");
    assert_eq!(config.secrets.key, KeySource::DataDir);
}

/// The documented file, with what it comments out switched on where `uncomment` says.
fn documented(uncomment: impl Fn(&str) -> bool) -> String {
    let page = include_str!("../../../docs/configuration.md");
    let block = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("one TOML block");
    let line = |line: &str| match line.strip_prefix("# ") {
        Some(setting) if uncomment(setting) => format!("{setting}\n"),
        _ => format!("{line}\n"),
    };
    block.lines().map(line).collect()
}

fn is_setting(line: &str) -> bool {
    line.split_once(" = ").is_some_and(|(key, _)| key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
}

#[test]
fn the_documented_file_is_the_defaults() {
    let documented = check(&documented(|_| false), &[]).unwrap();
    assert_eq!(format!("{documented:?}"), format!("{:?}", check("", &[]).unwrap()));
}

#[test]
fn every_setting_is_documented_and_every_documented_setting_exists() {
    let text = documented(is_setting);
    check(&text, &[]).unwrap();
    let env = std::collections::BTreeMap::new();
    let mut reader = Reader::new(&text, &env).unwrap();
    blocks::read(&mut reader);
    assert_eq!(reader.absent(), Vec::<String>::new());
}

#[test]
fn the_environment_overrides_the_file() {
    let file = "[listen]\nadmin = \"127.0.0.1:1\"\n[secrets]\nenv = [\"A\"]";
    let env =
        [("TOLLGATE_LISTEN_ADMIN", "127.0.0.1:2"), ("TOLLGATE_SECRETS_ENV", "B_*, C"), ("TOLLGATE_DATA_DIR", "d")];
    let config = check(file, &env).unwrap();
    assert_eq!(config.listen.admin.port(), 2);
    assert_eq!(config.secrets.env, ["B_*", "C"]);
    assert_eq!(config.data_dir.to_str(), Some("d"));
}

#[test]
fn every_fault_is_named_in_one_go() {
    let file = "colour = 1\n[listen]\nadmin = \"nowhere\"\n[gateway.tls]\nkey = \"k\"\n[limits]\ndefault_requests_per_minute = 0\n[gateway]\nlisten_on = \"x\"";
    assert_eq!(
        faults(file, &[("TOLLGATE_OUTBOUND_TIMEOUT", "3")]),
        [
            "listen.admin: invalid socket address syntax",
            "gateway.tls.certificate: is missing beside key",
            "limits.default_requests_per_minute: must be a number from 1, or \"unlimited\"",
            "colour: is not a setting",
            "gateway.listen_on: is not a setting",
            "TOLLGATE_OUTBOUND_TIMEOUT: is not a setting's variable",
        ]
    );
}

#[test]
fn a_secret_written_into_the_configuration_is_refused_and_not_repeated() {
    let faults = faults("[bootstrap_admin]\nclient_secret = \"hunter2\"", &[]);
    assert_eq!(faults, ["bootstrap_admin.client_secret: must be env:NAME or file:PATH"]);
}

#[test]
fn no_embedded_issuer_when_switched_off() {
    assert!(check("[issuer]\nembedded = false", &[]).unwrap().issuer.is_none());
}

#[test]
fn a_ledger_in_redis_needs_its_url_and_no_password_in_the_file() {
    let redis = |line: &str| format!("[limits]\nledger = \"redis\"\n{line}");
    assert_eq!(faults(&redis(""), &[]), ["limits.redis_url: is missing beside ledger = \"redis\""]);
    assert_eq!(
        faults(&redis("redis_url = \"redis://:hunter2@host\""), &[]),
        ["limits.redis_url: must be env:NAME or file:PATH where it holds a password"]
    );
    for url in ["redis://host:6379/2", "env:REDIS_URL", "file:/etc/tollgate/redis"] {
        let config = check(&redis(&format!("redis_url = \"{url}\"")), &[]).unwrap();
        assert_eq!(config.fleet_limits.ledger, LedgerPlace::Redis(Secret::from_written(url.to_owned())));
    }
}
