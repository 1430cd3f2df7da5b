//! The rule pack: what binds a text to one person, by the country and state of the number and of the address.
//!
//! The rules are data, `assets/data/law.toml`, with a version that is kept with every decision, so that a decision can be
//! judged again by the rules of its day. Layers are intersected and never widened: hours by what is open in all, caps by
//! the least, the level of consent by the highest, duties by their union. Where number and address disagree, both bind.
//!
//! It decides nothing about one cart and reads no clock. It is nobody's legal advice: every rule names where it is from
//! and how sure that is.

mod row;
mod effective;

use std::{collections::BTreeSet, sync::LazyLock, time::Duration};

use jiff::{civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::{
    holidays::Holidays,
    hours::Hours,
    time::{HOUR, MINUTE, Time},
};

pub use effective::Effective;
pub use row::{Confidence, Everywhere, Keywords, Row, RowRule, SoftOptIn, Unlisted, Words};

/// The pack of this build.
pub fn current() -> &'static Pack {
    // A pack that cannot be read holds everything back; a test reads it, so that none is ever built.
    static PACK: LazyLock<Pack> = LazyLock::new(|| Pack::read(TEXT).unwrap_or_default());
    &PACK
}

const TEXT: &str = include_str!("../../assets/data/law.toml");

/// All rules of one version.
#[derive(Clone, Debug, Default)]
pub struct Pack {
    text: String,
    rules: row::Rules,
}

/// Where a shopper may be, and so whose rules bind.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
pub struct Whereabouts {
    /// ISO 3166-1 alpha-2 of the number.
    pub phone_country: String,
    /// ISO 3166-1 alpha-2 of the address.
    pub address_country: Option<String>,
    /// ISO 3166-2 of the area code and of the address (`US-FL`), as `zone::states` tells.
    pub states: Vec<String>,
}

/// How much proof of consent a text needs, the lesser first.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// A box ticked or a word sent.
    Single,
    /// And confirmed from the phone itself.
    #[default]
    Double,
}

impl Level {
    pub fn words(self) -> &'static str {
        match self {
            Level::Single => "consent",
            Level::Double => "consent confirmed by text",
        }
    }
}

/// How many texts at most.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Caps {
    /// Reminders about one cart, whatever the sequence plans; `None` leaves it to the sequence.
    pub per_cart: Option<u32>,
    /// Reminders to one phone in 24 hours.
    pub cart_texts_per_day: u32,
    /// Marketing of any kind to one phone in 24 hours.
    pub all_texts_per_day: u32,
    /// Reminders to one phone in 30 days.
    pub cart_texts_per_30_days: u32,
}

/// Everything that binds a text to one person at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The countries whose rules these are, the number's first.
    pub countries: Vec<String>,
    /// The states whose rules were added, `US-UNKNOWN` when nobody knows which.
    pub states: Vec<String>,
    /// Whether the pack knows every one of the countries.
    pub listed: bool,
    /// Whether texts may go without the operator having enabled a country.
    pub on: bool,
    /// The countries that have to be enabled first; empty when `on`.
    pub off: Vec<String>,
    /// The outer bound; `Hours::ALWAYS` where no law names hours.
    pub legal: Hours,
    /// What holds where the shop has set no hours of its own.
    pub usual: Hours,
    /// The holidays of all these countries.
    pub holidays: Holidays,
    /// Countries that are to be closed on holidays and whose holidays nobody here knows.
    pub unknown_holidays: Vec<String>,
    pub consent: Level,
    /// Whether a finished sale may stand for consent (never a cart).
    pub soft_opt_in: bool,
    /// From abandonment to the first text, at least.
    pub first_after: Duration,
    /// From abandonment to the last moment of any text.
    pub give_up_after: Duration,
    pub caps: Caps,
    /// The sender must be able to receive STOP.
    pub two_way_required: bool,
    /// Whether a sender of letters may be used.
    pub alphanumeric: bool,
    /// The sender must begin with this.
    pub sender_prefix: Option<String>,
    /// The text must name the short number that takes STOP (`STOP 36xxx`).
    pub stop_short_code: bool,
    /// Pieces every text must have, in words for people: `brand`, `opt_out`, ….
    pub required: Vec<String>,
    /// A discount needs consent to promotions, not only to reminders.
    pub discount_needs_promo_consent: bool,
    /// Days an opt-out link must work, the longest of them.
    pub opt_out_link_days: u32,
    /// Where each of these rules is from.
    pub cites: Vec<Cite>,
}

/// Where a rule is from and how sure that is.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Cite {
    /// `US legal hours mon-sun 08:00-21:00`.
    pub rule: String,
    pub source: String,
    pub confidence: Confidence,
}

