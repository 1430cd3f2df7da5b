//! The team, played: the first owner chooses a password, invites a client, who sees one shop; passwords that are wrong,
//! forgotten and changed; and what the audit log tells of all of it. On both databases.

use actix_web::{
    cookie::Cookie,
    http::{StatusCode, header},
    test::TestRequest,
};
use cartback::{
    config::Database,
    domain::{
        member::{Reach, Role},
        time::DAY,
    },
    pipeline::{team, trail},
    web::attempt::{OF_ACCOUNT, OF_ADDRESS},
};

use super::house::{House, PUBLIC_URL, Response, Site, ask, from_our_page, site, text};
use crate::server::postgres;

pub async fn on_both(story: impl AsyncFn(&House, &Site)) {
    let lite = House::open().await;
    story(&lite, &site(lite.state()).await).await;
    // The cluster waits for itself on a runtime of its own.
    let apart = || std::thread::spawn(|| postgres::cluster().map(postgres::Cluster::database)).join().unwrap();
    let Some(database) = apart() else { return };
    let house = House::open_in(PUBLIC_URL, Database::Postgres(database.url().into())).await;
    story(&house, &site(house.state()).await).await;
    house.app.close().await;
    std::thread::spawn(move || drop(database)).join().unwrap();
}

pub const PASSWORD: &str = "correct horse battery";

pub fn post(path: &str, form: &[(&str, &str)]) -> TestRequest {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    from_our_page(path)
        .insert_header((header::CONTENT_TYPE, "application/x-www-form-urlencoded"))
        .insert_header(("user-agent", super::house::BROWSER))
        .set_payload(body)
}

pub fn to(response: &Response) -> String {
    response.headers().get(header::LOCATION).map(|to| to.to_str().unwrap().to_owned()).unwrap_or_default()
}

pub fn cookie(response: &Response) -> Cookie<'static> {
    response.response().cookies().next().expect("a cookie").into_owned()
}

pub async fn get(site: &Site, path: &str, who: &Cookie<'static>) -> (StatusCode, String) {
    let response =
        ask(site, TestRequest::get().uri(path).insert_header(("accept", "text/html")).cookie(who.clone())).await;
    (response.status(), text(response).await)
}

pub fn path_of(link: &str) -> String {
    link.strip_prefix(PUBLIC_URL).expect("a link of ours").to_owned()
}

/// Follows a one-time link to where it leads, and chooses.
pub async fn settle_in(site: &Site, link: &str, name: &str, email: &str, password: &str) -> Cookie<'static> {
    let response = ask(site, post(&path_of(link), &[])).await;
    assert_eq!((response.status(), to(&response)), (StatusCode::SEE_OTHER, "/welcome".to_owned()));
    let who = cookie(&response);
    let chosen = [("name", name), ("email", email), ("password", password)];
    let response = ask(site, post("/welcome", &chosen).cookie(who.clone())).await;
    assert_eq!(to(&response), "/?done=welcome", "{}", text(response).await);
    who
}

pub async fn signs_in(site: &Site, email: &str, password: &str) -> Response {
    ask(site, post("/sign-in", &[("email", email), ("password", password)])).await
}

pub async fn owner(house: &House, site: &Site) -> Cookie<'static> {
    let link = cartback::app::sign_in_link(house.core()).await.unwrap();
    settle_in(site, &link, "Maja Owner", "maja@acme.example", PASSWORD).await
}

