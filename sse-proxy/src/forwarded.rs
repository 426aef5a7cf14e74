//! Telling the upstream who asked.

use std::fmt::Write as _;
use std::net::IpAddr;

use http::header::{FORWARDED, HOST};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, request};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// What becomes of the request's own word on where it came from, when the upstream is told.
///
/// [`UpstreamBuilder::x_forwarded`](crate::UpstreamBuilder::x_forwarded) and
/// [`UpstreamBuilder::forwarded`](crate::UpstreamBuilder::forwarded) take it. Without them, neither
/// is passed or set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forwarded {
    /// It is thrown away: for a front that clients reach directly, since anyone can write it.
    Replace,
    /// It stays, and the front's own is put after it: for a front that only a trusted proxy can
    /// reach.
    Append,
}

/// The other end of the front's connection, which the proxy cannot see: put it into the request's
/// extensions by a layer of the front.
///
/// ```
/// use std::net::SocketAddr;
/// use axum::extract::{ConnectInfo, Request};
/// use axum::middleware::map_request;
/// use sse_proxy::Peer;
///
/// async fn tell(ConnectInfo(peer): ConnectInfo<SocketAddr>, mut request: Request) -> Request {
///     request.extensions_mut().insert(Peer::new(peer.ip()));
///     request
/// }
/// # let _: axum::Router = axum::Router::new()
/// // ...
/// .layer(map_request(tell))
/// # ;
/// ```
///
/// In Actix `sse_actix::tower_with` is the place for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    addr: IpAddr,
    is_https: bool,
}

impl Peer {
    /// The peer at this address, that came by `http`.
    pub fn new(addr: impl Into<IpAddr>) -> Self {
        Self { addr: addr.into(), is_https: false }
    }

    /// It came by `https`.
    #[must_use]
    pub fn with_https(mut self) -> Self {
        self.is_https = true;
        self
    }
}

/// Which of the two ways of telling are used.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Telling {
    pub(crate) x_forwarded: Option<Forwarded>,
    pub(crate) forwarded: Option<Forwarded>,
}

impl Telling {
    /// Sets the headers for the upstream. A part that is not known, or that no header can hold, is
    /// left out.
    pub(crate) fn tell(self, from: &request::Parts, to: &mut HeaderMap) {
        let peer = from.extensions.get::<Peer>().copied();
        let proto = peer.map(|peer| if peer.is_https { "https" } else { "http" });
        let host = host(from);
        if let Some(rule) = self.x_forwarded {
            let addr = peer.map(|peer| peer.addr.to_string());
            extend(rule, &from.headers, to, X_FORWARDED_FOR, addr.as_deref());
            keep_first(rule, &from.headers, to, X_FORWARDED_HOST, host.as_deref());
            keep_first(rule, &from.headers, to, X_FORWARDED_PROTO, proto);
        }
        if let Some(rule) = self.forwarded {
            let element = element(peer.map(|peer| peer.addr), host.as_deref(), proto);
            extend(rule, &from.headers, to, FORWARDED, Some(&element));
        }
    }
}

/// What the client called the front: only what is a host, and perhaps a port.
fn host(from: &request::Parts) -> Option<String> {
    let header = || from.headers.get(HOST)?.to_str().ok()?.parse::<Authority>().ok();
    let authority = from.uri.authority().cloned().or_else(header)?;
    let text = authority.as_str();
    (!text.contains('@')).then(|| text.to_owned())
}

/// A list that grows by one at each proxy.
fn extend(
    rule: Forwarded,
    from: &HeaderMap,
    to: &mut HeaderMap,
    name: HeaderName,
    own: Option<&str>,
) {
    take(rule, from, to, &name);
    if let Some(value) = own.and_then(|own| HeaderValue::try_from(own).ok()) {
        to.append(name, value);
    }
}

/// A fact that the first proxy knows best.
fn keep_first(
    rule: Forwarded,
    from: &HeaderMap,
    to: &mut HeaderMap,
    name: HeaderName,
    own: Option<&str>,
) {
    take(rule, from, to, &name);
    if let Some(value) = own.and_then(|own| HeaderValue::try_from(own).ok())
        && !to.contains_key(&name)
    {
        to.insert(name, value);
    }
}

/// What the request brought, in place of what a list of passed headers may have let through.
fn take(rule: Forwarded, from: &HeaderMap, to: &mut HeaderMap, name: &HeaderName) {
    to.remove(name);
    if rule == Forwarded::Append {
        for value in from.get_all(name) {
            to.append(name.clone(), value.clone());
        }
    }
}

