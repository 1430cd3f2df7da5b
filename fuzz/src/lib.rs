//! What the targets share: how an input is laid out, settings that pass their own checks, and what is asked of every answer.
//!
//! An input for a connector reads like a request, so that a seed can be written and a find read by eye:
//! ```text
//! shopify orders/paid ref=7.msg_1
//! x-shopify-hmac-sha256: …
//!
//! {"id":1}
//! ```

use std::{
    collections::BTreeMap,
    fmt::{self, Debug, Write},
};

use cartback::{
    domain::{
        connector::{Delivery, Field, Settings, Spec},
        id::ShopId,
        money::{Currency, Money},
        rehearsal::Visit,
        rules::Rules,
        seal::ShopKeys,
        time::Time,
    },
    http::Response,
    store::shop::Shop,
};

/// Our clock: Thu, 24 Sep 2026 14:15:00 UTC.
pub const NOW: i64 = 1_790_259_300;

pub fn now() -> Time {
    Time::from_seconds(NOW)
}

/// Where everything arrives.
pub const DOOR: &str = "https://cb.example.com/hook/x/secret";

/// As it arrives: some platforms sign the address.
pub fn at_door(delivery: Delivery) -> Delivery {
    Delivery { url: DOOR.to_owned(), received_at: now(), ..delivery }
}

/// The self-test's visit.
pub fn visit(number: u32) -> Visit {
    Visit {
        token: format!("{number:x}"),
        order: u64::from(number) + 1,
        refund: u64::from(number) + 2,
        phone: "+12125550101".into(),
        country: "US".into(),
        language: "en".into(),
        total: Money::new(12_800, dollars()),
        refunded: Money::new(2_800, dollars()),
        checkout_url: format!("https://shop.example.com/c?t={number:x}"),
        started_at: now(),
        placed_at: now(),
        link: None,
    }
}

