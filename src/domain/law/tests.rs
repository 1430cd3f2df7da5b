//! What the pack says, row by row and day by day, and that it says what the research found.

mod research;

use proptest::prelude::*;

pub(in crate::domain) use research::research;

use super::*;
use crate::domain::{
    hours::{Opening, opening},
    phone::Phone,
    zone,
};

const NOW: &str = "2026-11-21T12:00:00Z";

fn time(text: &str) -> Time {
    Time::parse(text).unwrap_or_else(|| panic!("{text}"))
}

/// `SI`, `SI>FR` (number and address), `US:US-FL` (with states, by comma).
fn whereabouts(text: &str) -> Whereabouts {
    let (countries, states) = text.split_once(':').unwrap_or((text, ""));
    let (phone, address) =
        countries.split_once('>').map_or((countries, None), |(phone, address)| (phone, Some(address)));
    Whereabouts {
        phone_country: phone.to_owned(),
        address_country: address.map(str::to_owned),
        states: states.split(',').filter(|state| !state.is_empty()).map(str::to_owned).collect(),
    }
}

fn binding(place: &str) -> Binding {
    current().binding(&whereabouts(place), time(NOW))
}

#[test]
fn the_pack_of_this_build_can_be_read() {
    let pack = Pack::read(TEXT).unwrap();
    assert_eq!(pack.version(), "2026-11-21.1");
    assert_eq!(current().text(), TEXT);
    assert_eq!(pack.countries().len(), 20);
    assert_eq!(pack.states().len(), 29);
}

/// Number of the country, no address: legal bound | usual hours | consent | texts a cart, texts a day.
#[test]
fn every_country_at_a_glance() {
    #[track_caller]
    fn check(place: &str, legal: &str, usual: &str, rest: &str) {
        let bound = binding(place);
        let caps = bound.caps;
        let per_cart = caps.per_cart.map_or("-".to_owned(), |cap| cap.to_string());
        let said = format!(
            "{:?} {per_cart}/{}/{}/{}{}{}",
            bound.consent,
            caps.cart_texts_per_day,
            caps.all_texts_per_day,
            caps.cart_texts_per_30_days,
            if bound.on { "" } else { " off" },
            if bound.soft_opt_in { " soft" } else { "" },
        );
        let hours = (bound.legal.to_string(), bound.usual.to_string(), said);
        assert_eq!((hours.0.as_str(), hours.1.as_str(), hours.2.as_str()), (legal, usual, rest), "{place}");
        assert_eq!(bound.hours(None).to_string(), usual, "{place}: the usual hours are within the legal ones");
    }
    let none = "mon-sun 00:00-24:00";
    let careful = "mon-sat 09:00-20:00; no holidays";
    let daily = "mon-sun 09:00-20:00; no holidays";
    check("US:US-NY", "mon-sun 08:00-21:00", "mon-sat 09:00-20:00; sun 12:00-20:00; no holidays", "Double 1/1/3/4");
    check("CA", none, "mon-fri 09:00-20:00; sat-sun 10:00-18:00; no holidays", "Double -/1/3/4");
    check("GB", none, daily, "Single -/1/3/4 soft");
    check("IE", none, careful, "Single -/1/3/4");
    check("FR", "mon-sat 08:00-22:00; no holidays", "mon-sat 08:00-20:00; no holidays", "Single -/1/3/4 soft");
    check("DE", none, careful, "Double -/1/3/4 soft");
    check("AT", none, careful, "Double -/1/3/4 soft");
    check("IT", none, careful, "Single 1/1/3/4");
    check("ES", none, careful, "Single -/1/3/4 soft");
    check("PT", none, careful, "Single -/1/3/4");
    check("NL", none, daily, "Single -/1/3/4 soft");
    check("BE", none, careful, "Single -/1/3/4");
    check("PL", none, careful, "Single -/1/3/4");
    check("SI", none, careful, "Single -/1/3/4");
    check("AU", none, daily, "Single -/1/3/4");
    check("NZ", none, daily, "Single -/1/3/4");
    check("IN", "mon-sun 10:00-21:00", "mon-sun 10:00-20:00; no holidays", "Single -/1/3/4 off");
    check("SG", none, daily, "Single -/1/3/4");
    check("AE", "mon-sun 07:00-21:00", daily, "Single -/1/3/4 off");
    check("BR", "mon-sat 09:00-21:00", careful, "Single -/1/3/4");
    // Not listed: bound by its own caution, so that a shop cannot widen it either.
    check("CH", careful, careful, "Double -/1/3/4 off");
    // Every row stands above.
    let rows = current().countries();
    assert!(rows.iter().all(|row| binding(&row.code).listed));
}

