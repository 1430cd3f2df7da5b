//! What a page costs the reader's line: everything it needs, as it goes over the wire, and what is never asked for twice.

use std::collections::BTreeSet;

use cartback::app::sign_in_link;

use super::{rich, site};
use crate::server::{Answer, call};

/// Of one page with all it needs, compressed, heads included.
const BYTES_MOST: usize = 150_000;

#[actix_web::test]
async fn every_page_is_light_and_its_assets_are_kept() {
    let (app, server, url) = site::serve(false).await;
    rich::fill(&app).await;
    let link = sign_in_link(&app.core).await.unwrap();
    // Asking blocks: not on the thread that serves the database.
    tokio::task::spawn_blocking(move || weigh(&url, &link)).await.unwrap();
    server.stop(true).await;
    app.end().await;
}

fn weigh(url: &str, link: &str) {
    let signed_in = call("POST", link, &[("origin", url)], b"").unwrap();
    assert_eq!(signed_in.status, 303, "{}", signed_in.body);
    let cookie = signed_in.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let get = |path: &str, more: &[(&str, &str)]| {
        let headers = [&[("cookie", cookie.as_str()), ("accept", "text/html"), ("accept-encoding", "gzip, br")], more];
        let answer = call("GET", &format!("{url}{path}"), &headers.concat(), b"").unwrap();
        assert!(answer.status < 400, "{path}: {}", answer.status);
        answer
    };
    let weight = |answer: &Answer| answer.head.len() + answer.bytes;
    let pages = [
        "/",
        "/carts",
        "/messages",
        "/replies",
        "/sequences",
        "/sequences/default",
        "/texts",
        "/texts/default/1?language=sl",
        "/report",
        "/report?days=90",
        "/shops",
        "/gateways",
        "/risk",
        "/inbox",
        "/law",
        "/person",
    ];
    let mut assets = BTreeSet::new();
    for path in pages {
        let page = get(path, &[]);
        assert_eq!(page.header("content-encoding"), Some("gzip"), "{path} is compressed");
        assert_eq!(page.header("cache-control"), Some("no-store"), "{path} is of one person");
        let plain = call("GET", &format!("{url}{path}"), &[("cookie", cookie.as_str())], b"").unwrap().body;
        let needs: BTreeSet<String> = needed(&plain);
        assert!(needs.len() >= 4, "{path} needs {needs:?}");
        let whole = weight(&page) + needs.iter().map(|asset| weight(&get(asset, &[]))).sum::<usize>();
        assert!(whole < BYTES_MOST, "{path} weighs {whole} bytes");
        assets.extend(needs);
    }
    for asset in assets {
        let answer = get(&asset, &[]);
        assert_eq!(answer.header("content-encoding"), Some("gzip"), "{asset} is compressed");
        let kept = answer.header("cache-control").unwrap();
        assert_eq!(kept, "public, max-age=31536000, immutable", "{asset} is named by its content");
        let tag = answer.header("etag").unwrap();
        assert_eq!(get(&asset, &[("if-none-match", tag)]).status, 304, "{asset} is known by {tag}");
    }
}

/// Style sheets, scripts and pictures of a page.
fn needed(html: &str) -> BTreeSet<String> {
    let quoted = |from: &'static str| {
        html.split(from).skip(1).filter_map(|rest| rest.split('"').next()).map(|path| format!("/assets/{path}"))
    };
    quoted("href=\"/assets/").chain(quoted("src=\"/assets/")).collect()
}
