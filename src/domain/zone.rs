//! Time zones a shopper can be in, from the number, the address and the browser. Texting is open only when it is open in
//! every one of them.
//!
//! A number says where it was handed out, never where its owner is. So this collects every zone that is possible and drops
//! one only when a better source speaks about the same country. It never picks a zone because it is likely.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::LazyLock,
};

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberType};
use serde::{Deserialize, Serialize};

use super::{
    hours,
    law::UNKNOWN_STATE,
    phone::{Phone, region},
};

/// Every zone to respect and who named them. No names: nobody knows, the text must be held.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zones {
    /// IANA names, sorted, each once.
    pub names: Vec<String>,
    pub source: ZoneSource,
}

/// Which of the three had a say; shown with the decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneSource {
    pub phone: bool,
    pub address: bool,
    pub browser: bool,
}

impl fmt::Display for ZoneSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = [(self.phone, "phone"), (self.address, "address"), (self.browser, "browser")];
        let named: Vec<_> = named.iter().filter(|(spoke, _)| *spoke).map(|(_, name)| *name).collect();
        f.write_str(if named.is_empty() { "nothing" } else { "" })?;
        f.write_str(&named.join(" + "))
    }
}

/// The union of the number's zones, the address's and the browser's, with two exceptions, both within one country: a
/// number that names only its country gives way to an address that is more precise, and an address without a region adds
/// nothing to a number that is more precise. A number of unknown kind without an address gives no zones.
///
/// `country` is ISO 3166-1 alpha-2; `region` is ISO 3166-2 with or without the country; `browser` is an IANA name, ignored
/// when it names no place (`UTC`, as browsers that hide their owner say).
pub fn candidates(phone: &Phone, country: Option<&str>, region: Option<&str>, browser: Option<&str>) -> Zones {
    let country = country.map(str::trim);
    let address = country.and_then(|country| of_address(country, region.unwrap_or("")));
    let number = of_number(phone);
    if address.is_none() && number.is_none() {
        return Zones::default();
    }
    let same_country = phone.country().is_some_and(|own| country.is_some_and(|typed| own.eq_ignore_ascii_case(typed)));
    let (number, address) = match (number, address) {
        (Some(number), Some(address)) if same_country => {
            if number.whole_country && address.zones.len() < number.zones.len() {
                (None, Some(address))
            } else if address.whole_country && !number.whole_country && region.is_none_or(str::is_empty) {
                (Some(number), None)
            } else {
                (Some(number), Some(address))
            }
        }
        both => both,
    };
    let browser = browser.and_then(place_name);
    let source = ZoneSource { phone: number.is_some(), address: address.is_some(), browser: browser.is_some() };
    let mut names: BTreeSet<String> = browser.into_iter().collect();
    for found in [number, address].into_iter().flatten() {
        names.extend(found.zones.into_iter().map(str::to_owned));
    }
    Zones { names: names.into_iter().collect(), source }
}

/// The states and provinces (ISO 3166-2) a person with this number and address may be in, in the United States and
/// Canada; nothing for other countries. The area code's and the address's both count, since the law of either may bind.
/// An address in the United States whose region is given but unknown is `US-UNKNOWN`.
///
/// A number that has no place (toll-free, an area code nobody placed) adds nothing; without an address nobody knows then.
pub fn states(phone: &Phone, country: Option<&str>, region: Option<&str>) -> Vec<String> {
    let mut states: BTreeSet<String> = BTreeSet::new();
    if let Some(regions) = area_code(phone.digits()).and_then(|code| TABLES.area_regions.get(code)) {
        states.extend(regions.iter().map(|&region| region.to_owned()));
    }
    let country = country.map(|country| country.trim().to_ascii_uppercase()).unwrap_or_default();
    let region = region.map(str::trim).filter(|region| !region.is_empty());
    if let Some(region) = region
        && matches!(country.as_str(), "US" | "CA")
    {
        let place = place_of(&country, region);
        if TABLES.places.contains_key(place.as_str()) {
            states.insert(place);
        } else if country == "US" {
            states.insert(UNKNOWN_STATE.to_owned());
        }
    } else if US_TERRITORIES.contains(&country.as_str()) {
        states.insert(format!("US-{country}"));
    }
    states.into_iter().collect()
}