impl Binding {
    /// When a text may be sent: the legal bound, and within it the shop's own hours or the usual ones. May be `NEVER`.
    pub fn hours(&self, own: Option<&Hours>) -> Hours {
        self.legal.intersect(own.unwrap_or(&self.usual))
    }
}

/// The row of a state nobody knows.
pub const UNKNOWN_STATE: &str = "US-UNKNOWN";
/// The row of every state that has none of its own.
pub const OTHER_STATE: &str = "US-*";

impl Pack {
    /// Reads a pack; `Err` says what is wrong with it in words for its author.
    pub fn read(text: &str) -> Result<Pack, String> {
        let rules: row::Rules = toml::from_str(text).map_err(|error| error.to_string())?;
        rules.check()?;
        Ok(Pack { text: text.to_owned(), rules })
    }

    pub fn version(&self) -> &str {
        &self.rules.version
    }

    /// The file as it stands, to be kept with the decisions made by it.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn everywhere(&self) -> &Everywhere {
        &self.rules.everywhere
    }

    /// What holds for a country the pack does not know.
    pub fn unlisted(&self) -> &Unlisted {
        &self.rules.unlisted
    }

    /// Every row of every country, past and coming ones too, as the file lists them.
    pub fn countries(&self) -> Vec<&Row> {
        self.rules.country.iter().collect()
    }

    /// Every row of every state, `US-UNKNOWN` among them.
    pub fn states(&self) -> Vec<&Row> {
        self.rules.state.iter().collect()
    }

    /// Every row of a country or state in time, past and coming ones too, as the file lists them.
    pub fn rows(&self, code: &str) -> Vec<&Row> {
        let all = self.rules.country.iter().chain(&self.rules.state);
        all.filter(|row| row.is_of(code)).collect()
    }

    /// The row of a country (`FR`, also `RE` that follows it) or a state (`US-FL`) that holds at a moment.
    pub fn row(&self, code: &str, at: Time) -> Option<&Row> {
        let day = day(at);
        let all = self.rules.country.iter().chain(&self.rules.state);
        all.filter(|row| row.holds_on(day))
            .find(|row| row.code == code || row.follows.iter().any(|other| other == code))
    }

    /// A state of the United States without a row of its own has that of all the others.
    fn state_row(&self, state: &str, at: Time) -> Option<&Row> {
        self.row(state, at).or_else(|| self.row(OTHER_STATE, at).filter(|_| state.starts_with("US-")))
    }

    pub(super) fn keywords(&self) -> &Keywords {
        &self.rules.keywords
    }

    /// What binds a text to a person with these whereabouts.
    pub fn binding(&self, whereabouts: &Whereabouts, at: Time) -> Binding {
        let mut countries = vec![whereabouts.phone_country.to_ascii_uppercase()];
        countries.extend(whereabouts.address_country.iter().map(|code| code.to_ascii_uppercase()));
        countries.dedup();
        let rows: Vec<(&String, Option<&Row>)> = countries.iter().map(|code| (code, self.row(code, at))).collect();
        let mut states: BTreeSet<String> = whereabouts.states.iter().map(|code| code.to_ascii_uppercase()).collect();
        let american = rows.iter().any(|(_, row)| row.is_some_and(|row| row.code == "US"));
        if american && !states.iter().any(|state| state.starts_with("US-")) {
            states.insert(UNKNOWN_STATE.to_owned());
        }
        let state_rows: Vec<&Row> = states.iter().filter_map(|state| self.state_row(state, at)).collect();
        let mut binding = self.unbound(&countries, &states);
        for (code, row) in &rows {
            match row {
                Some(row) => {
                    binding.narrow(row);
                    if !row.on {
                        binding.off.push((*code).clone());
                    }
                }
                None => binding.narrow_unlisted(code, &self.rules.unlisted),
            }
        }
        for row in state_rows {
            binding.narrow(row);
        }
        binding.on = binding.off.is_empty();
        let mut calendars = countries.clone();
        calendars.extend(rows.iter().filter_map(|(_, row)| row.map(|row| row.code.clone())));
        if !binding.hours(None).open_on_holidays() {
            let known = |(code, row): &&(&String, Option<&Row>)| {
                !Holidays::is_known(code) && !row.is_some_and(|row| Holidays::is_known(&row.code))
            };
            binding.unknown_holidays = rows.iter().filter(known).map(|(code, _)| (*code).clone()).collect();
        }
        binding.holidays = Holidays::of(&calendars);
        binding
    }

    /// Before any row: what holds everywhere.
    fn unbound(&self, countries: &[String], states: &BTreeSet<String>) -> Binding {
        let everywhere = &self.rules.everywhere;
        let cite = |rule: String| Cite { rule, source: everywhere.source.clone(), confidence: everywhere.confidence };
        Binding {
            countries: countries.to_vec(),
            states: states.iter().cloned().collect(),
            listed: true,
            on: true,
            off: Vec::new(),
            legal: Hours::ALWAYS,
            usual: Hours::ALWAYS,
            holidays: Holidays::none(),
            unknown_holidays: Vec::new(),
            consent: Level::Single,
            soft_opt_in: true,
            first_after: MINUTE * everywhere.first_after_minutes,
            give_up_after: HOUR * everywhere.give_up_after_hours,
            caps: Caps {
                per_cart: everywhere.per_cart,
                cart_texts_per_day: everywhere.cart_texts_per_day,
                all_texts_per_day: everywhere.all_texts_per_day,
                cart_texts_per_30_days: everywhere.cart_texts_per_30_days,
            },
            two_way_required: false,
            alphanumeric: true,
            sender_prefix: None,
            stop_short_code: false,
            required: everywhere.required.clone(),
            discount_needs_promo_consent: false,
            opt_out_link_days: everywhere.opt_out_link_days,
            cites: vec![cite(format!(
                "everywhere: not before {} minutes, not after {} hours; {} reminder a day, {} texts a day, {} reminders \
                 in 30 days",
                everywhere.first_after_minutes,
                everywhere.give_up_after_hours,
                everywhere.cart_texts_per_day,
                everywhere.all_texts_per_day,
                everywhere.cart_texts_per_30_days
            ))],
        }
    }
}

