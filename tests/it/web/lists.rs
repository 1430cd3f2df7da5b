//! Lists: what narrows them, their order, their pages in both directions, their sheets; and that every figure of the
//! overview and the report opens rows that are as many.

use std::collections::BTreeSet;

use actix_web::http::{StatusCode, header};
use cartback::domain::time::MINUTE;
use serde_json::json;

use super::house::{House, Site, ask, from_our_page, page, site, text};
use actix_web::test::TestRequest;

/// Checkouts of so many shoppers, a minute apart, worth 10, 20, 30 …
async fn carts(house: &House, site: &Site, count: u32) {
    for number in 1..=count {
        let now = house.core().now().to_string();
        let cart = json!({ "type": "checkout.updated", "data": {
            "token": format!("list_{number}"), "first_name": format!("=Ana{number}"),
            "email": format!("ana{number}@shopper.example"), "phone": format!("+1212555{:04}", 100 + number),
            "country": if number % 2 == 0 { "US" } else { "CA" }, "language": "en", "currency": "USD",
            "total": format!("{}.00", number * 10), "items": [],
            "recovery_url": "https://shop.example/checkout/resume?key=1", "started_at": now, "updated_at": now,
        }});
        assert_eq!(ask(site, house.told(&format!("list{number}"), &cart)).await.status(), StatusCode::OK);
        house.work().await;
        house.clock.advance(MINUTE);
    }
}

/// The rows a list says it has.
fn rows(page: &str) -> Option<u64> {
    page.split("data-rows=\"").nth(1)?.split('"').next()?.parse().ok()
}

fn ids(page: &str) -> Vec<String> {
    let mut seen = Vec::new();
    for part in page.split("/carts/cart_").skip(1) {
        let id = part.split(['"', '?', '#', '/']).next().unwrap().to_owned();
        if !seen.contains(&id) {
            seen.push(id);
        }
    }
    seen
}

/// The address behind a link of this kind (`next`, `prev`).
fn turned(page: &str, rel: &str) -> Option<String> {
    let before =
        page.split(&format!("\" rel=\"{rel}\"")).next().filter(|_| page.contains(&format!("rel=\"{rel}\"")))?;
    Some(before.rsplit("href=\"").next()?.replace("&#38;", "&").replace("&amp;", "&"))
}

#[actix_web::test]
async fn a_list_is_read_forth_and_back_without_missing_a_row() {
    let house = House::open().await;
    let site = site(house.open_state()).await;
    carts(&house, &site, 120).await;
    for start in ["/carts", "/carts?sort=worth", "/carts?country=US&sort=worth"] {
        let (mut path, mut all, mut pages) = (start.to_owned(), Vec::new(), Vec::new());
        loop {
            let (status, shown) = page(&site, &path).await;
            assert_eq!(status, StatusCode::OK, "{path}");
            pages.push(ids(&shown));
            all.extend(ids(&shown));
            match turned(&shown, "next") {
                Some(next) => path = next,
                None => break,
            }
        }
        let expected = if start.contains("country") { 60 } else { 120 };
        assert_eq!(all.len(), expected, "{start}");
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), expected, "{start} shows a row twice");
        let back = turned(&page(&site, &path).await.1, "prev").expect("a way back");
        assert_eq!(ids(&page(&site, &back).await.1), pages[pages.len() - 2], "{start}");
    }
    house.app.close().await;
}

