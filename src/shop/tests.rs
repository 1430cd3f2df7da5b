//! What every shop connector owes, whoever wrote it. Its own rehearsal is the material: a cart, its order, a refund, told and
//! signed as the platform would; then everything a stranger, a proxy or a bad day could make of it.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::domain::{
    connector::Field,
    money::{Currency, Money},
};

const AT: i64 = 1_790_259_300;
const PHONE: &str = "+12125550101";

/// Of a key that was made for this and thrown away.
const PUBLIC_KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
    MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAo3xddfRUuCF+g23r+R5L\n\
    F7F9brGEucDo+i994/UB3MYJCLEzlYHGpQGgcZx4GweRJbYpxTM98k8DHkvg3FK8\n\
    V4fqZyNlONahr8w/v5LbeTCmacdRgDeGfiqJg6iayJcpCIfYie6IwmW93hbXgBxA\n\
    +Lg/kHIyTdVqAszjEurim5dZXwurjzqFaJ9vyAZ3vBv438WFL0Xy2c6ac0mkJC22\n\
    8qIeUWZLLXTwSF24OkdSf0PjLtLM46VVkHoUsOrZJUKTV5ec0GVwMSpkhmoYZfRx\n\
    ALg1u9zRnNM03MCzvLYo7oT49grqoCYl7Q91M++0P6hkx0u+YunNY6P8OfAIW2nA\n\
    UQIDAQAB\n\
    -----END PUBLIC KEY-----";

/// Settings that pass their own checks, whatever the platform.
fn plausible(shop: &dyn Shop, secret: &str) -> Settings {
    let values = [
        secret,
        "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
        "shop.example.com",
        "https://shop.example.com/checkout?checkout={checkout}",
        "https://shop.example.com/cart/{cart}",
        "https://shop.example.com",
        "lumen-and-oak.myshopify.com",
        "0123456789abcdef0123456789abcdef",
        "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
        "1234567",
        PUBLIC_KEY,
        "yes",
        "id",
    ];
    let fit = |field: &Field| values.iter().find(|value| (field.check)(value).is_ok()).copied();
    let wanted = |field: &&Field| field.required || field.secret || field.default.is_some();
    let given = shop.spec().fields.iter().filter(wanted).filter_map(|field| {
        let value = field.default.or_else(|| fit(field))?;
        Some((field.key.to_owned(), value.to_owned()))
    });
    let form: &[(&str, &str)] = if shop.spec().kind == "mapped" { MAPPED } else { &[] };
    let form = form.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    shop.spec()
        .settings(given.chain(form).collect())
        .unwrap_or_else(|problems| panic!("{}: {problems:?}", shop.spec().kind))
}

/// The one form that means nothing before somebody filled it in.
const MAPPED: &[(&str, &str)] = &[
    ("proof", "hex"),
    ("at_kind", "event"),
    ("kind_cart", "cart"),
    ("kind_order", "order"),
    ("kind_refund", "refund"),
    ("at_cart_id", "cart.id"),
    ("at_phone", "person.phone"),
    ("at_country", "person.country"),
    ("at_currency", "currency"),
    ("at_total", "cart.total"),
    ("at_recovery_url", "cart.url"),
    ("at_order_id", "order.id"),
    ("at_order_total", "order.total"),
    ("at_order_status", "order.status"),
    ("status_paid", "paid"),
    ("at_refund_amount", "order.refunded"),
    ("at_refund_id", "refund.id"),
];

const SECRET: &str = "whsec_c2VjcmV0IG9mIHRoZSBzaG9wIHRoYXQgaXMgbG9uZyE=";
const ANOTHER: &str = "whsec_YW5vdGhlciBzaG9wJ3Mgc2VjcmV0LCBhcyBsb25nLiE=";

