//! Outbox: what is told to other systems, in which words, and when a telling that failed is tried again. Decides the
//! schedule and the shape of an event; never says where it goes.
//!
//! What must hold: an event has one id for ever, however often it is delivered, so that receivers can drop what they
//! have; its `data` names ids and sums only. Whose they are is added at the moment of telling, and only where the
//! shopkeeper asked for it.

use std::{fmt, time::Duration};

use serde_json::{Map, Value, json};

use super::{
    id::{EventId, ShopId},
    time::{DAY, HOUR, MINUTE, Time},
};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    CartAbandoned,
    MessageSent,
    MessageDelivered,
    MessageFailed,
    LinkClicked,
    OrderRecovered,
    CreditReversed,
    PersonOptedOut,
    /// Asked for by a person who wants to see one arrive; no sink is asked whether it hears it.
    Test,
}

impl Topic {
    pub const ALL: [Topic; 9] = [
        Topic::CartAbandoned,
        Topic::MessageSent,
        Topic::MessageDelivered,
        Topic::MessageFailed,
        Topic::LinkClicked,
        Topic::OrderRecovered,
        Topic::CreditReversed,
        Topic::PersonOptedOut,
        Topic::Test,
    ];

    /// As it stands in `type`, in the database and on the command line; never renamed.
    pub fn name(self) -> &'static str {
        match self {
            Topic::CartAbandoned => "cart.abandoned",
            Topic::MessageSent => "message.sent",
            Topic::MessageDelivered => "message.delivered",
            Topic::MessageFailed => "message.failed",
            Topic::LinkClicked => "link.clicked",
            Topic::OrderRecovered => "order.recovered",
            Topic::CreditReversed => "credit.reversed",
            Topic::PersonOptedOut => "person.opted_out",
            Topic::Test => "webhook.test",
        }
    }

    /// What it means, in a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Topic::CartAbandoned => "A cart was left without an order.",
            Topic::MessageSent => "A gateway took a text.",
            Topic::MessageDelivered => "The carrier says a text reached the phone.",
            Topic::MessageFailed => "A gateway refused a text, or it could not be delivered.",
            Topic::LinkClicked => "A person tapped a recovery link; previews and scanners are not told.",
            Topic::OrderRecovered => {
                "An order was credited to a text. Sent again when its credit grows or moves to another text."
            }
            Topic::CreditReversed => "A credit shrank: a refund, a cancellation, or a verdict that changed.",
            Topic::PersonOptedOut => "A number gets no more texts.",
            Topic::Test => "You asked for it, to see one arrive.",
        }
    }

    /// What its `data` holds, besides `links` and `person`.
    pub fn fields(self) -> &'static [Fact] {
        match self {
            Topic::CartAbandoned => &[CART, WORTH, CURRENCY_OF, COUNTRY],
            Topic::MessageSent => &[MESSAGE, CART_OF, PURPOSE, SEQUENCE, STEP, COUNTRY, SEGMENTS],
            Topic::MessageDelivered => &[MESSAGE, CART_OF, PURPOSE, SEQUENCE, STEP, COUNTRY],
            Topic::MessageFailed => &[MESSAGE, CART_OF, PURPOSE, SEQUENCE, STEP, COUNTRY, FAILED],
            Topic::LinkClicked => &[CLICK, MESSAGE, CART_OF, SEQUENCE, STEP],
            Topic::OrderRecovered => &[ORDER, EXTERNAL, MESSAGE, STEP, TOTAL, CREDIT, CURRENCY],
            Topic::CreditReversed => &[ORDER, EXTERNAL, MESSAGE, STEP, REVERSED, CREDIT, CURRENCY, BECAUSE],
            Topic::PersonOptedOut => &[PHONE, SOURCE],
            Topic::Test => &[],
        }
    }

    /// Those a sink can hear.
    pub fn choices() -> impl Iterator<Item = Topic> {
        Topic::ALL.into_iter().filter(|topic| *topic != Topic::Test)
    }

    pub fn parse(text: &str) -> Option<Topic> {
        Topic::ALL.into_iter().find(|topic| topic.name() == text)
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One entry of an event's `data`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fact {
    pub name: &'static str,
    /// As JSON Schema names it; "string?" and "integer?" may be null.
    pub kind: &'static str,
    pub words: &'static str,
}

const fn fact(name: &'static str, kind: &'static str, words: &'static str) -> Fact {
    Fact { name, kind, words }
}

