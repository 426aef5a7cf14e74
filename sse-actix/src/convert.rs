//! Between the types of `http` 0.2, which Actix speaks, and those of `http` 1.

use actix_web::error::HttpError as ActixError;
use actix_web::http as actix;
use actix_web::http::header::HeaderMap as ActixHeaderMap;
use http::header::{HeaderMap, HeaderName, HeaderValue};

/// One header of a request, with each of its values.
pub(crate) fn only_header(from: &ActixHeaderMap, name: &HeaderName) -> HeaderMap {
    let mut to = HeaderMap::new();
    for value in from.get_all(name.as_str()) {
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            to.append(name, value);
        }
    }
    to
}

/// Every header; an error where there are more of them than a map can hold.
pub(crate) fn headers(from: &ActixHeaderMap) -> Result<HeaderMap, http::Error> {
    let mut to = HeaderMap::try_with_capacity(from.len())?;
    for (name, value) in from {
        let name = HeaderName::from_bytes(name.as_str().as_bytes())?;
        to.try_append(name, HeaderValue::from_bytes(value.as_bytes())?)?;
    }
    Ok(to)
}

/// The method, of which the two sides have the same grammar.
pub(crate) fn method(from: &actix::Method) -> Result<http::Method, http::Error> {
    Ok(http::Method::from_bytes(from.as_str().as_bytes())?)
}

pub(crate) fn version(from: actix::Version) -> http::Version {
    match from {
        actix::Version::HTTP_09 => http::Version::HTTP_09,
        actix::Version::HTTP_10 => http::Version::HTTP_10,
        actix::Version::HTTP_2 => http::Version::HTTP_2,
        actix::Version::HTTP_3 => http::Version::HTTP_3,
        _ => http::Version::HTTP_11,
    }
}

/// Adds the headers of an answer to those that are there.
pub(crate) fn append(
    to: &mut ActixHeaderMap,
    name: &HeaderName,
    value: &HeaderValue,
) -> Result<(), ActixError> {
    let name = actix::header::HeaderName::from_bytes(name.as_str().as_bytes())?;
    to.append(name, actix::header::HeaderValue::from_bytes(value.as_bytes())?);
    Ok(())
}

pub(crate) fn status(from: http::StatusCode) -> Result<actix::StatusCode, ActixError> {
    Ok(actix::StatusCode::from_u16(from.as_u16())?)
}
