//! Strangers: who guesses, who reads the database, who makes somebody else's browser ask, who writes headers as they like.

use std::{
    collections::BTreeSet,
    fs,
    time::{Duration, Instant},
};

use actix_web::{
    cookie::{Cookie, SameSite},
    http::{Method, StatusCode},
    test::TestRequest,
};
use cartback::{
    domain::{
        member::{Reach, Role},
        time::{HOUR, MINUTE},
    },
    pipeline::{people::token, team},
    store::token::{Scope, Scopes},
    web::{
        attempt::OF_ADDRESS,
        route::{May, ROUTES},
    },
};

use super::{
    account::set_up,
    house::{House, Site, ask, from_our_page, site, text},
    team::{PASSWORD, cookie, get, on_both, owner, path_of, post, settle_in, signs_in, to},
};

const MAJA: &str = "maja@acme.example";

/// From one of a hundred addresses.
fn guess(number: usize, form: &[(&str, &str)]) -> TestRequest {
    let peer = format!("203.0.113.{}:4000", number % 100);
    post("/sign-in", form).peer_addr(peer.parse().unwrap())
}

#[actix_web::test]
async fn a_thousand_guesses_from_a_hundred_addresses_are_hardly_looked_at_and_keep_nobody_out() {
    on_both(async |house, site| {
        let who = owner(house, site).await;
        let (app, codes) = set_up(house, site, &who).await;
        // Hers, from before: the browser knows her account.
        let half = cookie(&signs_in(site, MAJA, PASSWORD).await);
        let entered = ask(site, post("/sign-in/second", &[("code", &app.shows(house))]).cookie(half)).await;
        let known =
            entered.response().cookies().find(|cookie| cookie.name().ends_with("_browser")).unwrap().into_owned();
        let mut looked_at = 0;
        for number in 0..1_000 {
            let password = format!("guess number {number}");
            let code = format!("{number:06}");
            let mut form = vec![("email", MAJA), ("password", password.as_str())];
            if number % 2 == 1 {
                form.push(("code", &code));
            }
            let response = ask(site, guess(number, &form)).await;
            assert_ne!(response.status(), StatusCode::SEE_OTHER);
            looked_at += usize::from(response.status() == StatusCode::UNAUTHORIZED);
            house.clock.advance(Duration::from_millis(3_600));
        }
        assert!((5..=20).contains(&looked_at), "{looked_at}");
        // While it goes on: the password alone is turned away, with a code it opens, and so it does in her own browser.
        let form = [("email", MAJA), ("password", PASSWORD)];
        let ours = |form: &[(&str, &str)]| post("/sign-in", form).peer_addr("198.51.100.9:4000".parse().unwrap());
        let mut number = 0;
        while ask(site, guess(number, &[("email", MAJA), ("password", "x")])).await.status() == StatusCode::UNAUTHORIZED
        {
            number += 1;
        }
        let shut = ask(site, ours(&form)).await;
        assert_eq!(shut.status(), StatusCode::TOO_MANY_REQUESTS);
        assert!(text(shut).await.contains("Code of your second proof"));
        let code = app.shows(house);
        let with = |password: &'static str, code: &str| {
            [form[0], ("password", password), ("code", code)].map(|(k, v)| (k.to_owned(), v.to_owned()))
        };
        let sent = async |pairs: [(String, String); 3]| {
            let pairs: Vec<(&str, &str)> = pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            ask(site, ours(&pairs)).await
        };
        // A code that is right lets one password be looked at, and is used up by it.
        assert_eq!(sent(with("not hers", &codes[0])).await.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(sent(with(PASSWORD, &codes[0])).await.status(), StatusCode::TOO_MANY_REQUESTS);
        let response = sent(with(PASSWORD, &code)).await;
        assert_eq!(to(&response), "/");
        assert_eq!(get(site, "/", &cookie(&response)).await.0, StatusCode::OK);
        let response = ask(site, ours(&form).cookie(known.clone())).await;
        assert_eq!(to(&response), "/sign-in/second");
        // Guesses in that browser are counted too; a cookie that somebody made up is none.
        let first = if known.value().starts_with('B') { 'C' } else { 'B' };
        let forged = Cookie::new(known.name().to_owned(), format!("{first}{}", &known.value()[1..]));
        assert_eq!(ask(site, ours(&form).cookie(forged)).await.status(), StatusCode::TOO_MANY_REQUESTS);
        let mut seen = 0;
        for _ in 0..50 {
            let response = ask(site, ours(&[("email", MAJA), ("password", "x")]).cookie(known.clone())).await;
            seen += usize::from(response.status() == StatusCode::UNAUTHORIZED);
        }
        assert!(seen <= 5, "{seen}");
        // Nor does somebody else behind the same address keep her out of it.
        let again = |number: u32| {
            let email = format!("{number}@acme.example");
            post("/sign-in", &[("email", &email), ("password", "x")]).peer_addr("198.51.100.9:4000".parse().unwrap())
        };
        house.clock.advance(MINUTE * 15);
        let mut number = 0;
        while ask(site, again(number)).await.status() == StatusCode::UNAUTHORIZED {
            number += 1;
        }
        assert_eq!(ask(site, ours(&form)).await.status(), StatusCode::TOO_MANY_REQUESTS);
        let response = ask(site, ours(&form).cookie(known.clone())).await;
        assert_eq!(to(&response), "/sign-in/second");
        // A browser is known to the account it was signed in to, and to no other.
        let (_, link) =
            team::invite(house.core(), "bo@acme.example", "Bo", Role::Manager, &Reach::Every).await.unwrap();
        settle_in(site, &link, "Bo", "bo@acme.example", "manager horse battery").await;
        let others = |password: &str| {
            post("/sign-in", &[("email", "bo@acme.example"), ("password", password)])
                .peer_addr("198.51.100.77:4000".parse().unwrap())
        };
        for _ in 0..5 {
            assert_eq!(ask(site, others("x")).await.status(), StatusCode::UNAUTHORIZED);
        }
        let response = ask(site, others("manager horse battery").cookie(known.clone())).await;
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    })
    .await;
}