/// An input as a request, or as an answer.
pub struct Input {
    pub words: Vec<String>,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Input {
    pub fn of(bytes: &[u8]) -> Input {
        let line = |bytes: &[u8]| {
            let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
            (String::from_utf8_lossy(&bytes[..end]).into_owned(), end)
        };
        let (first, mut at) = line(bytes);
        let mut headers = Vec::new();
        while at < bytes.len() {
            let rest = &bytes[at + 1..];
            let (text, end) = line(rest);
            at += 1 + end;
            let Some((name, value)) = text.split_once(": ") else { break };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let body = bytes.get(at + 1..).unwrap_or_default().to_vec();
        Input { words: first.split(' ').map(str::to_owned).collect(), headers, body }
    }

    pub fn word(&self, place: usize) -> &str {
        self.words.get(place).map_or("", String::as_str)
    }

    /// One of these by the name in the first word; by its bytes where it is none.
    pub fn of_all<T: Copy>(&self, all: &[T], kind: impl Fn(T) -> &'static str) -> T {
        let word = self.word(0);
        let sum = word.bytes().map(usize::from).sum::<usize>();
        all.iter().copied().find(|one| kind(*one) == word).unwrap_or(all[sum % all.len()])
    }

    /// As it comes to our door; a drawn query behind our own address.
    pub fn delivery(&self) -> Delivery {
        Delivery {
            method: if self.body.is_empty() { "GET" } else { "POST" }.to_owned(),
            url: match self.word(2) {
                "" => DOOR.to_owned(),
                query => format!("{DOOR}?{query}"),
            },
            headers: self.headers.clone(),
            body: self.body.clone(),
            received_at: now(),
        }
    }

    /// As an answer to a call of ours; the second word is its status.
    pub fn answer(&self) -> Response {
        let status = self.word(1).parse().unwrap_or(200);
        Response { status, headers: self.headers.clone(), body: self.body.clone() }
    }

    /// Settings in which everything is what the input says, whether it may be or not.
    pub fn odd_settings(&self, spec: &Spec) -> Settings {
        let drawn = self.word(3);
        Settings::restored(spec.fields.iter().map(|field| (field.key.to_owned(), drawn.to_owned())).collect())
    }
}

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

/// The key of one account and that of another, each in several forms.
const OURS: &[&str] = &[
    "whsec_c2VjcmV0IG9mIHRoZSBzaG9wIHRoYXQgaXMgbG9uZyE=",
    "s3cretS3cretS3cretS3cretS3cret12",
    "0123456789abcdef0123456789abcdef",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
];
const THEIRS: &[&str] = &[
    "whsec_YW5vdGhlciBzaG9wJ3Mgc2VjcmV0LCBhcyBsb25nLiE=",
    "an0therS3cretAn0therS3cretAn0the",
    "fedcba9876543210fedcba9876543210",
    "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=",
];

const VALUES: &[&str] = &[
    "shop.example.com",
    "https://shop.example.com/checkout?checkout={checkout}",
    "https://shop.example.com/cart/{cart}",
    "https://shop.example.com",
    "lumen-and-oak.myshopify.com",
    "0123456789abcdef0123456789abcdef",
    "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
    "1234567",
    "+12125550100",
    "AC0123456789abcdef0123456789abcdef",
    "SK0123456789abcdef0123456789abcdef",
    "arn:aws:sns:eu-west-1:111122223333:texts",
    PUBLIC_KEY,
    "7",
    "eu",
    "EUR",
    "yes",
    "id",
];

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

/// Whose account it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    Ours,
    Theirs,
}

/// Settings that pass their own checks, with the secrets of one account or the other.
pub fn plausible(spec: &Spec, whose: Whose) -> Settings {
    let keys = if whose == Whose::Ours { OURS } else { THEIRS };
    let fit = |field: &Field| {
        let values = if field.secret { [keys, VALUES].concat() } else { [VALUES, keys].concat() };
        values.into_iter().find(|value| (field.check)(value).is_ok())
    };
    let values = spec.fields.iter().filter(|field| field.required || field.secret || field.default.is_some());
    let values =
        values.filter_map(|field| Some((field.key.to_owned(), field.default.or_else(|| fit(field))?.to_owned())));
    let form: &[(&str, &str)] = if spec.kind == "mapped" { MAPPED } else { &[] };
    let form = form.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let values: BTreeMap<String, String> = values.chain(form).collect();
    spec.settings(values).unwrap_or_else(|problems| panic!("{}: {problems:?}", spec.kind))
}

pub fn dollars() -> Currency {
    Currency::parse("USD").expect("a currency")
}

pub fn keys(shop: i64, seed: u8) -> ShopKeys {
    ShopKeys::new(ShopId::new(shop), vec![(1, [seed; 32]), (2, [seed ^ 0x55; 32])]).expect("keys")
}

/// A shop of no platform in particular.
pub fn shop() -> Shop {
    Shop {
        id: ShopId::new(1),
        kind: "generic".into(),
        name: "Lumen & Oak".into(),
        country: "US".into(),
        currency: dollars(),
        zone: "America/New_York".into(),
        settings: Settings::default(),
        rules: Rules::default(),
        rules_version: 0,
        created_at: now(),
        paused_at: None,
        setting_up_since: None,
        uninstalled_at: None,
        erased_at: None,
        forwards: [].into_iter().collect(),
    }
}

/// The same input gives the same output. Asked of some, so that most runs are not done twice.
pub fn always<T: PartialEq + Debug>(input: &[u8], act: impl Fn() -> T) -> T {
    let told = act();
    if input.len().is_multiple_of(8) {
        assert_eq!(told, act(), "the same input told something else");
    }
    told
}

/// What comes out stays within a multiple of what went in.
pub fn bounded(input: &[u8], told: &impl Debug) {
    struct Count(usize);
    impl Write for Count {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0 += text.len();
            Ok(())
        }
    }
    let mut count = Count(0);
    let _ = write!(count, "{told:?}");
    let most = 100_000 + 100 * input.len();
    assert!(count.0 <= most, "{} bytes came of {}", count.0, input.len());
}