const CART: Fact = fact("cart", "string", "The cart, as cart_…");
const CART_OF: Fact = fact("cart", "string?", "Its cart, as cart_…; null for a text about no cart");
const MESSAGE: Fact = fact("message", "string", "The text, as msg_…");
const CLICK: Fact = fact("click", "string", "The tap, as clk_…");
const ORDER: Fact = fact("order", "string", "The order, as ord_…");
const EXTERNAL: Fact = fact("order_external_id", "string", "The shop’s own id of the order");
const PHONE: Fact = fact("phone_hash", "string", "The number’s keyed hash, the same for every event of this shop");
const TOTAL: Fact = fact("total_minor", "integer", "What it was worth, in the currency’s smallest unit");
const WORTH: Fact =
    fact("total_minor", "integer?", "What is in it, in the currency’s smallest unit, where the shop tells");
const CURRENCY_OF: Fact = fact("currency", "string?", "ISO 4217, as EUR");
const CREDIT: Fact =
    fact("credit_minor", "integer", "What the order’s text has earned after this event: replace, do not add");
const REVERSED: Fact = fact("reversed_minor", "integer", "By how much the credit shrank");
const CURRENCY: Fact = fact("currency", "string", "ISO 4217, as EUR");
const COUNTRY: Fact = fact("country", "string?", "ISO 3166-1 alpha-2, as SI");
const PURPOSE: Fact = fact("purpose", "string", "reminder, confirmation, confirmation_again or answer");
const SEQUENCE: Fact = fact("sequence", "string", "The sequence it belongs to, \"\" without one");
const STEP: Fact = fact("step", "integer", "The step of that sequence, from 1; 0 without one");
const SEGMENTS: Fact = fact("segments", "integer", "Parts it was billed as, as far as known");
const FAILED: Fact = fact("failure", "string", "refused or undelivered");
const BECAUSE: Fact = fact("because", "string", "refund, cancelled or corrected");
const SOURCE: Fact = fact("source", "string", "How: reply, link, gateway, operator, …");

/// Which topics are heard: a small set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Topics(u16);

impl Topics {
    pub fn all() -> Topics {
        Topic::choices().collect()
    }

    pub fn has(self, topic: Topic) -> bool {
        self.0 & bit(topic) != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    pub fn iter(self) -> impl Iterator<Item = Topic> {
        Topic::choices().filter(move |topic| self.has(*topic))
    }

    /// From names with spaces or commas between them; `Err` names the one nobody knows.
    pub fn parse(text: &str) -> Result<Topics, String> {
        let names = text.split([' ', ',']).filter(|name| !name.is_empty());
        names.map(|name| Topic::choices().find(|topic| topic.name() == name).ok_or_else(|| name.to_owned())).collect()
    }

    /// As the database holds them. What a newer version added is left out.
    pub fn restored(text: &str) -> Topics {
        text.split(' ').filter_map(Topic::parse).collect()
    }
}

fn bit(topic: Topic) -> u16 {
    1 << Topic::ALL.iter().position(|known| *known == topic).unwrap_or_default()
}

impl FromIterator<Topic> for Topics {
    fn from_iter<I: IntoIterator<Item = Topic>>(topics: I) -> Topics {
        Topics(topics.into_iter().fold(0, |set, topic| set | bit(topic)))
    }
}

impl fmt::Display for Topics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.iter().map(Topic::name).collect::<Vec<_>>().join(" "))
    }
}

/// An event as it stands in the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub id: EventId,
    pub topic: Topic,
    /// When it happened, which may be before we learnt of it.
    pub at: Time,
    /// The number of the cart, text or order it is about.
    pub about: i64,
    pub phone: Option<[u8; 16]>,
    pub data: Map<String, Value>,
}

/// Whose it was, where a shopkeeper asked for that. `Debug` shows neither.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Person {
    pub phone: Option<String>,
    pub email: Option<String>,
    /// The keyed hash of their number: the same for every event of one person, and of nobody else's shop.
    pub key: Option<[u8; 16]>,
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Person(phone: {}, e-mail: {})", self.phone.is_some(), self.email.is_some())
    }
}

/// What an advertising platform believes of an order, and what is true of it by now; amounts in minor units of the order's
/// currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What it was last told the text earned; `None` before the first time.
    pub told_minor: Option<i64>,
    /// What the text has earned by now.
    pub credit_minor: i64,
    pub placed_at: Option<Time>,
}

