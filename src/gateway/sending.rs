//! What every gateway account is told, whoever its provider is: whom it serves, in which turn, how fast, and what a text
//! costs. Kept among the account's settings, beside the connector's own.

use std::collections::BTreeMap;

use super::Gateway;
use crate::domain::{
    connector::{Field, Settings, Spec},
    message::Cost,
    money::{self, Currency},
};

/// The settings themselves, described like a connector's.
pub static SENDING: Spec = Spec {
    kind: "sending",
    name: "Sending",
    fields: &[
        Field {
            key: "countries",
            label: "Countries",
            help: "Only numbers of these countries go through it: two-letter codes with commas, SI, AT. Empty for all.",
            check: |list| countries(list).try_for_each(check_country),
            ..Field::TEXT
        },
        Field {
            key: "turn",
            label: "Turn",
            help: "1 to 99. Of several that serve a country the lowest sends; the next takes over when it is paused, does not answer or refuses our account. Of two equal ones the newest is first.",
            default: Some("10"),
            check: |text| number(text, 1, 99).map(|_| ()).ok_or("be a number from 1 to 99"),
            ..Field::TEXT
        },
        Field {
            key: "account_per_minute",
            label: "Parts a minute, whole account",
            help: "More is never sent; a long text has several parts. What your provider allows: for US 10DLC the campaign's rate, from 75 to 4,500 at AT&T; a toll-free number about 180. Empty for no limit.",
            check: check_pace,
            ..Field::TEXT
        },
        Field {
            key: "sender_per_minute",
            label: "Parts a minute, each sender",
            help: "The same for each number or name texts come from: a long code takes 60 a minute in most countries. Empty for no limit.",
            check: check_pace,
            ..Field::TEXT
        },
        Field {
            key: "us_per_day",
            label: "Parts a day to US numbers",
            help: "T-Mobile's daily cap of the brand, 2,000 to 200,000. Its day ends at midnight Pacific; what is over waits for the next one, if it may leave so late. Empty for none.",
            check: |text| number(text, 1, 10_000_000).map(|_| ()).ok_or("be a whole number of parts, from 1 on"),
            ..Field::TEXT
        },
        Field {
            key: "prices",
            label: "Prices of a part",
            help: "By country, where the provider does not tell them: SI 0.045, AT 0.06, * 0.05. The star is for all others.",
            check: |list| prices(list).try_for_each(|entry| entry.map(|_| ())),
            ..Field::TEXT
        },
        Field {
            key: "price_currency",
            label: "Currency of the prices",
            help: "Three letters: EUR",
            default: Some("EUR"),
            check: |code| Currency::parse(code).map(|_| ()).map_err(|_| "be a three-letter code, as in EUR"),
            ..Field::TEXT
        },
        Field {
            key: "balance_least",
            label: "Warn below",
            help: "What should be left on the account at least, in its own money, where its provider tells the balance: 20.",
            check: |text| {
                money::decimal(text, 6)
                    .ok()
                    .filter(|micros| *micros >= 0)
                    .map(|_| ())
                    .ok_or("be an amount, as in 20.00")
            },
            ..Field::TEXT
        },
    ],
    connect: &[],
    topics: &[],
    limits: &[],
};

/// A setting of an account: the connector's, or one of these.
pub fn field(kind: &dyn Gateway, key: &str) -> Option<&'static Field> {
    kind.spec().field(key).or_else(|| SENDING.field(key))
}

/// Settings of an account from what a person typed: the connector's and these, with every problem at once.
pub fn settings(kind: &dyn Gateway, given: BTreeMap<String, String>) -> Result<Settings, Vec<String>> {
    let (ours, theirs): (BTreeMap<_, _>, BTreeMap<_, _>) =
        given.into_iter().partition(|(key, _)| SENDING.field(key).is_some());
    match (kind.spec().settings(theirs), SENDING.settings(ours)) {
        (Ok(theirs), Ok(ours)) => Ok(ours.pairs().fold(theirs, |all, (key, value)| all.with(key, value))),
        (theirs, ours) => Err([theirs.err(), ours.err()].into_iter().flatten().flatten().collect()),
    }
}

/// What was typed of them, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sending {
    /// Upper case; none for all.
    pub countries: Vec<String>,
    pub turn: u32,
    /// Parts a minute; `None` for no limit.
    pub account_per_minute: Option<u32>,
    pub sender_per_minute: Option<u32>,
    pub us_per_day: Option<u32>,
    /// Millionths of the account's money.
    pub least_balance_micros: Option<i64>,
}

const TURN_USUALLY: u32 = 10;

impl Sending {
    pub fn of(settings: &Settings) -> Sending {
        let count = |key: &str| settings.given(key).and_then(|text| number(text, 1, u32::MAX));
        Sending {
            countries: countries(settings.get("countries")).map(str::to_ascii_uppercase).collect(),
            turn: count("turn").unwrap_or(TURN_USUALLY),
            account_per_minute: count("account_per_minute"),
            sender_per_minute: count("sender_per_minute"),
            us_per_day: count("us_per_day"),
            least_balance_micros: settings.given("balance_least").and_then(|text| money::decimal(text, 6).ok()),
        }
    }

