//! An agency's day: one person is invited and finds their own shop and nothing else, another may look and change nothing,
//! and the month's statement says what the report says, on paper too.

use cartback::{
    domain::{
        member::{Reach, Role},
        second::{Secret, step},
    },
    pipeline::team,
    web::again::WITHIN,
};
use serde_json::json;

use super::{rich, site::Stage};
use crate::app::minutes;

const TEA: [(&str, &str); 2] = [("name", "Tea & Tide"), ("site", "tea.example")];

#[actix_web::test]
async fn inviting_somebody_who_lands_in_their_own_shop() {
    let Some(stage) = Stage::open_signed_in().await else { return };
    let (oak, tea) = (stage.app.with_shop("generic").await, stage.app.with_shop_like("generic", &TEA).await);
    for (shop, token) in [(&oak, "oak"), (&tea, "tea")] {
        let cart = json!({ "first_name": token, "email": format!("{token}@shopper.example") });
        stage.app.generic(shop, "checkout.updated", stage.app.checkout(token, cart)).await;
    }
    stage.app.pass(minutes(31)).await;
    stage.visit("/").await;
    stage.press("More").await;
    stage.follow("Team").await;
    stage.fill("E-mail address", "ana@agency.example").await;
    stage.tick("Manager").await;
    stage.tick("Only these").await;
    stage.tick("Tea & Tide").await;
    stage.press("Make the invitation").await;
    stage.sees("A link for ana@agency.example").await;
    let link = stage.run("return document.getElementById('fresh-link').value").await.as_str().unwrap().to_owned();
    stage.press("Sign out").await;
    stage.visit(link.strip_prefix(&stage.app.core.public_url).unwrap()).await;
    stage.press("Sign in").await;
    stage.fill("Your name", "Ana Kovač").await;
    stage.fill("Password", "six words nobody ever says").await;
    stage.press("Start").await;
    stage.sees("Signed in as Ana Kovač").await;
    stage.sees("Tea & Tide").await;
    stage.sees_not("Lumen & Oak").await;
    stage.follow("Carts").await;
    stage.sees("tea, …").await;
    stage.sees_not("oak, …").await;
    // The other shop is not there for them, whatever is typed.
    stage.expects("404");
    stage.visit(&format!("/carts?shop={}", oak.id)).await;
    stage.sees("There is no page here.").await;
    // A manager changes what is their shop's.
    stage.visit("/sequences").await;
    stage.press("Sign out").await;
    stage.fill("E-mail address", "ana@agency.example").await;
    stage.fill("Password", "six words nobody ever says").await;
    stage.press("Sign in").await;
    stage.sees("Signed in as Ana Kovač").await;
    stage.end().await;
}

pub const MAJA: &str = "maja@agency.example";
pub const PASSWORD: &str = "six words nobody ever says";

/// The first owner chooses how she signs in.
pub async fn settle_in(stage: &Stage) {
    stage.fill("Your name", "Maja Novak").await;
    stage.fill("E-mail address", MAJA).await;
    stage.fill("Password", PASSWORD).await;
    stage.press("Start").await;
    stage.sees("Signed in as Maja Novak").await;
}

/// Up to the page with the picture; answers what an app would read from it.
pub async fn begin_second(stage: &Stage) -> Secret {
    stage.visit("/account").await;
    stage.press("Set up a second proof").await;
    stage.sees("Show it to your app").await;
    let text = stage.run("return document.getElementById('secret').value").await;
    let text = text.as_str().unwrap().replace(' ', "");
    Secret::of(&data_encoding::BASE32_NOPAD.decode(text.as_bytes()).unwrap()).unwrap()
}

/// What the app shows now.
pub async fn type_code(stage: &Stage, secret: &Secret) {
    stage.fill("Code", &secret.code(step(stage.app.now()))).await;
}

#[actix_web::test]
async fn a_phone_beside_the_password() {
    let Some(stage) = Stage::open().await else { return };
    stage.app.with_shop("generic").await;
    stage.open_link().await;
    settle_in(&stage).await;
    let secret = begin_second(&stage).await;
    // A camera sees black on white, in a dark room too.
    stage.prefers(&[("prefers-color-scheme", "dark")]).await;
    let fills = "return [...document.querySelectorAll('svg.qr path')].map(it => getComputedStyle(it).fill)";
    assert_eq!(stage.run(fills).await, json!(["rgb(255, 255, 255)", "rgb(0, 0, 0)"]));
    stage.prefers(&[]).await;
    type_code(&stage, &secret).await;
    stage.press("Switch the second proof on").await;
    stage.sees("Keep these 10 codes").await;
    let codes = stage.run("return document.getElementById('all-codes').value").await.as_str().unwrap().to_owned();
    stage.follow("I have kept them").await;
    stage.press("Sign out").await;
    stage.app.clock.advance(minutes(1));
    let enter = async || {
        stage.fill("E-mail address", MAJA).await;
        stage.fill("Password", PASSWORD).await;
        stage.press("Sign in").await;
        stage.sees("1 step left: the code from your app.").await;
    };
    enter().await;
    type_code(&stage, &secret).await;
    stage.press("Sign in").await;
    stage.sees("Signed in as Maja Novak").await;
    // A quarter of an hour later, a form that names somebody waits for her to show that it is still her.
    stage.app.clock.advance(WITHIN);
    stage.visit("/team").await;
    stage.fill("E-mail address", "ana@agency.example").await;
    stage.press("Make the invitation").await;
    stage.sees("1 step left: show that it is still you.").await;
    stage.fill("Password", "not hers").await;
    stage.press("Go on").await;
    stage.sees("This was not right.").await;
    stage.fill("Password", PASSWORD).await;
    stage.press("Go on").await;
    stage.sees("A link for ana@agency.example").await;
    stage.press("Sign out").await;
    enter().await;
    stage.fill("Code", codes.split(' ').next().unwrap()).await;
    stage.press("Sign in").await;
    stage.visit("/account").await;
    stage.sees("9 of 10 of your recovery codes are left.").await;
    stage.end().await;
}