fn visit(currency: &str) -> Visit {
    let currency = Currency::parse(currency).unwrap();
    Visit {
        checkout_url: "https://shop.example.com/checkout/t0k3n".into(),
        token: "0f1e2d3c4b5a6978".into(),
        order: 900_000_000_017,
        refund: 910_000_000_018,
        phone: PHONE.into(),
        country: "US".into(),
        language: "en".into(),
        total: Money::new(12_800, currency),
        refunded: Money::new(2_800, currency),
        started_at: Time::from_seconds(AT - 300),
        placed_at: Time::from_seconds(AT),
        link: None,
    }
}

fn told(shop: &dyn Shop, settings: &Settings, act: Act) -> (Option<Delivery>, Option<pull::Pulled>) {
    match shop.rehearse(settings, &visit("USD"), act, Time::from_seconds(AT)) {
        Rehearsed::Posted(delivery) => (Some(at_door(delivery)), None),
        Rehearsed::Fetched { pointer, whole } => (pointer.map(at_door), Some(whole)),
    }
}

/// As it arrives: some platforms sign the address.
fn at_door(delivery: Delivery) -> Delivery {
    Delivery { url: "https://cb.example.com/hook/shop/secret".into(), received_at: Time::from_seconds(AT), ..delivery }
}

fn facts(settings: &Settings) -> ShopFacts {
    ShopFacts { country: "US".into(), currency: Currency::parse("USD").unwrap(), settings: settings.clone() }
}

fn events(shop: &dyn Shop, settings: &Settings, act: Act) -> Vec<ShopEvent> {
    let kind = shop.spec().kind;
    let (topic, delivery) = match told(shop, settings, act) {
        (_, Some(whole)) => {
            let delivery = at_door(Delivery {
                method: "GET".into(),
                url: String::new(),
                headers: Vec::new(),
                body: whole.body,
                received_at: Time::from_seconds(AT),
            });
            (format!("{PULLED}{}", whole.topic), delivery)
        }
        (Some(delivery), None) => match shop.verify(settings, &delivery) {
            Ok(Accepted::Keep { topic, .. }) => (topic, delivery),
            other => panic!("{kind}: {act:?} is {other:?}"),
        },
        (None, None) => panic!("{kind}: nothing is told of {act:?}"),
    };
    read(shop, &facts(settings), &topic, &delivery).unwrap_or_else(|why| panic!("{kind}: {act:?}: {why}"))
}

#[test]
fn a_visit_becomes_a_cart_its_order_and_a_refund() {
    for shop in ALL {
        let (kind, settings) = (shop.spec().kind, plausible(*shop, SECRET));
        let left = events(*shop, &settings, Act::Left);
        let cart = left.iter().find_map(|event| match event {
            ShopEvent::Cart(cart) => Some(cart),
            _ => None,
        });
        let cart = cart.unwrap_or_else(|| panic!("{kind}: {left:?} holds no cart"));
        assert!(cart.who.phones.iter().any(|phone| phone.number.contains("2125550101")), "{kind}: {:?}", cart.who);
        assert_eq!(cart.total.map(|total| total.minor), Some(12_800), "{kind}");
        assert!(!cart.test && cart.completed_at.is_none(), "{kind}");

        let bought = events(*shop, &settings, Act::Bought);
        let order = bought.iter().find_map(|event| match event {
            ShopEvent::Order(order) => Some(order),
            _ => None,
        });
        let order = order.unwrap_or_else(|| panic!("{kind}: {bought:?} holds no order"));
        assert!(order.placed_at.is_some() && order.cancelled_at.is_none() && !order.test, "{kind}");
        assert_eq!(order.total.minor, 12_800, "{kind}");
        // What stops the text: the order names the cart, or the person.
        let by_token =
            order.cart_tokens.iter().any(|token| *token == cart.token || Some(token) == cart.cart_token.as_ref());
        let by_phone = order.who.phones.iter().any(|phone| phone.number.contains("2125550101"));
        assert!(by_token || by_phone, "{kind}: nothing links {:?} to {:?}", order.cart_tokens, cart.token);

        let refunded: i64 = events(*shop, &settings, Act::Refunded)
            .into_iter()
            .flat_map(|event| match event {
                ShopEvent::Order(order) => order.refunds,
                ShopEvent::Refunds { refunds, .. } => refunds,
                _ => Vec::new(),
            })
            .map(|refund| refund.amount.minor)
            .sum();
        assert_eq!(refunded, 2_800, "{kind}");
    }
}

