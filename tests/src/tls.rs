//! Both ends of a TLS connection, with nothing but rustls between the test and the wire.

use std::{
    io::{self, Read},
    net::{SocketAddr, TcpStream},
    sync::Arc,
};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned, pki_types::ServerName,
};

use crate::{certificates::Identity, wait::PATIENCE};

/// Shakes hands as the server.
///
/// # Errors
/// When the client breaks it off.
pub fn accept(
    config: &Arc<ServerConfig>,
    mut stream: TcpStream,
) -> io::Result<StreamOwned<ServerConnection, TcpStream>> {
    let mut connection = ServerConnection::new(config.clone()).map_err(io::Error::other)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream)?;
    }
    Ok(StreamOwned::new(connection, stream))
}

/// Connects as a client that trusts `roots` and shows `identity`, and waits for the server's first bytes. What the server does not
/// like of a client's certificate it says after the client's part of the handshake (RFC 8446 section 4.4.2.4), so only these tell.
///
/// # Errors
/// When the server breaks the connection off.
///
/// # Panics
/// When there is nobody to talk to, or the identity is none.
pub fn first_bytes(server: SocketAddr, roots: RootCertStore, identity: Option<&Identity>) -> io::Result<Vec<u8>> {
    let config = ClientConfig::builder().with_root_certificates(roots);
    let mut config = match identity.map(Identity::chain_and_key) {
        Some((chain, key)) => config.with_client_auth_cert(chain, key).expect("a certificate with its key"),
        None => config.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    let connection = ClientConnection::new(Arc::new(config), ServerName::from(server.ip())).expect("a configuration");
    let socket = TcpStream::connect(server).unwrap_or_else(|error| panic!("{server}: {error}"));
    socket.set_read_timeout(Some(PATIENCE))?;
    let mut bytes = vec![0; 64];
    let count = StreamOwned::new(connection, socket).read(&mut bytes)?;
    bytes.truncate(count);
    Ok(bytes)
}