/// What one source knows.
struct Found {
    zones: BTreeSet<&'static str>,
    /// It named a country and no place in it.
    whole_country: bool,
}

/// The rule of libphonenumber's `PhoneNumberToTimeZonesMapper`: a geographic number by its longest known prefix, any other
/// by its whole calling code. Ours differs in three places: every +1 number goes by its area code (a mobile in Jamaica is on
/// Jamaica time), countries that share a calling code are told apart where `places.txt` does, and a number that is nobody's
/// own (toll-free, premium) has no place at all.
fn of_number(phone: &Phone) -> Option<Found> {
    let digits = phone.digits();
    if let Some(zones) = area_code(digits).and_then(|code| TABLES.area_codes.get(code)) {
        return Some(Found { zones: zones.clone(), whole_country: false });
    }
    let parsed = phone.parsed()?;
    if !matches!(
        PHONE_NUMBER_UTIL.get_number_type(&parsed),
        PhoneNumberType::Mobile | PhoneNumberType::FixedLine | PhoneNumberType::FixedLineOrMobile
    ) {
        return None;
    }
    if parsed.country_code == NORTH_AMERICA || PHONE_NUMBER_UTIL.is_number_geographical(&parsed) {
        return of_prefix(digits, parsed.country_code);
    }
    let own = phone.country().and_then(|country| TABLES.places.get(country.as_str()));
    match own {
        Some(zones) => Some(Found { zones: zones.clone(), whole_country: true }),
        None => of_calling_code(parsed.country_code),
    }
}

fn area_code(digits: &str) -> Option<&str> {
    digits.strip_prefix('1').filter(|national| national.len() == 10)?.get(..3)
}

fn of_prefix(digits: &str, calling_code: i32) -> Option<Found> {
    let longest = digits.len().min(PREFIX_DIGITS_MAX);
    let (prefix, zones) =
        (1..=longest).rev().find_map(|length| TABLES.prefixes.get_key_value(digits.get(..length)?))?;
    Some(Found { zones: split(zones), whole_country: *prefix == calling_code.to_string() })
}

fn of_calling_code(calling_code: i32) -> Option<Found> {
    let zones = TABLES.prefixes.get(calling_code.to_string().as_str())?;
    Some(Found { zones: split(zones), whole_country: true })
}

/// A known region's zones, else the country's.
fn of_address(country: &str, region: &str) -> Option<Found> {
    let country = country.to_ascii_uppercase();
    let place = place_of(&country, region);
    if let Some(zones) = TABLES.places.get(place.as_str()) {
        return Some(Found { zones: zones.clone(), whole_country: false });
    }
    let zones = of_country(&country)?;
    Some(Found { zones, whole_country: true })
}

/// `US-FL` for `fl`, `FL` and `US-FL`.
fn place_of(country: &str, region: &str) -> String {
    let typed = region.trim().to_ascii_uppercase();
    let prefix = format!("{country}-");
    format!("{prefix}{}", typed.strip_prefix(&prefix).unwrap_or(&typed))
}

fn of_country(country: &str) -> Option<BTreeSet<&'static str>> {
    if let Some(zones) = TABLES.places.get(country) {
        return Some(zones.clone());
    }
    if matches!(country, "US" | "CA") {
        let states = TABLES.places.iter().filter(|(place, _)| {
            let state = place.strip_prefix(country).and_then(|rest| rest.strip_prefix('-'));
            state.is_some_and(|state| !US_TERRITORIES.contains(&state))
        });
        return Some(states.flat_map(|(_, zones)| zones.iter().copied()).collect());
    }
    let region = region(country)?;
    let calling_code = PHONE_NUMBER_UTIL.get_country_code_for_region(region)?;
    if calling_code != NORTH_AMERICA {
        return of_calling_code(calling_code).map(|found| found.zones);
    }
    // An island of +1 is found through any number of it: its area code is all that tells it apart.
    let example = PHONE_NUMBER_UTIL.get_example_number(region).ok()?;
    of_prefix(&format!("{NORTH_AMERICA}{}", example.national_number), NORTH_AMERICA).map(|found| found.zones)
}