    /// Whether numbers of this country go through it; where none is known yet, they may.
    pub fn serves(&self, country: Option<&str>) -> bool {
        self.countries.is_empty() || country.is_none_or(|country| self.countries.iter().any(|served| served == country))
    }
}

/// What a text of so many parts costs by the prices that were typed.
pub fn price(settings: &Settings, country: &str, parts: u32) -> Option<Cost> {
    let currency = Currency::parse(settings.given("price_currency").unwrap_or("EUR")).ok()?;
    let listed: Vec<(&str, i64)> = prices(settings.get("prices")).filter_map(Result::ok).collect();
    let of = |name: &str| listed.iter().find(|(listed, _)| listed.eq_ignore_ascii_case(name));
    let (_, micros) = of(country).or_else(|| of("*"))?;
    Some(Cost { micros: micros.checked_mul(i64::from(parts.max(1)))?, currency })
}

fn countries(list: &str) -> impl Iterator<Item = &str> {
    list.split([',', ' ', '\n']).map(str::trim).filter(|code| !code.is_empty())
}

fn check_country(code: &str) -> Result<(), &'static str> {
    let is_code = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_alphabetic());
    if is_code { Ok(()) } else { Err("be two-letter codes with commas between them, as in SI, AT") }
}

fn number(text: &str, least: u32, most: u32) -> Option<u32> {
    text.trim().replace(',', "").parse().ok().filter(|number| (least..=most).contains(number))
}

fn check_pace(text: &str) -> Result<(), &'static str> {
    number(text, 1, 1_000_000).map(|_| ()).ok_or("be a whole number of parts, from 1 on")
}

/// Countries and millionths.
fn prices(list: &str) -> impl Iterator<Item = Result<(&str, i64), &'static str>> {
    list.split([',', ';', '\n']).map(str::trim).filter(|entry| !entry.is_empty()).map(|entry| {
        let wrong = "be countries and prices with commas between them, as in SI 0.045, * 0.05";
        let (country, amount) = entry.split_once([' ', '=', ':']).ok_or(wrong)?;
        let is_country = country == "*" || check_country(country).is_ok();
        let micros = money::decimal(amount.trim(), 6).ok().filter(|micros| *micros >= 0);
        micros.filter(|_| is_country).map(|micros| (country, micros)).ok_or(wrong)
    })
}

#[cfg(test)]
mod tests {
    use super::{super::ALL, *};

    fn typed(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn no_connector_has_a_setting_of_such_a_name() {
        for gateway in ALL {
            for field in SENDING.fields {
                assert!(gateway.spec().field(field.key).is_none(), "{}: {}", gateway.spec().kind, field.key);
            }
        }
    }

    #[test]
    fn what_a_person_types_is_read_or_told_apart() {
        let log = super::super::by_kind("log").unwrap();
        let given =
            typed(&[("countries", "si, at"), ("turn", "2"), ("account_per_minute", "4,500"), ("us_per_day", "2000")]);
        let read = Sending::of(&settings(log, given).unwrap());
        assert_eq!(read.countries, ["SI", "AT"]);
        assert_eq!((read.turn, read.account_per_minute, read.sender_per_minute), (2, Some(4_500), None));
        assert_eq!(read.us_per_day, Some(2_000));
        assert!(read.serves(Some("AT")) && read.serves(None) && !read.serves(Some("US")));
        let usual = Sending::of(&settings(log, typed(&[])).unwrap());
        assert_eq!((usual.turn, usual.serves(Some("US"))), (10, true));
        for (key, value) in [
            ("countries", "Slovenia"),
            ("turn", "0"),
            ("turn", "first"),
            ("account_per_minute", "-1"),
            ("us_per_day", "0"),
            ("prices", "SI"),
            ("prices", "SI -1"),
            ("prices", "Slovenia 0.05"),
            ("price_currency", "euro"),
            ("balance_least", "plenty"),
            ("nonsense", "1"),
        ] {
            let problems = settings(log, typed(&[(key, value)])).unwrap_err();
            assert!(problems.len() == 1 && problems[0].starts_with(key), "{key} {value}: {problems:?}");
        }
    }

    #[test]
    fn a_price_is_that_of_the_country_times_the_parts() {
        let log = super::super::by_kind("log").unwrap();
        let given = settings(log, typed(&[("prices", "SI 0.045, * 0.05"), ("price_currency", "USD")])).unwrap();
        let micros = |country: &str, parts| price(&given, country, parts).map(|cost| cost.micros);
        assert_eq!((micros("SI", 2), micros("AT", 1), micros("SI", 0)), (Some(90_000), Some(50_000), Some(45_000)));
        assert_eq!(price(&given, "SI", 1).unwrap().currency, Currency::parse("USD").unwrap());
        assert_eq!(price(&settings(log, typed(&[])).unwrap(), "SI", 1), None);
    }
}
