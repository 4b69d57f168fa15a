//! What is allowed, what is not, and when a file is read again.

use std::path::PathBuf;

use super::{SecretSource, matches};
use crate::{
    config::{KeySource, SecretSettings},
    domain::Secret,
};

fn source(dir: &std::path::Path) -> SecretSource {
    let settings =
        SecretSettings { key: KeySource::DataDir, env: vec!["AGENT_*".to_owned()], file_dirs: vec![dir.to_owned()] };
    let env = [("AGENT_KEY", "k1"), ("AGENT_EMPTY", ""), ("HOME", "/home/x")];
    SecretSource::new(&settings, &env.map(|(name, text)| (name.to_owned(), text.to_owned())).into())
}

fn check(source: &SecretSource, written: &str) -> Result<String, String> {
    let secret = Secret::from_written(written.to_owned());
    source.resolve(&secret).map(|text| text.expose().to_owned()).map_err(|error| error.to_string())
}

#[test]
fn variables_are_read_only_under_allowed_names() {
    let source = source(&PathBuf::from("."));
    assert_eq!(check(&source, "env:AGENT_KEY").unwrap(), "k1");
    assert!(check(&source, "env:HOME").unwrap_err().contains("not allowed"));
    assert!(check(&source, "env:AGENT_NONE").unwrap_err().contains("not set"));
    assert!(check(&source, "env:AGENT_EMPTY").unwrap_err().contains("no secret"));
}

#[test]
fn a_file_is_read_again_when_it_changes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    let written = format!("file:{}", path.display());
    let source = source(dir.path());
    std::fs::write(&path, "one\n").unwrap();
    assert_eq!(check(&source, &written).unwrap(), "one");
    std::fs::write(&path, "second").unwrap();
    assert_eq!(check(&source, &written).unwrap(), "second");
}

#[test]
fn a_file_outside_is_refused_also_through_a_link_or_dots() {
    let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let secret = outside.path().join("secret");
    std::fs::write(&secret, "s").unwrap();
    let link = inside.path().join("link");
    std::os::unix::fs::symlink(&secret, &link).unwrap();
    let source = source(inside.path());
    let name = outside.path().file_name().unwrap().to_str().unwrap();
    let dots = inside.path().join("..").join(name).join("secret");
    for path in [secret, link, dots, outside.path().join("absent")] {
        let error = check(&source, &format!("file:{}", path.display())).unwrap_err();
        assert!(error.contains("no directory of"), "{error}");
    }
}

#[test]
fn a_missing_file_inside_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let error = check(&source(dir.path()), &format!("file:{}/absent", dir.path().display())).unwrap_err();
    assert!(error.contains("cannot be read"), "{error}");
}

#[test]
fn stars_in_patterns_stand_for_any_run() {
    for (pattern, name, expected) in [
        ("A_*", "A_B", true),
        ("A_*", "B_A_", false),
        ("*_KEY", "X_KEY", true),
        ("*", "", true),
        ("A*B*C", "AxxBC", true),
        ("A", "AB", false),
    ] {
        assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
    }
}
