//! The frame of a backup file: a line that says what it is, a line for each record, and a line with the checksum over all before it. What
//! the records hold, and what is sealed in them, is `store`'s; whoever has only the file can still tell whether it is whole.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::domain::{Generation, UnixSeconds};

/// Version of the frame.
const VERSION: u32 = 1;
const FORMAT: &str = "tollgate-backup";

/// What a backup is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    format: String,
    version: u32,
    /// Version of the records in it.
    pub schema: u32,
    /// The registry's.
    pub generation: Generation,
    /// How many records follow.
    pub records: usize,
    /// When it was made.
    pub created_at: UnixSeconds,
}

/// One record: its place, and its stored form as it is.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line<'a> {
    /// The kind of record.
    pub table: &'a str,
    /// Its key.
    pub key: String,
    /// Its stored form.
    #[serde(borrow)]
    pub record: &'a RawValue,
}

/// The end of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trailer {
    /// SHA-256 of everything before this line, in hexadecimal.
    pub sha256: String,
    /// The same, sealed: only who has the key can have written it, and only the same key opens the records.
    pub sealed: String,
}

/// A backup that is whole.
#[derive(Debug)]
pub struct Whole<'a> {
    /// What it is of.
    pub header: Header,
    /// Its records.
    pub lines: Vec<Line<'a>>,
    /// Its end.
    pub trailer: Trailer,
}

/// Why a file is no whole backup.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Something else altogether.
    #[error("is not a backup of this gateway")]
    Format,
    /// From another version of it.
    #[error("is a backup of version {0}: this program reads version {VERSION}")]
    Version(u32),
    /// Its end is missing.
    #[error("is cut short: it does not end with its checksum")]
    Cut,
    /// Something in it was changed.
    #[error("was altered: its checksum is not that of what it holds")]
    Altered,
    /// A line that is no record, though the checksum is right.
    #[error("line {0} is no record")]
    Line(usize),
    /// More or fewer records than it says.
    #[error("says that it holds {said} records, and holds {held}")]
    Count {
        /// By its first line.
        said: usize,
        /// In truth.
        held: usize,
    },
}

impl Header {
    /// The header of a backup of `records` records.
    #[must_use]
    pub fn new(schema: u32, generation: Generation, records: usize, created_at: UnixSeconds) -> Self {
        Self { format: FORMAT.to_owned(), version: VERSION, schema, generation, records, created_at }
    }
}

/// Reads a backup and checks that it is whole.
///
/// # Errors
/// [`FrameError`].
pub fn read(bytes: &[u8]) -> Result<Whole<'_>, FrameError> {
    #[derive(Deserialize)]
    struct Kind {
        format: String,
        version: u32,
    }
    let (first, _) = split_line(bytes).ok_or(FrameError::Format)?;
    let kind: Kind = serde_json::from_slice(first).map_err(|_| FrameError::Format)?;
    match (kind.format.as_str(), kind.version) {
        (FORMAT, VERSION) => {}
        (FORMAT, version) => return Err(FrameError::Version(version)),
        _ => return Err(FrameError::Format),
    }
    let trailer_at = last_line_at(bytes).ok_or(FrameError::Cut)?;
    let (body, end) = bytes.split_at(trailer_at);
    let trailer: Trailer = serde_json::from_slice(end).map_err(|_| FrameError::Cut)?;
    if trailer.sha256 != checksum(body) {
        return Err(FrameError::Altered);
    }
    let (first, mut rest) = split_line(body).ok_or(FrameError::Cut)?;
    let header: Header = serde_json::from_slice(first).map_err(|_| FrameError::Line(1))?;
    let mut lines = Vec::new();
    while let Some((line, left)) = split_line(rest) {
        lines.push(serde_json::from_slice(line).map_err(|_| FrameError::Line(lines.len() + 2))?);
        rest = left;
    }
    if lines.len() != header.records {
        return Err(FrameError::Count { said: header.records, held: lines.len() });
    }
    Ok(Whole { header, lines, trailer })
}

/// The checksum of a backup's lines.
#[must_use]
pub fn checksum(body: &[u8]) -> String {
    hex(&Sha256::digest(body))
}

/// A digest as a checksum is written.
#[must_use]
pub fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The first line without its end, and what comes after; `None`: no line ends here.
fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    Some((bytes.get(..end)?, bytes.get(end + 1..)?))
}

/// Where the last line begins, if the text ends with one.
fn last_line_at(bytes: &[u8]) -> Option<usize> {
    let before_end = bytes.strip_suffix(b"\n")?;
    before_end.iter().rposition(|byte| *byte == b'\n').map(|at| at + 1)
}
