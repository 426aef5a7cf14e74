//! Each rule of the proxy in each combination: mounted in Axum and in Actix, HTTP/1.1 and HTTP/2
//! towards the client and towards the upstream. What the bytes on the wire are is in `wire`.

mod ends;
mod refusals;
mod resume;
mod rig;
mod stream;
