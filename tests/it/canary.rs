//! The log of the real program at its most talkative, after every kind of request has carried a word that must not be
//! written down: numbers, names, tokens, passwords, signatures, cookies, keys in addresses, bodies. None of them is there,
//! and what somebody sends begins no line of its own.

use std::{fs::File, process::Stdio, sync::Arc};

use cartback::shop::standard_webhooks;
use serde_json::json;

use crate::{
    crash::{Outbox, Place, add_gateway, connect, rfc3339, seconds_now, start_gateway},
    server::{self, call, eventually, get, postgres},
};

/// Words that stand nowhere else. In what is percent-encoded they stay as they are.
const CANARIES: [&str; 14] = [
    "38640777123",
    "canaria@shopper",
    "Canariella",
    "canarycheckoutkey",
    "canarysignature",
    "canarylinktoken",
    "canaryquery",
    "canarycookie",
    "cb_canarybearer",
    "canarypassword",
    "canarygateway",
    "canaryconnection",
    "canarybody",
    "canaryagent",
];

#[test]
fn f35_nothing_that_must_not_be_known_is_in_the_log_on_sqlite() {
    sing(String::new());
}

#[test]
fn f35_nothing_that_must_not_be_known_is_in_the_log_on_postgresql() {
    let Some(cluster) = postgres::cluster() else { return };
    let database = cluster.database();
    sing(database.url());
}

fn sing(database_url: String) {
    let place = Place { folder: tempfile::tempdir().unwrap(), database_url };
    let outbox = Arc::new(Outbox::default());
    let [port] = server::free_ports().unwrap();
    let gateway = start_gateway(outbox.clone(), 1);
    let (path, secret) = connect(&place, port, gateway);
    // The newest account takes the texts. What is asked of it carries its password in the address.
    add_gateway(&place, gateway, "canarygateway");
    let token = place.told(&["token", "create", "--name", "x", "--scope", "people", "--shop", "1", "--json"]);
    let token = token["token"].as_str().unwrap().to_owned();
    let link = place.told(&["user", "link", "--json"])["sign_in_url"].as_str().unwrap().to_owned();
    let log = place.folder.path().join("log");
    let here = format!("http://127.0.0.1:{port}");
    let mut child = place
        .command(&["serve", "--listen", &format!("127.0.0.1:{port}")])
        .env("CARTBACK_LOG", "trace")
        .env("RUST_BACKTRACE", "full")
        .stderr(Stdio::from(File::create(&log).unwrap()))
        .spawn()
        .unwrap();
    eventually("the service is ready", || get(&format!("{here}/readyz")).ok().filter(|(status, _)| *status == 200));

    let post = |id: &str, body: &str, signature: Option<&str>| {
        let at = seconds_now();
        let own = standard_webhooks::sign(&secret, id, at, body.as_bytes());
        let at = at.to_string();
        let signature = signature.unwrap_or(&own);
        let headers = [("webhook-id", id), ("webhook-timestamp", &at), ("webhook-signature", signature)];
        call("POST", &format!("{here}{path}"), &headers, body.as_bytes()).unwrap().status
    };
    let at = seconds_now() - 31 * 60;
    let cart = json!({
        "type": "checkout.updated",
        "timestamp": rfc3339(at),
        "data": {
            "token": "cart-1", "phone": "+38640777123", "email": "canaria@shopper.example", "first_name": "Canariella",
            "total": "42.00", "currency": "EUR", "recovery_url": "https://shop.example/resume/1?key=canarycheckoutkey",
            "started_at": rfc3339(at - 60), "updated_at": rfc3339(at),
            "consent": { "state": "granted", "source": "shop.example" },
        },
    });
    assert_eq!(post("evt_1", &cart.to_string(), None), 200);
    assert_eq!(post("evt_2", "{\"canarybody\": ", None), 200, "what cannot be read is kept");
    assert_eq!(post("evt_3", &cart.to_string(), Some("v1,canarysignature")), 401);
    let long = "x".repeat(2 << 20);
    assert_eq!(post("evt_4", &format!("canarybody{long}"), None), 413);
    let asked = |method: &str, path: &str, headers: &[(&str, &str)], body: &str| {
        call(method, &format!("{here}{path}"), headers, body.as_bytes()).map(|answer| answer.status).unwrap_or(0)
    };
    let known = format!("Bearer {token}");
    let form = ("content-type", "application/x-www-form-urlencoded");
    for (method, path, headers, body) in [
        ("GET", "/r/canarylinktoken", &[("user-agent", "canaryagent")][..], ""),
        ("GET", "/o/canarylinktoken", &[], ""),
        ("GET", "/sign-in/canarylinktoken", &[], ""),
        ("GET", "/carts?q=canaryquery", &[("cookie", "cartback=canarycookie; __Host-cartback=canarycookie")], ""),
        ("GET", "/x%0d%0a2026-01-01T00:00:00Z%20ERROR%20forged", &[("user-agent", "%0d%0a ERROR forged")], ""),
        ("POST", "/hook/shop/canaryconnection", &[], "canarybody"),
        ("POST", "/hook/sms/canaryconnection?ref=canaryquery", &[], "canarybody"),
        ("GET", "/api/v1/carts", &[("authorization", "Bearer cb_canarybearer")], ""),
        ("GET", "/api/v1/carts?email=canaria@shopper.example", &[("authorization", &known)], ""),
        ("POST", "/sign-in", &[form], "email=canaria%40shopper.example&password=canarypassword"),
    ] {
        let status = asked(method, path, headers, body);
        assert!(status != 0 && status < 500, "{method} {path}: {status}");
    }
    eventually("the cart is texted", || outbox.texts.lock().unwrap().contains_key("+38640777123").then_some(()));
    child.kill().unwrap();
    child.wait().unwrap();

    let said = std::fs::read_to_string(&log).unwrap();
    assert!(said.lines().count() > 200 && said.contains("TRACE"), "it said too little to mean anything");
    // A search that finds nothing must be able to find: the gateway's place is there, without what stood behind it.
    assert!(said.contains(&format!("127.0.0.1:{gateway}")), "calls that go out are not in it");
    let mut secrets: Vec<&str> = CANARIES.to_vec();
    let (link, secret) = (link.rsplit('/').next().unwrap(), secret.trim_start_matches("whsec_"));
    secrets.extend([token.as_str(), link, secret, path.rsplit('/').next().unwrap()]);
    for canary in secrets {
        let lines: Vec<&str> = said.lines().filter(|line| line.contains(canary)).take(3).collect();
        assert!(lines.is_empty(), "{canary} is in the log: {lines:#?}");
    }
    assert!(
        !said.lines().any(|line| line.starts_with("2026-01-01") || line.starts_with(" ERROR")),
        "a line was forged"
    );
}
