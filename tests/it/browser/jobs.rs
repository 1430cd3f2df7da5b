//! What people come for, as somebody does it who has never seen the pages: by what is written there and nothing else.

use std::fs;

use cartback::{domain::message::MessageState, shop::standard_webhooks};
use serde_json::json;

use super::{rich, site::Stage};
use crate::{
    app::{hours, minutes},
    server::call,
};

#[actix_web::test]
async fn signing_in_by_the_link_and_later_by_password() {
    let Some(stage) = Stage::open().await else { return };
    stage.visit("/carts").await;
    assert!(stage.place().await.starts_with("/sign-in"));
    stage.sees("Make a new link where Cartback runs").await;
    stage.open_link().await;
    stage.fill("Your name", "Maja Novak").await;
    stage.fill("E-mail address", "maja@lumen.example").await;
    stage.fill("Password", "four words of no kin").await;
    stage.press("Start").await;
    stage.sees("0 of 4 steps done until your first recovered cart.").await;
    stage.sees("Signed in as Maja Novak").await;
    stage.press("Sign out").await;
    stage.sees("Forgot your password?").await;
    // What the browser kept of the page is not shown to the next person.
    stage.visit("/").await;
    assert!(stage.place().await.starts_with("/sign-in"));
    stage.fill("E-mail address", "maja@lumen.example").await;
    stage.fill("Password", "four words of no kin").await;
    stage.press("Sign in").await;
    stage.sees("Signed in as Maja Novak").await;
    stage.end().await;
}

#[actix_web::test]
async fn connecting_a_shop_and_seeing_its_first_webhook() {
    let Some(stage) = Stage::open_signed_in().await else { return };
    stage.follow("Connect a shop").await;
    stage.tick("Any other shop").await;
    stage.choose("In which country is it?", "Slovenia").await;
    stage.press("Go on").await;
    stage.fill("Name of the shop", "Tea & Tide").await;
    stage.fill("Shop's host names", "tea.example").await;
    stage.press("Go on").await;
    stage.sees("Nothing yet? The three usual reasons").await;
    let read = async |id: &str| stage.run(&format!("return document.getElementById('{id}').value")).await;
    let (hook, secret) = (read("webhook-url").await, read("secret").await);
    let [hook, secret] = [&hook, &secret].map(|value| value.as_str().unwrap().to_owned());
    stage.press("Save the keys").await;
    stage.sees("The keys are kept.").await;
    stage.sees("waiting for the first one").await;
    // The shop tells of a checkout; the page notices by itself.
    let (at, cart) = (stage.app.now().seconds(), stage.app.checkout("t1", json!({})));
    let body = json!({ "type": "checkout.updated", "timestamp": stage.app.iso(), "data": cart }).to_string();
    let signature = standard_webhooks::sign(&secret, "evt_1", at, body.as_bytes());
    let told = tokio::task::spawn_blocking(move || {
        let at = at.to_string();
        let headers = [("webhook-id", "evt_1"), ("webhook-timestamp", &at), ("webhook-signature", &signature)];
        call("POST", &hook, &headers, body.as_bytes()).unwrap().status
    });
    assert_eq!(told.await.unwrap(), 200);
    stage.sees("signature right").await;
    stage.app.settle().await;
    stage.follow("Next: Gateway").await;
    stage.press("Try without sending").await;
    stage.sees("sends for this shop").await;
    stage.visit("/shops").await;
    stage.follow("Tea & Tide").await;
    stage.sees("Tea & Tide").await;
    stage.app.pass(hours(1)).await;
    stage.end().await;
}

#[actix_web::test]
async fn changing_a_text_and_receiving_the_test() {
    let Some(stage) = Stage::open_signed_in().await else { return };
    let shop = stage.app.with_shop("generic").await;
    stage.app.with_gateway(&shop, "log").await;
    stage.visit("/").await;
    stage.follow("Texts").await;
    stage.choose("Own words in", "Slovenian").await;
    stage.press("Write").await;
    stage.sees("ready-made words.").await;
    stage.fill("Words", "{{ shop }}: Ana, kosarica te caka").await;
    // Typed, never saved: the preview follows.
    stage.sees("No link to the cart").await;
    stage.sees("No text comes out of this yet.").await;
    stage.press("Save").await;
    stage.sees("That was not done").await;
    stage.fill("Words", "{{ shop }}: Ana, kosarica te caka ").await;
    for name in ["link", "opt_out"] {
        stage.press(name).await;
    }
    stage.sees("Link to the cart").await;
    stage.sees("Says how to stop").await;
    stage.sees("Lumen & Oak: Ana, kosarica te caka http").await;
    stage.press("Save").await;
    stage.sees("Saved. Carts left from now on get these words.").await;
    stage.fill("Your number", "040 555 199").await;
    stage.press("Send a test").await;
    stage.sees("The test is on its way").await;
    stage.app.settle().await;
    let test = stage.app.last_text(&shop).await;
    assert_eq!((test.to.as_str(), test.state), ("+38640555199", MessageState::Accepted));
    assert!(test.words.starts_with("Lumen & Oak: Ana, kosarica te caka http"), "{}", test.words);
    stage.follow("Messages").await;
    stage.sees("Test").await;
    stage.end().await;
}

