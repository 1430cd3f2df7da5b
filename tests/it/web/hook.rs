//! Webhooks: what is taken, what is turned away and with which words, and that nobody can hold us by sending slowly.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    time::{Duration, Instant},
};

use actix_web::{
    App as Site, HttpServer,
    http::{StatusCode, header},
    test::TestRequest,
};
use cartback::web;
use serde_json::json;

use super::house::{House, ask, site, text};

fn test_event() -> serde_json::Value {
    json!({ "type": "test" })
}

#[actix_web::test]
async fn a_signed_delivery_is_taken_once() {
    let house = House::open().await;
    let site = site(house.state()).await;
    for _ in 0..2 {
        let response = ask(&site, house.told("e1", &test_event())).await;
        assert_eq!(response.status(), StatusCode::OK);
    }
    let mut read = house.core().db.read().await.unwrap();
    let all = cartback::store::inbox::Filter::All;
    let since = cartback::domain::time::Time::FIRST;
    assert_eq!(cartback::store::inbox::count(&mut read, house.shop, all, since).await.unwrap(), 1);
}

#[actix_web::test]
async fn a_gateway_may_ask_with_get() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let path = format!("{}?type=reply&from=%2B12125550142&text=STOP&id=1", house.sms_hook);
    assert_eq!(ask(&site, TestRequest::get().uri(&path)).await.status(), StatusCode::OK);
}

#[actix_web::test]
async fn strangers_learn_nothing() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let unsigned = ask(&site, TestRequest::post().uri(&house.shop_hook).set_payload("{}")).await;
    assert_eq!(unsigned.status(), StatusCode::UNAUTHORIZED);
    let foreign = house.told("e1", &test_event()).insert_header(("webhook-signature", "v1,AAAA"));
    let foreign = ask(&site, foreign).await;
    assert_eq!(foreign.status(), StatusCode::UNAUTHORIZED);
    let said = text(unsigned).await;
    assert_eq!(said, text(foreign).await);
    // A gateway's path is no shop's path, and what cannot be an id does not even reach the database.
    let swapped = house.sms_hook.replace("/hook/sms/", "/hook/shop/");
    let long = format!("/hook/shop/{}", "a".repeat(65));
    for path in [swapped.as_str(), "/hook/shop/none", "/hook/shop/%00", "/hook/shop/%27", long.as_str()] {
        let unknown = ask(&site, TestRequest::post().uri(path).set_payload("{}")).await;
        assert_eq!(unknown.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(text(unknown).await, said, "{path}");
    }
}

#[actix_web::test]
async fn f32_bodies_have_bounds() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let limit = web::Limits::default().body_bytes_max;
    let check = async |request: TestRequest, status: StatusCode| {
        let response = ask(&site, request.uri(&house.shop_hook)).await;
        assert_eq!(response.status(), status);
    };
    // At the limit it is read, and refused for its signature only.
    check(TestRequest::post().set_payload(vec![b' '; limit]), StatusCode::UNAUTHORIZED).await;
    check(TestRequest::post().set_payload(vec![b' '; limit + 1]), StatusCode::PAYLOAD_TOO_LARGE).await;
    let announced = TestRequest::post().insert_header((header::CONTENT_LENGTH, limit + 1));
    check(announced, StatusCode::PAYLOAD_TOO_LARGE).await;
    let zipped = || TestRequest::post().set_payload("x").insert_header(("content-encoding", "gzip"));
    check(zipped(), StatusCode::UNSUPPORTED_MEDIA_TYPE).await;
    check(zipped().insert_header(("content-encoding", "identity")), StatusCode::UNAUTHORIZED).await;
}

#[actix_web::test]
async fn other_methods_are_told_which_are_known() {
    let house = House::open().await;
    let site = site(house.state()).await;
    let response = ask(&site, TestRequest::put().uri(&house.shop_hook).insert_header(("sec-fetch-site", "none"))).await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(response.headers().get(header::ALLOW).unwrap(), "GET, POST");
}

/// A whole server, since only a socket can be slow.
struct Server {
    house: House,
    address: std::net::SocketAddr,
}

impl Server {
    async fn start(body_time_max: Duration) -> Server {
        let house = House::open().await;
        let mut state = house.state();
        state.limits.body_time_max = body_time_max;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let routes = web::configure(state);
        let server = HttpServer::new(move || Site::new().configure(routes.clone()));
        actix_web::rt::spawn(server.workers(1).disable_signals().listen(listener).unwrap().run());
        Server { house, address }
    }

    /// Sends each part as it is, and reads until the server has said everything.
    async fn say(&self, parts: &[&[u8]]) -> String {
        let address = self.address;
        let parts: Vec<Vec<u8>> = parts.iter().map(|part| part.to_vec()).collect();
        let talk = move || {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            for part in parts {
                stream.write_all(&part).unwrap();
            }
            let mut said = Vec::new();
            let mut piece = [0; 4096];
            loop {
                match stream.read(&mut piece) {
                    Ok(0) | Err(_) => break,
                    Ok(bytes) => said.extend_from_slice(&piece[..bytes]),
                }
            }
            String::from_utf8_lossy(&said).into_owned()
        };
        actix_web::rt::task::spawn_blocking(talk).await.unwrap()
    }

    fn head(&self, more: &str) -> Vec<u8> {
        format!("POST {} HTTP/1.1\r\nhost: x\r\n{more}\r\n", self.house.shop_hook).into_bytes()
    }
}

#[actix_web::test]
async fn f33_a_slow_body_is_cut() {
    let server = Server::start(Duration::from_millis(100)).await;
    let begun = Instant::now();
    let said = server.say(&[&server.head("content-length: 100\r\n"), b"{"]).await;
    assert!(said.starts_with("HTTP/1.1 408"), "{said}");
    let said = server.say(&[&server.head("transfer-encoding: chunked\r\n"), b"1\r\n{\r\n"]).await;
    assert!(said.starts_with("HTTP/1.1 408"), "{said}");
    assert!(begun.elapsed() < Duration::from_secs(4), "the connection was held");
}

#[actix_web::test]
async fn old_and_chunked_clients_are_served() {
    let server = Server::start(Duration::from_secs(5)).await;
    let path = &server.house.shop_hook;
    let old = format!("POST {path} HTTP/1.0\r\ncontent-length: 2\r\n\r\n{{}}");
    let said = server.say(&[old.as_bytes()]).await;
    assert!(said.starts_with("HTTP/1.0 401") || said.starts_with("HTTP/1.1 401"), "{said}");
    let chunked = server.head("transfer-encoding: chunked\r\nconnection: close\r\n");
    let said = server.say(&[&chunked, b"2\r\n{}\r\n0\r\n\r\n"]).await;
    assert!(said.starts_with("HTTP/1.1 401"), "{said}");
    let large = server.head(&format!("content-length: {}\r\n", 1 << 30));
    let said = server.say(&[&large, &[b' '; 1000]]).await;
    assert!(said.starts_with("HTTP/1.1 413"), "{said}");
    assert!(!said.to_lowercase().contains("\r\nserver:"), "{said}");
}