#[actix_web::test]
async fn what_narrows_a_list_narrows_its_count_and_its_sheet() {
    let house = House::open().await;
    let site = site(house.open_state()).await;
    carts(&house, &site, 12).await;
    for (asked, expected) in [
        ("", 12),
        ("?country=CA", 6),
        ("?country=us", 6),
        ("?worth_from=50&worth_to=70", 3),
        ("?worth_from=115.5", 1),
        ("?language=en", 12),
        ("?language=de", 0),
        ("?phone=yes", 12),
        ("?phone=no", 0),
        ("?consent=yes", 0),
        ("?step=0", 12),
        ("?step=1", 0),
        ("?from=2026-03-10&to=2026-03-10", 12),
        ("?to=2026-03-09", 0),
        ("?day=2026-03-11", 0),
        ("?currency=EUR", 0),
        ("?state=open", 12),
        ("?state=recovered", 0),
        ("?country=CA&worth_from=50", 4),
    ] {
        let (status, shown) = page(&site, &format!("/carts{asked}")).await;
        assert_eq!(status, StatusCode::OK, "{asked}");
        assert_eq!(rows(&shown), Some(expected), "{asked}: {shown}");
        assert_eq!(ids(&shown).len() as u64, expected, "{asked}");
        let sheet = TestRequest::get().uri(&format!("/carts.csv{asked}")).insert_header(("host", "127.0.0.1"));
        let sheet = ask(&site, sheet).await;
        let named = sheet.headers().get(header::CONTENT_DISPOSITION).unwrap().to_str().unwrap().to_owned();
        assert_eq!(named, "attachment; filename=\"acme-carts-2026-03-10.csv\"");
        let sheet = text(sheet).await;
        assert_eq!(sheet.lines().count() as u64, expected + 1, "{asked}: {sheet}");
        assert!(!sheet.contains(",=Ana"), "a spreadsheet would run it: {sheet}");
    }
    for path in
        ["/messages.csv", "/orders.csv", "/inbox.csv", "/people.csv", "/people.csv?show=consents", "/orders", "/people"]
    {
        let asked = TestRequest::get().uri(path).insert_header(("host", "127.0.0.1"));
        assert_eq!(ask(&site, asked).await.status(), StatusCode::OK, "{path}");
    }
    // Nonsense in the address is no error.
    for path in ["/carts?after=x&sort=y&from=z&worth_from=a&step=-1", "/messages?gateway=x&step=x", "/orders?state=x"] {
        assert_eq!(page(&site, path).await.0, StatusCode::OK, "{path}");
    }
    house.app.close().await;
}

#[actix_web::test]
async fn every_figure_opens_as_many_rows() {
    let house = House::open().await;
    let site = site(house.open_state()).await;
    house.recovered(&site).await;
    carts(&house, &site, 3).await;
    house.later(MINUTE * 40).await;
    let mut checked = 0;
    for path in ["/", "/report"] {
        let (_, shown) = page(&site, path).await;
        for part in shown.split("<a ").skip(1) {
            let Some((tag, rest)) = part.split_once('>') else { continue };
            let Some(href) = tag.split("href=\"").nth(1).and_then(|rest| rest.split('"').next()) else { continue };
            let said = rest.split('<').next().unwrap_or_default().trim().replace(',', "");
            let Ok(figure) = said.parse::<u64>() else { continue };
            let href = href.replace("&#38;", "&").replace("&amp;", "&");
            if !["/carts", "/messages", "/orders", "/people"].iter().any(|list| href.starts_with(list)) {
                continue;
            }
            let (status, list) = page(&site, &href).await;
            assert_eq!(status, StatusCode::OK, "{href}");
            assert_eq!(rows(&list), Some(figure), "{path} says {figure}, and {href} shows otherwise");
            checked += 1;
        }
    }
    assert!(checked >= 10, "only {checked} figures lead to rows");
    house.app.close().await;
}

#[actix_web::test]
async fn acts_are_asked_about_and_done_from_the_page() {
    let house = House::open().await;
    let site = site(house.open_state()).await;
    carts(&house, &site, 1).await;
    house.later(MINUTE * 31).await;
    let (_, list) = page(&site, "/carts").await;
    let cart = format!("/carts/cart_{}", ids(&list)[0]);
    let (_, ask_first) = page(&site, &format!("{cart}/send-now")).await;
    assert!(ask_first.contains("No text can be sent"), "without a consent: {ask_first}");
    let refused = ask(&site, from_our_page(&format!("{cart}/send-now"))).await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    for (act, shows) in [("hold", "Held by hand"), ("release", "released"), ("dismiss", "Dismissed by hand")] {
        assert_eq!(ask(&site, from_our_page(&format!("{cart}/{act}"))).await.status(), StatusCode::SEE_OTHER, "{act}");
        house.work().await;
        assert!(page(&site, &cart).await.1.contains(shows), "{act}");
    }
    let form = from_our_page("/people/load").insert_header(("content-type", "application/x-www-form-urlencoded"));
    let list = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("what", "opt_outs")
        .append_pair("sheet", "phone,at\n+12125550142,2026-03-01T10:00:00Z\n")
        .finish();
    assert_eq!(ask(&site, form.set_payload(list)).await.status(), StatusCode::SEE_OTHER);
    assert_eq!(rows(&page(&site, "/people").await.1), Some(1));
    let (_, inbox) = page(&site, "/inbox").await;
    let delivery = inbox.split("/inbox/dlv_").nth(1).and_then(|rest| rest.split(['"', '?', '/']).next()).unwrap();
    let (status, shown) = page(&site, &format!("/inbox/dlv_{delivery}")).await;
    assert_eq!(status, StatusCode::OK);
    assert!(shown.contains("A checkout as it is now") && shown.contains("not shown"), "{shown}");
    assert!(!shown.contains(&house.secret) && !shown.contains(&house.shop_hook), "{shown}");
    house.app.close().await;
}
