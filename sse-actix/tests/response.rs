//! What only Actix has.

use std::rc::Rc;

use actix_web::Responder as _;
use actix_web::body::to_bytes;
use actix_web::test::TestRequest;
use futures_util::{StreamExt as _, stream};
use sse_actix::{Event, Sse};

#[actix_web::test]
async fn a_source_need_not_be_send() {
    let texts = Rc::new(["hello"]);
    let source = stream::iter(0..1).map(move |at| Event::new(texts[at]));
    let response = Sse::new(source).respond_to(&TestRequest::default().to_http_request());
    let body = to_bytes(response.into_body()).await.unwrap();
    assert_eq!(body, ":\n\ndata: hello\n\n");
}
