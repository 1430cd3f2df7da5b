//! The pure functions that every webhook, text and tap goes through, one at a time: what a change of one of them costs shows
//! here before it shows in the whole. `cargo bench --bench core`.

use std::hint::black_box;

use cartback::{
    clock::{Clock, SystemClock},
    domain::{
        connector::{Delivery, Settings},
        event::ShopFacts,
        id::{MessageId, ShopId},
        link::{self, Purpose},
        message::MessageRef,
        money::Currency,
        phone::Phone,
        seal::{Place, ShopKeys},
        sms,
        template::{self, Merge},
    },
    shop::{self, standard_webhooks},
};
use divan::Bencher;
use serde_json::json;

fn main() {
    divan::main();
}

fn keys() -> ShopKeys {
    ShopKeys::new(ShopId::new(1), vec![(1, [7; 32])]).expect("one generation")
}

fn settings(secret: &str) -> Settings {
    let all = [("secret", secret), ("site", "shop.example")];
    Settings::restored(all.map(|(key, value)| (key.to_owned(), value.to_owned())).into())
}

/// A cart's webhook of the usual four kilobytes, signed.
fn webhook() -> (Settings, Delivery) {
    let secret = standard_webhooks::secret([7; 32]);
    let line =
        |at: u64| json!({ "sku": format!("sku-{at}"), "title": "Walnut desk lamp", "quantity": 1, "price": "42.00" });
    let body = json!({
        "type": "checkout.updated", "timestamp": "2026-03-03T09:00:00Z",
        "data": {
            "token": "cart-1", "phone": "+38640200001", "total": "128.00", "currency": "EUR", "country": "SI",
            "recovery_url": "https://shop.example/resume/1?key=9f3a", "items": (0..40).map(line).collect::<Vec<_>>(),
            "started_at": "2026-03-03T08:55:00Z", "updated_at": "2026-03-03T09:00:00Z",
            "consent": { "state": "granted", "source": "shop.example" },
        },
    })
    .to_string()
    .into_bytes();
    let received_at = SystemClock.now();
    let signature = standard_webhooks::sign(&secret, "evt_1", received_at.seconds(), &body);
    let headers = [
        ("webhook-id", "evt_1".to_owned()),
        ("webhook-timestamp", received_at.seconds().to_string()),
        ("webhook-signature", signature),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value)).into();
    let delivery =
        Delivery { method: "POST".into(), url: "https://cb.example/hook/shop/x".into(), headers, body, received_at };
    (settings(&secret), delivery)
}

#[divan::bench]
fn webhook_is_verified(bencher: Bencher) {
    let (settings, delivery) = webhook();
    let generic = shop::by_kind("generic").expect("there is one");
    assert!(generic.verify(&settings, &delivery).is_ok());
    bencher.bench(|| generic.verify(black_box(&settings), black_box(&delivery)));
}

#[divan::bench]
fn webhook_is_read(bencher: Bencher) {
    let (settings, delivery) = webhook();
    let generic = shop::by_kind("generic").expect("there is one");
    let currency = Currency::parse("EUR").expect("a currency");
    let facts = ShopFacts { country: "SI".into(), currency, settings };
    assert!(shop::read(generic, &facts, "checkout.updated", &delivery).is_ok_and(|events| events.len() == 1));
    bencher.bench(|| shop::read(generic, black_box(&facts), "checkout.updated", black_box(&delivery)));
}

const PLACE: Place = Place { table: "inbox", column: "body", row: 1 };

#[divan::bench]
fn body_is_sealed(bencher: Bencher) {
    let (keys, (_, delivery)) = (keys(), webhook());
    bencher.bench(|| keys.seal(PLACE, black_box(&delivery.body)));
}

#[divan::bench]
fn body_is_opened(bencher: Bencher) {
    let (keys, (_, delivery)) = (keys(), webhook());
    let sealed = keys.seal(PLACE, &delivery.body);
    bencher.bench(|| keys.open(PLACE, black_box(&sealed)));
}

#[divan::bench]
fn number_is_indexed(bencher: Bencher) {
    let keys = keys();
    bencher.bench(|| keys.index("phone", black_box("+38640200001")));
}

#[divan::bench]
fn number_is_read(bencher: Bencher) {
    assert!(Phone::read("040 200 001", &["SI"]).is_ok());
    bencher.bench(|| Phone::read(black_box("040 200 001"), &["SI"]));
}

#[divan::bench]
fn link_is_signed(bencher: Bencher) {
    let keys = keys();
    let text = MessageRef { shop: ShopId::new(1), message: MessageId::new(3_718_567_585_382_400_002) };
    bencher.bench(|| link::sign(&keys, Purpose::Restore, black_box(text)));
}

#[divan::bench]
fn link_is_verified(bencher: Bencher) {
    let keys = keys();
    let text = MessageRef { shop: ShopId::new(1), message: MessageId::new(3_718_567_585_382_400_002) };
    let token = link::sign(&keys, Purpose::Restore, text);
    assert!(link::parse(&token).and_then(|link| link.verify(&keys, Purpose::Restore)).is_some());
    bencher.bench(|| link::parse(black_box(&token)).and_then(|link| link.verify(&keys, Purpose::Restore)));
}

const WORDS: &str = "{{ first_name }}, your basket at {{ shop }} is still here: {{ link }} Stop: {{ opt_out }}";

#[divan::bench]
fn text_is_written(bencher: Bencher) {
    let merge = Merge::sample("Lumen & Oak", "https://cb.example/r/abcdefghijklmnop", "https://cb.example/o/abcdefgh");
    assert!(template::render(WORDS, &merge).is_ok());
    bencher.bench(|| template::render(black_box(WORDS), black_box(&merge)));
}

#[divan::bench]
fn text_is_counted(bencher: Bencher) {
    let text = "Živjo Maja, tvoja košarica še čaka: https://cb.example/r/abcdefghijklmnop Odjava: STOP".repeat(2);
    bencher.bench(|| sms::segments(black_box(&text)));
}
