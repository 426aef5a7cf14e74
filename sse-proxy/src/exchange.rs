//! A request to the upstream, until its headers are there.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::future::{Either, select};
use http::{HeaderMap, Method, StatusCode};
use reqwest::{Body, Request, Response, Url};
use sse_core::{Backoff, retry_after};
use tokio::time::{Instant, sleep, sleep_until};

use crate::error::Chain;
use crate::refusal::Refusal;
use crate::request_body::Upload;
use crate::upstream::Parts;

/// How long a cold upstream is left alone at the least, and what no pause of ours goes beyond.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
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
///
/// An upstream that refuses for now is an answer like any other.
pub(crate) async fn send(parts: &Parts, outgoing: Outgoing) -> Result<Response, Refusal> {
    let Outgoing { method, url, headers, mut body, upload } = outgoing;
    let is_repeatable = method.is_safe() && body.is_none();
    let patience = parts.cold_start.filter(|_| is_repeatable);
    let began = Instant::now();
    let mut backoff =
        Backoff::new().reconnection_time(SHORTEST_PAUSE).bounds(SHORTEST_PAUSE, LONGEST_PAUSE);
    loop {
        let mut request = Request::new(method.clone(), url.clone());
        *request.headers_mut() = headers.clone();
        *request.body_mut() = body.take();
        let result = attempt(parts, request, &upload).await;
        let Some(patience) = patience.filter(|_| is_cold(&result)) else {
            return result;
        };
        let answer = result.as_ref().ok();
        let retry_after = answer.and_then(|it| retry_after(it.headers(), SystemTime::now()));
        let wait = next_wait(&mut backoff, retry_after, fastrand::f64());
        let Some(wait) = wait.filter(|wait| began.elapsed().saturating_add(*wait) < patience)
        else {
            return result;
        };
        tracing::debug!(path = url.path(), ?wait, "upstream is cold");
        // What it said goes before the pause: its connection is not kept for that.
        drop(result);
        sleep(wait).await;
    }
}

/// What the upstream asked for, and a pause by chance on top, so that it is neither hammered nor met by
/// everyone at once.
fn next_wait(
    backoff: &mut Backoff,
    retry_after: Option<Duration>,
    chance: f64,
) -> Option<Duration> {
    let pause = backoff.next_wait(Instant::now().into_std(), chance)?;
    Some(retry_after.unwrap_or_default().saturating_add(pause))
}

async fn attempt(parts: &Parts, request: Request, upload: &Upload) -> Result<Response, Refusal> {
    let path = request.url().path().to_owned();
    let result = execute(parts, request, upload, &path).await;
    result.inspect_err(|refusal| refusal.count(&path))
}

async fn execute(
    parts: &Parts,
    request: Request,
    upload: &Upload,
    path: &str,
) -> Result<Response, Refusal> {
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
        Either::Right(_) if upload.is_awaited() => Err(Refusal::RequestTimeout),
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

/// The statuses of a service that is not there for now.
pub(crate) fn is_unavailable(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
    )
}

fn is_cold(result: &Result<Response, Refusal>) -> bool {
    match result {
        Ok(response) => is_unavailable(response.status()),
        Err(refusal) => matches!(
            refusal,
            Refusal::UpstreamUnreachable | Refusal::UpstreamLost | Refusal::UpstreamTimeout
        ),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::FutureExt;
    use futures_util::future::poll_fn;
    use http_body::{Body as _, Frame, SizeHint};

    use super::*;
    use crate::request_body::RequestBody;

    /// A body of three bytes, one in 9 s.
    struct Slow(u8, std::pin::Pin<Box<tokio::time::Sleep>>);

    impl http_body::Body for Slow {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            if self.0 == 0 {
                return std::task::Poll::Ready(None);
            }
            std::task::ready!(self.1.poll_unpin(cx));
            self.1 = Box::pin(sleep(Duration::from_secs(9)));
            self.0 -= 1;
            std::task::Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(self.0.into())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_for_headers_begins_with_the_last_byte_of_the_request() {
        let began = Instant::now();
        let slow = Slow(3, Box::pin(sleep(Duration::from_secs(9))));
        let (body, upload) = RequestBody::new(slow);
        let mut body = pin!(body);
        let sending = async { while poll_fn(|cx| body.as_mut().poll_frame(cx)).await.is_some() {} };
        let timer = header_timer(&upload, Duration::from_secs(10));
        let (mut timer, mut sending) = (pin!(timer), pin!(sending));
        let first = select(timer.as_mut(), sending.as_mut()).await;
        assert!(matches!(first, Either::Right(_)));
        assert_eq!(began.elapsed(), Duration::from_secs(27));
        assert!(upload.is_sent() && !upload.is_failed());
        timer.await;
        assert_eq!(began.elapsed(), Duration::from_secs(37));
    }

    #[test]
    fn clients_that_were_told_the_same_time_do_not_come_back_together() {
        let backoff =
            Backoff::new().reconnection_time(SHORTEST_PAUSE).bounds(SHORTEST_PAUSE, LONGEST_PAUSE);
        let wait = |seconds, chance| {
            let retry_after = Some(Duration::from_secs(seconds));
            next_wait(&mut backoff.clone(), retry_after, chance).unwrap()
        };
        assert_eq!(wait(7, 0.0), Duration::from_millis(7_100));
        assert_eq!(wait(7, 1.0), Duration::from_millis(7_200));
        assert_eq!(wait(0, 0.0), SHORTEST_PAUSE);
        assert!(wait(u64::MAX, 1.0) > Duration::from_secs(u64::MAX - 1));
    }
}
