//! The HTTP client that all routes of an upstream share.

use std::time::Duration;

use reqwest::{Client, redirect, retry};

use crate::error::{Error, Kind};

/// How long an unused connection is kept. Node closes one after 5 s; a request that is sent just
/// then is lost, and to connect again costs less.
const POOL_IDLE: Duration = Duration::from_secs(4);

/// HTTP/2: what one stream may have on its way to a client that does not read.
const STREAM_WINDOW: u32 = 64 * 1024;

/// HTTP/2: the most there is, so that clients that do not read never hold up the others that share
/// their connection.
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;

/// A client that does only what it is told: no redirects, no proxy from the environment, no second
/// try, no cookies, no decompression.
pub(crate) fn build(
    connect_timeout: Duration,
    http2: bool,
    #[cfg(feature = "tls")] roots: Option<&[u8]>,
) -> Result<Client, Error> {
    let mut builder = Client::builder()
        .connect_timeout(connect_timeout)
        .tcp_nodelay(true)
        .no_proxy()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .pool_idle_timeout(POOL_IDLE)
        .http2_initial_stream_window_size(STREAM_WINDOW)
        .http2_initial_connection_window_size(CONNECTION_WINDOW)
        .http2_keep_alive_interval(Duration::from_secs(15))
        .http2_keep_alive_timeout(Duration::from_secs(20));
    if http2 {
        builder = builder.http2_prior_knowledge();
    }
    #[cfg(feature = "tls")]
    {
        builder = builder.tls_backend_preconfigured(tls(http2, roots)?);
    }
    builder.build().map_err(|error| Error::with_source(Kind::Client, error))
}

/// rustls with ring by name, so that no other provider in the program can make it panic.
#[cfg(feature = "tls")]
fn tls(http2: bool, roots: Option<&[u8]>) -> Result<rustls::ClientConfig, Error> {
    use std::sync::Arc;

    use rustls_platform_verifier::BuilderVerifierExt;

    let failed = |error| Error::with_source(Kind::Client, error);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(failed)?;
    let builder = match roots {
        Some(pem) => builder.with_root_certificates(root_store(pem)?),
        None => builder.with_platform_verifier().map_err(failed)?,
    };
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    if !http2 {
        config.alpn_protocols.push(b"http/1.1".to_vec());
    }
    Ok(config)
}

#[cfg(feature = "tls")]
fn root_store(pem: &[u8]) -> Result<rustls::RootCertStore, Error> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;

    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate =
            certificate.map_err(|error| Error::with_source(Kind::Certificate, error))?;
        roots.add(certificate).map_err(|error| Error::with_source(Kind::Certificate, error))?;
    }
    if roots.is_empty() { Err(Error::new(Kind::Certificate)) } else { Ok(roots) }
}
