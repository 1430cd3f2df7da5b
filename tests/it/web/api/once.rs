//! The same request again: one effect and one answer, whichever process it reaches, on both databases.

use std::time::Duration;

use cartback::{
    config::Database,
    domain::{id::ShopId, time::DAY},
    store::idempotency,
    transact,
};

use super::*;
use crate::server::postgres;

const TEST: &str = "/api/v1/texts/default/1/default/test";

async fn try_once(site: &Site, token: &str, key: &str, body: &Value) -> (StatusCode, bool, Value) {
    let request = with(token, TestRequest::post().uri(TEST)).insert_header(("idempotency-key", key));
    let response = ask(site, request.set_payload(body.to_string())).await;
    let replayed = response.headers().get("idempotency-replayed").is_some();
    let (status, body) = told(response).await;
    (status, replayed, body)
}

async fn race(house: House) {
    let (one, other) = (site(house.state()).await, site(house.another_process()).await);
    let token = able(&house).await;
    let first = sequence_of(&one, &token).await;
    let body = json!({ "phone": PHONE });
    assert_eq!(first, "default");
    let mut asked = Vec::new();
    for number in 0..12 {
        let site = if number % 2 == 0 { &one } else { &other };
        asked.push(try_once(site, &token, "k-1", &body));
    }
    let answers = futures_util::future::join_all(asked).await;
    let done = answers.iter().filter(|(status, ..)| *status == StatusCode::ACCEPTED).count();
    assert!(done >= 1, "{answers:?}");
    for (status, _, body) in &answers {
        let running = *status == StatusCode::CONFLICT && body["type"] == "urn:cartback:problem:running";
        assert!(*status == StatusCode::ACCEPTED || running, "{status} {body}");
    }
    // Whoever was told to wait asks again, and finds the one answer; there is one text.
    for site in [&one, &other] {
        assert_eq!(try_once(site, &token, "k-1", &body).await, (StatusCode::ACCEPTED, true, json!({ "queued": true })));
    }
    assert_eq!(house.messages().await.len(), 1);
    // Without a key, or with another one, it is another request.
    assert!(!try_once(&other, &token, "k-2", &body).await.1);
    assert_eq!(house.messages().await.len(), 2);
    // The key is for that request only.
    let (status, _, problem) = try_once(&other, &token, "k-1", &json!({ "phone": "+12125550143" })).await;
    assert_eq!((status, &problem["type"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("urn:cartback:problem:reused")));
    // What was refused changed nothing and frees its key.
    assert_eq!(try_once(&one, &token, "k-3", &json!({ "phone": "nonsense" })).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(try_once(&one, &token, "k-3", &body).await.0, StatusCode::ACCEPTED);
    for odd in ["", "two words", &"k".repeat(256)] {
        assert_eq!(try_once(&one, &token, odd, &body).await.0, StatusCode::BAD_REQUEST, "{odd}");
    }
    // Another shop's key of the same name is another key.
    let theirs_is = super::doors::another_shop(&house).await;
    let theirs = token::create(house.core(), theirs_is, "t", Scopes::new([Scope::Send]), None).await.unwrap();
    let (status, replayed, _) = try_once(&one, &theirs, "k-1", &body).await;
    assert!(!replayed && status != StatusCode::UNPROCESSABLE_ENTITY, "{status}");
    // A day later it is forgotten.
    house.later(DAY + Duration::from_secs(1)).await;
    assert!(!try_once(&one, &token, "k-1", &body).await.1);
    house.app.close().await;
}

async fn sequence_of(site: &Site, token: &str) -> String {
    get(site, token, "/api/v1/sequences").await.1["data"][0]["id"].as_str().unwrap().to_owned()
}

#[actix_web::test]
async fn one_key_is_one_text() {
    race(House::open().await).await;
}

#[actix_web::test]
async fn one_key_is_one_text_on_postgresql() {
    // The cluster waits for itself on a runtime of its own.
    let apart = |make: fn(&'static postgres::Cluster) -> postgres::Database<'static>| {
        std::thread::spawn(move || postgres::cluster().map(make)).join().unwrap()
    };
    let Some(database) = apart(postgres::Cluster::database) else { return };
    race(House::open_in(super::super::house::PUBLIC_URL, Database::Postgres(database.url().into())).await).await;
    std::thread::spawn(move || drop(database)).join().unwrap();
}

/// A process that died in the middle leaves a key nobody can answer for; what was asked is not done again by itself.
#[actix_web::test]
async fn what_a_dead_process_began_is_not_begun_again() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let token = able(&house).await;
    let body = json!({ "phone": PHONE });
    assert_eq!(try_once(&site, &token, "k", &body).await.0, StatusCode::ACCEPTED);
    let mut read = house.core().db.read().await.unwrap();
    let keys = house.core().vault.keys(&mut read, house.shop).await.unwrap();
    drop(read);
    // As it stands when the process dies: begun, and no answer.
    let name = keys.index("idempotency", "k");
    let now = house.core().now();
    let earlier =
        transact!(house.core().db, |tx| idempotency::begin(tx, &keys, &name, &[0; 16], now - DAY, now).await?);
    let fingerprint = earlier.unwrap().unwrap().fingerprint;
    transact!(house.core().db, |tx| {
        idempotency::free(tx, house.shop, &name).await?;
        idempotency::begin(tx, &keys, &name, &fingerprint, now - DAY, now).await?;
    })
    .unwrap();
    assert_eq!(try_once(&site, &token, "k", &body).await.2["type"], "urn:cartback:problem:running");
    house.later(Duration::from_secs(6 * 60)).await;
    let (status, _, problem) = try_once(&site, &token, "k", &body).await;
    assert_eq!((status, &problem["type"]), (StatusCode::CONFLICT, &json!("urn:cartback:problem:unsure")));
    assert_eq!(house.messages().await.len(), 1);
    assert_eq!(house.shop, ShopId::new(1));
    house.app.close().await;
}
