//! The HTTP client of a source that was given none.

use std::time::Duration;

use reqwest::{Client, redirect, retry};

use crate::Error;

/// How long an unused connection is kept. Node closes one after 5 s; a request that is sent just
/// then is lost, and to connect again costs less.
const POOL_IDLE: Duration = Duration::from_secs(4);

/// When a silent connection is asked whether it is still there.
const PROBE: Duration = Duration::from_secs(15);

/// HTTP/2: how much of a stream may be on its way to a source that is not polled.
const STREAM_WINDOW: u32 = 256 * 1024;

/// What can be set about it.
#[derive(Debug)]
pub(crate) struct ClientSettings {
    pub(crate) connect_timeout: Duration,
    pub(crate) http2: bool,
    #[cfg(feature = "tls")]
    pub(crate) roots: Option<Vec<u8>>,
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            http2: false,
            #[cfg(feature = "tls")]
            roots: None,
        }
    }
}

impl ClientSettings {
    /// A client that does only what it is told: no redirects, no proxy from the environment, no second
    /// try, no cookies, no decompression.
    pub(crate) fn build(&self) -> Result<Client, Error> {
        let mut builder = Client::builder()
            .connect_timeout(self.connect_timeout)
            .tcp_nodelay(true)
            .tcp_keepalive(PROBE)
            .no_proxy()
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .pool_idle_timeout(POOL_IDLE)
            .http2_initial_stream_window_size(STREAM_WINDOW)
            .http2_keep_alive_interval(PROBE)
            .http2_keep_alive_timeout(PROBE);
        if self.http2 {
            builder = builder.http2_prior_knowledge();
        }
        #[cfg(feature = "tls")]
        {
            builder = builder.tls_backend_preconfigured(self.tls()?);
        }
        builder.build().map_err(Error::client)
    }

    /// rustls with ring by name, so that no other provider in the program can make it panic.
    #[cfg(feature = "tls")]
    fn tls(&self) -> Result<rustls::ClientConfig, Error> {
        use std::sync::Arc;

        use rustls_platform_verifier::BuilderVerifierExt;

        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(Error::client)?;
        let builder = match &self.roots {
            Some(pem) => builder.with_root_certificates(root_store(pem)?),
            None => builder.with_platform_verifier().map_err(Error::client)?,
        };
        let mut config = builder.with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        if !self.http2 {
            config.alpn_protocols.push(b"http/1.1".to_vec());
        }
        Ok(config)
    }
}

#[cfg(feature = "tls")]
fn root_store(pem: &[u8]) -> Result<rustls::RootCertStore, Error> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;

    const WHAT: &str = "a certificate could not be read";
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| Error::configuration_by(WHAT, error))?;
        roots.add(certificate).map_err(|error| Error::configuration_by(WHAT, error))?;
    }
    if roots.is_empty() { Err(Error::configuration(WHAT)) } else { Ok(roots) }
}
