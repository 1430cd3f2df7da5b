//! Breakdowns: a day's figures by step, language, country and so on, how far its carts came, at which hours things
//! happened and how long it took. Each figure is counted once under one value of each dimension, so that a breakdown adds
//! up to the whole. Bounded: a day keeps at most `VALUES_MOST` values of a dimension and adds the rest up as `OTHER`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    money::Currency,
    report::{Figure, Metric, Slice},
};

/// What figures are broken down by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dimension {
    /// `{sequence} {step}`
    Step,
    /// BCP 47, of the text.
    Language,
    /// ISO 3166-1 alpha-2: of the cart, and for texts of the number.
    Country,
    /// Its id.
    Gateway,
    /// The most valuable thing in the cart.
    Product,
    /// Where the cart came from, in the shop's own word.
    Source,
    /// One of `facet::DEVICES`: of the tap.
    Device,
    /// The way an order was paid, in the shop's own word.
    Payment,
    /// How far carts came, by the day they were abandoned on: a `Reached`.
    Reached,
    /// `{weekday 1–7, Monday first} {hour 0–23}` on the shop's clock.
    Hour,
    /// From abandoned to ordered: at most so many minutes (`delay_bucket`).
    Delay,
}

impl Dimension {
    /// Those that are tables of their own, in the order a report shows them.
    pub const TABLES: [Dimension; 8] = [
        Dimension::Step,
        Dimension::Country,
        Dimension::Language,
        Dimension::Product,
        Dimension::Source,
        Dimension::Gateway,
        Dimension::Device,
        Dimension::Payment,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Dimension::Step => "step",
            Dimension::Language => "language",
            Dimension::Country => "country",
            Dimension::Gateway => "gateway",
            Dimension::Product => "product",
            Dimension::Source => "source",
            Dimension::Device => "device",
            Dimension::Payment => "payment",
            Dimension::Reached => "reached",
            Dimension::Hour => "hour",
            Dimension::Delay => "delay",
        }
    }

    /// What counts under which value, in a sentence.
    pub fn definition(self) -> &'static str {
        match self {
            Dimension::Step => {
                "Which text of which sequence. Texts that are no reminders stand in a line of their own."
            }
            Dimension::Language => "The language the text was written in.",
            Dimension::Country => {
                "Carts by the country of their address, texts and what they earned by that of the number."
            }
            Dimension::Gateway => "The account a text went through.",
            Dimension::Product => {
                "A cart counts under the most valuable thing in it, with its quantity; what it earned counts there too."
            }
            Dimension::Source => "Where the cart came from, in the shop’s own word.",
            Dimension::Device => {
                "What the link was first opened on; an order counts under the device of its last tap before it."
            }
            Dimension::Payment => "How an order was paid, in the shop’s own word.",
            Dimension::Reached => "How far the carts came that were abandoned in the period.",
            Dimension::Hour => "When it happened, on the shop’s clock.",
            Dimension::Delay => "From the moment a cart counted as abandoned to its order.",
        }
    }
}

/// How far a cart came. A cart that came further also came to every stage before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reached {
    Abandoned,
    /// It has a number, of whatever kind.
    Phone,
    /// A number that can be texted.
    Mobile,
    /// Consent was on record when it was abandoned.
    Consent,
    /// Every gate said yes and a text was written.
    Allowed,
    Sent,
    Delivered,
    Clicked,
    Bought,
}

impl Reached {
    pub const ALL: [Reached; 9] = [
        Reached::Abandoned,
        Reached::Phone,
        Reached::Mobile,
        Reached::Consent,
        Reached::Allowed,
        Reached::Sent,
        Reached::Delivered,
        Reached::Clicked,
        Reached::Bought,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Reached::Abandoned => "abandoned",
            Reached::Phone => "phone",
            Reached::Mobile => "mobile",
            Reached::Consent => "consent",
            Reached::Allowed => "allowed",
            Reached::Sent => "sent",
            Reached::Delivered => "delivered",
            Reached::Clicked => "clicked",
            Reached::Bought => "bought",
        }
    }

    pub fn definition(self) -> &'static str {
        match self {
            Reached::Abandoned => {
                "Carts without activity for the shop’s waiting time, and without an order until then."
            }
            Reached::Phone => "Of those, carts with a number, of whatever kind.",
            Reached::Mobile => "Of those, carts with a number that can be texted.",
            Reached::Consent => "Of those, carts with consent to texts on record and no opt-out.",
            Reached::Allowed => "Of those, carts for which every gate said yes: hours, caps, rest days, spend.",
            Reached::Sent => "Of those, carts with a text the gateway accepted.",
            Reached::Delivered => {
                "Of those, carts with a text the carrier reported delivered, or whose link a person opened."
            }
            Reached::Clicked => {
                "Of those, carts whose link a person opened. Previews, scanners and bots are kept but not counted."
            }
            Reached::Bought => "Of those, carts that became an order credited to a text.",
        }
    }
}

