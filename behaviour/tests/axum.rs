//! The suite, on Axum.

#[path = "frameworks/axum.rs"]
mod framework;

use framework::Axum;

behaviour::suite!(super::Axum);
