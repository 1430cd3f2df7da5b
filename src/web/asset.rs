//! Style sheets, scripts and the icon, as they were when the binary was built. Each is known by a hash of its content:
//! pages ask for it by that hash, so that a browser keeps it for good and a new binary's is never mistaken for it.

use std::{borrow::Cow, collections::HashMap, sync::LazyLock};

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

/// A day without asking, unless the address names the content: then for good.
const FRESH: &str = "public, max-age=86400";
const FOR_GOOD: &str = "public, max-age=31536000, immutable";
const HASH_CHARS: usize = 16;

/// Where a page finds an asset (`css/app.css`), with the hash of its content.
pub fn href(path: &str) -> String {
    static HASHES: LazyLock<HashMap<String, String>> = LazyLock::new(|| {
        let paths = Styles::iter().chain(Scripts::iter()).chain(["icon.svg".into()]);
        paths.filter_map(|path| Some((path.to_string(), hash(&find(&path)?)))).collect()
    });
    // While somebody works on a style sheet it is read from the disk each time.
    let hash = if cfg!(debug_assertions) { find(path).map(|bytes| hash(&bytes)) } else { HASHES.get(path).cloned() };
    hash.map_or_else(|| format!("/assets/{path}"), |hash| format!("/assets/{path}?v={hash}"))
}

pub async fn show(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let path = request.match_info().get("path").unwrap_or_default();
    let bytes = find(path).ok_or(Problem::NotFound)?;
    let hash = hash(&bytes);
    // Weak: the same content goes out compressed and not.
    let tag = EntityTag::new_weak(hash.clone());
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