/// Source: RFC 7239 §4 and §6: an IPv6 address, and a host with a port, are quoted.
fn element(addr: Option<IpAddr>, host: Option<&str>, proto: Option<&str>) -> String {
    let mut text = match addr {
        None => "for=unknown".to_owned(),
        Some(IpAddr::V4(addr)) => format!("for={addr}"),
        Some(IpAddr::V6(addr)) => format!("for=\"[{addr}]\""),
    };
    // An authority holds neither a quote nor a backslash.
    if let Some(host) = host {
        let _ = write!(text, ";host=\"{host}\"");
    }
    if let Some(proto) = proto {
        let _ = write!(text, ";proto={proto}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&'static str, &'static str)], peer: Option<Peer>) -> request::Parts {
        let mut request = http::Request::new(());
        for (name, value) in headers {
            request.headers_mut().append(*name, HeaderValue::from_static(value));
        }
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        request.into_parts().0
    }

    fn told(telling: Telling, from: &request::Parts) -> Vec<String> {
        let mut to = HeaderMap::new();
        telling.tell(from, &mut to);
        let mut lines: Vec<_> =
            to.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        lines.sort_unstable();
        lines
    }

    const BROUGHT: [(&str, &str); 5] = [
        ("host", "front.example:8080"),
        ("forwarded", "for=9.9.9.9"),
        ("x-forwarded-for", "9.9.9.9"),
        ("x-forwarded-host", "outer.example"),
        ("x-forwarded-proto", "https"),
    ];

    fn peer() -> Option<Peer> {
        Some(Peer::new([10, 0, 0, 1]))
    }

    #[test]
    fn nothing_is_told_unless_asked() {
        assert!(told(Telling::default(), &request(&BROUGHT, peer())).is_empty());
    }

    #[test]
    fn replacing_throws_away_what_anyone_can_write() {
        let rule = Some(Forwarded::Replace);
        let both = Telling { x_forwarded: rule, forwarded: rule };
        assert_eq!(
            told(both, &request(&BROUGHT, peer())),
            [
                "forwarded: for=10.0.0.1;host=\"front.example:8080\";proto=http",
                "x-forwarded-for: 10.0.0.1",
                "x-forwarded-host: front.example:8080",
                "x-forwarded-proto: http",
            ]
        );
        // Who asked is not known: still nothing of the request's own.
        assert_eq!(
            told(both, &request(&BROUGHT[1..], None)),
            ["forwarded: for=unknown"].map(str::to_owned)
        );
    }

    #[test]
    fn appending_grows_the_lists_and_keeps_the_first_word_on_the_rest() {
        let rule = Some(Forwarded::Append);
        let both = Telling { x_forwarded: rule, forwarded: rule };
        assert_eq!(
            told(both, &request(&BROUGHT, peer().map(Peer::with_https))),
            [
                "forwarded: for=10.0.0.1;host=\"front.example:8080\";proto=https",
                "forwarded: for=9.9.9.9",
                "x-forwarded-for: 10.0.0.1",
                "x-forwarded-for: 9.9.9.9",
                "x-forwarded-host: outer.example",
                "x-forwarded-proto: https",
            ]
        );
        // In the order of the way: the header's own lines, then ours.
        let mut to = HeaderMap::new();
        both.tell(&request(&BROUGHT, peer()), &mut to);
        let way: Vec<_> = to.get_all(X_FORWARDED_FOR).into_iter().collect();
        assert_eq!(way, ["9.9.9.9", "10.0.0.1"]);
    }

    #[test]
    fn an_address_of_ipv6_is_quoted() {
        let peer = Peer::new("2001:db8::1".parse::<IpAddr>().unwrap());
        let telling = Telling { x_forwarded: None, forwarded: Some(Forwarded::Append) };
        let from = request(&[], Some(peer));
        assert_eq!(told(telling, &from), ["forwarded: for=\"[2001:db8::1]\";proto=http"]);
    }

    #[test]
    fn a_host_that_is_none_is_not_told() {
        let telling = Telling { x_forwarded: Some(Forwarded::Replace), forwarded: None };
        for host in ["a\";for=1", "a b", "me@host", "a/b", ""] {
            let from = request(&[("host", host)], None);
            assert!(told(telling, &from).is_empty(), "{host}");
        }
    }
}
