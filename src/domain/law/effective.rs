//! What the law and one shop's rules come to in one country or state, for showing. A real text may be bound by more: the
//! address's country and the state besides.

use serde::Serialize;

use super::{Binding, Confidence, Level, OTHER_STATE, Pack, Row, Whereabouts};
use crate::domain::{
    consent::{self, mode::Demand},
    hours::Hours,
    rules::Rules,
    time::{HOUR, MINUTE, Time},
};

/// One country or state as one shop meets it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Effective {
    /// `SI` or `US-FL`.
    pub code: String,
    /// The code alone where the pack has no row.
    pub name: String,
    /// Whether the pack has a row for it.
    pub listed: bool,
    /// Whether this shop texts numbers of the country.
    pub sends: bool,
    /// Why not, and what to do, where it does not.
    pub held: Option<String>,
    /// When texts go.
    pub hours: Hours,
    /// The shop's own wish, where it has one.
    pub own_hours: Option<Hours>,
    /// Whether the law cut the wish.
    pub narrowed: bool,
    /// The outer bound; `None` where no law names hours. Our own caution where nobody has looked.
    pub legal: Option<Hours>,
    pub usual: Hours,
    /// Countries whose holidays close, as far as hours leave holidays out and a calendar is known.
    pub holidays: Vec<&'static str>,
    pub unknown_holidays: Vec<String>,
    pub consent: Level,
    pub soft_opt_in: bool,
    pub first_after_minutes: u64,
    pub give_up_after_hours: u64,
    pub per_cart: Option<u32>,
    pub cart_texts_per_day: u32,
    pub all_texts_per_day: u32,
    pub cart_texts_per_30_days: u32,
    pub two_way_required: bool,
    pub alphanumeric: bool,
    pub sender_prefix: Option<String>,
    pub stop_short_code: bool,
    pub required: Vec<String>,
    pub discount_needs_promo_consent: bool,
    pub opt_out_link_days: u32,
}

impl Pack {
    /// What comes out for a shop of this country with these rules; `None` where `code` is no country and no state.
    /// A country with states is shown as in a state without rules of its own.
    pub fn effective(&self, code: &str, rules: &Rules, shop_country: &str, at: Time) -> Option<Effective> {
        let code = code.trim().to_ascii_uppercase();
        let (country, state) = match code.split_once('-') {
            Some((country, _)) => {
                self.row(&code, at)?;
                (country.to_owned(), Some(code.clone()))
            }
            None => (code.clone(), None),
        };
        if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return None;
        }
        let row = self.row(&code, at);
        let american = self.row(&country, at).is_some_and(|row| row.code == "US");
        let whereabouts = Whereabouts {
            phone_country: country.clone(),
            address_country: None,
            states: state.into_iter().chain(american.then(|| OTHER_STATE.to_owned())).collect(),
        };
        let bound = self.binding(&whereabouts, at);
        let own = rules.hours_in(&country).copied();
        let hours = bound.hours(own.as_ref());
        let terms = rules.consent.terms(&[&country], demand(&bound), rules.consent_months);
        let double = terms.required == consent::Level::Double;
        let held = held(&bound, &country, rules, shop_country);
        Some(Effective {
            name: row.map_or_else(|| code.clone(), |row| name(row, &code)),
            listed: bound.listed,
            sends: held.is_none(),
            held,
            hours,
            own_hours: own,
            narrowed: own.is_some_and(|own| own != hours),
            legal: Some(bound.legal).filter(|legal| *legal != Hours::ALWAYS),
            usual: bound.hours(None),
            holidays: if hours.open_on_holidays() { Vec::new() } else { bound.holidays.countries() },
            unknown_holidays: if hours.open_on_holidays() { Vec::new() } else { bound.unknown_holidays },
            consent: if double { Level::Double } else { Level::Single },
            soft_opt_in: terms.soft_opt_in,
            first_after_minutes: bound.first_after.max(rules.abandoned_after()).as_secs() / MINUTE.as_secs(),
            give_up_after_hours: bound.give_up_after.min(rules.give_up_after()).as_secs() / HOUR.as_secs(),
            per_cart: bound.caps.per_cart,
            cart_texts_per_day: bound.caps.cart_texts_per_day,
            all_texts_per_day: bound.caps.all_texts_per_day,
            cart_texts_per_30_days: bound.caps.cart_texts_per_30_days,
            two_way_required: bound.two_way_required,
            alphanumeric: bound.alphanumeric,
            sender_prefix: bound.sender_prefix,
            stop_short_code: bound.stop_short_code,
            required: bound.required,
            discount_needs_promo_consent: bound.discount_needs_promo_consent,
            opt_out_link_days: bound.opt_out_link_days,
            code,
        })
    }

    /// The law alone: for a shop without wishes that has named the country.
    pub fn bare(&self, code: &str, at: Time) -> Option<Effective> {
        let country = code.split('-').next().unwrap_or_default().to_ascii_uppercase();
        self.effective(code, &Rules { countries: vec![country], ..Rules::default() }, "", at)
    }

    /// The countries a shop texts: those it names, else its own.
    pub fn countries_of(rules: &Rules, shop_country: &str) -> Vec<String> {
        if rules.countries.is_empty() { vec![shop_country.to_owned()] } else { rules.countries.clone() }
    }
}