#[actix_web::test]
async fn who_has_the_password_guesses_no_code_and_a_recovery_code_still_opens() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let who = owner(&house, &site).await;
    let (_, codes) = set_up(&house, &site, &who).await;
    let mut looked_at = 0;
    for number in 0..120 {
        let peer = || format!("203.0.113.{}:4000", number % 100).parse().unwrap();
        let form = [("email", MAJA), ("password", PASSWORD)];
        let half = cookie(&ask(&site, post("/sign-in", &form).peer_addr(peer())).await);
        let code = post("/sign-in/second", &[("code", &format!("{number:06}"))]).peer_addr(peer()).cookie(half);
        looked_at += usize::from(ask(&site, code).await.status() == StatusCode::UNAUTHORIZED);
        house.clock.advance(Duration::from_secs(12));
    }
    assert!((5..=20).contains(&looked_at), "{looked_at}");
    let half = cookie(&signs_in(&site, MAJA, PASSWORD).await);
    let code = post("/sign-in/second", &[("code", codes[7].as_str())]).cookie(half);
    assert_eq!(to(&ask(&site, code).await), "/");
}

#[actix_web::test]
async fn an_account_that_is_not_there_costs_what_one_that_is_costs() {
    let house = House::open().await;
    let site = site(house.state()).await;
    owner(&house, &site).await;
    let (_, _) = team::invite(house.core(), "new@acme.example", "New", Role::Analyst, &Reach::Every).await.unwrap();
    // A password that is wrong, an address that is nobody's, somebody who has not chosen a password yet.
    let mut fastest = [Duration::MAX; 3];
    for _ in 0..9 {
        for (email, fastest) in [MAJA, "nobody@acme.example", "new@acme.example"].into_iter().zip(&mut fastest) {
            let begun = Instant::now();
            let response = signs_in(&site, email, "wrong").await;
            *fastest = begun.elapsed().min(*fastest);
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
            house.clock.advance(HOUR * 25);
        }
    }
    let [real, nobodys, new] = fastest.map(|it| it.as_secs_f64());
    for other in [nobodys, new] {
        assert!((0.5..2.0).contains(&(other / real)), "{fastest:?}");
    }
}