/// An event with everything a sink may make of it.
#[derive(Clone, Debug)]
pub struct Told {
    pub shop: ShopId,
    pub event: Event,
    pub person: Option<Person>,
    /// Of the order it is about, where the sink is an advertising platform.
    pub standing: Option<Standing>,
    /// Our address, without a slash at the end.
    pub public_url: String,
}

/// What of an event leads somewhere: the key in `data`, and the place under our address.
const LINKS: [(&str, &str); 3] = [("cart", "carts"), ("message", "messages"), ("order", "orders")];

impl Told {
    /// The body as the Standard Webhooks specification advises it: `type`, `timestamp`, `data`.
    pub fn body(&self) -> Value {
        let mut data = self.event.data.clone();
        let mut links = Map::new();
        for (name, place) in LINKS {
            if let Some(id) = data.get(name).and_then(Value::as_str) {
                links.insert(name.to_owned(), format!("{}/api/v1/{place}/{id}", self.public_url).into());
            }
        }
        if !links.is_empty() {
            data.insert("links".into(), links.into());
        }
        if let Some(person) = &self.person {
            data.insert("person".into(), json!({ "phone": person.phone, "email": person.email }));
        }
        json!({
            "type": self.event.topic.name(),
            "timestamp": self.event.at.to_string(),
            "shop": self.shop,
            "data": data,
        })
    }
}

/// JSON Schema (2020-12) of every body, one definition per type.
pub fn schema() -> Value {
    let bodies = Topic::ALL.map(|topic| {
        let kind = |kind: &str| match kind.strip_suffix('?') {
            Some(kind) => json!([kind, "null"]),
            None => json!(kind),
        };
        let mut properties: Map<String, Value> = topic
            .fields()
            .iter()
            .map(|fact| (fact.name.to_owned(), json!({ "type": kind(fact.kind), "description": fact.words })))
            .collect();
        let required: Vec<&str> = topic.fields().iter().map(|fact| fact.name).collect();
        let link = json!({ "type": "string", "format": "uri" });
        properties.insert("links".into(), json!({ "type": "object", "additionalProperties": link }));
        let own = json!({ "type": ["string", "null"] });
        properties.insert(
            "person".into(),
            json!({
                "type": "object",
                "description": "Only where the endpoint asked for phone and e-mail",
                "properties": { "phone": own, "email": own },
            }),
        );
        json!({
            "title": topic.name(),
            "description": topic.words(),
            "type": "object",
            "required": ["type", "timestamp", "shop", "data"],
            "properties": {
                "type": { "const": topic.name() },
                "timestamp": { "type": "string", "format": "date-time", "description": "When it happened" },
                "shop": { "type": "integer" },
                "data": { "type": "object", "required": required, "properties": properties },
            },
        })
    });
    json!({ "$schema": "https://json-schema.org/draft/2020-12/schema", "oneOf": bodies })
}

/// How long after each failed attempt the next one is made: the schedule the Standard Webhooks specification advises. The
/// first attempt is made at once; after the tenth, three days and a bit later, an event is given up.
pub const RETRIES: [Duration; 9] = [
    Duration::from_secs(5),
    MINUTE.saturating_mul(5),
    MINUTE.saturating_mul(30),
    HOUR.saturating_mul(2),
    HOUR.saturating_mul(5),
    HOUR.saturating_mul(10),
    HOUR.saturating_mul(14),
    HOUR.saturating_mul(20),
    HOUR.saturating_mul(24),
];

/// An endpoint that took nothing for this long is switched off.
pub const OFF_AFTER: Duration = DAY.saturating_mul(5);

/// The secret before the newest signs too for this long after it was replaced.
pub const OLD_SECRET_SIGNS: Duration = HOUR.saturating_mul(24);

/// A receiver's wish to be left alone is heeded up to this long.
const WAIT_MOST: Duration = HOUR.saturating_mul(24);

/// Up to a twentieth of the wait, so that what failed together does not come back together.
const SPREAD_PER_MILLE: u64 = 50;

/// When to try again after the `tries`th failed attempt (from 1), or `None` to give up. `asked` is what the receiver
/// wished for; it never makes the wait shorter.
pub fn next_try(event: EventId, tries: u32, asked: Option<Duration>) -> Option<Duration> {
    let wait = RETRIES.get(usize::try_from(tries.saturating_sub(1)).ok()?)?;
    // Spread by the event itself: pure, and the same wherever it is asked.
    let mixed = (event.get() as u64 ^ u64::from(tries)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    let milli = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX / 2_000);
    let spread = Duration::from_millis(milli * (mixed % (SPREAD_PER_MILLE + 1)) / 1_000);
    Some((*wait + spread).max(asked.unwrap_or_default().min(WAIT_MOST)))
}

