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
        let since = date.since(Date::constant(1970, 1, 1)).ok()?;
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
