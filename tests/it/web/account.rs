//! Accounts, played: a second proof is set up, asked for, lost and taken away; what is dangerous asks again; and nobody who
//! guesses, listens or reads the database gets in. On both databases where it is theirs to keep.

use actix_web::{cookie::Cookie, http::StatusCode, test::TestRequest};
use cartback::{
    domain::{
        member::{Reach, Role},
        second::{Secret, step},
        time::{HOUR, MINUTE},
    },
    pipeline::{second, team},
    web::again::WITHIN,
};
use data_encoding::BASE32_NOPAD;

use super::{
    house::{House, Response, Site, ask, site, text},
    team::{PASSWORD, cookie, get, on_both, owner, path_of, post, settle_in, signs_in, to},
};
use crate::server::smtp::Server;

const MAJA: &str = "maja@acme.example";

/// What stands between two marks of a page.
fn between<'p>(page: &'p str, before: &str, after: &str) -> &'p str {
    let (_, rest) = page.split_once(before).unwrap_or_else(|| panic!("no {before}: {page}"));
    rest.split(after).next().unwrap()
}

fn act(path: &str, form: &[(&str, &str)], who: &Cookie<'static>) -> TestRequest {
    post(path, form).cookie(who.clone())
}

/// An app, as it read the page.
pub struct App(Secret);

impl App {
    pub fn reads(page: &str) -> App {
        let typed = between(page, "id=\"secret\" class=\"mono\" type=\"text\" value=\"", "\"").replace(' ', "");
        let secret = Secret::of(&BASE32_NOPAD.decode(typed.as_bytes()).unwrap()).unwrap();
        assert!(page.contains("<svg class=\"qr\""), "{page}");
        App(secret)
    }

    pub fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    pub fn shows(&self, house: &House) -> String {
        self.0.code(step(house.core().now()))
    }
}

/// Sets a second proof up; answers the app and the recovery codes.
pub async fn set_up(house: &House, site: &Site, who: &Cookie<'static>) -> (App, Vec<String>) {
    assert_eq!(to(&ask(site, act("/account/second/begin", &[], who)).await), "/account/second");
    let app = App::reads(&get(site, "/account/second", who).await.1);
    let shown = text(ask(site, act("/account/second", &[("code", &app.shows(house))], who)).await).await;
    let codes: Vec<String> =
        shown.split("<li><code>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()).collect();
    assert_eq!(codes.len(), 10, "{shown}");
    // The next code: each works once.
    house.clock.advance(MINUTE / 2);
    (app, codes)
}

/// The first proof was right; whoever gave it holds this.
async fn half(site: &Site, email: &str, password: &str) -> Cookie<'static> {
    let response = signs_in(site, email, password).await;
    assert_eq!((response.status(), to(&response).as_str()), (StatusCode::SEE_OTHER, "/sign-in/second"));
    cookie(&response)
}

async fn second(site: &Site, half: &Cookie<'static>, code: &str) -> Response {
    ask(site, act("/sign-in/second", &[("code", code)], half)).await
}

