//! A form with a file in it, as browsers send one (`multipart/form-data`, RFC 7578): read whole, bounded in bytes, parts
//! and time.

use std::time::Duration;

use actix_multipart::Multipart;
use actix_web::{HttpRequest, web::Payload};
use futures_util::StreamExt;

use super::{problem::Problem, view::words::t};

/// The largest form, its file included.
pub const BYTES_MAX: usize = 16 << 20;
/// Forms of ours have fewer parts.
const PARTS_MAX: usize = 20;
const TIME_MAX: Duration = Duration::from_secs(120);

/// What was sent under a name.
pub struct Part {
    pub name: String,
    /// What the file was called, where it is one.
    pub file: Option<String>,
    pub bytes: Vec<u8>,
}

/// The parts of a form, by name.
pub struct FormData(Vec<Part>);

impl FormData {
    /// A field's text; "" without one.
    pub fn text(&self, name: &str) -> String {
        let found = self.0.iter().find(|part| part.name == name);
        found.map_or(String::new(), |part| String::from_utf8_lossy(&part.bytes).trim().to_owned())
    }

    /// A file that was chosen, and is not empty.
    pub fn file(&self, name: &str) -> Option<&Part> {
        self.0.iter().find(|part| part.name == name && part.file.is_some() && !part.bytes.is_empty())
    }
}

/// Reads a form. `Problem::Wrong` says what is wrong with it as a whole.
pub async fn read(request: &HttpRequest, payload: Payload) -> Result<FormData, Problem> {
    let reading = collect(Multipart::new(request.headers(), payload));
    match tokio::time::timeout(TIME_MAX, reading).await {
        Ok(read) => read.map(FormData).map_err(|why| Problem::Wrong(vec![why])),
        Err(_) => Err(Problem::Wrong(vec![t("It took too long to arrive.").to_owned()])),
    }
}

async fn collect(mut form: Multipart) -> Result<Vec<Part>, String> {
    let broken = || t("The form did not arrive whole.").to_owned();
    let (mut parts, mut left) = (Vec::new(), BYTES_MAX);
    while let Some(field) = form.next().await {
        let mut field = field.map_err(|_| broken())?;
        if parts.len() == PARTS_MAX {
            return Err(broken());
        }
        let name = field.name().unwrap_or_default().to_owned();
        let file = field.content_disposition().and_then(|told| told.get_filename()).map(str::to_owned);
        let mut bytes = Vec::new();
        while let Some(chunk) = field.next().await {
            let chunk = chunk.map_err(|_| broken())?;
            left = left.checked_sub(chunk.len()).ok_or_else(|| {
                t("The file is larger than 16 MB: upload it in parts, or use the command line.").to_owned()
            })?;
            bytes.extend_from_slice(&chunk);
        }
        parts.push(Part { name, file, bytes });
    }
    Ok(parts)
}