/// A number of the state: what its law and the federal one leave, and the texts a day.
#[test]
fn every_state_at_a_glance() {
    #[track_caller]
    fn check(state: &str, legal: &str) {
        let bound = binding(&format!("US:US-{state}"));
        assert_eq!(bound.legal.to_string(), legal, "{state}");
        assert_eq!(bound.caps.all_texts_per_day, 3, "{state}");
        assert_eq!(bound.consent, Level::Double, "{state}");
    }
    for state in ["AL", "LA"] {
        check(state, "mon-sat 08:00-20:00; no holidays");
    }
    for state in ["FL", "MA", "MD", "NJ", "OR", "WA", "WY"] {
        check(state, "mon-sun 08:00-20:00");
    }
    for state in ["CA", "IL", "MI", "MN", "NM"] {
        check(state, "mon-sun 09:00-21:00");
    }
    for state in ["CT", "IN", "NV"] {
        check(state, "mon-sun 09:00-20:00");
    }
    check("KY", "mon-sun 10:00-21:00");
    check("ME", "mon-fri 09:00-17:00");
    check("MS", "mon-sat 08:00-20:00");
    check("OK", "mon-sun 08:00-20:00; no holidays");
    check("PA", "mon-sat 08:00-21:00; sun 12:00-21:00; no holidays");
    check("RI", "mon-fri 09:00-18:00; sat 10:00-17:00; no holidays");
    check("SD", "mon-sat 09:00-21:00");
    check("TX", "mon-sat 09:00-21:00; sun 12:00-21:00");
    check("UT", "mon-sat 08:00-21:00; no holidays");
    for state in ["VA", "NY", "*"] {
        check(state, "mon-sun 08:00-21:00");
    }
    check("UNKNOWN", "mon-sat 10:00-17:00; no holidays");
}

/// The unknown state is as strict as the strictest of them, but for Maine's Saturday.
#[test]
fn a_state_nobody_knows_is_within_every_other() {
    let strictest = current().row(UNKNOWN_STATE, time(NOW)).unwrap().legal.as_ref().unwrap().hours;
    let maine: Hours = "sat 00:00-24:00".parse().unwrap();
    let mut every = Hours::ALWAYS;
    for row in current().states().into_iter().filter(|row| row.code != UNKNOWN_STATE) {
        let hours = row.legal.as_ref().unwrap().hours;
        if row.code == "US-ME" {
            assert_eq!(strictest.intersect(&maine).intersect(&hours), Hours::NEVER);
        } else {
            assert!(strictest.is_within(&hours), "{}", row.code);
            every = every.intersect(&hours);
        }
    }
    // One hour earlier on working days, for Rhode Island's 18:00 and Maine's 17:00.
    assert_eq!(every.to_string(), "mon-fri 10:00-18:00; sat 10:00-17:00; no holidays");
}

