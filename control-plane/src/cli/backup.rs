//! `tollgate backup`: the registry into a file, which is there whole or not at all.

use std::path::PathBuf;

use clap::Args;

use super::{
    Connection, output,
    session::{CliError, Session},
};
use crate::{backup, secrets::write_private};

/// Where to.
#[derive(Debug, Args)]
pub struct Backup {
    #[command(flatten)]
    connection: Connection,
    /// The file to write; it must not be there yet. Only its owner can read it.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

pub(super) async fn run(command: Backup, out: &mut Vec<u8>) -> Result<(), CliError> {
    let file = command.output;
    if file.exists() {
        return Err(CliError::Usage(format!("{} is there already: a backup overwrites nothing", file.display())));
    }
    let session = Session::open(&command.connection).await?;
    let bytes = session.bytes("/admin/backup").await?;
    // A connection that breaks is one thing; a proxy that ends the answer early and says that all is well is another.
    let whole = backup::read(&bytes).map_err(|error| CliError::Refused(format!("what the server sent {error}")))?;
    write_private(&file, &bytes)
        .map_err(|error| CliError::Usage(format!("{} cannot be written: {error}", file.display())))?;
    let (records, generation) = (whole.header.records, whole.header.generation);
    let sentence = format!("{records} records of generation {generation} are in {}", file.display());
    output::print(out, &sentence);
    Ok(())
}
