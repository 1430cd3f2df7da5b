//! An export of the shop's orders, chosen in the browser: compared as the command line compares it, put in when asked, and
//! refused in words, line by line.

use actix_web::http::StatusCode;
use cartback::{
    domain::time::HOUR,
    pipeline::{audit, table::Wish},
    store,
};

use super::house::{House, Response, Site, ask, from_our_page, page, site, text};

const BOUNDARY: &str = "----form7MA4YWxkTrZu0gW";

fn form(file: Option<(&str, &[u8])>, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in fields {
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend(head.into_bytes());
    }
    if let Some((name, bytes)) = file {
        let head = "Content-Disposition: form-data; name=\"file\"; filename=\"";
        body.extend(format!("--{BOUNDARY}\r\n{head}{name}\"\r\nContent-Type: text/csv\r\n\r\n").into_bytes());
        body.extend(bytes);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{BOUNDARY}--\r\n").into_bytes());
    body
}

async fn send(site: &Site, body: Vec<u8>) -> Response {
    let request = from_our_page("/books/file")
        .insert_header(("content-type", format!("multipart/form-data; boundary={BOUNDARY}")))
        .insert_header(("accept", "text/html"))
        .set_payload(body);
    ask(site, request).await
}

async fn compared(site: &Site, file: &str, fields: &[(&str, &str)]) -> String {
    let response = send(site, form(Some(("orders <export>.csv", file.as_bytes())), fields)).await;
    assert_eq!(response.status(), StatusCode::OK);
    text(response).await
}

/// A house with one order in its books, and a shop's export that knows one more, another total, and a line that is broken.
async fn house() -> (House, Site, String) {
    let house = House::open().await;
    let site = site(house.open_state()).await;
    house.recovered(&site).await;
    house.later(HOUR * 3).await;
    let at = "2026-03-10 10:43:00 -0400";
    let file = format!(
        "Id;Name;Total;Currency;Created at;Financial Status;Colour\n\
         9001;#1093;120,50;USD;{at};paid;red\n\
         9002;#1094;40,00;USD;{at};paid;blue\n\
         9003;#1095;;USD;{at};paid;\n\
         9004;#1096;12,00;USD;soon;paid;\n"
    );
    (house, site, file)
}

#[actix_web::test]
async fn an_export_is_compared_as_the_command_line_does() {
    let (house, site, file) = house().await;
    let (_, html) = page(&site, "/books/file").await;
    assert!(html.contains("enctype=\"multipart/form-data\""), "{html}");
    let html = compared(&site, &file, &[]).await;
    let (wish, span) = (Wish::default(), (None, None));
    let known = audit::compare_sheet(house.core(), house.shop, file.as_bytes(), &wish, span).await.unwrap();
    let score = &known.outcome.score;
    assert_eq!((score.faulty, score.compared), (2, 2), "{:?}", known.outcome.findings);
    assert!(html.contains("2 of 2 orders differ between the file and our books"), "{html}");
    for finding in &known.outcome.findings {
        assert!(html.contains(finding.kind.title()) && html.contains(&finding.number), "{finding:?}");
    }
    for said in ["2 lines could not be read", "is missing", "is not a day as 2026-03-01", "<code>placed_at</code>"] {
        assert!(html.contains(said), "{said}: {html}");
    }
    assert!(html.contains("semicolon") && html.contains("Left out: Colour"), "{html}");
    assert!(html.contains("orders &#60;export&#62;.csv") || html.contains("orders &lt;export&gt;.csv"), "{html}");
    assert!(html.contains("can be mended from the file"));
    // Comparing changes nothing.
    let again = compared(&site, &file, &[("fill", "no")]).await;
    assert!(again.contains("2 of 2 orders differ"));
}

#[actix_web::test]
async fn what_the_file_knows_better_is_put_in_when_asked() {
    let (house, site, file) = house().await;
    let html = compared(&site, &file, &[("fill", "yes")]).await;
    assert!(html.contains("2 orders put into the inbox"), "{html}");
    house.work().await;
    let html = compared(&site, &file, &[]).await;
    assert!(html.contains("2 orders compared, none differs"), "{html}");
    let mut read = house.core().db.read().await.unwrap();
    let keys = house.core().vault.keys(&mut read, house.shop).await.unwrap();
    let order = store::order::by_external_id(&mut read, &keys, "9002").await.unwrap().unwrap();
    assert_eq!((order.latest.number.as_str(), order.latest.total.minor), ("#1094", 4_000));
}

#[actix_web::test]
async fn how_it_is_to_be_read_can_be_said() {
    let (_house, site, _) = house().await;
    let file = "Nr;Brutto;Wann\n#1093;128,50;03/10/2026 10:43\n";
    let refused = compared(&site, file, &[]).await;
    assert!(refused.contains("There is no column with the order&#39;s id or number"), "{refused}");
    assert!(refused.contains("Nr, Brutto, Wann"));
    let wishes = [
        ("columns", "number=Nr\r\ntotal=Brutto\r\nplaced_at=Wann"),
        ("days", "month"),
        ("decimal", ","),
        ("zone", "America/New_York"),
        ("currency", "usd"),
    ];
    let html = compared(&site, file, &wishes).await;
    assert!(html.contains("1 order compared, none differs"), "{html}");
    assert!(html.contains("total=Brutto") && html.contains("<details open>"), "what was said stays");
    let refused = compared(&site, file, &[("columns", "total Brutto"), ("zone", "Mars/One"), ("currency", "XX")]).await;
    for said in ["Write each column as", "no such time zone", "no such currency"] {
        assert!(refused.contains(said), "{said}: {refused}");
    }
}

#[actix_web::test]
async fn what_is_no_file_of_orders_is_refused_in_words() {
    let (_house, site, _) = house().await;
    let none = text(send(&site, form(None, &[("fill", "yes")])).await).await;
    assert!(none.contains("Choose a file first"), "{none}");
    let empty = text(send(&site, form(Some(("", b"")), &[])).await).await;
    assert!(empty.contains("Choose a file first"), "{empty}");
    let large = vec![b'a'; (16 << 20) + 1];
    let large = text(send(&site, form(Some(("large.csv", &large)), &[])).await).await;
    assert!(large.contains("larger than 16 MB"), "{large}");
    let announced = from_our_page("/books/file")
        .insert_header(("content-type", format!("multipart/form-data; boundary={BOUNDARY}")))
        .insert_header(("content-length", (65_u32 << 20).to_string()));
    assert_eq!(ask(&site, announced).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let picture = text(send(&site, form(Some(("a.png", b"\x89PNG\r\n\x1a\n\0\0\0")), &[])).await).await;
    assert!(picture.contains("The file was not compared"), "{picture}");
    // A body that ends in the middle, and one that is no such form at all.
    let mut half = form(Some(("orders.csv", b"id,total,date\n")), &[]);
    half.truncate(half.len() - 30);
    assert_eq!(send(&site, half).await.status(), StatusCode::BAD_REQUEST);
    let request = from_our_page("/books/file").set_form([("file", "x")]);
    assert_eq!(ask(&site, request).await.status(), StatusCode::BAD_REQUEST);
    // Another site's page cannot send one.
    let foreign = actix_web::test::TestRequest::post()
        .uri("/books/file")
        .insert_header(("host", "127.0.0.1"))
        .insert_header(("sec-fetch-site", "cross-site"))
        .insert_header(("content-type", format!("multipart/form-data; boundary={BOUNDARY}")))
        .set_payload(form(Some(("orders.csv", b"id,total,date\n")), &[]));
    assert_eq!(ask(&site, foreign).await.status(), StatusCode::FORBIDDEN);
}