#[actix_web::test]
async fn only_the_proxies_of_the_settings_say_where_a_request_came_from() {
    let house = House::open().await;
    let tired = async |site: &Site, peer: &str| {
        let from = |number: u32| {
            post("/sign-in", &[("email", &format!("{number}@acme.example")), ("password", "x")])
                .peer_addr(format!("{peer}:4000").parse().unwrap())
                .insert_header(("x-forwarded-for", format!("198.51.100.{number}")))
        };
        let mut turned_away = 0;
        for number in 0..OF_ADDRESS.free + 10 {
            let answer = ask(site, from(number)).await;
            turned_away += u32::from(answer.status() == StatusCode::TOO_MANY_REQUESTS);
        }
        turned_away
    };
    let plain = site(house.state()).await;
    // A neighbour that writes a new address every time is one neighbour; our proxy on this machine is believed.
    assert_eq!(tired(&plain, "10.0.0.7").await, 10);
    assert_eq!(tired(&plain, "172.17.0.1").await, 10);
    assert_eq!(tired(&plain, "127.0.0.1").await, 0);
    let mut state = house.state();
    state.proxies = vec!["10.0.0.0/24".parse().unwrap()];
    let set = site(state).await;
    assert_eq!(tired(&set, "10.0.0.7").await, 0);
    assert_eq!(tired(&set, "127.0.0.1").await, 10);
}

#[actix_web::test]
async fn no_other_site_changes_anything_on_any_route() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let who = owner(&house, &site).await;
    let fill = |path: &str| -> String {
        path.split('/').map(|part| if part.starts_with('{') { "1" } else { part }).collect::<Vec<_>>().join("/")
    };
    let mut tried = 0;
    for route in ROUTES.iter().filter(|route| route.method != "GET") {
        // Shops, gateways and shoppers prove themselves otherwise, and have no cookie.
        let proves_itself = ["/hook/", "/o/", "/e/", "/digest/stop/"].iter().any(|start| route.path.starts_with(start));
        if proves_itself {
            continue;
        }
        let path = fill(route.path);
        for header in [
            None,
            Some(("sec-fetch-site", "cross-site")),
            Some(("sec-fetch-site", "same-site")),
            Some(("origin", "https://evil.example")),
            Some(("origin", "null")),
        ] {
            let mut request = TestRequest::post().uri(&path).cookie(who.clone());
            if let Some(header) = header {
                request = request.insert_header(header);
            }
            let answer = ask(&site, request).await.status();
            // Signing in by a link is believed for the link's sake when nothing says where it comes from.
            let is_link = route.path.starts_with("/sign-in/") && matches!(header, None | Some(("origin", "null")));
            if !is_link {
                assert_eq!(answer, StatusCode::FORBIDDEN, "{path} {header:?}");
                tried += 1;
            }
        }
    }
    assert!(tried > 400, "{tried}");
    assert_eq!(get(&site, "/", &who).await.0, StatusCode::OK, "nothing signed her out");
}

#[actix_web::test]
async fn every_cookie_is_bound_to_this_place_and_kept_from_scripts() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let who = owner(&house, &site).await;
    let (app, _) = set_up(&house, &site, &who).await;
    let half = signs_in(&site, MAJA, PASSWORD).await;
    let whole = ask(&site, post("/sign-in/second", &[("code", &app.shows(&house))]).cookie(cookie(&half))).await;
    let out = ask(&site, post("/sign-out", &[]).cookie(cookie(&whole))).await;
    let mut names = BTreeSet::new();
    for response in [&half, &whole, &out] {
        for cookie in response.response().cookies() {
            assert!(cookie.name().starts_with("__Host-"), "{cookie}");
            assert_eq!((cookie.secure(), cookie.http_only()), (Some(true), Some(true)), "{cookie}");
            assert_eq!((cookie.same_site(), cookie.path()), (Some(SameSite::Lax), Some("/")), "{cookie}");
            assert_eq!(cookie.domain(), None, "{cookie}");
            names.insert(cookie.name().to_owned());
        }
    }
    assert_eq!(names.len(), 3, "{names:?}");
    // 256 bits of chance each, in base64.
    assert_eq!((cookie(&half).value().len(), cookie(&whole).value().len()), (43, 43));
}