#[actix_web::test]
async fn a_second_proof_is_set_up_asked_for_and_switched_off() {
    on_both(async |house, site| {
        let who = owner(house, site).await;
        let elsewhere = cookie(&signs_in(site, MAJA, PASSWORD).await);
        assert_eq!(to(&ask(site, act("/account/second/begin", &[], &who)).await), "/account/second");
        let begun = get(site, "/account/second", &who).await.1;
        let app = App::reads(&begun);
        // What was begun and not confirmed is asked of nobody.
        let wrong = text(ask(site, act("/account/second", &[("code", "000000")], &who)).await).await;
        assert!(wrong.contains("This code is not right") && wrong.contains("<svg class=\"qr\""), "{wrong}");
        assert_eq!(to(&signs_in(site, MAJA, PASSWORD).await), "/");
        let (again, codes) = set_up(house, site, &who).await;
        assert_ne!(app.shows(house), again.shows(house), "beginning again makes another secret");
        let app = again;
        // The secret is not shown again, and every other session is over.
        assert_eq!(get(site, "/account/second", &who).await.0, StatusCode::SEE_OTHER);
        assert_eq!(get(site, "/", &elsewhere).await.0, StatusCode::SEE_OTHER);
        let account = get(site, "/account", &who).await.1;
        assert!(
            account.contains("On since 10 Mar 2026") && account.contains("10 of 10 of your recovery codes"),
            "{account}"
        );

        // Half of it opens nothing, under whichever name it is sent.
        let half_way = half(site, MAJA, PASSWORD).await;
        assert_eq!(half_way.name(), "__Host-cartback_half");
        assert_eq!((half_way.http_only(), half_way.secure(), half_way.path()), (Some(true), Some(true), Some("/")));
        assert_eq!(get(site, "/", &half_way).await.0, StatusCode::SEE_OTHER);
        let renamed = Cookie::new("__Host-cartback_session", half_way.value().to_owned());
        assert_eq!(get(site, "/", &renamed).await.0, StatusCode::SEE_OTHER);
        assert!(get(site, "/sign-in/second", &half_way).await.1.contains("1 step left: the code from your app."));
        assert_eq!(second(site, &half_way, "000000").await.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(second(site, &half_way, "").await.status(), StatusCode::UNAUTHORIZED);
        let code = app.shows(house);
        let response = second(site, &half_way, &code).await;
        assert_eq!(to(&response), "/");
        assert_eq!(get(site, "/", &cookie(&response)).await.0, StatusCode::OK);
        // Neither the half nor the code a second time.
        assert_eq!(to(&second(site, &half_way, &code).await), "/sign-in");
        let next = half(site, MAJA, PASSWORD).await;
        assert_eq!(second(site, &next, &code).await.status(), StatusCode::UNAUTHORIZED);
        // Half an hour is too long for half a sign-in.
        house.clock.advance(MINUTE * 11);
        assert_eq!(to(&second(site, &next, &app.shows(house)).await), "/sign-in");

        // A recovery code stands in for one of the app, once.
        let next = half(site, MAJA, PASSWORD).await;
        assert_eq!(to(&second(site, &next, &codes[3].to_uppercase()).await), "/");
        let next = half(site, MAJA, PASSWORD).await;
        assert_eq!(second(site, &next, &codes[3]).await.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(to(&second(site, &next, &codes[4].replace('-', "")).await), "/");
        let renewed = text(ask(site, act("/account/second/codes", &[], &who)).await).await;
        assert!(renewed.contains("stand in for all you had before"), "{renewed}");
        let next = half(site, MAJA, PASSWORD).await;
        assert_eq!(second(site, &next, &codes[5]).await.status(), StatusCode::UNAUTHORIZED);

        // Off with both proofs, and not with one.
        let off = async |password: &str, code: &str| {
            ask(site, act("/account/second/off", &[("password", password), ("code", code)], &who)).await
        };
        let code = app.shows(house);
        assert!(text(off("not it at all", &code).await).await.contains("not the password you have now"));
        assert!(text(off(PASSWORD, "000000").await).await.contains("This code is not right"));
        assert_eq!(to(&signs_in(site, MAJA, PASSWORD).await), "/sign-in/second");
        assert_eq!(to(&off(PASSWORD, &code).await), "/account?done=second_off");
        assert_eq!(to(&signs_in(site, MAJA, PASSWORD).await), "/");
        // All of it is in the audit log, and no code is.
        let log = get(site, "/audit", &who).await.1;
        for said in [
            "Switched a second proof on",
            "with a wrong second proof",
            "Made new recovery codes",
            "Switched their second proof off",
        ] {
            assert!(log.contains(said), "{said}: {log}");
        }
        assert!(codes.iter().all(|code| !log.contains(code)) && !log.contains("000000"));
    })
    .await;
}

#[actix_web::test]
async fn a_code_is_right_once_on_every_instance_and_after_a_restart() {
    on_both(async |house, one| {
        let other = site(house.another_process()).await;
        let who = owner(house, one).await;
        let (app, codes) = set_up(house, one, &who).await;
        for code in [app.shows(house), codes[0].clone()] {
            let mut halves = Vec::new();
            for number in 0..8 {
                let site = if number % 2 == 0 { one } else { &other };
                halves.push((site, half(site, MAJA, PASSWORD).await));
            }
            // At the same moment, here and there; the throttle lets the first of each through.
            let asked = halves.iter().map(|(site, half)| second(site, half, &code));
            let answers = futures_util::future::join_all(asked).await;
            let entered = answers.iter().filter(|answer| to(answer) == "/").count();
            let refused = answers.iter().filter(|answer| answer.status() == StatusCode::UNAUTHORIZED).count();
            assert_eq!(entered, 1, "{code}: {:?}", answers.iter().map(Response::status).collect::<Vec<_>>());
            assert!(refused >= 1);
            // A process that starts now knows too.
            let restarted = site(house.another_process()).await;
            let half = half(&restarted, MAJA, PASSWORD).await;
            assert_eq!(second(&restarted, &half, &code).await.status(), StatusCode::UNAUTHORIZED);
            house.clock.advance(MINUTE * 20);
        }
        // A code of the step before is right, but not once a later one was used.
        let restarted = site(house.another_process()).await;
        let before = app.shows(house);
        house.clock.advance(MINUTE / 2);
        let half_way = half(&restarted, MAJA, PASSWORD).await;
        assert_eq!(to(&second(&restarted, &half_way, &app.shows(house)).await), "/");
        let half_way = half(&restarted, MAJA, PASSWORD).await;
        assert_eq!(second(&restarted, &half_way, &before).await.status(), StatusCode::UNAUTHORIZED);
    })
    .await;
}

#[actix_web::test]
async fn a_one_time_link_is_no_second_proof() {
    on_both(async |house, site| {
        let who = owner(house, site).await;
        let (app, _) = set_up(house, site, &who).await;
        let id = team::by_email(house.core(), MAJA).await.unwrap().unwrap();
        let link = team::link(house.core(), id).await.unwrap();
        let response = ask(site, post(&path_of(&link), &[])).await;
        assert_eq!(to(&response), "/sign-in/second");
        let half_way = cookie(&response);
        assert_eq!(get(site, "/welcome", &half_way).await.0, StatusCode::SEE_OTHER);
        assert_eq!(second(site, &half_way, "000000").await.status(), StatusCode::UNAUTHORIZED);
        let response = second(site, &half_way, &app.shows(house)).await;
        assert_eq!(to(&response), "/welcome");
        assert!(get(site, "/welcome", &cookie(&response)).await.1.contains("choose a new password"));
    })
    .await;
}

#[actix_web::test]
async fn an_owner_takes_a_lost_second_proof_away_and_its_person_is_told() {
    let server = Server::start().await;
    let house = House::open_mailing(server.smtp()).await;
    let site = site(house.state()).await;
    let owner = owner(&house, &site).await;
    let (id, link) = team::invite(house.core(), "bo@acme.example", "Bo", Role::Manager, &Reach::Every).await.unwrap();
    let bo = settle_in(&site, &link, "Bo", "bo@acme.example", "manager horse battery").await;
    let language = [("name", "Bo"), ("language", "de")];
    ask(&site, act("/account", &language, &bo)).await;
    let page = get(&site, &format!("/team/{id}"), &owner).await.1;
    assert!(!page.contains("reset-second"), "nothing to take away: {page}");
    set_up(&house, &site, &bo).await;
    // Nobody but an owner, and nobody their own: that asks for both proofs.
    let reset = |id: &str, who: &Cookie<'static>| act(&format!("/team/{id}/reset-second"), &[], who);
    assert_eq!(ask(&site, reset(&id.to_string(), &bo)).await.status(), StatusCode::FORBIDDEN);
    let page = get(&site, &format!("/team/{id}"), &owner).await.1;
    assert!(page.contains("Take the second proof away"), "{page}");
    assert_eq!(to(&ask(&site, reset(&id.to_string(), &owner)).await), format!("/team/{id}?done=second_reset"));
    assert_eq!(ask(&site, reset(&id.to_string(), &owner)).await.status(), StatusCode::NOT_FOUND);
    let letter = server.letters().remove(0);
    assert_eq!(letter.to, "bo@acme.example");
    assert_eq!(letter.header("subject"), "Ihr zweiter Nachweis wurde entfernt");
    assert!(letter.part("text/plain").contains("Maja Owner"), "{}", letter.raw);
    // At the next sign-in, once.
    let response = signs_in(&site, "bo@acme.example", "manager horse battery").await;
    assert_eq!(to(&response), "/account?done=second_was_reset");
    let told = get(&site, "/account?done=second_was_reset", &cookie(&response)).await.1;
    assert!(told.contains("Ihr zweiter Nachweis wurde von einem Inhaber entfernt."), "{told}");
    assert_eq!(to(&signs_in(&site, "bo@acme.example", "manager horse battery").await), "/");
    let log = get(&site, "/audit", &owner).await.1;
    assert!(log.contains("Took somebody’s second proof away") && log.contains("of Bo"), "{log}");
}

#[actix_web::test]
async fn owners_are_led_to_set_one_up_where_the_house_wants_it() {
    on_both(async |house, site| {
        let first = owner(house, site).await;
        let rule = |need: &'static str, who: &Cookie<'static>| act("/team/second", &[("need", need)], who);
        let refused = text(ask(site, rule("yes", &first)).await).await;
        assert!(refused.contains("Set up your own second proof first"), "{refused}");
        set_up(house, site, &first).await;
        let (_, link) = team::invite(house.core(), "bo@acme.example", "Bo", Role::Owner, &Reach::Every).await.unwrap();
        let bo = settle_in(site, &link, "Bo", "bo@acme.example", "an owner horse battery").await;
        let (_, link) =
            team::invite(house.core(), "eva@acme.example", "Eva", Role::Manager, &Reach::Every).await.unwrap();
        let eva = settle_in(site, &link, "Eva", "eva@acme.example", "manager horse battery").await;
        assert_eq!(get(site, "/carts", &bo).await.0, StatusCode::OK);
        assert_eq!(to(&ask(site, rule("yes", &first)).await), "/team?done=second_rule");
        assert_eq!(get(site, "/carts", &first).await.0, StatusCode::OK);
        assert_eq!(get(site, "/carts", &eva).await.0, StatusCode::OK);
        for path in ["/", "/carts", "/team", "/people.csv"] {
            let response = ask(site, TestRequest::get().uri(path).cookie(bo.clone())).await;
            assert_eq!(to(&response), "/account?done=second_owed", "{path}");
        }
        assert_eq!(to(&ask(site, act("/risk/halt", &[], &bo)).await), "/account?done=second_owed");
        assert_eq!(to(&ask(site, rule("no", &bo)).await), "/account?done=second_owed");
        let page = get(site, "/account", &bo).await.1;
        assert!(page.contains("1 step left: owners of this house need a second proof."), "{page}");
        set_up(house, site, &bo).await;
        assert_eq!(get(site, "/carts", &bo).await.0, StatusCode::OK);
        assert_eq!(to(&ask(site, rule("no", &bo)).await), "/team?done=second_rule_off");
    })
    .await;
}

#[actix_web::test]
async fn what_is_dangerous_asks_again_and_goes_on_with_what_was_typed() {
    on_both(async |house, site| {
        let who = owner(house, site).await;
        let sid = format!("AC{}", "0a".repeat(16));
        let form = [
            ("kind", "twilio"),
            ("name", "New"),
            ("account_sid", &sid),
            ("auth_token", "s3cr3t-of-theirs"),
            ("sender", "+12125550100"),
        ];
        let typed = [("name", "till"), ("scope", "read"), ("days", "30")];
        let named = async |name: &str| {
            let found =
                cartback::store::token::list(&mut house.core().db.read().await.unwrap(), house.shop).await.unwrap();
            found.iter().any(|token| token.name == name)
        };
        house.clock.advance(WITHIN - MINUTE);
        assert!(
            text(ask(site, act("/tokens", &[("name", "before"), ("scope", "read")], &who)).await).await.contains("cb_")
        );
        house.clock.advance(MINUTE);
        let asked = ask(site, act("/tokens", &typed, &who)).await;
        assert_eq!(asked.status(), StatusCode::OK);
        let asked = text(asked).await;
        assert!(asked.contains("show that it is still you") && asked.contains("action=\"/tokens\""), "{asked}");
        assert!(!named("till").await);
        // Nothing that was typed stands in the page, least of all a secret.
        let gateway = text(ask(site, act("/gateways/add?shop=1", &form, &who)).await).await;
        assert!(gateway.contains("action=\"/gateways/add?shop=1\""), "{gateway}");
        for secret in ["s3cr3t-of-theirs", "AC0a0a", "twilio"] {
            assert!(!gateway.contains(secret), "{secret}: {gateway}");
        }
        let carried = between(&asked, "name=\"again_carried\" value=\"", "\"").to_owned();
        let carried = carried.as_str();
        let go_on = async |path: &str, carried: &str, password: &str, who: &Cookie<'static>| {
            ask(site, act(path, &[("again_carried", carried), ("again_password", password)], who)).await
        };
        let wrong = text(go_on("/tokens", carried, "not her password", &who).await).await;
        assert!(wrong.contains("This was not right.") && !named("till").await, "{wrong}");
        // The form goes where it was going, in the session it was typed in, and is not to be changed or made.
        let other = cookie(&signs_in(site, MAJA, PASSWORD).await);
        for (path, carried, who) in [
            ("/tokens?shop=1", carried, &who),
            ("/gateways/add", carried, &who),
            ("/tokens", &carried[1..], &who),
            ("/tokens", "AAAA", &who),
            ("/tokens", carried, &other),
        ] {
            let answer = go_on(path, carried, PASSWORD, who).await;
            assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{path}");
        }
        assert!(!named("till").await);
        let done = text(go_on("/tokens", carried, PASSWORD, &who).await).await;
        assert!(done.contains("cb_") && named("till").await, "{done}");
        // For a quarter of an hour nothing is asked; the form of the other tab still goes on.
        let carried = between(&gateway, "name=\"again_carried\" value=\"", "\"").to_owned();
        let answer = go_on("/gateways/add?shop=1", &carried, "", &who).await;
        let answer = (answer.status(), text(answer).await);
        assert!(!answer.1.contains("still you"), "{answer:?}");
        let added = sql_count(house, "SELECT CAST(COUNT(*) AS TEXT) FROM gateway WHERE name = 'New'").await;
        assert_eq!((added.as_str(), answer.0.as_u16()), ("1", 303), "{answer:?}");
        // What was not posted leads back to where it is taken.
        house.clock.advance(WITHIN);
        let sheet = ask(site, TestRequest::get().uri("/people.csv?shop=1").cookie(who.clone())).await;
        assert_eq!(to(&sheet), "/again?to=%2Fpeople.csv%3Fshop%3D1");
        let page = get(site, "/again?to=%2Fpeople.csv%3Fshop%3D1", &who).await.1;
        assert!(page.contains("action=\"/again?to=%2Fpeople.csv%3Fshop%3D1\""), "{page}");
        let again = |password: &str| act("/again?to=%2Fpeople.csv%3Fshop%3D1", &[("again_password", password)], &who);
        assert!(text(ask(site, again("nonsense")).await).await.contains("This was not right."));
        assert_eq!(to(&ask(site, again(PASSWORD)).await), "/people?shop=1&done=proved");
        assert_eq!(get(site, "/people.csv?shop=1", &who).await.0, StatusCode::OK);
        // Wrong ones wait longer and longer, as at the door; a code of the second proof is as good as the password.
        let (app, _) = set_up(house, site, &who).await;
        house.clock.advance(WITHIN);
        let code = app.shows(house);
        let by_code = act("/again?to=%2Fteam", &[("again_code", &code)], &who);
        assert_eq!(to(&ask(site, by_code).await), "/team");
        house.clock.advance(WITHIN);
        for _ in 0..5 {
            ask(site, again("nonsense")).await;
        }
        assert!(text(ask(site, again(PASSWORD)).await).await.contains("come back in 30 seconds"));
        // Whoever took one session over keeps nobody waiting in another.
        house.clock.advance(MINUTE / 2);
        let half_way = half(site, MAJA, PASSWORD).await;
        let elsewhere = cookie(&second(site, &half_way, &app.shows(house)).await);
        house.clock.advance(WITHIN);
        for _ in 0..2 {
            ask(site, again("nonsense")).await;
        }
        let theirs = act("/again?to=%2Fteam", &[("again_password", PASSWORD)], &elsewhere);
        assert_eq!(to(&ask(site, theirs).await), "/team");
        // All of it left its trail.
        let log = get(site, "/audit", &who).await.1;
        for said in [
            "Took a list of people",
            "Showed that it was still them",
            "without a proof that it was still them",
            "Made an API token",
        ] {
            assert!(log.contains(said), "{said}: {log}");
        }
    })
    .await;
}

async fn sql_count(house: &House, query: &str) -> String {
    crate::sql::rows(&house.core().db, query).await.remove(0).remove(0)
}

#[actix_web::test]
async fn who_has_nothing_to_prove_with_is_not_asked_and_a_token_never_is() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let link = cartback::app::sign_in_link(house.core()).await.unwrap();
    let who = cookie(&ask(&site, post(&path_of(&link), &[])).await);
    house.clock.advance(HOUR);
    assert_eq!(get(&site, "/people.csv", &who).await.0, StatusCode::OK);
    let scopes = cartback::store::token::Scopes::new(cartback::store::token::Scope::ALL);
    let token = cartback::pipeline::people::token::create(
        house.core(),
        cartback::domain::id::ShopId::HOUSE,
        "all",
        scopes,
        None,
    );
    let token = token.await.unwrap();
    cartback::pipeline::guard::halt(house.core(), "stopped").await.unwrap();
    let lift = TestRequest::post().uri("/api/v1/halt/lift").insert_header(("authorization", format!("Bearer {token}")));
    let lifted = ask(&site, lift).await;
    assert_eq!(lifted.status(), StatusCode::OK);
}

#[actix_web::test]
async fn a_shell_on_the_machine_is_the_last_way_in() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let who = owner(&house, &site).await;
    set_up(&house, &site, &who).await;
    let id = team::by_email(house.core(), MAJA).await.unwrap().unwrap();
    assert_eq!(to(&signs_in(&site, MAJA, PASSWORD).await), "/sign-in/second");
    // What `cartback user reset-second` does.
    assert!(second::reset(house.core(), id, "").await.unwrap());
    assert!(!second::reset(house.core(), id, "").await.unwrap());
    assert_eq!(to(&signs_in(&site, MAJA, PASSWORD).await), "/account?done=second_was_reset");
}
