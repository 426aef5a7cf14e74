//! A request to the upstream, until its headers are there.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use http::header::RETRY_AFTER;
use http::{HeaderMap, Method, StatusCode};
use reqwest::{Body, Request, Response, Url};
use tokio::time::{Instant, sleep, sleep_until};

use crate::error::Chain;
use crate::refusal::Refusal;
use crate::request_body::Upload;
use crate::upstream::Parts;

/// How long a cold upstream is left alone after the first failure, at most; then twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What is sent up.
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    /// Nothing where the request has no body.
    pub(crate) body: Option<Body>,
    pub(crate) upload: Arc<Upload>,
}

/// Sends a request, again while the upstream is cold and it does no harm.
pub(crate) async fn send(parts: &Parts, outgoing: Outgoing) -> Result<Response, Refusal> {
    let Outgoing { method, url, headers, mut body, upload } = outgoing;
    let is_repeatable = method.is_safe() && body.is_none();
    let time = parts.cold_start.filter(|_| is_repeatable);
    let give_up = time.and_then(|time| Instant::now().checked_add(time));
    let mut pause = FIRST_PAUSE;
    loop {
        let mut request = Request::new(method.clone(), url.clone());
        *request.headers_mut() = headers.clone();
        *request.body_mut() = body.take();
        let result = attempt(parts, request, &upload).await;
        let Some(give_up) = give_up.filter(|_| is_cold(&result)) else {
            return result;
        };
        let wait = retry_after(&result).unwrap_or_else(|| pause.mul_f64(fastrand::f64()));
        pause = (pause * 2).min(LONGEST_PAUSE);
        if Instant::now() + wait >= give_up {
            return result;
        }
        tracing::debug!(path = url.path(), ?wait, "upstream is cold");
        // What it said goes before the pause: its connection is not kept for that.
        drop(result);
        sleep(wait).await;
    }
}

async fn attempt(parts: &Parts, request: Request, upload: &Upload) -> Result<Response, Refusal> {
    let path = request.url().path().to_owned();
    let answer = pin!(parts.client.execute(request));
    let timer = pin!(header_timer(upload, parts.header_timeout));
    match select(answer, timer).await {
        Either::Left((Ok(response), _)) => Ok(response),
        Either::Left((Err(_), _)) if upload.is_failed() => Err(Refusal::RequestBroken),
        Either::Left((Err(error), _)) => {
            let is_connect = error.is_connect();
            // The URL holds the client's query: not for a log.
            let error = error.without_url();
            tracing::warn!(path, error = %Chain(&error), "upstream failed");
            Err(if is_connect { Refusal::UpstreamUnreachable } else { Refusal::UpstreamLost })
        }
        Either::Right(_) if !upload.is_sent() => Err(Refusal::RequestTimeout),
        Either::Right(_) => {
            tracing::warn!(path, "upstream did not answer in time");
            Err(Refusal::UpstreamTimeout)
        }
    }
}

/// Runs out when nothing has gone up for `timeout`.
async fn header_timer(upload: &Upload, timeout: Duration) {
    let began = Instant::now();
    loop {
        let Some(deadline) = upload.last().max(began).checked_add(timeout) else {
            return std::future::pending().await;
        };
        if Instant::now() >= deadline {
            return;
        }
        sleep_until(deadline).await;
    }
}

fn is_cold(result: &Result<Response, Refusal>) -> bool {
    match result {
        Ok(response) => matches!(
            response.status(),
            StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
        ),
        Err(refusal) => matches!(
            refusal,
            Refusal::UpstreamUnreachable | Refusal::UpstreamLost | Refusal::UpstreamTimeout
        ),
    }
}

/// Source: RFC 9110 §10.2.3; a date is taken for no answer.
fn retry_after(result: &Result<Response, Refusal>) -> Option<Duration> {
    let value = result.as_ref().ok()?.headers().get(RETRY_AFTER)?;
    let seconds = value.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}
