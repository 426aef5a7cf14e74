//! An HTTP client that does only what it is told.

use std::fmt;
use std::time::Duration;

use reqwest::{Client, ClientBuilder, redirect, retry};

use crate::Error;

/// How long an unused connection is kept. Node closes one after 5 s; a request that is sent just
/// then is lost, and to connect again costs less.
const POOL_IDLE: Duration = Duration::from_secs(4);

/// When a silent connection is asked whether it is still there.
const PROBE: Duration = Duration::from_secs(15);

/// HTTP/2: the most there is, so that streams that are not read never hold up the others that share
/// their connection.
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;

/// The settings of a `reqwest::Client` that does only what it is told: no redirects, no proxy from the
/// environment, no second try, no cookies, no decompression, whatever else of reqwest the program
/// turns on. A source that is given no client makes one of these.
///
/// With the feature `tls` it speaks `https` by rustls with ring, and looks for no provider elsewhere.
///
/// ```
/// use std::time::Duration;
/// use sse_client::{EventSource, HttpClient};
///
/// let client = HttpClient::new().connect_timeout(Duration::from_secs(2)).build()?;
/// let one = EventSource::builder("http://127.0.0.1:3000/one").client(client.clone()).build()?;
/// let two = EventSource::builder("http://127.0.0.1:3000/two").client(client).build()?;
/// # Ok::<(), sse_client::Error>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct HttpClient {
    connect_timeout: Duration,
    stream_window: u32,
    http2: bool,
    #[cfg(feature = "tls")]
    roots: Option<Vec<u8>>,
}

impl HttpClient {
    /// The defaults.
    pub fn new() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            stream_window: 256 * 1024,
            http2: false,
            #[cfg(feature = "tls")]
            roots: None,
        }
    }

    /// How long a connection may take to come about, TLS included; 10 s by default.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// HTTP/2: how many bytes of a response may be on their way to someone who does not read; 256 KiB
    /// by default.
    pub fn stream_window(mut self, bytes: u32) -> Self {
        self.stream_window = bytes;
        self
    }

    /// HTTP/2 without asking, also without TLS. Not by default: with TLS the server chooses.
    pub fn http2_prior_knowledge(mut self, wanted: bool) -> Self {
        self.http2 = wanted;
        self
    }

    /// The certificates to trust in place of the platform's, as PEM.
    #[cfg(feature = "tls")]
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots = Some(pem.into());
        self
    }

    /// The client. No connection is made.
    ///
    /// # Errors
    ///
    /// [`is_configuration`](Error::is_configuration) when a certificate was refused,
    /// [`is_client`](Error::is_client) when the client could not be made.
    pub fn build(&self) -> Result<Client, Error> {
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
            .http2_initial_stream_window_size(self.stream_window)
            .http2_initial_connection_window_size(CONNECTION_WINDOW)
            .http2_keep_alive_interval(PROBE)
            .http2_keep_alive_timeout(PROBE);
        if self.http2 {
            builder = builder.http2_prior_knowledge();
        }
        self.finish(builder)
    }

    #[cfg(feature = "tls")]
    fn finish(&self, builder: ClientBuilder) -> Result<Client, Error> {
        builder.tls_backend_preconfigured(self.tls()?).build().map_err(Error::client)
    }

    /// reqwest panics where another crate of the program has turned on its `rustls-no-provider` and none
    /// was installed, and there is no way to ask before.
    #[cfg(not(feature = "tls"))]
    fn finish(&self, builder: ClientBuilder) -> Result<Client, Error> {
        const WHAT: &str = "reqwest was built to want a provider for TLS, and there is none: the \
                            feature `tls` brings one";
        let built = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| builder.build()));
        built.map_err(|_| Error::client(WHAT))?.map_err(Error::client)
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

impl Default for HttpClient {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient")
            .field("connect_timeout", &self.connect_timeout)
            .field("stream_window", &self.stream_window)
            .field("http2_prior_knowledge", &self.http2)
            .finish_non_exhaustive()
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