/// What names a proof in a header.
fn is_proof(name: &str) -> bool {
    ["signature", "hmac", "secret", "authorization"].iter().any(|part| name.contains(part))
}

/// Razorpay signs payments and no carts.
fn posted(shop: &dyn Shop) -> Act {
    if shop.spec().kind == "razorpay" { Act::Bought } else { Act::Left }
}

/// Every kind that posts something with a proof in a header, and what it posts.
fn signed() -> impl Iterator<Item = (&'static dyn Shop, Settings, Delivery)> {
    ALL.iter().filter_map(|shop| {
        let settings = plausible(*shop, SECRET);
        let delivery = told(*shop, &settings, posted(*shop)).0?;
        delivery.headers.iter().any(|(name, _)| is_proof(name)).then_some((*shop, settings, delivery))
    })
}

/// Platforms that sign less than they send (shops.md): what is not covered is fetched again or means nothing.
const BODY_NOT_COVERED: &[&str] = &["ecwid", "bigcommerce"];

#[test]
fn what_is_rightly_signed_is_taken() {
    let kinds: Vec<_> = signed()
        .map(|(shop, settings, delivery)| {
            let kind = shop.spec().kind;
            assert!(shop.verify(&settings, &delivery).is_ok(), "{kind}: {:?}", shop.verify(&settings, &delivery));
            kind
        })
        .collect();
    assert!(kinds.len() >= 8, "{kinds:?}");
}

#[test]
fn what_a_stranger_makes_of_it_is_not_taken() {
    for (shop, settings, delivery) in signed() {
        let kind = shop.spec().kind;
        let refused = |what: &str, delivery: Delivery| {
            let verdict = shop.verify(&settings, &delivery);
            assert!(verdict.is_err(), "{kind}: {what} is {verdict:?}");
        };
        let with = |change: &dyn Fn(&str, &str) -> Vec<String>| {
            let headers = delivery.headers.iter().flat_map(|(name, value)| {
                let values = if is_proof(name) { change(name, value) } else { vec![value.clone()] };
                values.into_iter().map(|value| (name.clone(), value)).collect::<Vec<_>>()
            });
            Delivery { headers: headers.collect(), ..delivery.clone() }
        };
        refused("without its proof", with(&|_, _| Vec::new()));
        refused("an empty proof", with(&|_, _| vec![String::new()]));
        refused("a doubled proof", with(&|_, value| vec![value.to_owned(), value.to_owned()]));
        refused("a proof cut short", with(&|_, value| vec![value.chars().take(value.chars().count() / 2).collect()]));
        refused("half a proof more", with(&|_, value| vec![format!("{value}{}", &value[..value.len() / 2])]));
        refused("a proof in other case", with(&|_, value| vec![value.to_ascii_uppercase() + "x"]));
        if !BODY_NOT_COVERED.contains(&kind) {
            for at in [0, delivery.body.len() / 2, delivery.body.len() - 1] {
                let mut body = delivery.body.clone();
                body[at] ^= 1;
                refused("another body", Delivery { body, ..delivery.clone() });
            }
            refused("no body", Delivery { body: Vec::new(), ..delivery.clone() });
        }
        let theirs = told(shop, &plausible(shop, ANOTHER), posted(shop)).0.unwrap();
        refused("another shop's", theirs);
    }
}

#[test]
fn without_its_key_nothing_is_taken() {
    for (shop, _, delivery) in signed() {
        assert!(shop.verify(&Settings::default(), &delivery).is_err(), "{}", shop.spec().kind);
    }
}