/// The IANA name as the database spells it, if it is one of a place.
fn place_name(name: &str) -> Option<String> {
    let zone = hours::zone(name)?;
    let name = zone.iana_name()?;
    (name.contains('/') && !name.starts_with("Etc/")).then(|| name.to_owned())
}

const NORTH_AMERICA: i32 = 1;
const PREFIX_DIGITS_MAX: usize = 9;
/// They are countries of their own in ISO 3166-1, and a shop says so when it ships there. Counted among the states they
/// would leave two hours a day open for an address that says no more than "US".
const US_TERRITORIES: [&str; 5] = ["AS", "GU", "MP", "PR", "VI"];

/// What `assets/data` says; where it comes from is in `assets/data/NOTICE.md`.
#[derive(Default)]
struct Tables {
    /// Calling code with leading digits → zones joined by `&`.
    prefixes: BTreeMap<&'static str, &'static str>,
    /// North American area code → zones.
    area_codes: BTreeMap<&'static str, BTreeSet<&'static str>>,
    /// North American area code → states and provinces.
    area_regions: BTreeMap<&'static str, BTreeSet<&'static str>>,
    /// `US-NY` or `KZ` → zones.
    places: BTreeMap<&'static str, BTreeSet<&'static str>>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let prefixes = lines(include_str!("../../assets/data/phone_prefix_timezones.txt"));
    let mut tables = Tables { prefixes: prefixes.collect(), ..Tables::default() };
    for (regions, rest) in lines(include_str!("../../assets/data/nanp.txt")) {
        let (zones, codes) = rest.split_once('|').unwrap_or((rest, ""));
        for code in codes.split_whitespace() {
            tables.area_codes.entry(code).or_default().extend(split(zones));
            tables.area_regions.entry(code).or_default().extend(regions.split(','));
        }
        for region in regions.split(',') {
            tables.places.entry(region).or_default().extend(split(zones));
        }
    }
    for (place, zones) in lines(include_str!("../../assets/data/places.txt")) {
        tables.places.insert(place, split(zones));
    }
    // The territories of the United States are also countries.
    for state in US_TERRITORIES {
        if let Some((_, zones)) = tables.places.iter().find(|(place, _)| place.strip_prefix("US-") == Some(state)) {
            let zones = zones.clone();
            tables.places.insert(state, zones);
        }
    }
    tables
});

fn lines(file: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    file.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.trim().split_once('|'))
}