impl Binding {
    /// One more row binds. Nothing here can allow what was forbidden before.
    fn narrow(&mut self, row: &Row) {
        if let Some(hours) = &row.legal {
            self.legal = self.legal.intersect(&hours.hours);
        }
        if let Some(hours) = &row.usual {
            self.usual = self.usual.intersect(&hours.hours);
        }
        if let Some(consent) = &row.consent {
            self.consent = self.consent.max(consent.level);
            self.soft_opt_in &= consent.soft_opt_in == SoftOptIn::Sale;
        }
        if let Some(caps) = &row.caps {
            self.caps.per_cart = least(self.caps.per_cart, caps.per_cart);
            lower(&mut self.caps.cart_texts_per_day, caps.cart_texts_per_day);
            lower(&mut self.caps.all_texts_per_day, caps.all_texts_per_day);
            lower(&mut self.caps.cart_texts_per_30_days, caps.cart_texts_per_30_days);
            if let Some(hours) = caps.give_up_after_hours {
                self.give_up_after = self.give_up_after.min(HOUR * hours);
            }
        }
        if let Some(sender) = &row.sender {
            self.two_way_required |= sender.two_way_required;
            self.alphanumeric &= sender.alphanumeric;
            // Two prefixes cannot both be kept; the number's own country was first.
            self.sender_prefix = self.sender_prefix.take().or_else(|| sender.prefix.clone());
            self.stop_short_code |= sender.stop_short_code;
        }
        if let Some(text) = &row.text {
            for piece in &text.required {
                if !self.required.contains(piece) {
                    self.required.push(piece.clone());
                }
            }
            self.discount_needs_promo_consent |= text.discount_needs_promo_consent;
        }
        if let Some(days) = row.opt_out.as_ref().and_then(|opt_out| opt_out.link_days) {
            self.opt_out_link_days = self.opt_out_link_days.max(days);
        }
        self.cites.extend(row.cites());
    }

    fn narrow_unlisted(&mut self, code: &str, unlisted: &Unlisted) {
        self.listed = false;
        self.off.push(code.to_owned());
        self.legal = self.legal.intersect(&unlisted.hours);
        self.usual = self.usual.intersect(&unlisted.hours);
        self.consent = self.consent.max(unlisted.consent);
        self.soft_opt_in = false;
        self.cites.push(Cite {
            rule: format!(
                "{code}: not in the pack, held until enabled; {}, {}",
                unlisted.consent.words(),
                unlisted.hours
            ),
            source: unlisted.source.clone(),
            confidence: unlisted.confidence,
        });
    }
}

fn least(one: Option<u32>, other: Option<u32>) -> Option<u32> {
    one.into_iter().chain(other).min()
}

fn lower(cap: &mut u32, other: Option<u32>) {
    *cap = (*cap).min(other.unwrap_or(*cap));
}

/// Rules change on a calendar day; which one it is, is asked in UTC.
fn day(at: Time) -> Date {
    at.to_timestamp().to_zoned(TimeZone::UTC).date()
}

#[cfg(test)]
pub(in crate::domain) mod tests;
