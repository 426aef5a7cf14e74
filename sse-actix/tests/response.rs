//! What only Actix has.

use std::rc::Rc;

use actix_web::body::to_bytes;
use actix_web::http::Method;
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::{App, Responder as _, web};
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

#[actix_web::test]
async fn a_route_for_get_takes_no_head() {
    let hello = async || Sse::new(stream::iter([Event::new("hello")]));
    let app = App::new()
        .route("/route", web::get().to(hello))
        .service(web::resource("/resource").route(web::get().to(hello)))
        .service(web::resource("/both").route(web::get().to(hello)).route(web::head().to(hello)));
    let app = init_service(app).await;
    for (path, status) in [("/route", 404), ("/resource", 405), ("/both", 200)] {
        let head = TestRequest::with_uri(path).method(Method::HEAD).to_request();
        assert_eq!(call_service(&app, head).await.status(), status, "{path}");
    }
}
