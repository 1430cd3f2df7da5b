//! Style sheets, scripts and the icon, as they were when the binary was built. Each is known by a hash of its content:
//! a browser that asks again with that hash is told that it has the newest.

use std::borrow::Cow;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, EntityTag},
};
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};

use super::problem::Problem;

#[derive(RustEmbed)]
#[folder = "assets/css"]
#[prefix = "css/"]
struct Styles;

#[derive(RustEmbed)]
#[folder = "assets/js"]
#[prefix = "js/"]
struct Scripts;

const ICON: &[u8] = include_bytes!("../../assets/icon.svg");

/// A day without asking, unless the address names the content (`?v=` and the start of its hash): then for good.
const FRESH: &str = "public, max-age=86400";
const FOR_GOOD: &str = "public, max-age=31536000, immutable";
const HASH_CHARS: usize = 16;

pub async fn show(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let path = request.match_info().get("path").unwrap_or_default();
    let bytes = find(path).ok_or(Problem::NotFound)?;
    let hash = hash(&bytes);
    let tag = EntityTag::new_strong(hash.clone());
    let hashed = request.query_string() == format!("v={hash}");
    let known = request.headers().get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let unchanged = known.is_some_and(|known| known.contains(&format!("\"{hash}\"")));
    let mut answer = if unchanged { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    answer
        .insert_header(header::ETag(tag))
        .insert_header((header::CACHE_CONTROL, if hashed { FOR_GOOD } else { FRESH }))
        .content_type(kind(path));
    Ok(if unchanged { answer.finish() } else { answer.body(bytes.into_owned()) })
}

fn find(path: &str) -> Option<Cow<'static, [u8]>> {
    if path == "icon.svg" {
        return Some(ICON.into());
    }
    Styles::get(path).or_else(|| Scripts::get(path)).map(|file| file.data)
}

fn hash(bytes: &[u8]) -> String {
    let mut hash = data_encoding::HEXLOWER.encode(&Sha256::digest(bytes));
    hash.truncate(HASH_CHARS);
    hash
}

fn kind(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}
