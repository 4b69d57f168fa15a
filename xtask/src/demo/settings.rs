//! The demo's files under `target/demo`, and its variables: what the commands it prints refer to, and what `target/demo/env` holds.

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::ports::Ports;
use crate::tools;

/// The demo's directory.
pub(super) struct Site {
    root: PathBuf,
}

impl Site {
    /// `target/demo`, emptied unless the last run is to be kept.
    pub(super) fn prepare(keep: bool) -> Result<Self> {
        let root = tools::workspace_root().join("target/demo");
        if !keep && root.exists() {
            fs::remove_dir_all(&root).with_context(|| format!("cannot remove {}", root.display()))?;
        }
        tools::directory(root.join("logs"))?;
        Ok(Self { root })
    }

    /// Where a program's output goes.
    pub(super) fn log(&self, name: &str) -> PathBuf {
        self.root.join("logs").join(name).with_extension("log")
    }

    /// A file of the demo.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The shell assignments.
    pub(super) fn env_file(&self) -> PathBuf {
        self.file("env")
    }
}

/// Named values, in the order they were set.
pub(super) struct Variables(Vec<(&'static str, String)>);

impl Variables {
    /// The URLs, and fresh secrets; secrets that an earlier run left in the site's env file are used again.
    pub(super) fn new(ports: &Ports, site: &Site) -> Result<Self> {
        let kept = fs::read_to_string(site.env_file()).unwrap_or_default();
        let local = |port: u16| format!("http://127.0.0.1:{port}");
        let gateway = local(ports.gateway_port);
        let mut variables = Self(vec![
            ("TOKEN_URL", format!("{gateway}/oauth2/token")),
            ("GATEWAY_URL", gateway),
            ("ADMIN_URL", local(ports.admin_port)),
            ("ENVOY_ADMIN_URL", local(ports.envoy_admin_port)),
            ("WEATHER_URL", local(ports.weather_port)),
            ("CALCULATOR_URL", local(ports.calculator_port)),
            ("ADMIN_CLIENT_ID", "admin".to_owned()),
            ("WEATHER_CLIENT_ID", "tollgate".to_owned()),
        ]);
        for name in ["ADMIN_CLIENT_SECRET", "WEATHER_CLIENT_SECRET", "CALCULATOR_API_KEY"] {
            variables.set(name, assigned(&kept, name).map_or_else(random_secret, Ok)?);
        }
        for name in ["CLIENT_ID", "CLIENT_SECRET"] {
            if let Some(value) = assigned(&kept, name) {
                variables.set(name, value);
            }
        }
        Ok(variables)
    }

    /// Sets or replaces one.
    pub(super) fn set(&mut self, name: &'static str, value: String) {
        self.0.retain(|(known, _)| *known != name);
        self.0.push((name, value));
    }

    /// The value of one.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// The value of one that must be there.
    pub(super) fn require(&self, name: &str) -> Result<&str> {
        self.get(name).with_context(|| format!("{name} is not known yet"))
    }

    /// `template` with every `$NAME` replaced by its value.
    pub(super) fn expand(&self, template: &str) -> Result<String> {
        let mut pieces = template.split('$');
        let mut expanded = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let end = piece.find(|c: char| !(c.is_ascii_uppercase() || c == '_')).unwrap_or(piece.len());
            let (name, rest) = piece.split_at(end);
            expanded.push_str(self.require(name)?);
            expanded.push_str(rest);
        }
        Ok(expanded)
    }

    /// Writes the shell assignments, readable by their owner alone. Tokens are not written: they expire.
    pub(super) fn save(&self, path: &Path) -> Result<()> {
        let lasting = self.0.iter().filter(|(name, _)| !name.ends_with("TOKEN"));
        let lines: String = lasting.map(|(name, value)| format!("{name}='{value}'\n")).collect();
        let _ = fs::remove_file(path);
        let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let written = file.and_then(|mut file| file.write_all(lines.as_bytes()));
        written.with_context(|| format!("cannot write {}", path.display()))
    }
}

/// The value that a line `NAME='value'` of `file` gives to `name`.
fn assigned(file: &str, name: &str) -> Option<String> {
    let lines = file.lines().filter_map(|line| line.split_once('='));
    lines.filter(|(known, _)| *known == name).map(|(_, value)| value.trim_matches('\'').to_owned()).next()
}

/// 192 random bits in hexadecimal, which need no quoting anywhere.
fn random_secret() -> Result<String> {
    let mut bytes = [0u8; 24];
    fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes)).context("no randomness")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> Variables {
        Variables(vec![("GATEWAY_URL", "http://127.0.0.1:8080".to_owned()), ("TOKEN", "t0k".to_owned())])
    }

    #[track_caller]
    fn check(template: &str, expected: Option<&str>) {
        assert_eq!(variables().expand(template).ok().as_deref(), expected, "{template}");
    }

    #[test]
    fn expands_every_variable_and_nothing_else() {
        check("$GATEWAY_URL/agents?x=$TOKEN", Some("http://127.0.0.1:8080/agents?x=t0k"));
        check("no variables", Some("no variables"));
        check("Bearer $TOKEN", Some("Bearer t0k"));
    }

    #[test]
    fn an_unknown_variable_is_an_error() {
        check("$NOBODY", None);
        check("$", None);
    }

    #[test]
    fn the_env_file_keeps_secrets_but_no_tokens_and_only_its_owner_reads_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let path = std::env::temp_dir().join(format!("tollgate-demo-env-{}", std::process::id()));
        variables().save(&path).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text, "GATEWAY_URL='http://127.0.0.1:8080'\n");
        assert_eq!(assigned(&text, "GATEWAY_URL").as_deref(), Some("http://127.0.0.1:8080"));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::remove_file(&path).unwrap();
    }
}
