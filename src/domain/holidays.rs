//! Public holidays: which days are none to be texted on, by country.
//!
//! The calendars are national ones, computed by rule: no days of a single state or province (Alsace, Bavaria, Texas), and
//! no decrees of a single year. A day off that is moved counts twice, on the day it falls and on the day it is kept, since
//! people are at home on both. Not asked here: what a holiday closes; that is said by the hours.
//!
//! Countries without a calendar (of the rule pack: India, Singapore, the United Arab Emirates, Puerto Rico as such) have
//! no holidays that anybody here knows; `is_known` says so, and the pack's own notes do.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{LazyLock, OnceLock},
};

use holidays_rs::{Calendar, Country};
use jiff::civil::Date;

/// The holidays of a set of countries: a day that is one in any of them.
#[derive(Clone, Default)]
pub struct Holidays {
    /// Sorted by code, each once.
    calendars: Vec<&'static Known>,
}

impl Holidays {
    /// Of these countries (ISO 3166-1 alpha-2, any case); one without a calendar adds nothing.
    pub fn of(countries: &[impl AsRef<str>]) -> Holidays {
        let mut calendars: Vec<_> =
            countries.iter().filter_map(|code| CALENDARS.get(code.as_ref().to_ascii_uppercase().as_str())).collect();
        calendars.sort_by_key(|known| known.code);
        calendars.dedup_by_key(|known| known.code);
        Holidays { calendars }
    }

    /// No country at all: every day is an ordinary one.
    pub fn none() -> Holidays {
        Holidays::default()
    }

    /// Whether the holidays of this country can be told.
    pub fn is_known(country: &str) -> bool {
        CALENDARS.contains_key(country.to_ascii_uppercase().as_str())
    }

    /// The countries whose holidays these are.
    pub fn countries(&self) -> Vec<&'static str> {
        self.calendars.iter().map(|known| known.code).collect()
    }

    /// The holiday on a calendar day, in the words of its country.
    pub fn on(&self, date: Date) -> Option<&'static str> {
        let since = date.since(EPOCH).ok()?;
        self.on_day(i64::from(since.get_days()))
    }

    /// The same by days since 1970-01-01.
    pub(super) fn on_day(&self, day: i64) -> Option<&'static str> {
        let day = i32::try_from(day).ok()?;
        self.calendars.iter().find_map(|known| known.days().get(&day).copied())
    }
}

impl PartialEq for Holidays {
    fn eq(&self, other: &Holidays) -> bool {
        self.countries() == other.countries()
    }
}

impl Eq for Holidays {}

impl fmt::Debug for Holidays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Holidays").field(&self.countries()).finish()
    }
}

const EPOCH: Date = Date::constant(1970, 1, 1);

/// The years that can be asked for. The rules of 2060 are today's, and nobody's cart is that old or that young.
const YEARS: std::ops::RangeInclusive<i32> = 2020..=2060;

/// One country's calendar, reckoned once, when first asked for.
struct Known {
    code: &'static str,
    country: Country,
    /// Days since 1970-01-01.
    days: OnceLock<BTreeMap<i32, &'static str>>,
}

impl Known {
    fn days(&self) -> &BTreeMap<i32, &'static str> {
        self.days.get_or_init(|| {
            let calendar = Calendar::new(self.country);
            let mut days = BTreeMap::new();
            for year in YEARS {
                for (date, name) in calendar.holidays_in(year) {
                    days.insert(date.days_from_epoch(), name);
                }
                for holiday in self.country.holidays() {
                    if let Some(date) = holiday.rule.resolve(year) {
                        days.insert(date.days_from_epoch(), holiday.name);
                    }
                }
            }
            days.into_iter().filter_map(|(day, name)| Some((i32::try_from(day).ok()?, name))).collect()
        })
    }
}

static CALENDARS: LazyLock<BTreeMap<&'static str, Known>> = LazyLock::new(|| {
    COUNTRIES.iter().map(|&(code, country)| (code, Known { code, country, days: OnceLock::new() })).collect()
});

