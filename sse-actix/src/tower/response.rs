//! The service's response on its way to the client.

use std::error::Error as StdError;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::error::HttpError;
use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse};
use bytes::{Buf, Bytes};
use http::StatusCode;
use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http_body::Body;
use pin_project_lite::pin_project;

use super::BoxError;
use super::request::Pump;
use crate::body::{NoBody, chunk_for};
use crate::convert;

pub(super) fn convert<B>(
    request: &HttpRequest,
    response: http::Response<B>,
    pump: Pump,
) -> Result<HttpResponse, HttpError>
where
    B: Body + 'static,
    B::Error: Into<BoxError>,
{
    let (parts, body) = response.into_parts();
    let length = || parts.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok();
    let body = if request.method() == Method::HEAD {
        // The length is that of the body that a GET would have, which only the header tells.
        NoBody(length().map_or(BodySize::Stream, BodySize::Sized)).boxed()
    } else {
        ResponseBody {
            size: size(parts.status, &body),
            body,
            pump,
            failure: None,
            unflushed: false,
        }
        .boxed()
    };
    let mut response = HttpResponse::with_body(convert::status(parts.status)?, body);
    for (name, value) in &parts.headers {
        if ![CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING].contains(name) {
            convert::append(response.headers_mut(), name, value)?;
        }
    }
    chunk_for(&mut response, request.version());
    Ok(response)
}

fn size(status: StatusCode, body: &impl Body) -> BodySize {
    if matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        BodySize::None
    } else if body.is_end_stream() {
        BodySize::Sized(0)
    } else {
        body.size_hint().exact().map_or(BodySize::Stream, BodySize::Sized)
    }
}

pin_project! {
    /// The service's body, which keeps the request's body moving.
    struct ResponseBody<B> {
        #[pin]
        body: B,
        size: BodySize,
        pump: Pump,
        failure: Option<Box<dyn StdError>>,
        // Whether a chunk has been given that Actix may not have written yet.
        unflushed: bool,
    }
}

impl<B> MessageBody for ResponseBody<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Error = Box<dyn StdError>;

    fn size(&self) -> BodySize {
        self.size
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let mut this = self.project();
        this.pump.poll(cx);
        if let Some(error) = this.failure.take() {
            return Poll::Ready(Some(Err(error)));
        }
        loop {
            let Poll::Ready(frame) = this.body.as_mut().poll_frame(cx) else {
                *this.unflushed = false;
                return Poll::Pending;
            };
            match frame {
                None => return Poll::Ready(None),
                Some(Ok(frame)) => {
                    let Ok(mut data) = frame.into_data() else { continue };
                    // An empty chunk would be the last one.
                    if data.has_remaining() {
                        *this.unflushed = true;
                        return Poll::Ready(Some(Ok(data.copy_to_bytes(data.remaining()))));
                    }
                }
                // Actix writes what it has only once the body is pending, so an error at once would
                // cost the client the chunks before it.
                Some(Err(error)) if std::mem::take(this.unflushed) => {
                    *this.failure = Some(error.into() as Box<dyn StdError>);
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Some(Err(error)) => {
                    return Poll::Ready(Some(Err(error.into() as Box<dyn StdError>)));
                }
            }
        }
    }
}