/// Values of one dimension a day keeps apart.
pub const VALUES_MOST: usize = 50;

/// What the rest is added up under. No shop's own word: those are cut to letters people type.
pub const OTHER: &str = "\u{2026}";

/// What happened, as the store found it in a day's facts: so many alike.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fact {
    pub what: What,
    pub sequence: String,
    /// 0 for texts that are no reminders.
    pub step: u32,
    pub language: String,
    pub country: String,
    pub gateway: i64,
    pub product: String,
    pub source: String,
    pub device: String,
    pub payment: String,
    pub currency: Option<Currency>,
    pub count: i64,
    /// Minor units; negative for what went back.
    pub amount: i64,
    /// Of texts: the parts billed, and what they cost in millionths.
    pub segments: i64,
    pub micros: i64,
    /// Quarters of an hour since the day began.
    pub quarter: i64,
    /// Of an order: minutes since its cart was abandoned.
    pub minutes: i64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum What {
    #[default]
    Nothing,
    /// Carts abandoned on the day, and how far they came by now.
    Carts(Reached),
    Reminders,
    /// Requests to confirm and answers: they cost, and count as no reminder.
    ServiceTexts,
    Delivered,
    /// First taps.
    Tapped,
    Credited,
    CreditedBack,
    Assisted,
    AssistedBack,
    /// Orders that used the code of a text.
    Discounted,
    /// All orders of the shop.
    Ordered,
}

type Values = BTreeMap<String, BTreeMap<String, i64>>;

/// A day, or several added up: dimension, value, figure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Detail(BTreeMap<String, Values>);

impl Detail {
    /// A day's facts, broken down. `hour` tells weekday (1 is Monday) and hour of a quarter of the day.
    pub fn of(facts: &[Fact], hour: impl Fn(i64) -> (i8, i8)) -> Detail {
        let mut detail = Detail::default();
        for fact in facts {
            detail.count(fact, &hour);
        }
        detail.bound();
        detail
    }

    fn count(&mut self, fact: &Fact, hour: impl Fn(i64) -> (i8, i8)) {
        let figures = figures(fact);
        let step = if fact.step == 0 { String::new() } else { format!("{} {}", fact.sequence, fact.step) };
        let gateway = fact.gateway.to_string();
        let of_text = [
            (Dimension::Step, step.as_str()),
            (Dimension::Language, fact.language.as_str()),
            (Dimension::Country, fact.country.as_str()),
            (Dimension::Gateway, gateway.as_str()),
            (Dimension::Product, fact.product.as_str()),
            (Dimension::Source, fact.source.as_str()),
        ];
        let of_order = [(Dimension::Device, fact.device.as_str()), (Dimension::Payment, fact.payment.as_str())];
        let under: &[&[(Dimension, &str)]] = match fact.what {
            What::Nothing => &[],
            What::Carts(reached) => &[
                &[
                    (Dimension::Country, fact.country.as_str()),
                    (Dimension::Product, fact.product.as_str()),
                    (Dimension::Source, fact.source.as_str()),
                ],
                &[(Dimension::Reached, reached.name())],
            ],
            What::Reminders | What::ServiceTexts | What::Delivered | What::Discounted => &[&of_text],
            What::Tapped => &[&of_text, &of_order[..1]],
            What::Credited | What::CreditedBack => &[&of_text, &of_order],
            // Nobody tapped: there is no device.
            What::Assisted | What::AssistedBack => &[&of_text, &of_order[1..]],
            What::Ordered => &[&of_order[1..]],
        };
        for &(dimension, value) in under.iter().copied().flatten() {
            for &(metric, currency, amount) in &figures {
                self.add(dimension, value, metric, currency, amount);
            }
        }
        if matches!(fact.what, What::Reminders | What::Tapped | What::Credited) {
            let (weekday, hour) = hour(fact.quarter);
            for &(metric, currency, amount) in figures.iter().filter(|(metric, ..)| BY_HOUR.contains(metric)) {
                self.add(Dimension::Hour, &format!("{weekday} {hour}"), metric, currency, amount);
            }
        }
        if fact.what == What::Credited {
            let bucket = delay_bucket(fact.minutes).to_string();
            for &(metric, currency, amount) in &figures {
                self.add(Dimension::Delay, &bucket, metric, currency, amount);
            }
        }
    }