#[actix_web::test]
async fn the_first_owner_chooses_a_password_and_signs_in_with_it() {
    on_both(async |house, site| {
        let link = cartback::app::sign_in_link(house.core()).await.unwrap();
        let response = ask(site, post(&path_of(&link), &[])).await;
        let first = cookie(&response);
        let (status, page) = get(site, "/welcome", &first).await;
        assert!(status == StatusCode::OK && page.contains("1 step left: choose how you sign in"), "{page}");
        let weak = [("name", ""), ("email", "maja"), ("password", "password123")];
        let refused = text(ask(site, post("/welcome", &weak).cookie(first.clone())).await).await;
        for said in ["3 things are not right yet.", "not an e-mail address", "among the first ones anybody would try"] {
            assert!(refused.contains(said), "{said}: {refused}");
        }
        let own = [("name", "Maja"), ("email", "maja.owner@acme.example"), ("password", "Maja.Owner@acme.example")];
        let refused = text(ask(site, post("/welcome", &own).cookie(first.clone())).await).await;
        assert!(refused.contains("must not be the e-mail address"), "{refused}");
        let good = [("name", "Maja"), ("email", " Maja@Acme.example"), ("password", PASSWORD)];
        assert_eq!(to(&ask(site, post("/welcome", &good).cookie(first.clone())).await), "/?done=welcome");
        // Only once: from now on the old password is asked for.
        assert_eq!(to(&ask(site, post("/welcome", &good).cookie(first.clone())).await), "/account");

        let response = signs_in(site, "MAJA@acme.example", PASSWORD).await;
        assert_eq!((response.status(), to(&response)), (StatusCode::SEE_OTHER, "/".to_owned()));
        let (_, account) = get(site, "/account", &cookie(&response)).await;
        for said in ["You are signed in in 2 browsers.", "Safari, iPhone", "Owner, every shop", "maja@acme.example"] {
            assert!(account.contains(said), "{said}: {account}");
        }
        // What is kept of it is neither the password nor the address.
        let kept = crate::sql::rows(&house.core().db, "SELECT password, name FROM person").await;
        assert!(kept[0][0].starts_with("$argon2id$") && !kept[0][0].contains(PASSWORD), "{kept:?}");
        let sealed = crate::sql::blobs(&house.core().db, "SELECT email FROM person").await;
        assert!(!String::from_utf8_lossy(&sealed[0]).contains("maja"));
    })
    .await;
}