/// ISO 3166-1 alpha-2 of the calendars there are. The library knows a few more islands; a country stands here when shops
/// have asked for it or may.
const COUNTRIES: &[(&str, Country)] = &[
    ("AT", Country::Austria),
    ("AU", Country::Australia),
    ("BE", Country::Belgium),
    ("BL", Country::SaintBarthelemy),
    ("BR", Country::Brazil),
    ("CA", Country::Canada),
    ("CH", Country::Switzerland),
    ("CY", Country::Cyprus),
    ("CZ", Country::Czechia),
    ("DE", Country::Germany),
    ("DK", Country::Denmark),
    ("EE", Country::Estonia),
    ("ES", Country::Spain),
    ("FI", Country::Finland),
    ("FR", Country::France),
    ("GB", Country::UnitedKingdom),
    ("GF", Country::FrenchGuiana),
    ("GP", Country::Guadeloupe),
    ("GR", Country::Greece),
    ("GU", Country::Guam),
    ("HR", Country::Croatia),
    ("ID", Country::Indonesia),
    ("IE", Country::Ireland),
    ("IS", Country::Iceland),
    ("IT", Country::Italy),
    ("JM", Country::Jamaica),
    ("LI", Country::Liechtenstein),
    ("LT", Country::Lithuania),
    ("LU", Country::Luxembourg),
    ("LV", Country::Latvia),
    ("MC", Country::Monaco),
    ("MF", Country::SaintMartin),
    ("MP", Country::NorthernMarianaIslands),
    ("MQ", Country::Martinique),
    ("MT", Country::Malta),
    ("MX", Country::Mexico),
    ("NL", Country::Netherlands),
    ("NO", Country::Norway),
    ("NZ", Country::NewZealand),
    ("PM", Country::SaintPierreAndMiquelon),
    ("PL", Country::Poland),
    ("PT", Country::Portugal),
    ("RE", Country::Reunion),
    ("RO", Country::Romania),
    ("SE", Country::Sweden),
    ("SI", Country::Slovenia),
    ("SK", Country::Slovakia),
    ("US", Country::UnitedStates),
    ("UY", Country::Uruguay),
    ("VI", Country::UnitedStatesVirginIslands),
    ("AS", Country::AmericanSamoa),
    ("YT", Country::Mayotte),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::law;

    #[track_caller]
    fn check(country: &str, date: &str, expected: bool) {
        let name = Holidays::of(&[country]).on(date.parse().unwrap());
        assert_eq!(name.is_some(), expected, "{country} {date}: {name:?}");
    }

    #[test]
    fn days_everybody_knows() {
        check("FR", "2026-07-14", true);
        check("FR", "2026-07-15", false);
        // Easter Monday of 2026 and of 2027.
        check("FR", "2026-04-06", true);
        check("FR", "2027-03-29", true);
        check("SI", "2026-04-06", true);
        check("SI", "2026-06-25", true);
        check("US", "2026-11-26", true);
        check("US", "2026-06-19", true);
        check("US", "2026-07-14", false);
        check("GB", "2026-08-31", true);
        check("DE", "2026-10-03", true);
        check("AU", "2026-01-26", true);
        check("NZ", "2026-02-06", true);
        check("fr", "2026-12-25", true);
        check("IN", "2026-12-25", false);
        check("", "2026-12-25", false);
    }

    /// 4 July 2026 is a Saturday: people are at home on it and on the Friday before.
    #[test]
    fn a_day_that_is_moved_counts_where_it_falls_and_where_it_is_kept() {
        check("US", "2026-07-04", true);
        check("US", "2026-07-03", true);
        check("GB", "2026-12-26", true);
        check("GB", "2026-12-28", true);
        // 1 January 2028 is a Saturday, kept on the last day of the year before.
        check("US", "2027-12-31", true);
    }

    #[test]
    fn a_set_of_countries_is_their_union() {
        let both = Holidays::of(&["SI", "fr", "SI", "IN"]);
        assert_eq!(both.countries(), ["FR", "SI"]);
        assert!(both.on("2026-07-14".parse().unwrap()).is_some());
        assert!(both.on("2026-06-25".parse().unwrap()).is_some());
        assert!(Holidays::none().on("2026-12-25".parse().unwrap()).is_none());
        assert_eq!(both, Holidays::of(&["FR", "SI"]));
        assert_eq!(format!("{both:?}"), "Holidays([\"FR\", \"SI\"])");
    }

    #[test]
    fn every_calendar_has_days_in_every_year_that_can_be_asked_for() {
        for (code, known) in CALENDARS.iter() {
            for year in YEARS {
                let begins = Date::new(year as i16, 1, 1).unwrap().since(EPOCH).unwrap().get_days();
                let days = known.days().range(begins..begins + 365).count();
                // Switzerland has four that all its cantons keep, in Mexico some are lost to Sundays.
                assert!((4..40).contains(&days), "{code} {year}: {days}");
            }
        }
        assert_eq!(CALENDARS.len(), COUNTRIES.len());
    }

    /// The pack tells of each of these that its holidays are not known.
    #[test]
    fn countries_of_the_pack_without_a_calendar() {
        let pack = law::current();
        let mut unknown: Vec<&str> = Vec::new();
        for row in pack.countries() {
            if !Holidays::is_known(&row.code) {
                assert!(row.note.contains("No public holiday calendar"), "{}: {}", row.code, row.note);
                unknown.push(&row.code);
            }
        }
        assert_eq!(unknown, ["IN", "SG", "AE"]);
        let followers = pack.countries().into_iter().flat_map(|row| &row.follows);
        let without: Vec<&String> = followers.filter(|code| !Holidays::is_known(code)).collect();
        assert_eq!(without, ["PR"]);
    }
}
