//! The pure functions that every webhook, decision, text, tap and order goes through: what is measured, by time in `core` and
//! by instructions in `counted`.

use std::{cell::Cell, hint::black_box};

use cartback::{
    domain::{
        attribution::{self, Candidate, OrderFacts, Tie},
        connector::{Delivery, Settings},
        decide::{self, Verdict},
        event::{Channel, ShopFacts},
        id::{MessageId, ShopId},
        law,
        link::{self, Purpose},
        message::MessageRef,
        money::Currency,
        phone::Phone,
        rules::Rules,
        seal::{Place, ShopKeys},
        sms,
        template::{self, Merge},
        time::Time,
    },
    shop::{self, standard_webhooks},
};
use serde_json::json;

/// One call of the function that is measured, on input made before.
pub type Call = Box<dyn Fn()>;

fn call<T>(function: impl Fn() -> T + 'static) -> Call {
    Box::new(move || {
        black_box(function());
    })
}

/// A function's name, and what makes its input.
pub type Pure = (&'static str, fn() -> Call);

/// Every function by its name; making the input is no part of a call.
pub const ALL: [Pure; 13] = [
    ("webhook_is_verified", webhook_is_verified),
    ("webhook_is_read", webhook_is_read),
    ("body_is_sealed", body_is_sealed),
    ("body_is_opened", body_is_opened),
    ("number_is_indexed", number_is_indexed),
    ("number_is_read", number_is_read),
    ("number_is_read_again", number_is_read_again),
    ("link_is_signed", link_is_signed),
    ("link_is_verified", link_is_verified),
    ("text_is_written", text_is_written),
    ("text_is_counted", text_is_counted),
    ("step_is_decided", step_is_decided),
    ("order_is_credited", order_is_credited),
];

/// A moment of the input, so that every run is the same.
fn now() -> Time {
    Time::from_millis(1_790_838_000_000)
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
    let signature = standard_webhooks::sign(&secret, "evt_1", now().seconds(), &body);
    let headers = [
        ("webhook-id", "evt_1".to_owned()),
        ("webhook-timestamp", now().seconds().to_string()),
        ("webhook-signature", signature),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value)).into();
    let delivery = Delivery {
        method: "POST".into(),
        url: "https://cb.example/hook/shop/x".into(),
        headers,
        body,
        received_at: now(),
    };
    (settings(&secret), delivery)
}

fn webhook_is_verified() -> Call {
    let (settings, delivery) = webhook();
    let generic = shop::by_kind("generic").expect("there is one");
    assert!(generic.verify(&settings, &delivery).is_ok());
    call(move || generic.verify(black_box(&settings), black_box(&delivery)))
}

fn webhook_is_read() -> Call {
    let (settings, delivery) = webhook();
    let generic = shop::by_kind("generic").expect("there is one");
    let currency = Currency::parse("EUR").expect("a currency");
    let facts = ShopFacts { country: "SI".into(), currency, settings };
    assert!(shop::read(generic, &facts, "checkout.updated", &delivery).is_ok_and(|events| events.len() == 1));
    call(move || shop::read(generic, &facts, "checkout.updated", black_box(&delivery)))
}

const PLACE: Place = Place { table: "inbox", column: "body", row: 1 };

fn body_is_sealed() -> Call {
    let (keys, (_, delivery)) = (keys(), webhook());
    call(move || keys.seal(PLACE, black_box(&delivery.body)))
}

fn body_is_opened() -> Call {
    let (keys, (_, delivery)) = (keys(), webhook());
    let sealed = keys.seal(PLACE, &delivery.body);
    assert!(keys.open(PLACE, &sealed).is_ok());
    call(move || keys.open(PLACE, black_box(&sealed)))
}

fn number_is_indexed() -> Call {
    let keys = keys();
    call(move || keys.index("phone", black_box("+38640200001")))
}

fn number_is_read() -> Call {
    // Another one each time: the last are remembered.
    let (typed, last) = ((0..1_000).map(|n| format!("040 200 {n:03}")).collect::<Vec<_>>(), Cell::new(0));
    let next = move || {
        last.set((last.get() + 1) % typed.len());
        Phone::read(black_box(&typed[last.get()]), &["SI"])
    };
    assert!((0..1_000).all(|_| next().is_ok()));
    call(next)
}

fn number_is_read_again() -> Call {
    assert!(Phone::read("040 200 001", &["SI"]).is_ok());
    call(|| Phone::read(black_box("040 200 001"), &["SI"]))
}

fn text() -> MessageRef {
    MessageRef { shop: ShopId::new(1), message: MessageId::new(3_718_567_585_382_400_002) }
}

fn link_is_signed() -> Call {
    let (keys, text) = (keys(), text());
    call(move || link::sign(&keys, Purpose::Restore, black_box(text)))
}

fn link_is_verified() -> Call {
    let keys = keys();
    let token = link::sign(&keys, Purpose::Restore, text());
    let verify = move || link::parse(black_box(&token)).and_then(|link| link.verify(&keys, Purpose::Restore));
    assert!(verify().is_some());
    call(verify)
}

const WORDS: &str = "{{ first_name }}, your basket at {{ shop }} is still here: {{ link }} Stop: {{ opt_out }}";

fn text_is_written() -> Call {
    let merge = Merge::sample("Lumen & Oak", "https://cb.example/r/abcdefghijklmnop", "https://cb.example/o/abcdefgh");
    assert!(template::render(WORDS, &merge).is_ok());
    call(move || template::render(black_box(WORDS), black_box(&merge)))
}

fn text_is_counted() -> Call {
    let text = "Živjo Maja, tvoja košarica še čaka: https://cb.example/r/abcdefghijklmnop Odjava: STOP".repeat(2);
    call(move || sms::segments(black_box(&text)))
}

/// Every gate is asked, and lets it pass.
fn step_is_decided() -> Call {
    let facts = serde_json::from_str(include_str!("facts.json")).expect("facts as they are kept");
    let rules = Rules::default();
    let ask = move || decide::decide(black_box(&facts), &rules, law::current(), now());
    let decision = ask();
    assert_eq!(decision.verdict, Verdict::Pass, "{:?}", decision.reason());
    call(ask)
}

/// Three texts, one of them tapped.
fn order_is_credited() -> Call {
    let hours = |count: u64| std::time::Duration::from_secs(count * 60 * 60);
    let order = OrderFacts {
        placed_at: Some(now()),
        cancelled_at: None,
        total_minor: 12_800,
        currency: Currency::parse("EUR").expect("a currency"),
        channel: Channel::Web,
        test: false,
        refunds: Vec::new(),
        after_abandoned: true,
        corrected: None,
    };
    let candidates =
        [(1, 40, vec![now() - hours(2)]), (2, 20, Vec::new()), (3, 3, Vec::new())].map(|(step, ago, taps)| {
            let message = MessageId::new(i64::from(step));
            Candidate { message, step, accepted_at: Some(now() - hours(ago)), taps, bot_opens: 1, tie: Tie::CartToken }
        });
    let rules = Rules::default();
    let credit = move || attribution::attribute(black_box(&order), &candidates, &rules);
    assert!(credit().winner.is_some());
    call(credit)
}