#[test]
fn number_and_address_both_bind() {
    let both = binding("US>FR:US-NY");
    assert_eq!(both.countries, ["US", "FR"]);
    assert_eq!(both.legal.to_string(), "mon-sat 08:00-21:00; no holidays");
    assert_eq!(both.usual.to_string(), "mon-sat 09:00-20:00; no holidays");
    assert_eq!((both.consent, both.soft_opt_in), (Level::Double, false));
    assert_eq!(both.caps.per_cart, Some(1));
    assert!(both.two_way_required && !both.alphanumeric && both.stop_short_code);
    assert!(both.required.iter().any(|piece| piece == "own_link"));
    assert_eq!(both.holidays.countries(), ["FR", "US"]);
    // In either order.
    let turned = binding("FR>US:US-NY");
    assert_eq!((turned.legal, turned.usual, turned.caps), (both.legal, both.usual, both.caps));
    // Twice the same is once.
    assert_eq!(binding("SI>SI"), binding("SI"));
    assert_eq!(binding("si>SI").countries, ["SI"]);
    // One of them is not listed.
    let held = binding("SI>CH");
    assert_eq!((held.listed, held.on, held.consent), (false, false, Level::Double));
    assert_eq!(held.off, ["CH"]);
    assert_eq!(binding("IN>SI").off, ["IN"]);
    // Two states.
    assert_eq!(binding("US:US-FL,US-TX").legal.to_string(), "mon-sat 09:00-20:00; sun 12:00-20:00");
    // An American number without a state, and an American address without one.
    for nowhere in ["US", "US>US", "US>CA:CA-ON", "SI>US", "us"] {
        let bound = binding(nowhere);
        assert!(bound.states.iter().any(|state| state == UNKNOWN_STATE), "{nowhere}");
        assert!(bound.legal.to_string().starts_with("mon-sat 10:00-17:00"), "{nowhere}");
    }
    assert_eq!(binding("CA:CA-ON").states, ["CA-ON"]);
    assert_eq!(binding("").off, [""]);
}

#[test]
fn territories_go_by_the_row_of_their_country() {
    for code in ["RE", "YT", "GP", "MQ", "GF", "PM", "BL", "MF"] {
        let bound = binding(code);
        assert!(bound.listed && bound.on && bound.stop_short_code, "{code}");
        assert_eq!(bound.legal, binding("FR").legal, "{code}");
        assert_eq!(bound.holidays.countries().len(), 2, "{code}");
    }
    let bound = binding("PR:US-PR");
    assert_eq!((bound.consent, bound.caps.per_cart), (Level::Double, Some(1)));
    assert_eq!(bound.holidays.countries(), ["US"]);
    assert!(bound.unknown_holidays.is_empty());
    assert_eq!(binding("SG").unknown_holidays, ["SG"]);
    assert!(binding("SI").unknown_holidays.is_empty());
}

#[test]
fn what_each_country_asks_of_sender_and_text() {
    let letters: Vec<&str> = current()
        .countries()
        .iter()
        .filter(|row| !binding(&row.code).alphanumeric)
        .map(|row| row.code.as_str())
        .collect();
    assert_eq!(letters, ["US", "CA", "BE"]);
    let two_way: Vec<&str> = current()
        .countries()
        .iter()
        .filter(|row| binding(&row.code).two_way_required)
        .map(|row| row.code.as_str())
        .collect();
    assert_eq!(two_way, ["US", "CA", "NZ"]);
    assert_eq!(binding("AE").sender_prefix.as_deref(), Some("AD-"));
    assert!(binding("FR").stop_short_code && !binding("SI").stop_short_code);
    assert!(binding("IT").discount_needs_promo_consent && !binding("FR").discount_needs_promo_consent);
    assert_eq!(binding("SI").required, ["brand", "opt_out"]);
    assert_eq!(binding("AU").required, ["brand", "opt_out", "contact"]);
    for row in current().countries() {
        let bound = binding(&row.code);
        assert_eq!(bound.opt_out_link_days, 60, "{}", row.code);
        assert_eq!((bound.first_after, bound.give_up_after), (MINUTE * 30, HOUR * 48), "{}", row.code);
        assert!(bound.cites.iter().any(|cite| cite.rule.starts_with(&row.code)), "{}", row.code);
    }
}

