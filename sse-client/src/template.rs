//! What each attempt sends.

use http::HeaderValue;
use http::header::{ACCEPT, CACHE_CONTROL};
use reqwest::{Client, Request, Url};
use sse_core::{LastEventId, MIME};

use crate::Error;
use crate::connect::is_out_of_reach;

/// The request, once for each endpoint.
#[derive(Debug)]
pub(crate) struct Template {
    pub(crate) client: Client,
    /// Whether redirects to another origin can be followed: the client adds no headers of its own.
    pub(crate) may_leave: bool,
    /// Empty once a body that is a stream is gone.
    requests: Vec<Request>,
}

impl Template {
    pub(crate) fn new(
        client: Client,
        may_leave: bool,
        mut request: Request,
        others: Vec<Url>,
    ) -> Result<Self, Error> {
        let headers = request.headers_mut();
        headers.entry(ACCEPT).or_insert(HeaderValue::from_static(MIME));
        // Source: WHATWG HTML §9.2.2: the cache mode is "no-store", which Fetch §4.5 makes a header.
        headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
        let mut requests = vec![];
        for url in others {
            let copy = request.try_clone();
            let what = "a body that is a stream has no second endpoint";
            let mut other = copy.ok_or_else(|| Error::configuration(what))?;
            *other.url_mut() = url;
            requests.push(other);
        }
        requests.insert(0, request);
        for request in &mut requests {
            check(&client, request)?;
            if may_leave && is_out_of_reach(request.url()) {
                let what = "https needs the feature `tls`, or a client of one's own";
                return Err(Error::configuration(what));
            }
        }
        Ok(Self { client, may_leave, requests })
    }

    /// Whether there is a request to be sent: a body that is a stream is there only once.
    pub(crate) fn is_there(&self) -> bool {
        !self.requests.is_empty()
    }

    /// The request to this endpoint.
    pub(crate) fn request(
        &mut self,
        endpoint: usize,
        last_event_id: Option<HeaderValue>,
    ) -> Option<Request> {
        let copy = self.requests.get(endpoint)?.try_clone();
        let mut request = copy.or_else(|| self.requests.pop())?;
        if let Some(id) = last_event_id {
            request.headers_mut().insert(LastEventId::HEADER, id);
        }
        Some(request)
    }
}

/// Sees to it that the URL is one of HTTP, and makes a header of credentials that are in it.
fn check(client: &Client, request: &mut Request) -> Result<(), Error> {
    const WHAT: &str = "the URL is not one of HTTP";
    if !matches!(request.url().scheme(), "http" | "https") {
        return Err(Error::configuration(WHAT));
    }
    let by_url = client.request(request.method().clone(), request.url().clone()).build();
    let by_url = by_url.map_err(|error| Error::configuration_by(WHAT, error.without_url()))?;
    request.url_mut().clone_from(by_url.url());
    for (name, value) in by_url.headers() {
        request.headers_mut().entry(name).or_insert_with(|| value.clone());
    }
    Ok(())
}
