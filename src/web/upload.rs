//! Upload: a form with a file in it (`multipart/form-data`), bounded in bytes and in time as a whole. What is too large is
//! read to its end and thrown away, so that the browser shows our page and not a broken connection; beyond a multiple of
//! the limit nobody is indulged any more.

use std::{collections::BTreeMap, time::Duration};

use actix_multipart::{Field, Multipart};
use actix_web::{HttpRequest, http::StatusCode, web::Payload};
use futures_util::StreamExt;

use super::problem::Problem;

/// What a form with a file said.
#[derive(Debug, Default)]
pub struct Upload {
    /// What was typed beside the file, by name, each once.
    pub fields: BTreeMap<String, String>,
    /// `None` where no file was chosen.
    pub file: Option<File>,
}

#[derive(Debug)]
pub struct File {
    /// As the browser calls it; anybody's words.
    pub name: String,
    /// `None` where the file is larger than may be.
    pub bytes: Option<Vec<u8>>,
}

/// Of one thing that is typed beside a file.
const FIELD_BYTES_MAX: usize = 4 << 10;
const FIELDS_MAX: usize = 40;
const NAME_CHARS_MAX: usize = 120;
/// A slow line needs a while for a few megabytes.
const TIME_MAX: Duration = Duration::from_secs(120);
/// A body this many times as large as its file may be is not even thrown away.
const INDULGED: usize = 4;

/// Reads the form. An error is a body that is no such form, announces far too much, or takes too long.
pub async fn read(request: &HttpRequest, payload: Payload, file_bytes_max: usize) -> Result<Upload, Problem> {
    let bytes_max = file_bytes_max.saturating_mul(INDULGED);
    let announced = request.headers().get("content-length").and_then(|length| length.to_str().ok()?.parse().ok());
    let too_large = || Problem::Unread(StatusCode::PAYLOAD_TOO_LARGE, "the file is far too large");
    if announced.is_some_and(|bytes: usize| bytes > bytes_max) {
        return Err(too_large());
    }
    let form = Multipart::new(request.headers(), payload.take(most_chunks(bytes_max)));
    let reading = tokio::time::timeout(TIME_MAX, collect(form, file_bytes_max)).await;
    reading.map_err(|_| Problem::Unread(StatusCode::REQUEST_TIMEOUT, "the file took too long to arrive"))?
}

/// A body that does not say how long it is ends with so many chunks. Small ones only make it end earlier.
fn most_chunks(bytes: usize) -> usize {
    const CHUNK_BYTES_LEAST: usize = 1 << 10;
    bytes.div_ceil(CHUNK_BYTES_LEAST)
}

async fn collect(mut form: Multipart, file_bytes_max: usize) -> Result<Upload, Problem> {
    let broken = || Problem::Unread(StatusCode::BAD_REQUEST, "this is no form with a file");
    let mut upload = Upload::default();
    let mut seen = 0;
    while let Some(part) = form.next().await {
        let mut part = part.map_err(|_| broken())?;
        seen += 1;
        if seen > FIELDS_MAX {
            return Err(broken());
        }
        let Some(name) = part.name().map(str::to_owned) else { return Err(broken()) };
        match file_name(&part) {
            Some(called) => {
                let bytes = match part.bytes(file_bytes_max).await {
                    Ok(read) => Some(read.map_err(|_| broken())?.to_vec()),
                    Err(_) => None,
                };
                // A browser sends an empty file without a name where none was chosen.
                let chosen = !called.is_empty() || bytes.as_ref().is_none_or(|bytes| !bytes.is_empty());
                if chosen && upload.file.is_none() {
                    upload.file = Some(File { name: called, bytes });
                }
            }
            None => {
                let typed = part.bytes(FIELD_BYTES_MAX).await.map_err(|_| broken())?.map_err(|_| broken())?;
                upload.fields.entry(name).or_insert_with(|| String::from_utf8_lossy(&typed).trim().to_owned());
            }
        }
    }
    Ok(upload)
}

/// What the file is called, where the part is one.
fn file_name(part: &Field) -> Option<String> {
    let called = part.content_disposition()?.get_filename()?;
    // Some browsers tell where it lies.
    let last = called.rsplit(['/', '\\']).next().unwrap_or_default();
    Some(last.chars().filter(|letter| !letter.is_control()).take(NAME_CHARS_MAX).collect())
}
