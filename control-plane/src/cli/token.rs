//! `tollgate token`: what a client does to get a token, for trying things out.

use clap::Args;

use super::{
    Connection,
    output::{Format, print},
    session::{CliError, Credentials, client, log_in},
};

/// Gets a token.
#[derive(Debug, Args)]
pub struct Token {
    #[command(flatten)]
    connection: Connection,
    /// Scope to ask for; may be repeated. Default: all that the client may have.
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// The token endpoint. Default: the admin API's own.
    #[arg(long, env = "TOKEN_URL", value_name = "URL")]
    token_url: Option<String>,
}

pub(super) async fn run(command: Token, out: &mut Vec<u8>) -> Result<(), CliError> {
    let credentials = Credentials::of(&command.connection)?;
    let own = || format!("{}/oauth2/token", command.connection.admin_url.trim_end_matches('/'));
    let url = command.token_url.clone().unwrap_or_else(own);
    let answer = log_in(&client()?, &url, &credentials, &command.scopes).await?;
    match Format::of(&command.connection) {
        Format::Json => Format::Json.record(out, &answer),
        Format::Text => print(out, answer["access_token"].as_str().unwrap_or_default()),
    }
    Ok(())
}
