//! `tollgate nodes`.

use clap::Args;

use super::{
    Connection,
    session::{CliError, Session},
};

/// Lists the Envoys.
#[derive(Debug, Args)]
pub struct Nodes {
    #[command(flatten)]
    connection: Connection,
}

const COLUMNS: [(&str, &str); 6] = [
    ("NODE", "/nodeId"),
    ("CONNECTED", "/connected"),
    ("SINCE", "/connectedAt"),
    ("STREAM", "/stream"),
    ("GENERATION", "/ackedGeneration"),
    ("LAST REFUSAL", "/lastNack/reason"),
];

pub(super) async fn run(command: Nodes, out: &mut Vec<u8>) -> Result<(), CliError> {
    let session = Session::open(&command.connection).await?;
    session.format.list(out, &session.get("/admin/nodes").await?, "nodes", &COLUMNS);
    Ok(())
}