const ANSWER_CHARS_MAX: usize = 200;
/// Runs of digits from here on may be a number somebody can be called by.
const DIGITS_SHOWN_MAX: usize = 6;

/// The beginning of a receiver's answer, fit to be kept: no control characters, no long numbers, no addresses, no secrets.
pub fn scrubbed(answer: &str) -> String {
    let mut words = Vec::new();
    for word in answer.chars().take(ANSWER_CHARS_MAX * 4).collect::<String>().split_whitespace() {
        let digits = word.chars().filter(char::is_ascii_digit).count();
        let hides = word.contains('@') || word.contains("whsec_") || digits > DIGITS_SHOWN_MAX;
        words.push(if hides { "…".to_owned() } else { word.chars().filter(|c| !c.is_control()).collect() });
    }
    // Numbers are also written with spaces in them.
    let mut shown = words.join(" ");
    if shown.chars().filter(char::is_ascii_digit).count() > DIGITS_SHOWN_MAX * 2 {
        shown = shown.chars().map(|c| if c.is_ascii_digit() { '#' } else { c }).collect();
    }
    shown.chars().take(ANSWER_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schedule_is_the_standard_one_within_a_twentieth() {
        let event = EventId::new(77);
        let mut sum = Duration::ZERO;
        for (at, wait) in RETRIES.iter().enumerate() {
            let next = next_try(event, at as u32 + 1, None).unwrap();
            assert!(next >= *wait && next <= *wait + *wait / 20, "{next:?} for {wait:?}");
            sum += *wait;
        }
        assert_eq!(sum, HOUR * 75 + MINUTE * 35 + Duration::from_secs(5));
        assert_eq!(next_try(event, 10, Some(HOUR)), None);
        assert_eq!(next_try(event, 1, Some(HOUR)), Some(HOUR));
        assert_eq!(next_try(event, 1, Some(DAY * 9)), Some(DAY));
        let spread: std::collections::BTreeSet<_> =
            (0..50).map(|id| next_try(EventId::new(id << 11), 3, None)).collect();
        assert!(spread.len() > 10, "what failed together comes back together");
    }

    #[test]
    fn topics_are_a_set_with_names() {
        let two = Topics::parse("order.recovered, message.sent").unwrap();
        assert_eq!(two.to_string(), "message.sent order.recovered");
        assert_eq!(Topics::restored(&two.to_string()), two);
        assert_eq!(Topics::parse("message.snet"), Err("message.snet".into()));
        assert_eq!(Topics::parse("webhook.test"), Err("webhook.test".into()));
        assert_eq!(Topics::all().len(), 8);
        assert!(Topics::restored("from.the_future").is_empty());
    }

    #[test]
    fn an_answer_is_kept_without_what_could_name_anybody() {
        #[track_caller]
        fn check(answer: &str, kept: &str) {
            assert_eq!(scrubbed(answer), kept);
        }
        check("ok", "ok");
        check("no user ana@shop.example here", "no user … here");
        check("{\"phone\":\"+38640777123\"}", "…");
        check("call 040 777 123 or 041 555 666", "call ### ### ### or ### ### ###");
        check("bad secret whsec_abc", "bad secret …");
        check("a\u{0}b\r\n\tc", "ab c");
        assert_eq!(scrubbed(&"x".repeat(5_000)).len(), ANSWER_CHARS_MAX);
    }

    #[test]
    fn a_body_is_type_timestamp_and_data() {
        let data = json!({ "cart": "cart_0", "total_minor": 100 }).as_object().unwrap().clone();
        let at = Time::parse("2026-03-03T09:00:00Z").unwrap();
        let event = Event { id: EventId::new(1), topic: Topic::CartAbandoned, at, about: 1, phone: None, data };
        let told =
            Told { shop: ShopId::new(3), event, person: None, standing: None, public_url: "https://cb.example".into() };
        assert_eq!(
            told.body(),
            json!({
                "type": "cart.abandoned",
                "timestamp": "2026-03-03T09:00:00.000Z",
                "shop": 3,
                "data": {
                    "cart": "cart_0",
                    "total_minor": 100,
                    "links": { "cart": "https://cb.example/api/v1/carts/cart_0" },
                },
            })
        );
    }
}
