//! Purchase: what advertising platforms want to know of an event of ours, the same for all of them. They are told what a
//! text brought and what went back of it, under the shop's own order id, with whose it was hashed the way they ask.
//!
//! What is told is the difference between what a platform believes and what is true by now, not what an event said when it
//! was written: an event that comes late, twice or out of turn changes nothing.

use serde_json::Value;

use crate::domain::{
    connector::{Field, Settings},
    event::Identity,
    id::EventId,
    money::{Currency, Money},
    offline::{Digest, email_digests, phone_digests},
    outbox::{Person, Told, Topic, Topics},
    time::Time,
};

/// What they hear.
pub fn topics() -> Topics {
    [Topic::OrderRecovered, Topic::CreditReversed].into_iter().collect()
}

/// What became of an order since a platform was last told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was not told of it yet.
    First,
    /// It is worth less by so much, in minor units.
    Less(i64),
    /// It is worth more.
    More,
}

pub struct Purchase {
    pub event: EventId,
    /// The shop's own id of the order: the same in everything told about it.
    pub transaction: String,
    /// When it was bought, or when it changed; never in the future.
    pub at: Time,
    pub currency: Currency,
    /// What the text has earned by now.
    pub value_minor: i64,
    pub change: Change,
    /// E.164.
    phone: Option<String>,
    /// Trimmed, lower case.
    email: Option<String>,
    /// The person's keyed hash.
    pub key: Option<[u8; 16]>,
}

const NOBODYS: &str = "whose it was is not known any more";

impl Purchase {
    /// `Err` says why it is not told.
    pub fn of(told: &Told, now: Time) -> Result<Purchase, String> {
        let event = &told.event;
        let text = |key: &str| event.data.get(key).and_then(Value::as_str).unwrap_or_default();
        match event.topic {
            Topic::OrderRecovered | Topic::CreditReversed => {}
            Topic::Test => return Err("advertising platforms are told real orders only; there is no test".to_owned()),
            other => return Err(format!("{other} is no purchase")),
        }
        let currency = Currency::parse(text("currency")).map_err(|_| "its currency is not known".to_owned())?;
        let standing = told.standing.ok_or("what it earned is not known any more")?;
        let change = match (standing.told_minor, standing.credit_minor) {
            (None, _) if event.topic == Topic::CreditReversed => {
                return Err("its purchase was never told there".to_owned());
            }
            (None, ..=0) => return Err("nothing of it is left".to_owned()),
            (None, _) => Change::First,
            (Some(before), by_now) if before == by_now => return Err("it is known there as it is".to_owned()),
            (Some(before), by_now) if by_now < before => Change::Less(before.saturating_sub(by_now)),
            (Some(_), _) => Change::More,
        };
        let Some(Person { phone, email, key }) = told.person.clone() else { return Err(NOBODYS.to_owned()) };
        let email = Identity { email, ..Identity::default() }.email_key();
        if phone.is_none() && email.is_none() {
            return Err(NOBODYS.to_owned());
        }
        let at = standing.placed_at.filter(|_| change == Change::First).unwrap_or(event.at);
        Ok(Purchase {
            event: event.id,
            transaction: text("order_external_id").to_owned(),
            at: at.min(now),
            currency,
            value_minor: standing.credit_minor,
            change,
            phone,
            email,
            key,
        })
    }

    /// What happened of it, in minor units, for a platform that adds up what it is told; `Err` where it cannot be told.
    pub fn happened_minor(&self) -> Result<i64, String> {
        match self.change {
            Change::First => Ok(self.value_minor),
            Change::Less(by) => Ok(by),
            Change::More => Err("its purchase was told, and that it grew since cannot be told there".to_owned()),
        }
    }

    /// The number's hashes: with its plus, and of the digits alone.
    pub fn phone_hashes(&self) -> Option<[Digest; 2]> {
        self.phone.as_deref().map(phone_digests)
    }

    /// The address's hashes: as it is first, as Google wants it last.
    pub fn email_hashes(&self) -> Vec<Digest> {
        self.email.as_deref().map(email_digests).unwrap_or_default()
    }

    /// An amount as a JSON number in major units, exact.
    pub fn number(&self, minor: i64) -> Value {
        let amount = Money::new(minor, self.currency).amount();
        serde_json::from_str(&amount).unwrap_or_default()
    }
}

