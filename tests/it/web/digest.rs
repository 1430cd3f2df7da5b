//! Digests on pages: chosen by each person for themselves, proved at once, and stopped by a link that needs nobody to be
//! signed in, by a person or by their mail program.

use actix_web::{
    cookie::Cookie,
    http::{StatusCode, header},
    test::TestRequest,
};
use cartback::{
    domain::{
        id::UserId,
        member::{Reach, Role},
    },
    pipeline::team,
    store,
};

use super::house::{House, PUBLIC_URL, Site, ask, from_our_page, site, text};
use crate::server::smtp::{Ends, Server};

async fn enter(house: &House, site: &Site) -> (UserId, Cookie<'static>) {
    let (id, link) = team::invite(house.core(), "ana@acme.example", "Ana", Role::Analyst, &Reach::Every).await.unwrap();
    let path = link.strip_prefix(PUBLIC_URL).unwrap().to_owned();
    let response = ask(site, from_our_page(&path)).await;
    (id, response.response().cookies().next().expect("a cookie").into_owned())
}

fn post(path: &str, body: &str, cookie: &Cookie<'static>) -> TestRequest {
    from_our_page(path)
        .insert_header((header::CONTENT_TYPE, "application/x-www-form-urlencoded"))
        .set_payload(body.to_owned())
        .cookie(cookie.clone())
}

async fn page(site: &Site, cookie: &Cookie<'static>) -> String {
    text(ask(site, TestRequest::get().uri("/digest").cookie(cookie.clone())).await).await
}

#[actix_web::test]
async fn a_person_chooses_proves_and_stops() {
    let server = Server::start().await;
    let house = House::open_mailing(server.smtp()).await;
    let site = site(house.state()).await;
    let (reader, cookie) = enter(&house, &site).await;
    let empty = page(&site, &cookie).await;
    assert!(empty.contains("You get no figures of Acme by mail.") && empty.contains("ana@acme.example"), "{empty}");

    let wrong = text(ask(&site, post("/digest", "rhythm=own&schedule=*+*+*+*+*", &cookie)).await).await;
    assert!(wrong.contains("once a day at the most") && wrong.contains("value=\"* * * * *\""), "{wrong}");
    let saved = ask(&site, post("/digest", "rhythm=own&schedule=30+7+*+*+Mon-Fri", &cookie)).await;
    assert_eq!(saved.headers().get(header::LOCATION).unwrap(), "/digest?done=digest_saved");
    let chosen = page(&site, &cookie).await;
    // Tuesday ten o'clock in New York: the next is Wednesday, half past seven there.
    assert!(chosen.contains("30 7 * * Mon-Fri") && chosen.contains("11 Mar 2026, 07:30, shop time"), "{chosen}");

    let proved = text(ask(&site, post("/digest/send", "", &cookie)).await).await;
    assert!(proved.contains("Sent to ana@acme.example."), "{proved}");
    server.next([Ends::Refused]);
    let refused = text(ask(&site, post("/digest/send", "", &cookie)).await).await;
    assert!(refused.contains("It was not sent.") && refused.contains("550"), "{refused}");

    let letter = server.letters().remove(0);
    let url = letter.header("list-unsubscribe");
    let path = url.trim_matches(['<', '>']).strip_prefix(PUBLIC_URL).unwrap().to_owned();
    // A preview of the link changes nothing; it shows a button.
    let asked = ask(&site, TestRequest::get().uri(&path)).await;
    assert_eq!(asked.status(), StatusCode::OK);
    assert!(text(asked).await.contains(&format!("action=\"{path}\"")));
    let kept =
        async || store::digest::get(&mut house.core().db.read().await.unwrap(), house.shop, reader).await.unwrap();
    assert!(kept().await.is_some());
    // A mail program posts without cookie, origin or referrer (RFC 8058, 3.2).
    let one_click = TestRequest::post()
        .uri(&path)
        .insert_header((header::CONTENT_TYPE, "application/x-www-form-urlencoded"))
        .set_payload("List-Unsubscribe=One-Click");
    assert_eq!(ask(&site, one_click).await.status(), StatusCode::OK);
    assert!(kept().await.is_none());
    let unknown = ask(&site, TestRequest::post().uri("/digest/stop/AAAA")).await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);

    let again = ask(&site, post("/digest", "rhythm=daily", &cookie)).await;
    assert_eq!(again.status(), StatusCode::SEE_OTHER);
    let ended = ask(&site, post("/digest", "rhythm=never", &cookie)).await;
    assert_eq!(ended.headers().get(header::LOCATION).unwrap(), "/digest?done=digest_ended");
    assert!(kept().await.is_none());
}

#[actix_web::test]
async fn without_a_mail_server_the_page_says_how_to_set_one() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let (_, cookie) = enter(&house, &site).await;
    let told = page(&site, &cookie).await;
    assert!(told.contains("no mail server is set up yet") && told.contains("CARTBACK_SMTP_URL"), "{told}");
    let refused = text(ask(&site, post("/digest", "rhythm=daily", &cookie)).await).await;
    assert!(refused.contains("no mail server is set up yet"), "{refused}");
}