    fn add(&mut self, dimension: Dimension, value: &str, metric: Metric, currency: Option<Currency>, amount: i64) {
        if amount == 0 {
            return;
        }
        let figure = match currency {
            Some(currency) => format!("{} {}", metric.name(), currency.code()),
            None => metric.name().to_owned(),
        };
        let values = self.0.entry(dimension.name().to_owned()).or_default();
        let sum = values.entry(value.to_owned()).or_default().entry(figure).or_default();
        *sum = sum.saturating_add(amount);
    }

    /// Adds up what is beyond the most frequent values. Equal ones are kept by their name, so that the same facts always
    /// end alike.
    fn bound(&mut self) {
        let listed = Dimension::TABLES.map(Dimension::name);
        for (_, values) in self.0.iter_mut().filter(|(name, _)| listed.contains(&name.as_str())) {
            if values.len() <= VALUES_MOST {
                continue;
            }
            let weight = |figures: &BTreeMap<String, i64>| -> i64 {
                let counted =
                    |name: &String| WEIGHED.iter().any(|metric| name.split(' ').next() == Some(metric.name()));
                figures.iter().filter(|(name, _)| counted(name)).map(|(_, count)| *count).sum()
            };
            let mut order: Vec<(i64, String)> =
                values.iter().map(|(value, figures)| (-weight(figures), value.clone())).collect();
            order.sort();
            for (_, value) in order.split_off(VALUES_MOST) {
                let rest = values.remove(&value).unwrap_or_default();
                let other = values.entry(OTHER.to_owned()).or_default();
                add_all(other, rest);
            }
        }
    }

    /// Adds another day.
    pub fn merge(&mut self, other: Detail) {
        for (dimension, values) in other.0 {
            let known = self.0.entry(dimension).or_default();
            for (value, figures) in values {
                add_all(known.entry(value).or_default(), figures);
            }
        }
    }

    /// Every value of a dimension with its figures. What an older version wrote and this one does not know is left out.
    pub fn slices(&self, dimension: Dimension) -> BTreeMap<String, Slice> {
        let Some(values) = self.0.get(dimension.name()) else { return BTreeMap::new() };
        let read = |figures: &BTreeMap<String, i64>| {
            let mut slice = Slice::default();
            for (name, &value) in figures {
                let (metric, code) =
                    name.split_once(' ').map_or((name.as_str(), None), |(name, code)| (name, Some(code)));
                let Some(metric) = Metric::ALL.into_iter().find(|known| known.name() == metric) else { continue };
                let currency = code.and_then(|code| Currency::parse(code).ok());
                slice.add(&Figure { day: 0, metric, step: 0, currency, value });
            }
            slice
        };
        values.iter().map(|(value, figures)| (value.clone(), read(figures))).collect()
    }
}

fn add_all(to: &mut BTreeMap<String, i64>, from: BTreeMap<String, i64>) {
    for (figure, value) in from {
        let sum = to.entry(figure).or_default();
        *sum = sum.saturating_add(value);
    }
}

const BY_HOUR: [Metric; 4] = [Metric::Texts, Metric::Clicked, Metric::RecoveredOrders, Metric::Gross];

/// What decides which values a day keeps.
const WEIGHED: [Metric; 5] =
    [Metric::Abandoned, Metric::Texts, Metric::RecoveredOrders, Metric::AssistedOrders, Metric::Orders];

fn figures(fact: &Fact) -> Vec<(Metric, Option<Currency>, i64)> {
    let own = fact.currency;
    match fact.what {
        What::Nothing => Vec::new(),
        What::Carts(_) => {
            let mut figures = vec![(Metric::Abandoned, None, fact.count)];
            figures.extend(own.map(|_| (Metric::AbandonedValue, own, fact.amount)));
            figures
        }
        What::Reminders | What::ServiceTexts => {
            let mut figures = vec![(Metric::Segments, None, fact.segments)];
            if fact.what == What::Reminders {
                figures.push((Metric::Texts, None, fact.count));
            }
            figures.extend(own.map(|_| (Metric::CostMicros, own, fact.micros)));
            figures
        }
        What::Delivered => vec![(Metric::Delivered, None, fact.count)],
        What::Tapped => vec![(Metric::Clicked, None, fact.count)],
        What::Credited => vec![(Metric::RecoveredOrders, own, fact.count), (Metric::Gross, own, fact.amount)],
        What::CreditedBack => vec![(Metric::Refunded, own, -fact.amount)],
        What::Assisted => vec![(Metric::AssistedOrders, own, fact.count), (Metric::AssistedNet, own, fact.amount)],
        What::AssistedBack => vec![(Metric::AssistedNet, own, fact.amount)],
        What::Discounted => vec![(Metric::DiscountsUsed, own, fact.count), (Metric::DiscountValue, own, fact.amount)],
        What::Ordered => vec![(Metric::Orders, own, fact.count)],
    }
}