#[test]
fn a_shop_moves_within_the_legal_hours_and_never_out_of_them() {
    #[track_caller]
    fn check(place: &str, own: &str, expected: &str) {
        assert_eq!(binding(place).hours(Some(&own.parse().unwrap())).to_string(), expected, "{own} in {place}");
    }
    check("FR", "mon-sun 00:00-24:00", "mon-sat 08:00-22:00; no holidays");
    check("FR", "mon-fri 10:00-12:00", "mon-fri 10:00-12:00; no holidays");
    check("FR", "sun 10:00-12:00", "never");
    check("SI", "mon-sun 07:00-22:00", "mon-sun 07:00-22:00");
    check("CH", "mon-sun 07:00-22:00", "mon-sat 09:00-20:00; no holidays");
    check("US:US-RI", "mon-sun 08:00-21:00", "mon-fri 09:00-18:00; sat 10:00-17:00; no holidays");
}

const TWO_ROWS: &str = r#"
version = "t"
[everywhere]
first_after_minutes = 30
give_up_after_hours = 48
cart_texts_per_day = 1
all_texts_per_day = 3
cart_texts_per_30_days = 4
opt_out_link_days = 60
opt_out_kept_years = 10
answer_within_seconds = 300
required = ["brand"]
source = "t"
confidence = "G"
[unlisted]
hours = "mon-sat 09:00-20:00; no holidays"
consent = "double"
source = "t"
confidence = "G"
[keywords]
stop = []
stop_alone = []
stop_phrases = []
help = []
start = []
confirm = []
[[state]]
code = "US-UNKNOWN"
name = "t"
[[country]]
code = "SI"
name = "Slovenia"
valid_to = "2026-06-30"
consent = { level = "single", soft_opt_in = "sale", words = "t", source = "t", confidence = "G" }
usual = { hours = "mon-sat 09:00-20:00", source = "t", confidence = "G" }
[[country]]
code = "SI"
name = "Slovenia"
valid_from = "2026-07-01"
consent = { level = "double", soft_opt_in = "never", words = "t", source = "t", confidence = "G" }
legal = { hours = "mon-fri 08:00-18:00", source = "t", confidence = "G" }
usual = { hours = "mon-fri 09:00-18:00", source = "t", confidence = "G" }
"#;

#[test]
fn rows_hold_between_their_days() {
    let pack = Pack::read(TWO_ROWS).unwrap();
    let on = |at: &str| pack.binding(&whereabouts("SI"), time(at));
    assert_eq!(on("2026-06-30T23:59:59Z").consent, Level::Single);
    assert_eq!(on("2026-07-01T00:00:00Z").consent, Level::Double);
    assert_eq!(on("2026-07-01T00:00:00Z").legal.to_string(), "mon-fri 08:00-18:00");
    assert_eq!(on("2026-06-30T23:59:59Z").legal, Hours::ALWAYS);
    // Virginia's row begins with 2026; before, it was like any other state.
    let virginia = |at: &str| current().binding(&whereabouts("US:US-VA"), time(at));
    let cites = |at: &str| virginia(at).cites.iter().any(|cite| cite.rule.contains("10 years"));
    assert!(!cites("2025-12-31T23:00:00Z") && cites("2026-01-01T00:00:00Z"));
    assert_eq!(virginia("2025-12-31T23:00:00Z").legal.to_string(), "mon-sun 08:00-21:00");
}

#[test]
fn what_is_wrong_with_a_pack() {
    #[track_caller]
    fn check(from: &str, to: &str, says: &str) {
        assert!(TWO_ROWS.contains(from));
        let problem = Pack::read(&TWO_ROWS.replacen(from, to, 1)).unwrap_err();
        assert!(problem.contains(says), "{problem}");
    }
    check("valid_from = \"2026-07-01\"", "valid_from = \"2026-06-30\"", "SI: two rows hold on the same day");
    check("valid_from = \"2026-07-01\"", "follows = [\"SI\"]", "SI: two rows hold on the same day");
    check("valid_to = \"2026-06-30\"", "valid_to = \"30 June\"", "valid_to");
    check(
        "valid_to = \"2026-06-30\"",
        "valid_from = \"2026-07-31\"\nvalid_to = \"2026-06-30\"",
        "ends before it begins",
    );
    check("\"mon-fri 09:00-18:00\"", "\"mon-fri 09:00-19:00\"", "not within the legal");
    check(
        "usual = { hours = \"mon-sat 09:00-20:00\", source = \"t\"",
        "usual = { hours = \"mon-sat 09:00-20:00\", source = \"\"",
        "without a source",
    );
    check("version = \"t\"", "version = \"\"", "version");
    check("soft_opt_in = \"sale\"", "soft_opt_in = \"cart\"", "cart");
    check("name = \"Slovenia\"", "name = \"Slovenia\"\ncolour = 1", "colour");
    check("confidence = \"G\"", "confidence = \"sure\"", "sure");
    check("mon-sat 09:00-20:00", "mon-sat 9-20", "time of day");
    check(
        "consent = { level = \"single\", soft_opt_in = \"sale\", words = \"t\", source = \"t\", confidence = \"G\" }",
        "",
        "a country needs",
    );
}