/// The setting that names the event. Where a site's own tag tells the platform of its orders already, the same order told
/// again under the same name would be counted twice: so there is a name of its own unless somebody says otherwise.
pub const fn event_field(
    default: &'static str,
    help: &'static str,
    check: fn(&str) -> Result<(), &'static str>,
) -> Field {
    Field { key: "event", label: "Event name", help, default: Some(default), check, ..Field::TEXT }
}

/// The event's name, and that of what goes back: the platform's own word beside its own `purchase`, else the name with it.
pub fn event_name(settings: &Settings, change: Change, (purchase, refund, suffix): (&str, &str, &str)) -> String {
    let name = settings.get("event");
    match change {
        Change::First | Change::More => name.to_owned(),
        Change::Less(_) if name == purchase => refund.to_owned(),
        Change::Less(_) => format!("{name}{suffix}"),
    }
}

#[cfg(test)]
pub mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::{
        id::ShopId,
        outbox::{Event, Standing},
    };

    /// An event about an order of which the platform believes `told` and the text earned `credit`.
    pub fn told(topic: Topic, told_minor: Option<i64>, credit_minor: i64) -> Told {
        let at = Time::parse("2026-03-03T09:00:00Z").unwrap();
        // What the event itself says is of no account.
        let data = json!({ "order": "ord_0000000000009", "order_external_id": "1093", "credit_minor": 1,
                           "currency": "EUR" });
        let person = Person {
            phone: Some("+38640555101".into()),
            email: Some(" Maja.Novak@Shopper.example".into()),
            key: Some([7; 16]),
        };
        let data = data.as_object().unwrap().clone();
        let event = Event { id: EventId::new(9), topic, at, about: 1, phone: None, data };
        let standing = Some(Standing { told_minor, credit_minor, placed_at: Some(at) });
        Told { shop: ShopId::new(1), event, person: Some(person), standing, public_url: "https://cb.example".into() }
    }

    pub fn recovered() -> Told {
        told(Topic::OrderRecovered, None, 11_520)
    }

    pub fn reversed(left: i64, back: i64) -> Told {
        told(Topic::CreditReversed, Some(left + back), left)
    }

    fn of(told: &Told) -> Result<Purchase, String> {
        Purchase::of(told, told.event.at)
    }

    #[test]
    fn amounts_are_exact_numbers() {
        let purchase = of(&recovered()).unwrap();
        assert_eq!(purchase.number(11_520).to_string(), "115.20");
        assert_eq!(purchase.number(-5).to_string(), "-0.05");
        let yen = Purchase { currency: "JPY".parse().unwrap(), ..purchase };
        assert_eq!(yen.number(500).to_string(), "500");
    }

    #[test]
    fn what_is_told_is_the_difference() {
        #[track_caller]
        fn check(topic: Topic, before: Option<i64>, by_now: i64, expected: Result<(Change, i64), &str>) {
            let found = of(&told(topic, before, by_now)).map(|purchase| (purchase.change, purchase.value_minor));
            assert_eq!(found, expected.map_err(str::to_owned));
        }
        let (won, back) = (Topic::OrderRecovered, Topic::CreditReversed);
        check(won, None, 500, Ok((Change::First, 500)));
        check(won, Some(500), 500, Err("it is known there as it is"));
        check(won, Some(500), 700, Ok((Change::More, 700)));
        // Told late: the refund that followed is in it already.
        check(won, Some(500), 300, Ok((Change::Less(200), 300)));
        check(won, None, 0, Err("nothing of it is left"));
        check(back, Some(500), 300, Ok((Change::Less(200), 300)));
        check(back, Some(500), 0, Ok((Change::Less(500), 0)));
        check(back, Some(300), 300, Err("it is known there as it is"));
        check(back, None, 300, Err("its purchase was never told there"));
    }

    #[test]
    fn what_is_no_purchase_is_said() {
        assert!(of(&told(Topic::Test, None, 1)).is_err());
        assert!(of(&told(Topic::LinkClicked, None, 1)).is_err());
        assert!(of(&Told { person: None, ..recovered() }).is_err());
        assert!(of(&Told { standing: None, ..recovered() }).is_err());
    }

    #[test]
    fn nothing_happens_in_the_future() {
        let told = recovered();
        let earlier = told.event.at - crate::domain::time::HOUR;
        assert_eq!(Purchase::of(&told, earlier).unwrap().at, earlier);
    }
}
