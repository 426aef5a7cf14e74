//! One attempt: a request, its redirects, and the head of what answers.

use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, StatusCode, Version};
use http_body_util::BodyExt;
use reqwest::{Client, Request, Response, Url};
use tokio::time::timeout;

use crate::ResponseBody;
use crate::error::{BoxError, Refusal};
use crate::redirect::{self, Next};

/// How much is read of a response that is no stream, and for how long.
const EXCERPT: usize = 8 * 1024;
const EXCERPT_TIME: Duration = Duration::from_secs(1);

/// The head of the response, and its body.
pub(crate) struct Answer {
    pub(crate) url: Url,
    pub(crate) status: StatusCode,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    pub(crate) body: ResponseBody,
}

/// Why there is none.
#[derive(Debug)]
pub(crate) enum Failure {
    /// No connection was made.
    Unreachable(BoxError),
    /// The request was lost.
    Lost(BoxError),
    /// A redirect leads to where the request must not go.
    Redirect(BoxError),
    /// The client will not send it.
    Refused(BoxError),
}

/// Sends `request` and follows its redirects; to another origin only where `may_leave`.
pub(crate) async fn connect(
    client: Client,
    mut request: Request,
    may_leave: bool,
) -> Result<Answer, Failure> {
    let is_safe = request.method().is_safe();
    for hop in 0..=redirect::MAX {
        let again = copy(&request);
        let result = client.execute(request).await.map_err(Failure::of);
        let response = result.map_err(|failure| match failure {
            // The first request was answered: it may have done what it does.
            Failure::Unreachable(error) if hop > 0 && !is_safe => Failure::Lost(error),
            failure => failure,
        })?;
        match redirect::next(response.url(), response.status(), response.headers()) {
            Next::Answer => return Ok(Answer::of(response)),
            Next::Refused(what) => return Err(Failure::Redirect(what.into())),
            Next::Follow(url) => request = follow(again, &response, url, may_leave)?,
        }
    }
    Err(Failure::Redirect("there are too many redirects".into()))
}

/// The request as it can be sent again: without its body, where that is a stream, and whether so.
fn copy(request: &Request) -> (Request, bool) {
    if let Some(again) = request.try_clone() {
        return (again, true);
    }
    let mut again = Request::new(request.method().clone(), request.url().clone());
    again.headers_mut().clone_from(request.headers());
    (again, false)
}

fn follow(
    (mut request, is_whole): (Request, bool),
    response: &Response,
    url: Url,
    may_leave: bool,
) -> Result<Request, Failure> {
    if !redirect::keeps_body(response.status(), request.method()) {
        *request.method_mut() = Method::GET;
        *request.body_mut() = None;
        redirect::without_body(request.headers_mut());
    } else if !is_whole {
        let what = "a redirect asks for the body again, which was a stream";
        return Err(Failure::Redirect(what.into()));
    }
    if url.origin() != response.url().origin() {
        if may_leave && is_out_of_reach(&url) {
            let what = "a redirect leads to https, which needs the feature `tls`";
            return Err(Failure::Redirect(what.into()));
        }
        if !may_leave {
            let what = "a redirect leads to another origin, where the client may send credentials";
            return Err(Failure::Redirect(what.into()));
        }
        redirect::without_credentials(request.headers_mut());
    }
    *request.url_mut() = url;
    Ok(request)
}

/// Whether a client of our own cannot speak to it.
pub(crate) fn is_out_of_reach(url: &Url) -> bool {
    cfg!(not(feature = "tls")) && url.scheme() == "https"
}

impl Failure {
    fn of(error: reqwest::Error) -> Self {
        let kind = if error.is_builder() {
            Self::Refused
        } else if error.is_redirect() {
            Self::Redirect
        } else if error.is_connect() {
            Self::Unreachable
        } else {
            Self::Lost
        };
        kind(error.without_url().into())
    }
}

impl Answer {
    fn of(response: Response) -> Self {
        let url = response.url().clone();
        let (head, body) = ResponseBody::of(response, true).into_parts();
        let (status, version, headers) = (head.status, head.version, head.headers);
        Self { url, status, version, headers, body }
    }

    /// What it says, where it is no stream: the beginning of the body, for a person to read.
    pub(crate) async fn into_refusal(mut self) -> Refusal {
        let mut bytes = vec![];
        let read = async {
            while bytes.len() < EXCERPT {
                match self.body.frame().await {
                    Some(Ok(frame)) => bytes.extend(frame.into_data().unwrap_or_default()),
                    _ => break,
                }
            }
        };
        // What has come by then will do.
        let _ = timeout(EXCERPT_TIME, read).await;
        bytes.truncate(EXCERPT);
        let content_type = self.headers.get(CONTENT_TYPE).map(|value| text(value.as_bytes()));
        Refusal { content_type, body: text(&bytes) }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