/// A phone and an address, as the decision puts them together.
fn opens(phone: &str, country: &str, region: &str, now: &str) -> Opening {
    let phone = Phone::restored(phone.to_owned());
    let given = |text| Some(text).filter(|text: &&str| !text.is_empty());
    let (country, region) = (given(country), given(region));
    let zones = zone::candidates(&phone, country, region, None);
    let place = Whereabouts {
        phone_country: phone.country().unwrap_or_default(),
        address_country: country.map(str::to_owned),
        states: zone::states(&phone, country, region),
    };
    let bound = current().binding(&place, time(now));
    opening(&zones.names, &bound.hours(None), &bound.holidays, time(now))
}

#[track_caller]
fn check_opening(phone: &str, country: &str, region: &str, now: &str, expected: &str) {
    let said = match opens(phone, country, region, now) {
        Opening::Open { until } => format!("open until {}", until.to_timestamp()),
        Opening::Opens(at) => format!("opens {}", at.to_timestamp()),
        Opening::Never => "never".to_owned(),
    };
    assert_eq!(said, expected, "{phone} {country} {region} at {now}");
}

#[test]
fn moments_in_france() {
    let mobile = "+33612345678";
    // Sunday 2026-11-22, Tuesday 14 July, Easter Monday 6 April.
    check_opening(mobile, "FR", "", "2026-11-22T10:00:00Z", "opens 2026-11-23T07:00:00Z");
    check_opening(mobile, "FR", "", "2026-07-14T10:00:00Z", "opens 2026-07-15T06:00:00Z");
    check_opening(mobile, "", "", "2026-04-05T10:00:00Z", "opens 2026-04-07T06:00:00Z");
    check_opening(mobile, "", "", "2026-11-21T18:49:00Z", "open until 2026-11-21T18:50:00Z");
    // Abandoned on Saturday at 20:30: Monday at 08:00 is 35.5 hours later, in time.
    let abandoned = time("2026-11-21T19:30:00Z");
    let Opening::Opens(monday) = opens(mobile, "FR", "", "2026-11-21T19:30:00Z") else {
        panic!("closed on Saturday night")
    };
    assert_eq!(monday.since(abandoned), HOUR * 35 + MINUTE * 30);
    assert!(monday.since(abandoned) < binding("FR").give_up_after);
    // Saturday at 20:05 before Easter Monday: Tuesday at 08:00 is too late. (The clocks changed a week before.)
    let abandoned = time("2026-04-04T18:05:00Z");
    let Opening::Opens(tuesday) = opens(mobile, "FR", "", "2026-04-04T18:05:00Z") else { panic!("closed on Easter") };
    assert_eq!(tuesday.to_timestamp().to_string(), "2026-04-07T06:00:00Z");
    assert!(tuesday.since(abandoned) > binding("FR").give_up_after);
    // Réunion: its own zone, French hours, and its own holiday on 20 December (a Sunday in 2026, a Monday in 2027).
    check_opening("+262692123456", "", "", "2027-12-20T08:00:00Z", "opens 2027-12-21T04:00:00Z");
}