#[test]
fn secrets_are_told_to_nobody() {
    for shop in ALL {
        let settings = plausible(*shop, SECRET);
        let (delivery, _) = told(*shop, &settings, Act::Left);
        let mut said = format!("{settings:?}");
        if let Some(delivery) = delivery {
            let verdict = shop.verify(&Settings::default(), &delivery);
            said += &format!("{delivery:?} {verdict:?}");
        }
        let wanted = pull::Wanted::Changed { since: Time::from_seconds(AT) };
        let requests = [
            shop.ask_token(&settings),
            shop.ask_orders(&settings, &wanted, None).unwrap_or_default(),
            shop.ask_carts(&settings, Time::from_seconds(AT), None).unwrap_or_default(),
            shop.ask_subscriptions(&settings).unwrap_or_default(),
        ];
        said += &format!("{requests:?}");
        for secret in [SECRET, "c2VjcmV0IG9mIHRoZSBzaG9w"] {
            assert!(!said.contains(secret), "{}: {said}", shop.spec().kind);
        }
    }
}

#[test]
fn what_is_answered_badly_is_asked_again_or_told() {
    for shop in ALL {
        let (kind, settings) = (shop.spec().kind, plausible(*shop, SECRET));
        for status in [200, 204, 301, 400, 401, 403, 404, 408, 429, 500, 502, 503] {
            for body in ["", "null", "[]", "{}", "<html>", r#"{"errors":[{"message":"no"}]}"#, "\u{0}\u{feff}"] {
                let answer = Response { status, headers: Vec::new(), body: body.into() };
                if let Ok(page) = shop.orders(&answer, None) {
                    assert!(status == 200 || status == 204 || status == 404, "{kind}: {status} {body} is {page:?}");
                }
                let _ = shop.carts(&settings, &answer, None);
                assert!(shop.token(&answer).is_err(), "{kind}: {status} {body} is a token");
                let _ = shop.subscriptions(&answer, "https://cb.example.com/hook/shop/secret");
                let _ = (shop.made_code(&answer), shop.found_code(&answer, "note"), shop.removed_code(&answer));
                if status >= 400 {
                    assert!(
                        shop.subscribed(&answer).is_err() || status == 409 || status == 422,
                        "{kind}: {status} {body}"
                    );
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn f31_odd_settings_and_bytes_never_panic(
        value in "\\PC*",
        body in prop::collection::vec(any::<u8>(), 0..200),
        topic in "[a-z_./]{0,30}",
        status in 100u16..600,
    ) {
        for shop in ALL {
            let odd: BTreeMap<_, _> =
                shop.spec().fields.iter().map(|field| (field.key.to_owned(), value.clone())).collect();
            let odd = Settings::restored(odd);
            let names = ["x-shopify-hmac-sha256", "x-wc-webhook-signature", "webhook-signature", "saleor-signature",
                "x-ecwid-webhook-signature", "squarespace-signature", "x-razorpay-signature", "authorization"];
            let delivery = Delivery {
                method: "POST".into(),
                url: value.clone(),
                headers: names.iter().map(|name| ((*name).to_owned(), value.clone())).collect(),
                body: body.clone(),
                received_at: Time::from_seconds(AT),
            };
            let answer = Response { status, headers: vec![], body: body.clone() };
            for settings in [&odd, &plausible(*shop, SECRET)] {
                let _ = shop.verify(settings, &delivery);
                let _ = shop.ask_keys(settings, &delivery);
                let _ = shop.verify_by(settings, &answer, &delivery);
                let known = shop.spec().topics.iter().map(|topic| topic.name);
                for topic in known.chain([topic.as_str()]) {
                    let _ = shop.ask_whole(settings, topic, &delivery);
                    let _ = shop.whole(settings, topic, &delivery, &answer);
                    let _ = read(*shop, &facts(settings), topic, &delivery);
                }
                let _ = (shop.hosts(settings), shop.home(settings), shop.ask_token(settings));
                let _ = shop.order_page(settings, &value);
                let _ = shop.subscribe(settings, &value);
                let _ = shop.ask_carts(settings, Time::from_seconds(AT), Some(&value));
                let _ = shop.ask_orders(settings, &pull::Wanted::One { external_id: value.clone() }, Some(&value));
                let _ = shop.carts(settings, &answer, Some(&value));
            }
            let _ = (shop.orders(&answer, Some(&value)), shop.token(&answer));
        }
    }
}