#[actix_web::test]
async fn a_session_is_new_at_every_sign_in_and_gone_when_it_should_be() {
    on_both(async |house, site| {
        let first = owner(house, site).await;
        let enter = async |who: &Cookie<'static>| {
            let form = [("email", MAJA), ("password", PASSWORD)];
            cookie(&ask(site, post("/sign-in", &form).cookie(who.clone())).await)
        };
        let is_in = async |who: &Cookie<'static>| get(site, "/", who).await.0 == StatusCode::OK;
        // Signing in over a session ends it; one that somebody else chose is never taken over.
        let second = enter(&first).await;
        assert_ne!(first.value(), second.value());
        assert!(!is_in(&first).await && is_in(&second).await);
        let planted = Cookie::new("__Host-cartback_session", "A".repeat(43));
        assert_ne!(enter(&planted).await.value(), planted.value());
        assert!(!is_in(&planted).await);
        // A new role, a new reach: every session of theirs ends, and none for what stays as it is.
        let (id, link) =
            team::invite(house.core(), "bo@acme.example", "Bo", Role::Analyst, &Reach::Every).await.unwrap();
        settle_in(site, &link, "Bo", "bo@acme.example", "manager horse battery").await;
        let theirs = async || cookie(&signs_in(site, "bo@acme.example", "manager horse battery").await);
        let bo = theirs().await;
        team::change(house.core(), id, Role::Analyst, &Reach::Every).await.unwrap();
        assert!(is_in(&bo).await);
        team::change(house.core(), id, Role::Manager, &Reach::Every).await.unwrap();
        assert!(!is_in(&bo).await);
        let bo = theirs().await;
        team::change(house.core(), id, Role::Manager, &Reach::These([house.shop].into())).await.unwrap();
        assert!(!is_in(&bo).await);
        let bo = theirs().await;
        team::remove(house.core(), id).await.unwrap();
        assert!(!is_in(&bo).await);
    })
    .await;
}

#[actix_web::test]
async fn a_revoked_token_opens_nothing_on_any_instance_within_a_second() {
    on_both(async |house, one| {
        let other = site(house.another_process()).await;
        let token = token::create(house.core(), house.shop, "till", Scopes::new([Scope::Read]), None).await.unwrap();
        let asks = async |site: &Site| {
            let request = TestRequest::get().uri("/api/v1/carts");
            ask(site, request.insert_header(("authorization", format!("Bearer {token}")))).await.status()
        };
        for site in [one, &other] {
            assert_eq!(asks(site).await, StatusCode::OK);
        }
        let revoked = Instant::now();
        assert!(token::revoke(house.core(), house.shop, "till").await.unwrap());
        for site in [one, &other] {
            assert_eq!(asks(site).await, StatusCode::UNAUTHORIZED);
        }
        assert!(revoked.elapsed() < Duration::from_secs(1), "{:?}", revoked.elapsed());
        // So does a session that ended here.
        let who = owner(house, one).await;
        assert_eq!(get(&other, "/", &who).await.0, StatusCode::OK);
        ask(one, post("/sign-out", &[]).cookie(who.clone())).await;
        assert_eq!(get(&other, "/", &who).await.0, StatusCode::SEE_OTHER);
    })
    .await;
}

#[actix_web::test]
async fn who_reads_the_database_gets_nothing_that_opens_anything() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let unused = cartback::app::sign_in_link(house.core()).await.unwrap();
    let who = owner(&house, &site).await;
    let (_, link) = team::invite(house.core(), "bo@acme.example", "Bo", Role::Manager, &Reach::Every).await.unwrap();
    let (app, codes) = set_up(&house, &site, &who).await;
    let token = token::create(house.core(), house.shop, "till", Scopes::new([Scope::Read]), None).await.unwrap();
    let half = cookie(&signs_in(&site, MAJA, PASSWORD).await);
    let entered = ask(&site, post("/sign-in/second", &[("code", &app.shows(&house))]).cookie(half.clone())).await;
    let still_half = cookie(&signs_in(&site, MAJA, PASSWORD).await);
    let mut secrets: Vec<Vec<u8>> = Vec::new();
    let mut text_and_bytes = |text: &str| {
        secrets.push(text.as_bytes().to_vec());
        secrets.extend(data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()).ok().filter(|bytes| bytes.len() >= 16));
    };
    for cookie in [&who, &half, &still_half, &cookie(&entered)] {
        text_and_bytes(cookie.value());
    }
    for link in [&unused, &link] {
        text_and_bytes(path_of(link).strip_prefix("/sign-in/").unwrap());
    }
    text_and_bytes(&token);
    for code in &codes {
        text_and_bytes(code);
        text_and_bytes(&code.replace('-', ""));
    }
    secrets.push(app.bytes().to_vec());
    secrets.push(data_encoding::BASE32_NOPAD.encode(app.bytes()).into_bytes());
    secrets.push(PASSWORD.into());
    secrets.push(MAJA.into());
    let mut read = 0;
    for file in fs::read_dir(house.folder()).unwrap().map(|entry| entry.unwrap().path()) {
        if !file.is_file() || file == house.key_file() {
            continue;
        }
        let bytes = fs::read(&file).unwrap();
        read += bytes.len();
        for secret in &secrets {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_slice());
            assert!(!found, "{} holds {:?}", file.display(), String::from_utf8_lossy(secret));
        }
    }
    assert!(read > 100_000, "the database was not read: {read} bytes");
    assert!(secrets.len() > 30, "{}", secrets.len());
}