#[test]
fn moments_in_the_united_states() {
    // Texas on Sunday 2026-11-22, from noon; standard time, UTC-6.
    check_opening("+12145550101", "", "", "2026-11-22T17:59:00Z", "opens 2026-11-22T18:00:00Z");
    // The address may be in El Paso, an hour behind.
    check_opening("+12145550101", "US", "TX", "2026-11-22T18:59:00Z", "opens 2026-11-22T19:00:00Z");
    check_opening("+12145550101", "", "", "2026-11-22T17:59:59Z", "opens 2026-11-22T18:00:00Z");
    check_opening("+12145550101", "", "", "2026-11-22T18:00:00Z", "open until 2026-11-23T01:50:00Z");
    // Rhode Island on Saturday, until 17:00 less ten minutes; UTC-5. Then Monday at 09:00.
    check_opening("+14015550101", "", "", "2026-11-21T21:49:00Z", "open until 2026-11-21T21:50:00Z");
    check_opening("+14015550101", "", "", "2026-11-21T22:00:00Z", "opens 2026-11-23T14:00:00Z");
    // Florida, the last ten minutes before 20:00.
    check_opening("+13055550101", "", "", "2026-11-24T00:49:59Z", "open until 2026-11-24T00:50:00Z");
    check_opening("+13055550101", "", "", "2026-11-24T00:50:00Z", "opens 2026-11-24T14:00:00Z");
    check_opening("+13055550101", "", "", "2026-11-24T00:59:00Z", "opens 2026-11-24T14:00:00Z");
    // Thanksgiving, a Thursday.
    check_opening("+13055550101", "", "", "2026-11-26T15:00:00Z", "opens 2026-11-27T14:00:00Z");
    // Two zones for one area code: the panhandle of Florida opens when Chicago does and closes when New York does.
    check_opening("+18505550101", "", "", "2026-11-23T14:30:00Z", "opens 2026-11-23T15:00:00Z");
    check_opening("+18505550101", "", "", "2026-11-23T15:00:00Z", "open until 2026-11-24T00:50:00Z");
    // 621 is Houston by overlay, 689 Orlando.
    check_opening("+16215550101", "", "", "2026-11-23T14:59:00Z", "opens 2026-11-23T15:00:00Z");
    check_opening("+16895550101", "", "", "2026-11-23T14:00:00Z", "open until 2026-11-24T00:50:00Z");
    // A Florida number with an address in Rhode Island goes by both.
    check_opening("+13055550101", "US", "RI", "2026-11-23T22:55:00Z", "opens 2026-11-24T14:00:00Z");
    // A toll-free number has no place; an area code that is nobody's has none either.
    check_opening("+18005550101", "", "", "2026-11-23T18:00:00Z", "never");
    // An address in the States, and nobody knows which: 10 to 17 in all of them at once.
    check_opening("+38641234567", "US", "", "2026-11-23T18:00:00Z", "never");
}

#[test]
fn nights_on_which_the_clocks_change() {
    // New York, 2026-03-08 and 2026-11-01, both Sundays: noon moves by an hour.
    check_opening("+12125550101", "", "", "2026-03-08T03:00:00Z", "opens 2026-03-08T16:00:00Z");
    check_opening("+12125550101", "", "", "2026-11-01T03:00:00Z", "opens 2026-11-01T17:00:00Z");
    // London, 2026-03-29 and 2026-10-25.
    check_opening("+447400123456", "", "", "2026-03-28T22:00:00Z", "opens 2026-03-29T08:00:00Z");
    check_opening("+447400123456", "", "", "2026-10-24T22:00:00Z", "opens 2026-10-25T09:00:00Z");
    // Vancouver keeps UTC-7 in winter from 2026 on.
    check_opening("+16045550101", "", "", "2026-12-15T15:59:00Z", "opens 2026-12-15T16:00:00Z");
    check_opening("+16045550101", "", "", "2026-12-16T02:50:00Z", "opens 2026-12-16T16:00:00Z");
}

