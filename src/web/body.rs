//! Reading a body: bounded in bytes and in time as a whole, so that no client can hold us by sending much or slowly.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use actix_web::{
    HttpRequest,
    body::{BodySize, MessageBody},
    http::header,
    web::{Bytes, Payload},
};
use futures_util::StreamExt;

use super::Limits;

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    TooLarge,
    TooSlow,
    /// Compressed: what is signed would not be what is checked.
    Encoded,
    /// It ended early or was not HTTP.
    Broken,
}

pub async fn read(request: &HttpRequest, payload: &mut Payload, limits: &Limits) -> Result<Vec<u8>, Unread> {
    let header = |name| request.headers().get(name).map(|value| value.to_str().unwrap_or("?").trim());
    if header(header::CONTENT_ENCODING).is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return Err(Unread::Encoded);
    }
    let announced = header(header::CONTENT_LENGTH).and_then(|length| length.parse::<usize>().ok());
    if announced.is_some_and(|bytes| bytes > limits.body_bytes_max) {
        return Err(Unread::TooLarge);
    }
    let reading = collect(payload, limits.body_bytes_max, announced.unwrap_or(0));
    tokio::time::timeout(limits.body_time_max, reading).await.unwrap_or(Err(Unread::TooSlow))
}

async fn collect(payload: &mut Payload, bytes_max: usize, announced: usize) -> Result<Vec<u8>, Unread> {
    let mut body = Vec::with_capacity(announced.min(bytes_max));
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Unread::Broken)?;
        if body.len() + chunk.len() > bytes_max {
            return Err(Unread::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The last words to a client whose body was not read. They hold on to what is left of it: were it dropped before they
/// are said, the server would go on reading a chunked body for as long as the client cares to send one.
pub struct LastWords {
    said: Bytes,
    _unread: Payload,
}

impl LastWords {
    pub fn new(said: impl Into<Bytes>, unread: Payload) -> LastWords {
        LastWords { said: said.into(), _unread: unread }
    }
}

impl MessageBody for LastWords {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.said.len() as u64)
    }

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        let said = std::mem::take(&mut self.said);
        Poll::Ready((!said.is_empty()).then_some(Ok(said)))
    }
}