#[actix_web::test]
async fn reading_from_the_overview_down_to_one_orders_evidence() {
    let Some(stage) = Stage::open_signed_in().await else { return };
    rich::fill(&stage.app).await;
    stage.visit("/").await;
    stage.sees("Texts brought back €100 net from 1 order").await;
    stage.follow("€100").await;
    stage.sees("€100 net came back in the last 30 days, from 1 order of").await;
    stage.follow("1").await;
    stage.follow("#1093").await;
    stage.sees("€100.00 of order #1093 is credited to").await;
    stage.follow("Carts").await;
    stage.follow("Maja, …5101").await;
    stage.sees("What happened, and why").await;
    stage.press("What this was decided by").await;
    stage.follow("why").await;
    stage.sees("€100.00 of order #1093 is credited to").await;
    stage.sees("€28.00").await;
    stage.sees("What could have earned it").await;
    stage.end().await;
}

#[actix_web::test]
async fn replaying_a_delivery() {
    let Some(stage) = Stage::open_signed_in().await else { return };
    let shop = stage.app.with_shop("generic").await;
    stage.app.standard(&shop, r#"{"type":"checkout.updated","data":{"phone":"#).await;
    stage.app.settle().await;
    stage.visit("/").await;
    stage.press("More").await;
    stage.follow("Inbox").await;
    stage.sees("could not be read").await;
    let (delivery, _) = stage.app.problems(&shop).await.remove(0);
    stage.press(&format!("Read it again {delivery}")).await;
    stage.sees("The delivery is being read again").await;
    stage.app.settle().await;
    assert_eq!(stage.app.problems(&shop).await.len(), 1);
    stage.end().await;
}

#[actix_web::test]
async fn making_a_token_for_a_program_and_taking_it_back() {
    let Some(stage) = Stage::open_signed_in().await else { return };
    stage.app.with_shop("generic").await;
    stage.visit("/").await;
    stage.press("More").await;
    stage.follow("API tokens").await;
    stage.fill("What it is for", "Bookkeeping").await;
    stage.tick("read").await;
    stage.press("Make the token").await;
    stage.sees("this page shows it only once").await;
    let token = stage.run("return document.getElementById('token').value").await.as_str().unwrap().to_owned();
    let url = format!("{}/api/v1/carts", stage.app.core.public_url);
    let asks = async || {
        let (url, bearer) = (url.clone(), format!("Bearer {token}"));
        tokio::task::spawn_blocking(move || call("GET", &url, &[("authorization", &bearer)], b"").unwrap().status).await
    };
    assert_eq!(asks().await.unwrap(), 200);
    stage.visit("/tokens").await;
    assert!(!stage.run("return document.documentElement.outerHTML").await.as_str().unwrap().contains(&token));
    stage.press("Revoke Bookkeeping").await;
    stage.press("Revoke for good").await;
    stage.sees("Bookkeeping").await;
    assert_eq!(asks().await.unwrap(), 401);
    stage.end().await;
}

#[actix_web::test]
async fn handing_over_and_forgetting_a_person() {
    let Some(stage) = Stage::open_signed_in().await else { return };
    let files = tempfile::tempdir().unwrap();
    let shop = stage.app.with_shop("generic").await;
    let log = stage.app.with_gateway(&shop, "log").await;
    stage.app.generic(&shop, "checkout.updated", stage.app.checkout("c1", json!({}))).await;
    stage.app.pass(minutes(31)).await;
    stage.app.receipt(&log, &stage.app.last_text(&shop).await, "delivered").await;
    stage.keeps_files_in(files.path()).await;
    stage.visit("/").await;
    stage.follow("Carts").await;
    stage.follow("Maja, …5101").await;
    stage.follow("Everything held about this person").await;
    stage.sees("are held about this person.").await;
    stage.press("Download what is held").await;
    let file = loop_for_file(files.path()).await;
    let held: serde_json::Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    assert!(held.to_string().contains("Maja.Novak@shopper.example"), "{held}");
    stage.press("Forget this person").await;
    stage.tick("Forget this person for good").await;
    stage.press("Forget").await;
    stage.sees("The person is forgotten").await;
    stage.app.pass(hours(1)).await;
    stage.follow("Carts").await;
    stage.sees_not("Maja").await;
    stage.end().await;
}

/// The one whole file of a folder, once the browser has written it.
async fn loop_for_file(folder: &std::path::Path) -> std::path::PathBuf {
    for _ in 0..2_000 {
        let files = fs::read_dir(folder).unwrap().flatten().map(|file| file.path());
        if let Some(file) = files.into_iter().find(|file| file.extension().is_some_and(|ending| ending == "json")) {
            return file;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("nothing was downloaded");
}