#[test]
fn zones_of_the_numbers_in_question() {
    let zones = |phone: &str| zone::candidates(&Phone::restored(phone.to_owned()), None, None, None).names;
    assert_eq!(zones("+61412345678").len(), 8);
    assert_eq!(zones("+79161234567").len(), 16);
    assert_eq!(zones("+5511912345678"), ["America/Sao_Paulo"]);
    assert_eq!(zones("+16895550101"), ["America/New_York"]);
    assert_eq!(zones("+18505550101"), ["America/Chicago", "America/New_York"]);
    assert_eq!(zones("+16215550101"), ["America/Chicago"]);
    assert_eq!(zones("+447400123456").len(), 4);
    assert!(zones("+18005550101").is_empty());
    // All of Australia at once, without and with an address.
    check_opening("+61412345678", "", "", "2026-11-23T01:00:00Z", "opens 2026-11-23T02:30:00Z");
    check_opening("+61412345678", "AU", "QLD", "2026-11-23T01:00:00Z", "open until 2026-11-23T09:50:00Z");
}

fn any_code() -> impl Strategy<Value = String> {
    let codes: Vec<String> = current().countries().iter().map(|row| row.code.clone()).collect();
    prop_oneof![4 => prop::sample::select(codes), 1 => "[A-Z]{2}"]
}

fn any_place() -> impl Strategy<Value = Whereabouts> {
    let states: Vec<String> = current().states().iter().map(|row| row.code.clone()).collect();
    (any_code(), prop::option::of(any_code()), prop::sample::subsequence(states, 0..3))
        .prop_map(|(phone_country, address_country, states)| Whereabouts { phone_country, address_country, states })
}

proptest! {
    /// One country and one state more never allow anything.
    #[test]
    fn another_row_never_widens(place in any_place(), address in any_code(), state in "US-(FL|RI|TX|NY|ME)") {
        let at = time(NOW);
        let one = current().binding(&Whereabouts { address_country: None, ..place.clone() }, at);
        let more = current().binding(&Whereabouts { address_country: Some(address), ..place.clone() }, at);
        let mut known = place.clone();
        // A first known state may well be milder than not knowing any.
        let had_state = known.states.iter().any(|state| state.starts_with("US-"));
        known.states.push(state);
        let stated = current().binding(&known, at);
        let before = current().binding(&place, at);
        for (narrow, wide) in [(&more, &one), (&stated, &before)] {
            if std::ptr::eq(narrow, &stated) && !had_state {
                continue;
            }
            prop_assert!(narrow.legal.is_within(&wide.legal));
            prop_assert!(narrow.hours(None).is_within(&wide.hours(None)));
            prop_assert!(narrow.consent >= wide.consent);
            prop_assert!(narrow.soft_opt_in <= wide.soft_opt_in);
            prop_assert!(narrow.on <= wide.on && narrow.alphanumeric <= wide.alphanumeric);
            prop_assert!(narrow.two_way_required >= wide.two_way_required);
            prop_assert!(narrow.caps.all_texts_per_day <= wide.caps.all_texts_per_day);
            prop_assert!(wide.caps.per_cart.is_none_or(|cap| narrow.caps.per_cart.is_some_and(|less| less <= cap)));
            prop_assert!(wide.required.iter().all(|piece| narrow.required.contains(piece)));
            prop_assert!(narrow.holidays.countries().len() >= wide.holidays.countries().len());
        }
    }

    #[test]
    fn what_is_effective_is_within_the_law(
        place in any_place(), own in "(mon|tue)-(fri|sat|sun) (0[0-9]|1[0-2]):00-(1[4-9]|2[0-3]):30(; no holidays)?",
    ) {
        let bound = current().binding(&place, time(NOW));
        prop_assert!(bound.hours(None).is_within(&bound.legal));
        prop_assert!(bound.hours(Some(&own.parse().unwrap())).is_within(&bound.legal));
        prop_assert!(bound.hours(Some(&Hours::ALWAYS)) == bound.legal);
        prop_assert_eq!(bound.on, bound.off.is_empty());
        prop_assert!(bound.listed || !bound.on);
        prop_assert!(!bound.cites.is_empty() && bound.cites.iter().all(|cite| !cite.source.is_empty()));
    }
}
