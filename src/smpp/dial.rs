//! The connection to a message centre. The addresses of its name are looked up once, judged, and then connected to as they
//! are, so that no name can lead elsewhere between the two. Nothing of a text has left while this fails.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

use rustls::{ClientConfig, pki_types::ServerName};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use super::Bind;
use crate::http::{HttpError, is_public};

pub trait Line: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Line for T {}

pub async fn dial(bind: &Bind) -> Result<Box<dyn Line>, HttpError> {
    let not_sent = |why: &str| HttpError::NotSent(why.to_owned());
    let found = tokio::net::lookup_host((bind.host.as_str(), bind.port)).await;
    let found: Vec<SocketAddr> = found.map_err(|_| not_sent("the message centre's name is not known"))?.collect();
    if !bind.private && found.iter().any(|address| !is_public(address.ip())) {
        return Err(HttpError::NotAllowed("the name leads into a private network".to_owned()));
    }
    let stream = TcpStream::connect(found.as_slice()).await.map_err(|_| not_sent("no connection"))?;
    // Small packets that somebody waits for.
    let _ = stream.set_nodelay(true);
    if !bind.tls {
        return Ok(Box::new(stream));
    }
    let name = ServerName::try_from(bind.host.clone()).map_err(|_| not_sent("the name cannot be in a certificate"))?;
    let connector = TlsConnector::from(tls().ok_or_else(|| not_sent("TLS has no certificates to trust"))?);
    let stream = connector.connect(name, stream).await.map_err(|_| not_sent("TLS was refused"))?;
    Ok(Box::new(stream))
}

/// The certificates the machine trusts, as for HTTP.
fn tls() -> Option<Arc<ClientConfig>> {
    static CONFIG: OnceLock<Option<Arc<ClientConfig>>> = OnceLock::new();
    let made = || {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
        Some(Arc::new(builder.with_platform_verifier().ok()?.with_no_client_auth()))
    };
    CONFIG.get_or_init(made).clone()
}