#[actix_web::test]
async fn an_analyst_sees_and_changes_nothing() {
    let Some(stage) = Stage::open_signed_in().await else { return };
    let shop = stage.app.with_shop("generic").await;
    stage.app.generic(&shop, "checkout.updated", stage.app.checkout("c1", json!({}))).await;
    stage.app.pass(minutes(31)).await;
    stage.visit("/carts").await;
    stage.follow("Maja, …5101").await;
    stage.sees("Hold").await;
    let cart = stage.place().await;
    let (_, link) =
        team::invite(&stage.app.core, "eva@agency.example", "Eva", Role::Analyst, &Reach::Every).await.unwrap();
    stage.press("Sign out").await;
    stage.visit(link.strip_prefix(&stage.app.core.public_url).unwrap()).await;
    stage.press("Sign in").await;
    stage.follow("Later").await;
    stage.sees("Signed in as Eva").await;
    for path in [cart.as_str(), "/sequences", "/gateways", "/people", "/tokens", "/risk"] {
        stage.visit(path).await;
        stage.sees("Signed in as Eva").await;
        // A search is posted to keep names out of addresses; it changes nothing.
        let changing = "return [...document.querySelectorAll('main form[method=post]')].map(it => it.action)
            .filter(it => !new URL(it).pathname.endsWith('/find'))";
        assert_eq!(stage.run(changing).await, json!([]), "{path} offers to change something");
    }
    stage.expects("403");
    for path in ["/team", "/audit", &format!("/shops/{}/settings", shop.id)] {
        stage.visit(path).await;
        stage.sees("may only look").await;
    }
    // Asked without a button, the answer is the same.
    stage.visit(&cart).await;
    let asked = format!("fetch('{cart}/dismiss', {{ method: 'POST' }}).then(answer => done(answer.status))");
    assert_eq!(stage.run_until_done(&asked).await, json!(403));
    stage.visit(&cart).await;
    stage.sees_not("Dismissed by hand").await;
    stage.end().await;
}

#[actix_web::test]
async fn the_statement_of_a_month_is_the_report_on_paper() {
    let Some(stage) = Stage::open_signed_in().await else { return };
    rich::fill(&stage.app).await;
    let cells = async |script: &str| stage.run(script).await;
    stage.visit("/report?from=2026-03-01&to=2026-03-31").await;
    stage.sees("net came back").await;
    let told = cells(
        "return ['Orders', 'Gross', 'Refunded', 'Net'].map(label =>
           document.querySelector(`#money`).closest('section').querySelector(`td[data-label=\"${label}\"]`).innerText)",
    )
    .await;
    stage.follow("Monthly statement").await;
    stage.sees("Nothing came back in February 2026.").await;
    stage.follow("The month after").await;
    stage.sees("€100.00 net came back in March 2026, from 1 order.").await;
    let stated = cells(
        "const rows = [...document.querySelectorAll('.statement table tr')];
         const of = label => rows.find(row => row.cells[0].innerText === label)?.cells[1].innerText;
         return ['Orders credited', 'Gross', 'Refunded or cancelled in the month', 'Net'].map(of)",
    )
    .await;
    assert_eq!(stated, told);
    stage.sees("#1093").await;
    // On paper there is the statement and nothing to press.
    stage.prints().await;
    stage.size(794, 1123).await;
    let left = cells(
        "return [...document.querySelectorAll('header.top, button, .no-print, .foot form, input')]
           .filter(it => it.getClientRects().length).map(it => it.outerHTML.slice(0, 80))",
    )
    .await;
    assert_eq!(left, json!([]), "on paper there is something to press");
    let wide = cells("return document.documentElement.scrollWidth").await;
    assert!(wide.as_u64().unwrap() <= 794, "wider than a sheet: {wide}");
    stage.sees("Not counted").await;
    stage.end().await;
}