fn split(zones: &'static str) -> BTreeSet<&'static str> {
    zones.split('&').collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn zones(phone: &str, country: &str, region: &str, browser: &str) -> Zones {
        let phone = Phone::restored(phone.to_owned());
        let given = |text| Some(text).filter(|text: &&str| !text.is_empty());
        candidates(&phone, given(country), given(region), given(browser))
    }

    #[track_caller]
    fn check(phone: &str, country: &str, region: &str, browser: &str, names: &str, source: &str) {
        let found = zones(phone, country, region, browser);
        assert_eq!(found.names.join(" "), names, "{phone} {country} {region} {browser}");
        assert_eq!(found.source.to_string(), source, "{phone} {country} {region} {browser}");
    }

    #[track_caller]
    fn check_number(phone: &str, names: &str) {
        check(phone, "", "", "", names, if names.is_empty() { "nothing" } else { "phone" });
    }

    #[test]
    fn numbers_by_their_area_code() {
        check_number("+12125550101", "America/New_York");
        check_number("+16895550101", "America/New_York");
        check_number("+18505550101", "America/Chicago America/New_York");
        // Too new for libphonenumber, which calls them invalid.
        check_number("+16215550101", "America/Chicago");
        check_number("+17295550101", "America/Chicago America/New_York");
        check_number("+19285550101", "America/Denver America/Phoenix");
        check_number("+14745550101", "America/Regina");
        check_number("+17875550101", "America/Puerto_Rico");
        check_number("+18765550101", "America/Jamaica");
        check_number("+12042345678", "America/Winnipeg");
    }

    #[test]
    fn numbers_of_other_countries() {
        check_number("+38641234567", "Europe/Ljubljana");
        check_number("+5511912345678", "America/Sao_Paulo");
        check_number("+5592912345678", "America/Manaus");
        check_number("+8613912345678", "Asia/Shanghai");
        check_number("+61212345678", "Australia/Sydney");
        check_number("+447400123456", "Europe/Guernsey Europe/Isle_of_Man Europe/Jersey Europe/London");
        check_number("+34612345678", "Atlantic/Canary Europe/Madrid");
        check_number("+77011234567", "Asia/Almaty Asia/Aqtobe");
        check_number("+212612345678", "Africa/Casablanca");
        // A plain prefix look-up would say Sydney and Moscow alone.
        assert_eq!(zones("+61412345678", "", "", "").names.len(), 8);
        assert_eq!(zones("+79161234567", "", "", "").names.len(), 16);
    }

    #[test]
    fn nobody_knows() {
        check_number("+999123456789", "");
        check_number("+18002345678", "");
        check_number("+448711234567", "");
        check_number("nonsense", "");
        check_number("", "");
        check("nonsense", "", "", "Europe/Ljubljana", "", "nothing");
        check("nonsense", "SI", "", "", "Europe/Ljubljana", "address");
        check("nonsense", "ZZ", "", "", "", "nothing");
        check("nonsense", "Slovenia", "", "", "", "nothing");
    }

    #[test]
    fn an_address_narrows_a_number_that_names_only_its_country() {
        check("+61412345678", "AU", "QLD", "", "Australia/Brisbane", "address");
        check("+61412345678", "au", "au-qld", "", "Australia/Brisbane", "address");
        check(
            "+61412345678",
            "AU",
            "WA",
            "Australia/Sydney",
            "Australia/Eucla Australia/Perth Australia/Sydney",
            "address + browser",
        );
        // Not by another country's address, and not by a region nobody knows.
        assert_eq!(zones("+61412345678", "NZ", "", "").names.len(), 8 + 2);
        assert_eq!(zones("+61412345678", "AU", "XYZ", "").names.len(), 8);
        assert_eq!(zones("+79161234567", "KZ", "", "").names.len(), 16);
    }

    #[test]
    fn a_precise_number_and_a_precise_address_both_count() {
        check("+12125550101", "US", "CA", "", "America/Los_Angeles America/New_York", "phone + address");
        check("+12125550101", "US", "TX", "", "America/Chicago America/Denver America/New_York", "phone + address");
        check("+12125550101", "CA", "YT", "", "America/New_York America/Whitehorse", "phone + address");
        check(
            "+5511912345678",
            "BR",
            "AM",
            "",
            "America/Manaus America/Rio_Branco America/Sao_Paulo",
            "phone + address",
        );
        check("+38641234567", "US", "NY", "", "America/New_York Europe/Ljubljana", "phone + address");
        check("+38641234567", "PR", "", "", "America/Puerto_Rico Europe/Ljubljana", "phone + address");
        check("+38641234567", "JM", "", "", "America/Jamaica Europe/Ljubljana", "phone + address");
    }

    #[test]
    fn an_address_without_a_region_adds_nothing_to_a_number_of_the_same_country() {
        check("+12125550101", "US", "", "", "America/New_York", "phone");
        // From abroad it means every state.
        let found = zones("+38641234567", "US", "", "").names;
        for name in ["America/New_York", "America/Denver", "America/Anchorage", "Pacific/Honolulu", "Europe/Ljubljana"]
        {
            assert!(found.iter().any(|known| known == name), "{name} in {found:?}");
        }
        assert!(!found.iter().any(|known| known == "Pacific/Guam"));
        // A region that was given but is unknown may be any.
        assert_eq!(zones("+12125550101", "US", "New York", "").source.to_string(), "phone + address");
    }

    #[test]
    fn the_browser_is_believed_when_it_names_a_place() {
        check("+12125550101", "", "", "Europe/Ljubljana", "America/New_York Europe/Ljubljana", "phone + browser");
        check("+12125550101", "", "", "america/new_york", "America/New_York", "phone + browser");
        for nowhere in ["UTC", "Etc/UTC", "GMT", "Etc/GMT+5", "Etc/Unknown", "Mars/Olympus", "../../etc/passwd"] {
            check("+12125550101", "", "", nowhere, "America/New_York", "phone");
        }
    }

    #[track_caller]
    fn check_states(phone: &str, country: &str, region: &str, expected: &str) {
        let given = |text| Some(text).filter(|text: &&str| !text.is_empty());
        let found = states(&Phone::restored(phone.to_owned()), given(country), given(region));
        assert_eq!(found.join(" "), expected, "{phone} {country} {region}");
    }

    #[test]
    fn states_of_the_area_code_and_of_the_address() {
        check_states("+12125550101", "", "", "US-NY");
        check_states("+13055550101", "US", "", "US-FL");
        check_states("+13055550101", "us", "tx", "US-FL US-TX");
        check_states("+13055550101", "US", "US-TX", "US-FL US-TX");
        check_states("+13055550101", "CA", "ON", "CA-ON US-FL");
        check_states("+16895550101", "", "", "US-FL");
        // Overlays too new for the telephone library.
        check_states("+16215550101", "", "", "US-TX");
        check_states("+17825550101", "", "", "CA-NS CA-PE");
        check_states("+17875550101", "", "", "US-PR");
        check_states("+38641234567", "US", "FL", "US-FL");
        check_states("+38641234567", "PR", "", "US-PR");
        // Nobody knows.
        check_states("+18005550101", "", "", "");
        check_states("+15005550101", "US", "", "");
        check_states("+13055550101", "US", "Florida", "US-FL US-UNKNOWN");
        check_states("+13055550101", "CA", "Ontario", "US-FL");
        // No states of other countries.
        check_states("+61412345678", "AU", "QLD", "");
        check_states("nonsense", "", "FL", "");
    }

    #[test]
    fn every_zone_in_the_data_exists() {
        let listed = TABLES.prefixes.values().flat_map(|zones| split(zones));
        let named = TABLES.area_codes.values().chain(TABLES.places.values()).flatten().copied();
        let names: BTreeSet<&str> = listed.chain(named).collect();
        assert!(names.len() > 250, "{}", names.len());
        for name in names {
            assert!(hours::zone(name).is_some(), "{name}");
        }
        assert!(TABLES.prefixes.len() > 3_000 && TABLES.area_codes.len() > 430);
        assert!(TABLES.prefixes.keys().all(|prefix| prefix.len() <= PREFIX_DIGITS_MAX));
        assert!(TABLES.area_codes.keys().all(|code| code.len() == 3));
    }

    #[test]
    fn every_country_with_a_number_has_a_zone() {
        let missing: Vec<String> = PHONE_NUMBER_UTIL
            .get_supported_regions()
            .map(|region| region.to_string())
            .filter(|country| country != "001" && of_country(country).is_none_or(|zones| zones.is_empty()))
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    proptest! {
        #[test]
        fn more_sources_never_invent_and_text_never_panics(
            phone in r"\+?[0-9]{0,16}|.*", country in "[A-Za-z]{2}|.*", region in "[A-Z]{2,3}|.*", browser in ".*",
        ) {
            let found = zones(&phone, &country, &region, &browser);
            let says_something = found.source.phone || found.source.address;
            prop_assert_eq!(found.names.is_empty(), !says_something);
            prop_assert!(found.names.iter().all(|name| hours::zone(name).is_some()));
            prop_assert!(found.names.is_sorted());
            let states = states(&Phone::restored(phone), Some(&country), Some(&region));
            prop_assert!(states.is_sorted() && states.iter().all(|state| state.get(2..3) == Some("-")));
        }
    }
}