/// A territory goes by another country's row and keeps its own code.
fn name(row: &Row, code: &str) -> String {
    if row.code == code { row.name.clone() } else { format!("{code} (as {})", row.name) }
}

fn demand(bound: &Binding) -> Demand {
    let level = match bound.consent {
        Level::Single => consent::Level::Single,
        Level::Double => consent::Level::Double,
    };
    Demand { level, soft_opt_in: bound.soft_opt_in }
}

/// The same question the decision's number gate asks, in words.
fn held(bound: &Binding, country: &str, rules: &Rules, shop_country: &str) -> Option<String> {
    let named = rules.countries.iter().any(|listed| listed == country);
    let enabled = if rules.countries.is_empty() { country == shop_country } else { named };
    if !enabled {
        Some(format!("{country} is not among this shop's countries"))
    } else if !named && !bound.listed {
        Some(format!("nobody has looked up the law of {country}: name it among this shop's countries to send"))
    } else if !named && !bound.on {
        Some(format!("{country} is off until this shop names it among its countries"))
    } else {
        None
    }
}

impl Effective {
    /// `1 a cart, 1 reminder and 3 texts a day, 4 reminders in 30 days`.
    pub fn caps(&self) -> String {
        let per_cart = self.per_cart.map(|cap| format!("{cap} a cart, ")).unwrap_or_default();
        let reminders = if self.cart_texts_per_day == 1 { "reminder" } else { "reminders" };
        format!(
            "{per_cart}{} {reminders} and {} texts a day, {} reminders in 30 days",
            self.cart_texts_per_day, self.all_texts_per_day, self.cart_texts_per_30_days
        )
    }

    /// What the sender must be like, every demand in words; empty where anything goes.
    pub fn sender(&self) -> Vec<String> {
        let mut said = Vec::new();
        if self.two_way_required {
            said.push("it must take replies".to_owned());
        }
        if !self.alphanumeric {
            said.push("no sender of letters".to_owned());
        }
        if let Some(prefix) = &self.sender_prefix {
            said.push(format!("it begins with {prefix}"));
        }
        if self.stop_short_code {
            said.push("STOP goes to a short number the text names".to_owned());
        }
        said
    }
}

impl Confidence {
    /// How much weaker than `C` it is: the weakest of several is shown.
    fn doubt(self) -> u8 {
        match self {
            Confidence::C => 0,
            Confidence::S => 1,
            Confidence::X => 2,
            Confidence::G => 3,
        }
    }
}