/// The longest delay that is told apart, in minutes: two weeks.
pub const DELAY_MOST: u32 = 14 * 24 * 60;

/// A delay as it is counted, rounded up: to five minutes in the first hour, a quarter up to six hours, an hour beyond. Over
/// `DELAY_MOST` it is `DELAY_MOST + 1`.
pub fn delay_bucket(minutes: i64) -> u32 {
    let minutes = u32::try_from(minutes.max(1)).unwrap_or(u32::MAX);
    let step = match minutes {
        0..=60 => 5,
        61..=360 => 15,
        361..=DELAY_MOST => 60,
        _ => return DELAY_MOST + 1,
    };
    minutes.div_ceil(step) * step
}

#[cfg(test)]
mod tests {
    use super::*;

    fn euro() -> Option<Currency> {
        Currency::parse("EUR").ok()
    }

    fn fact(what: What, country: &str, count: i64, amount: i64) -> Fact {
        Fact {
            what,
            country: country.into(),
            count,
            amount,
            currency: euro(),
            step: 1,
            sequence: "eu".into(),
            ..Fact::default()
        }
    }

    fn noon(_: i64) -> (i8, i8) {
        (2, 12)
    }

    #[test]
    fn a_breakdown_adds_up_to_the_whole() {
        let facts = [
            fact(What::Credited, "SI", 2, 9_000),
            fact(What::CreditedBack, "SI", 1, -2_000),
            fact(What::Credited, "AT", 1, 500),
            fact(What::Reminders, "AT", 7, 0),
        ];
        let detail = Detail::of(&facts, noon);
        for dimension in [Dimension::Country, Dimension::Step, Dimension::Product, Dimension::Gateway] {
            let slices = detail.slices(dimension);
            let orders: i64 = slices.values().map(|slice| slice.counts.recovered_orders).sum();
            let net: i64 = slices.values().flat_map(|slice| slice.money.values()).map(|sums| sums.net_minor).sum();
            let texts: i64 = slices.values().map(|slice| slice.counts.texts).sum();
            assert_eq!((orders, net, texts), (3, 7_500, 7), "{dimension:?}");
        }
        assert_eq!(detail.slices(Dimension::Country)["SI"].counts.recovered_orders, 2);
        assert_eq!(detail.slices(Dimension::Hour)["2 12"].counts.recovered_orders, 3);
        assert_eq!(detail.slices(Dimension::Delay)["5"].counts.recovered_orders, 3);
    }

    #[test]
    fn a_day_keeps_so_many_values_and_loses_no_case() {
        let facts: Vec<Fact> = (0..200)
            .map(|number| Fact {
                product: format!("Thing {number}"),
                count: 1 + i64::from(number == 199),
                ..fact(What::Credited, "SI", 1, 100)
            })
            .collect();
        let detail = Detail::of(&facts, noon);
        let products = detail.slices(Dimension::Product);
        assert_eq!(products.len(), VALUES_MOST + 1);
        assert_eq!(products["Thing 199"].counts.recovered_orders, 2);
        assert_eq!(products[OTHER].counts.recovered_orders, 150);
        assert_eq!(products.values().map(|slice| slice.counts.recovered_orders).sum::<i64>(), 201);
    }

    #[test]
    fn days_add_up_and_survive_being_written_down() {
        let day =
            Detail::of(&[fact(What::Credited, "SI", 1, 700), fact(What::Carts(Reached::Sent), "SI", 4, 90)], noon);
        let mut both = day.clone();
        both.merge(serde_json::from_str(&serde_json::to_string(&day).unwrap()).unwrap());
        let si = &both.slices(Dimension::Country)["SI"];
        assert_eq!((si.counts.recovered_orders, si.counts.abandoned), (2, 8));
        assert_eq!(both.slices(Dimension::Reached)["sent"].counts.abandoned, 8);
        // A figure of a newer version is passed over.
        let newer: Detail = serde_json::from_str(r#"{"country":{"SI":{"moonlight":3,"texts":2}}}"#).unwrap();
        assert_eq!(newer.slices(Dimension::Country)["SI"].counts.texts, 2);
    }

    #[test]
    fn delays_are_rounded_up() {
        #[track_caller]
        fn check(minutes: i64, bucket: u32) {
            assert_eq!(delay_bucket(minutes), bucket);
        }
        check(-3, 5);
        check(5, 5);
        check(6, 10);
        check(61, 75);
        check(361, 420);
        check(i64::from(DELAY_MOST), DELAY_MOST);
        check(i64::from(DELAY_MOST) + 1, DELAY_MOST + 1);
        check(i64::MAX, DELAY_MOST + 1);
    }
}