/// What asks again is written down here: taking a route from the list is a decision.
#[test]
fn what_is_dangerous_is_marked_and_recorded() {
    let fresh: BTreeSet<(&str, &str)> =
        ROUTES.iter().filter(|route| route.fresh).map(|route| (route.method, route.path)).collect();
    let expected: BTreeSet<(&str, &str)> = [
        ("GET", "/account/second"),
        ("GET", "/people.csv"),
        ("POST", "/account/second"),
        ("POST", "/account/second/begin"),
        ("POST", "/account/second/codes"),
        ("POST", "/connect/new"),
        ("POST", "/gateways/add"),
        ("POST", "/gateways/{id}"),
        ("POST", "/gateways/{id}/remove"),
        ("POST", "/person/export"),
        ("POST", "/platforms/add"),
        ("POST", "/platforms/{id}"),
        ("POST", "/risk/lift"),
        ("POST", "/shops/{id}/disconnect"),
        ("POST", "/shops/{id}/rules"),
        ("POST", "/shops/{id}/set-up"),
        ("POST", "/shops/{id}/settings"),
        ("POST", "/team"),
        ("POST", "/team/second"),
        ("POST", "/team/{id}"),
        ("POST", "/team/{id}/link"),
        ("POST", "/team/{id}/remove"),
        ("POST", "/team/{id}/reset-second"),
        ("POST", "/tokens"),
        ("POST", "/webhooks"),
        ("POST", "/webhooks/{id}"),
        ("POST", "/webhooks/{id}/rotate"),
    ]
    .into();
    assert_eq!(fresh, expected);
    for route in ROUTES.iter().filter(|route| route.fresh) {
        let is_own_page = route.path == "/account/second" && route.method == "GET";
        assert!(!route.said.is_empty() || is_own_page, "{} leaves no trail", route.path);
        assert_ne!(route.may, May::Anyone, "{}", route.path);
    }
    // Stopping and revoking never wait for a password.
    for path in ["/risk/halt", "/tokens/revoke", "/sign-out", "/account/sessions/end"] {
        assert!(!cartback::web::route::of(&Method::POST, path).fresh, "{path}");
    }
}

#[actix_web::test]
async fn on_plain_http_the_form_of_the_sign_in_page_is_taken() {
    let house = House::open_at("http://10.0.0.7:8080").await;
    let site = site(house.state()).await;
    let link = cartback::app::sign_in_link(house.core()).await.unwrap();
    let used = ask(&site, from_our_page(link.strip_prefix("http://10.0.0.7:8080").unwrap())).await;
    let chosen = [("name", "Maja"), ("email", MAJA), ("password", PASSWORD)];
    ask(&site, post("/welcome", &chosen).cookie(cookie(&used))).await;
    // There a browser says `null` for a page that keeps out of referrers, and nothing else says where a form comes from.
    for path in ["/sign-in", "/welcome"] {
        let page = TestRequest::get().uri(path).insert_header(("accept", "text/html"));
        let page = text(ask(&site, page.cookie(cookie(&used))).await).await;
        assert!(!page.contains("content=\"no-referrer\"") || page.is_empty(), "{path}: {page}");
    }
    let form = TestRequest::post()
        .uri("/sign-in")
        .insert_header(("host", "10.0.0.7:8080"))
        .insert_header(("origin", "http://10.0.0.7:8080"))
        .set_form([("email", MAJA), ("password", PASSWORD)]);
    assert_eq!(to(&ask(&site, form).await), "/");
}