#[actix_web::test]
async fn every_failure_says_the_same_and_a_shut_account_opens_again() {
    on_both(async |house, site| {
        let first = owner(house, site).await;
        let mut said = Vec::new();
        let nobody = signs_in(site, "nobody@acme.example", PASSWORD).await;
        let wrong = signs_in(site, "maja@acme.example", "not her password").await;
        let long = signs_in(site, "maja@acme.example", &"x".repeat(4_000)).await;
        for response in [nobody, wrong, long] {
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
            assert!(response.response().cookies().next().is_none());
            said.push(text(response).await.replace("nobody@acme.example", "maja@acme.example"));
        }
        assert!(said.iter().all(|page| *page == said[0]), "{said:?}");
        for _ in 2..OF_ACCOUNT.free {
            assert_eq!(signs_in(site, "maja@acme.example", "wrong again").await.status(), StatusCode::UNAUTHORIZED);
        }
        // The right one does not help any more, and no account that is not there gives itself away.
        let shut = signs_in(site, "Maja@acme.example", PASSWORD).await;
        assert_eq!(shut.status(), StatusCode::TOO_MANY_REQUESTS);
        let shut = text(shut).await;
        assert!(shut.contains("Too many wrong passwords for this address: come back in 30 seconds."), "{shut}");
        for _ in 1..OF_ACCOUNT.free {
            assert_eq!(signs_in(site, "nobody@acme.example", "x").await.status(), StatusCode::UNAUTHORIZED);
        }
        let nobodys = signs_in(site, "nobody@acme.example", "x").await;
        assert_eq!(nobodys.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(text(nobodys).await.replace("nobody@", "Maja@"), shut);
        // Whoever is signed in stays so, and the account opens by itself.
        assert_eq!(get(site, "/", &first).await.0, StatusCode::OK);
        house.clock.advance(OF_ACCOUNT.first);
        assert_eq!(signs_in(site, "maja@acme.example", PASSWORD).await.status(), StatusCode::SEE_OTHER);
        // One address on the network has twenty wrong ones, whomever it names, and then waits longer and longer.
        house.clock.advance(OF_ADDRESS.forgotten_after);
        for number in 0..OF_ADDRESS.free {
            let response = signs_in(site, &format!("{number}@acme.example"), "x").await;
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        }
        for wait in [OF_ADDRESS.first, OF_ADDRESS.first * 2] {
            assert_eq!(signs_in(site, "maja@acme.example", PASSWORD).await.status(), StatusCode::TOO_MANY_REQUESTS);
            house.clock.advance(wait);
            assert_eq!(signs_in(site, "more@acme.example", "x").await.status(), StatusCode::UNAUTHORIZED);
        }
        house.clock.advance(OF_ADDRESS.first * 4);
        assert_eq!(signs_in(site, "maja@acme.example", PASSWORD).await.status(), StatusCode::SEE_OTHER);
        let (_, log) = get(site, "/audit?act=POST+%2Fsign-in", &first).await;
        assert!(log.contains("with a wrong password") && log.contains("Refused"), "{log}");
    })
    .await;
}

#[actix_web::test]
async fn a_new_password_ends_every_other_session() {
    on_both(async |house, site| {
        let one = owner(house, site).await;
        let other = cookie(&signs_in(site, "maja@acme.example", PASSWORD).await);
        let change = |old: &'static str, new: &'static str| {
            post("/account/password", &[("old", old), ("new", new)]).cookie(one.clone())
        };
        let refused = text(ask(site, change("not it at all", "another horse battery")).await).await;
        assert!(refused.contains("not the password you have now"), "{refused}");
        let refused = text(ask(site, change(PASSWORD, "short")).await).await;
        assert!(refused.contains("at least 10 characters"), "{refused}");
        assert_eq!(get(site, "/", &other).await.0, StatusCode::OK);
        assert_eq!(to(&ask(site, change(PASSWORD, "another horse battery")).await), "/account?done=password_changed");
        assert_eq!(get(site, "/", &other).await.0, StatusCode::SEE_OTHER);
        assert_eq!(get(site, "/", &one).await.0, StatusCode::OK);
        assert_eq!(signs_in(site, "maja@acme.example", PASSWORD).await.status(), StatusCode::UNAUTHORIZED);
        let again = cookie(&signs_in(site, "maja@acme.example", "another horse battery").await);

        // One session is ended by name, and only one's own.
        let (_, account) = get(site, "/account", &one).await;
        let (_, rest) = account.split_once("name=\"session\" value=\"").unwrap();
        let id = rest.split('"').next().unwrap();
        let end = post("/account/sessions/end", &[("session", id)]).cookie(one.clone());
        assert_eq!(to(&ask(site, end).await), "/account?done=sessions_ended");
        assert_eq!(get(site, "/", &again).await.0, StatusCode::SEE_OTHER);
        let end = post("/account/sessions/end", &[("session", "0011223344556677")]).cookie(one.clone());
        assert_eq!(ask(site, end).await.status(), StatusCode::NOT_FOUND);

        // Forgotten: a link is enough, once, and the old password is not asked for.
        let id = team::by_email(house.core(), "maja@acme.example").await.unwrap().unwrap();
        let link = team::link(house.core(), id).await.unwrap();
        let by_link = settle_in(site, &link, "Maja", "maja@acme.example", "a third horse battery").await;
        assert_eq!(get(site, "/", &one).await.0, StatusCode::SEE_OTHER);
        assert_eq!(get(site, "/", &by_link).await.0, StatusCode::OK);
        assert_eq!(ask(site, post(&path_of(&link), &[])).await.status(), StatusCode::GONE);
        // The language they read stays with them.
        let profile = post("/account", &[("name", "Maja Novak"), ("language", "de")]).cookie(by_link.clone());
        assert_eq!(to(&ask(site, profile).await), "/account?done=introduced");
        let member = team::member(house.core(), id).await.unwrap().unwrap();
        assert_eq!((member.name.as_str(), member.language.as_str()), ("Maja Novak", "de"));
        let bad = post("/account", &[("name", "Maja"), ("language", "xx")]).cookie(by_link.clone());
        assert!(text(ask(site, bad).await).await.contains("Wählen Sie eine der Sprachen."));
    })
    .await;
}

#[actix_web::test]
async fn somebody_is_invited_promoted_and_removed() {
    on_both(async |house, site| {
        let owner = owner(house, site).await;
        let (_, page) = get(site, "/team", &owner).await;
        assert!(page.contains("1 person signs in here: 1 owner."), "{page}");
        let invite = |form: &[(&str, &str)]| post("/team", form).cookie(owner.clone());
        let bad = [("email", "client"), ("role", "analyst"), ("reach", "every")];
        assert!(text(ask(site, invite(&bad)).await).await.contains("This is not an e-mail address."));
        let no_shop = [("email", "client@shop.example"), ("role", "analyst"), ("reach", "these")];
        assert!(text(ask(site, invite(&no_shop)).await).await.contains("Choose at least one shop"));
        let foreign = [("email", "client@shop.example"), ("role", "analyst"), ("reach", "these"), ("shop", "77")];
        assert!(text(ask(site, invite(&foreign)).await).await.contains("There is no shop 77."));
        let good = [("email", "client@shop.example"), ("role", "analyst"), ("reach", "these"), ("shop", "1")];
        let made = text(ask(site, invite(&good)).await).await;
        let (_, rest) = made.split_once("value=\"https://sms.example.com/sign-in/").unwrap_or_else(|| panic!("{made}"));
        let link = format!("{PUBLIC_URL}/sign-in/{}", rest.split('"').next().unwrap());
        assert!(!get(site, "/team", &owner).await.1.contains("/sign-in/"), "it is shown once");
        assert!(text(ask(site, invite(&good)).await).await.contains("has this e-mail address already"));
        let client = settle_in(site, &link, "Client", "client@shop.example", "client horse battery").await;
        assert_eq!(get(site, "/texts", &client).await.0, StatusCode::OK);
        assert_eq!(get(site, "/team", &client).await.0, StatusCode::FORBIDDEN);
        let add = |who: &Cookie<'static>| post("/sequences", &[("preset", "us")]).cookie(who.clone());
        assert_eq!(ask(site, add(&client)).await.status(), StatusCode::FORBIDDEN);

        // What they may do changes at once, and no session grows with it.
        let id = team::by_email(house.core(), "client@shop.example").await.unwrap().unwrap();
        let rights = [("role", "manager"), ("reach", "these"), ("shop", "1")];
        let change = post(&format!("/team/{id}"), &rights).cookie(owner.clone());
        assert_eq!(to(&ask(site, change).await), format!("/team/{id}?done=member_changed"));
        assert_eq!(to(&ask(site, add(&client)).await), "/sign-in");
        let client = cookie(&signs_in(site, "client@shop.example", "client horse battery").await);
        assert_eq!(ask(site, add(&client)).await.status(), StatusCode::SEE_OTHER);

        let (_, asked) = get(site, &format!("/team/{id}/remove"), &owner).await;
        assert!(asked.contains("Remove Client? 1 session of theirs ends at once."), "{asked}");
        assert_eq!(get(site, "/", &client).await.0, StatusCode::OK);
        let remove = post(&format!("/team/{id}/remove"), &[]).cookie(owner.clone());
        assert_eq!(to(&ask(site, remove).await), "/team?done=member_removed");
        assert_eq!(get(site, "/", &client).await.0, StatusCode::SEE_OTHER);
        assert_eq!(
            signs_in(site, "client@shop.example", "client horse battery").await.status(),
            StatusCode::UNAUTHORIZED
        );
        assert_eq!(get(site, &format!("/team/{id}"), &owner).await.0, StatusCode::NOT_FOUND);
        // The address is free again.
        assert!(text(ask(site, invite(&good)).await).await.contains("A link for client@shop.example"));
    })
    .await;
}

#[actix_web::test]
async fn there_is_always_an_owner() {
    on_both(async |house, site| {
        let first = owner(house, site).await;
        let id = team::by_email(house.core(), "maja@acme.example").await.unwrap().unwrap();
        let demote = || post(&format!("/team/{id}"), &[("role", "analyst"), ("reach", "every")]).cookie(first.clone());
        assert!(text(ask(site, demote()).await).await.contains("make somebody else an owner first"));
        let remove = || post(&format!("/team/{id}/remove"), &[]).cookie(first.clone());
        assert_eq!(ask(site, remove()).await.status(), StatusCode::BAD_REQUEST);
        let (_, page) = get(site, &format!("/team/{id}/remove"), &first).await;
        assert!(page.contains("is the only owner") && !page.contains("<form class=\"asked\""), "{page}");

        // Two owners who take each other away at once: one of them stays.
        let (other, _) = team::invite(house.core(), "b@acme.example", "B", Role::Owner, &Reach::Every).await.unwrap();
        let (one, two) = futures_util::join!(team::remove(house.core(), id), team::remove(house.core(), other));
        assert_eq!([one.is_ok(), two.is_ok()].iter().filter(|done| **done).count(), 1, "{one:?} {two:?}");
        let owners = team::list(house.core()).await.unwrap().into_iter().filter(|member| member.role == Role::Owner);
        assert_eq!(owners.count(), 1);
    })
    .await;
}

#[actix_web::test]
async fn what_was_done_is_in_the_audit_log() {
    on_both(async |house, site| {
        let owner = owner(house, site).await;
        let pause =
            post(&format!("/gateways/{}/pause", house.gateway), &[]).insert_header(("x-forwarded-for", "203.0.113.9"));
        let pause = pause.peer_addr("127.0.0.1:4000".parse().unwrap());
        assert_eq!(ask(site, pause.cookie(owner.clone())).await.status(), StatusCode::SEE_OTHER);
        let preset = || post("/sequences", &[("preset", "us")]).cookie(owner.clone());
        assert_eq!(ask(site, preset()).await.status(), StatusCode::SEE_OTHER);
        // A second of the same name is refused, on a page that says why.
        assert_eq!(ask(site, preset()).await.status(), StatusCode::OK);
        let preview = post("/texts/standard/1/preview", &[("text", "=HYPERLINK(1)")]).cookie(owner.clone());
        ask(site, preview).await;
        let (reader, link) =
            team::invite(house.core(), "m@acme.example", "=cmd()", Role::Manager, &Reach::These([house.shop].into()))
                .await
                .unwrap();
        let manager = settle_in(site, &link, "=cmd()", "m@acme.example", "manager horse battery").await;
        let halt = post("/risk/halt", &[]).cookie(manager.clone());
        assert_eq!(ask(site, halt).await.status(), StatusCode::FORBIDDEN);
        let off = post("/person/export", &[("phone", "+12125550199")]).cookie(manager.clone());
        ask(site, off).await;

        let (status, all) = get(site, "/audit", &owner).await;
        assert_eq!(status, StatusCode::OK);
        for said in [
            "Paused a gateway",
            "203.0.113.9",
            "Phone",
            "Added a sequence",
            "Stopped all sending",
            "Chose a name and a password",
            "Maja Owner",
            "Refused",
            "the house",
            "Acme",
        ] {
            assert!(all.contains(said), "{said}: {all}");
        }
        for never in [PASSWORD, "+12125550199", "12125550199", "maja@acme.example", "/preview"] {
            assert!(!all.contains(never), "{never}: {all}");
        }
        // Narrowed to a person, an act, a shop.
        let (_, of_manager) = get(site, &format!("/audit?person={reader}"), &owner).await;
        assert!(
            of_manager.contains("Stopped all sending")
                && !of_manager.contains("<td data-label=\"What\"><a href=\"/gateways")
        );
        let (_, paused) = get(site, "/audit?act=POST+%2Fgateways%2F%7Bid%7D%2Fpause", &owner).await;
        assert!(paused.contains("1 change was asked for in the last 30 days."), "{paused}");
        let (_, of_house) = get(site, "/audit?of=0", &owner).await;
        assert!(of_house.contains("203.0.113.9") && !of_house.contains(">Added a sequence</a>"), "{of_house}");
        // A manager sees what was done at their shops, and nothing of the house.
        let (status, seen) = get(site, "/audit", &manager).await;
        assert_eq!(status, StatusCode::OK);
        assert!(seen.contains(">Added a sequence</a>") && !seen.contains("203.0.113.9"), "{seen}");
        assert_eq!(get(site, "/audit?of=0", &manager).await.0, StatusCode::NOT_FOUND);

        let (_, csv) = get(site, "/audit.csv", &owner).await;
        assert!(csv.starts_with("at,who,door,from,shop,what,detail,object,outcome\n"), "{csv}");
        assert!(csv.contains("'=cmd()") && !csv.contains(",=cmd()"), "{csv}");
        assert!(
            csv.lines().any(|line| line.contains("Paused a gateway") && line.ends_with(",/gateways,done")),
            "{csv}"
        );
        assert!(csv.lines().any(|line| line.contains("Added a sequence") && line.ends_with("refused")), "{csv}");

        // Kept for so long, and no longer.
        let keep = |days: &'static str| post("/audit", &[("days", days)]).cookie(owner.clone());
        assert!(text(ask(site, keep("3")).await).await.contains("A number of days from 30 to 3650."));
        assert_eq!(to(&ask(site, keep("40")).await), "/audit?done=trail_kept");
        house.clock.advance(DAY * 39);
        assert_eq!(trail::forget(house.core()).await.unwrap(), 0);
        house.clock.advance(DAY * 2);
        assert!(trail::forget(house.core()).await.unwrap() > 5);
    })
    .await;
}

#[actix_web::test]
async fn the_list_is_read_page_by_page() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let owner = owner(&house, &site).await;
    for _ in 0..60 {
        ask(&site, post("/risk/lift", &[]).cookie(owner.clone())).await;
    }
    let (_, first) = get(&site, "/audit", &owner).await;
    let (_, rest) = first.split_once("href=\"/audit?after=").unwrap_or_else(|| panic!("{first}"));
    let next = format!("/audit?after={}", rest.split('"').next().unwrap());
    let (_, second) = get(&site, &next, &owner).await;
    let rows = |page: &str| page.matches("data-label=\"Who\"").count();
    assert_eq!(rows(&first), 50);
    // Sixty lifts, the link and the welcome.
    assert_eq!(rows(&second), 12, "{second}");
    assert!(second.contains("Back to the newest"));
}

#[actix_web::test]
async fn behind_an_open_door_there_is_nobody_to_be() {
    let house = House::open_at("http://127.0.0.1:8080").await;
    let site = site(house.open_state()).await;
    let page = async |path: &str| super::house::page(&site, path).await;
    assert!(page("/account").await.1.contains("Nobody signs in here"));
    assert!(page("/team").await.1.contains("Nobody signs in here yet."));
    let pause = from_our_page(&format!("/gateways/{}/pause", house.gateway)).insert_header(("host", "127.0.0.1:8080"));
    assert_eq!(ask(&site, pause).await.status(), StatusCode::SEE_OTHER);
    assert!(page("/audit").await.1.contains("whoever the door was open to"));
    let password =
        from_our_page("/account/password").insert_header(("host", "127.0.0.1:8080")).set_form([("old", "a")]);
    assert_eq!(ask(&site, password).await.status(), StatusCode::NOT_FOUND);
}