impl Row {
    /// The least sure of what a law is said to ask; habits of ours are left out, they need no source.
    pub fn confidence(&self) -> Confidence {
        let rules = self.rules();
        let asked = rules.iter().filter(|rule| rule.about != "usual hours").map(|rule| rule.confidence);
        asked.max_by_key(|confidence| confidence.doubt()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::law::current;

    const NOW: i64 = 1_795_262_400_000;

    #[track_caller]
    fn check(code: &str, set: &[(&str, &str)], hours: &str, held: Option<&str>) -> Effective {
        let mut rules = Rules::default();
        rules.set_all(set.iter().copied()).unwrap();
        let found = current().effective(code, &rules, "SI", Time::from_millis(NOW)).unwrap();
        assert_eq!(found.hours.to_string(), hours, "{code}");
        assert_eq!(found.held.is_some(), held.is_some(), "{code}: {:?}", found.held);
        assert!(found.held.as_deref().unwrap_or_default().contains(held.unwrap_or_default()), "{:?}", found.held);
        assert_eq!(found.sends, held.is_none());
        assert!(found.hours.is_within(&found.legal.unwrap_or(Hours::ALWAYS)));
        found
    }

    #[test]
    fn a_country_for_a_shop() {
        let careful = "mon-sat 09:00-20:00; no holidays";
        let own = check("SI", &[], careful, None);
        assert_eq!((own.legal, own.own_hours, own.narrowed), (None, None, false));
        assert_eq!(own.caps(), "1 reminder and 3 texts a day, 4 reminders in 30 days");
        assert_eq!(own.holidays, ["SI"]);
        check("DE", &[], careful, Some("not among"));
        check("DE", &[("countries", "DE")], careful, None);
        check("SI", &[("countries", "DE")], careful, Some("not among"));
        // Off, until it is named.
        check("AE", &[], "mon-sun 09:00-20:00; no holidays", Some("not among"));
        check("AE", &[("countries", "AE")], "mon-sun 09:00-20:00; no holidays", None);
        let unlisted = check("ch", &[("countries", "CH")], careful, None);
        assert_eq!((unlisted.name.as_str(), unlisted.consent), ("CH", Level::Double));
        // A wish the law cuts.
        let cut = check(
            "FR",
            &[("countries", "FR"), ("hours", "mon-sun 07:00-23:00")],
            "mon-sat 08:00-22:00; no holidays",
            None,
        );
        assert!(cut.narrowed && cut.sender() == ["STOP goes to a short number the text names"]);
        let kept = check("SI", &[("hours", "mon-sun 07:00-23:00")], "mon-sun 07:00-23:00", None);
        assert!(!kept.narrowed && kept.holidays.is_empty());
        assert_eq!(check("RE", &[], "mon-sat 08:00-20:00; no holidays", Some("RE")).name, "RE (as France)");
    }

    #[test]
    fn states_for_a_shop() {
        let us = check("US", &[("countries", "US")], "mon-sat 09:00-20:00; sun 12:00-20:00; no holidays", None);
        assert_eq!((us.consent, us.per_cart), (Level::Double, Some(1)));
        check("US-RI", &[("countries", "US")], "mon-fri 09:00-18:00; sat 10:00-17:00; no holidays", None);
        check("US-UNKNOWN", &[("countries", "US")], "mon-sat 10:00-17:00; no holidays", None);
        let nobody = |code: &str| current().effective(code, &Rules::default(), "SI", Time::from_millis(NOW));
        for code in ["", "S", "SIX", "US-XX", "U1", "ŽŽ", "-"] {
            assert_eq!(nobody(code), None, "{code}");
        }
    }

    #[test]
    fn the_least_sure_rule_marks_a_row() {
        let mark = |code: &str| current().row(code, Time::from_millis(NOW)).unwrap().confidence();
        assert_eq!(mark("SI"), Confidence::C);
        assert_eq!(mark("FR"), Confidence::S);
        assert_eq!(mark("PT"), Confidence::G);
        assert_eq!(mark("AE"), Confidence::X);
        assert_eq!(mark("US-FL"), Confidence::S);
    }
}
