//! Phone numbers: read as a shopper typed them, kept as E.164, shown only masked.
//!
//! Decides whether a number can be texted at all: it must be valid, belong to a country, and be a mobile, or one that may
//! be (in North America the plan does not tell). Premium, toll-free, shared-cost, personal, VoIP and satellite numbers are
//! refused, each with its own reason: fake checkouts bring them to earn on every text. It never guesses a country nobody
//! named. Numbers kept for films and tests are valid; [`Phone::is_for_tests`] knows them.

mod fiction;
mod remembered;

use std::fmt;

use serde::{Deserialize, Serialize};

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat, PhoneNumberType, Region};

use self::remembered::Remembered;

/// A valid number that can receive texts, in E.164 (`+12125550101`). `Debug` and `Display` are masked.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Phone(String);

/// Why a typed number cannot be texted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum PhoneProblem {
    #[error("not a phone number")]
    NotANumber,
    #[error("no such number in any of the countries it could be of")]
    Invalid,
    /// A landline, or of a kind the numbering plan does not tell.
    #[error("not a mobile number")]
    NotMobile,
    #[error("a toll-free number, which takes no texts")]
    TollFree,
    #[error("a premium-rate number, which earns on every text")]
    PremiumRate,
    #[error("a shared-cost number, which may earn on a text")]
    SharedCost,
    #[error("an internet (VoIP) number, not a mobile number")]
    Voip,
    /// +44 70 and its like: forwarded for a charge.
    #[error("a personal number, which is forwarded for a charge")]
    Personal,
    #[error("a pager")]
    Pager,
    /// A number for a whole company, or its voice mail.
    #[error("a company's or a voice mail's number, not a person's")]
    Company,
    /// +870 Inmarsat, +881 Iridium and Globalstar.
    #[error("a satellite number, which is dear to text")]
    Satellite,
    /// +882 and +883: networks of no country, many of them satellites and ships.
    #[error("a number of an international network, which is dear to text")]
    International,
    #[error("a number of no country")]
    NoCountry,
}

/// The longest way to write 15 digits with punctuation, generously.
const TYPED_CHARS_MAX: usize = 40;
/// A mobile in Tokelau has four; what is shorter is an emergency or the beginning of a number.
const DIGITS_MIN: usize = 4;

thread_local! {
    static READ: Remembered<Result<Phone, PhoneProblem>> = Remembered::new();
    static COUNTRIES: Remembered<Option<String>> = Remembered::new();
}

impl Phone {
    /// Reads a typed number in each of these countries (ISO 3166-1 alpha-2, most trusted first); an international number
    /// (`+…` or `00…`) needs none. The first country in which the number is valid decides, also when it decides that the
    /// number is no mobile.
    pub fn read(number: &str, countries: &[&str]) -> Result<Phone, PhoneProblem> {
        let typed = number.trim();
        if typed.chars().nth(TYPED_CHARS_MAX).is_some() || !looks_like_a_number(typed) {
            return Err(PhoneProblem::NotANumber);
        }
        let regions: Vec<Region> = countries.iter().filter_map(|code| region(code)).collect();
        // The number has no letters, a region nothing else: one question cannot be taken for another.
        let question = regions.iter().fold(typed.to_owned(), |question, region| question + &region.to_string());
        READ.with(|read| read.or(&question, || Phone::look_up(typed, &regions)))
    }

    fn look_up(typed: &str, regions: &[Region]) -> Result<Phone, PhoneProblem> {
        let in_country = regions.iter().find_map(|region| valid(typed, Some(*region)));
        let found = valid(typed, None)
            .or(in_country)
            // `00` is how most of the world dials abroad, and what people type where the shop's own country does not.
            .or_else(|| valid(&format!("+{}", typed.strip_prefix("00")?), None));
        match found {
            Some(known) => can_be_texted(&known).map(|()| Phone(e164(&known))),
            None => Err(PhoneProblem::Invalid),
        }
    }

    /// A mobile number of this country (ISO 3166-1 alpha-2) as its numbering plan gives one for an example; `None` where
    /// it gives none that could be texted.
    pub fn example(country: &str) -> Option<Phone> {
        let region = region(country)?;
        let kind = PhoneNumberType::Mobile;
        let known = PHONE_NUMBER_UTIL.get_example_number_for_type_and_region(region, kind).ok()?;
        Phone::read(&e164(&known), &[country]).ok()
    }

    /// From E.164 that `read` produced before.
    pub fn restored(e164: String) -> Phone {
        Phone(e164)
    }

    pub fn e164(&self) -> &str {
        &self.0
    }

    /// Without the `+`.
    pub fn digits(&self) -> &str {
        self.0.trim_start_matches('+')
    }

    /// `…4455`: enough for its owner, nothing for others.
    pub fn masked(&self) -> String {
        let tail: Vec<char> = self.0.chars().rev().take(4).collect();
        format!("…{}", tail.iter().rev().collect::<String>())
    }

    /// ISO 3166-1 alpha-2 of the number itself, `None` where it belongs to no country.
    pub fn country(&self) -> Option<String> {
        let find = || country_of(&self.parsed()?).map(|region| region.to_string());
        COUNTRIES.with(|known| known.or(&self.0, find))
    }

    /// Whether it is kept for films, examples and tests, or is one nobody has but everybody types.
    pub fn is_for_tests(&self) -> bool {
        fiction::is_for_tests(self.digits())
    }

    /// The number as the numbering plan sees it; `None` when what was restored is no valid number.
    pub(super) fn parsed(&self) -> Option<PhoneNumber> {
        valid(&self.0, None)
    }
}

/// The library's word for an ISO 3166-1 alpha-2 country.
pub(super) fn region(country: &str) -> Option<Region> {
    Region::from_code(country).ok().filter(|region| *region != Region::World)
}

/// Letters are refused before the library sees them: it would dial them as on a keypad (`555-SHIP`) or drop them.
fn looks_like_a_number(typed: &str) -> bool {
    let digits = typed.chars().filter(|c| c.is_numeric()).count();
    let stray = typed.chars().any(|c| c.is_alphabetic() || matches!(c, ';' | ',' | '*' | '#' | '@' | '='));
    digits >= DIGITS_MIN && !stray
}

fn valid(typed: &str, region: Option<Region>) -> Option<PhoneNumber> {
    PHONE_NUMBER_UTIL.parse(typed, region).ok().filter(|number| PHONE_NUMBER_UTIL.is_valid_number(number))
}

/// `World` is where satellite networks and other numbers without a country (+881, +882, +883, +979 …) live.
fn country_of(number: &PhoneNumber) -> Option<Region> {
    PHONE_NUMBER_UTIL.get_region_for_number(number).filter(|region| *region != Region::World)
}

/// An allow-list: a mobile, or what may be one. What is new to the numbering plan is refused until it is known.
fn can_be_texted(number: &PhoneNumber) -> Result<(), PhoneProblem> {
    // The calling codes tell first: the plan calls many a satellite phone a mobile (ITU-T E.164 annex).
    match number.country_code {
        870 | 881 => return Err(PhoneProblem::Satellite),
        882 | 883 => return Err(PhoneProblem::International),
        _ => {}
    }
    match PHONE_NUMBER_UTIL.get_number_type(number) {
        PhoneNumberType::Mobile | PhoneNumberType::FixedLineOrMobile => {
            country_of(number).map(|_| ()).ok_or(PhoneProblem::NoCountry)
        }
        PhoneNumberType::TollFree => Err(PhoneProblem::TollFree),
        PhoneNumberType::PremiumRate => Err(PhoneProblem::PremiumRate),
        PhoneNumberType::SharedCost => Err(PhoneProblem::SharedCost),
        PhoneNumberType::VoIP => Err(PhoneProblem::Voip),
        PhoneNumberType::PersonalNumber => Err(PhoneProblem::Personal),
        PhoneNumberType::Pager => Err(PhoneProblem::Pager),
        PhoneNumberType::UAN | PhoneNumberType::VoiceMail => Err(PhoneProblem::Company),
        PhoneNumberType::FixedLine | PhoneNumberType::Unknown => Err(PhoneProblem::NotMobile),
    }
}

fn e164(number: &PhoneNumber) -> String {
    PHONE_NUMBER_UTIL.format(number, PhoneNumberFormat::E164).into_owned()
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl fmt::Display for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(typed: &str, countries: &[&str], expected: Result<&str, PhoneProblem>) {
        let read = Phone::read(typed, countries);
        assert_eq!(read.as_ref().map(Phone::e164).map_err(|&problem| problem), expected, "{typed:?} in {countries:?}");
    }

    #[test]
    fn numbers_as_people_type_them() {
        check("+1 (212) 555-0101", &[], Ok("+12125550101"));
        check("212.555.0101", &["US"], Ok("+12125550101"));
        check("1 212 555 0101", &["CA"], Ok("+12125550101"));
        check("  +386 41 234 567\n", &["US"], Ok("+38641234567"));
        check("041 234 567", &["SI"], Ok("+38641234567"));
        check("041/234-567", &["si"], Ok("+38641234567"));
        check("90909 09090", &["IN"], Ok("+919090909090"));
        check("07400 123456", &["GB"], Ok("+447400123456"));
        check("+44 (0)7400 123456", &[], Ok("+447400123456"));
        check("\u{202d}+44\u{a0}7400\u{a0}123456\u{202c}", &[], Ok("+447400123456"));
        check("＋４４７４００１２３４５６", &[], Ok("+447400123456"));
        check("+54 9 11 2345 6789", &[], Ok("+5491123456789"));
    }

    #[test]
    fn the_double_zero_is_a_plus() {
        check("0044 7400 123456", &["GB"], Ok("+447400123456"));
        check("0044 7400 123456", &[], Ok("+447400123456"));
        check("0044 7400 123456", &["US"], Ok("+447400123456"));
        check("011 44 7400 123456", &["US"], Ok("+447400123456"));
        check("0011 44 7400 123456", &["AU"], Ok("+447400123456"));
    }

    #[test]
    fn the_most_trusted_country_wins() {
        check("0412 345 678", &["AU", "SI"], Ok("+61412345678"));
        check("041 234 567", &["US", "SI"], Ok("+38641234567"));
        check("07400 123456", &["ZZ", "", "Britain", "GB"], Ok("+447400123456"));
        // Valid in Austria, as a landline of Vienna: no further country is tried.
        check("01 5131234", &["AT", "US"], Err(PhoneProblem::NotMobile));
    }

    #[test]
    fn what_is_no_number() {
        for typed in ["", " ", "-", "+", "abc", "555-555-SHIP", "1-800-FLOWERS", "12", "112", "+1 212 555 0101 ext. 5"]
        {
            check(typed, &["US"], Err(PhoneProblem::NotANumber));
        }
        check("+12125550101;phone-context=+44", &["US"], Err(PhoneProblem::NotANumber));
        check(&"1".repeat(41), &["US"], Err(PhoneProblem::NotANumber));
        check("555 0101", &["US"], Err(PhoneProblem::Invalid));
        check("+1 212 555 01010", &[], Err(PhoneProblem::Invalid));
        check("+999 123 456 789", &[], Err(PhoneProblem::Invalid));
        check("212 555 0101", &[], Err(PhoneProblem::Invalid));
        check("0000000000", &["US", "GB"], Err(PhoneProblem::Invalid));
        check(&"1".repeat(40), &["US"], Err(PhoneProblem::Invalid));
    }

    #[test]
    fn numbers_that_earn_on_a_text_are_refused_each_with_its_reason() {
        for (typed, problem) in [
            ("+1 800 234 5678", PhoneProblem::TollFree),
            ("+1 900 234 5678", PhoneProblem::PremiumRate),
            ("+1 500 234 5678", PhoneProblem::Personal),
            ("+44 70 1234 5678", PhoneProblem::Personal),
            ("+44 871 123 4567", PhoneProblem::PremiumRate),
            ("+44 845 464 1234", PhoneProblem::PremiumRate),
            ("+49 180 1 123456", PhoneProblem::SharedCost),
            ("+44 56 1234 5678", PhoneProblem::Voip),
            ("+44 76 4012 3456", PhoneProblem::Pager),
            ("+44 55 1234 5678", PhoneProblem::Company),
            ("+44 20 7946 0018", PhoneProblem::NotMobile),
            ("+49 30 123456", PhoneProblem::NotMobile),
            ("+49 900 1 123456", PhoneProblem::PremiumRate),
            ("+33 8 91 12 34 56", PhoneProblem::PremiumRate),
        ] {
            check(typed, &["US"], Err(problem));
        }
        let example = |kind, region| PHONE_NUMBER_UTIL.get_example_number_for_type_and_region(region, kind);
        let mut tried = 0;
        for region in PHONE_NUMBER_UTIL.get_supported_regions() {
            for (kind, problem) in [
                (PhoneNumberType::TollFree, PhoneProblem::TollFree),
                (PhoneNumberType::PremiumRate, PhoneProblem::PremiumRate),
                (PhoneNumberType::SharedCost, PhoneProblem::SharedCost),
                (PhoneNumberType::VoIP, PhoneProblem::Voip),
                (PhoneNumberType::PersonalNumber, PhoneProblem::Personal),
                (PhoneNumberType::Pager, PhoneProblem::Pager),
                (PhoneNumberType::UAN, PhoneProblem::Company),
                (PhoneNumberType::VoiceMail, PhoneProblem::Company),
            ] {
                if let Ok(number) = example(kind, region) {
                    check(&e164(&number), &[], Err(problem));
                    tried += 1;
                }
            }
        }
        assert!(tried > 500, "{tried}");
    }

    #[test]
    fn numbers_without_a_country_are_refused() {
        let mut tried = Vec::new();
        for calling_code in PHONE_NUMBER_UTIL.get_supported_global_network_calling_codes() {
            let number = PHONE_NUMBER_UTIL.get_example_number_for_non_geo_entity(calling_code).unwrap();
            let problem = Phone::read(&e164(&number), &["US"]).unwrap_err();
            tried.push((calling_code, problem));
        }
        tried.sort_unstable_by_key(|&(code, _)| code);
        assert_eq!(
            tried,
            [
                (800, PhoneProblem::TollFree),
                (808, PhoneProblem::SharedCost),
                (870, PhoneProblem::Satellite),
                (878, PhoneProblem::Voip),
                (881, PhoneProblem::Satellite),
                (882, PhoneProblem::International),
                (883, PhoneProblem::International),
                (888, PhoneProblem::Company),
                (979, PhoneProblem::PremiumRate),
            ]
        );
    }

    #[test]
    fn a_mobile_of_every_country_is_read() {
        for region in PHONE_NUMBER_UTIL.get_supported_regions() {
            let Ok(number) = PHONE_NUMBER_UTIL.get_example_number_for_type_and_region(region, PhoneNumberType::Mobile)
            else {
                continue;
            };
            let national = PHONE_NUMBER_UTIL.format(&number, PhoneNumberFormat::National).into_owned();
            let code = region.to_string();
            check(&e164(&number), &[], Ok(&e164(&number)));
            check(&national, &[code.as_str()], Ok(&e164(&number)));
        }
    }

    #[test]
    fn a_number_knows_its_country() {
        let country = |e164: &str| Phone::restored(e164.to_owned()).country();
        assert_eq!(country("+12125550101").as_deref(), Some("US"));
        assert_eq!(country("+14165550101").as_deref(), Some("CA"));
        assert_eq!(country("+18765550101").as_deref(), Some("JM"));
        assert_eq!(country("+77011234567").as_deref(), Some("KZ"));
        assert_eq!(country("+88161234567"), None);
        assert_eq!(country("nonsense"), None);
        assert_eq!(country(""), None);
    }

    #[test]
    fn nobody_else_reads_it() {
        let phone = Phone::read("+12125550101", &[]).unwrap();
        assert_eq!(format!("{phone} {phone:?}"), "…0101 …0101");
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(typed in ".{0,60}", countries in prop::collection::vec(".{0,3}", 0..3)) {
            let countries: Vec<&str> = countries.iter().map(String::as_str).collect();
            let _ = Phone::read(&typed, &countries);
            let _ = Phone::restored(typed).country();
        }

        #[test]
        fn what_is_read_is_read_again(
            typed in r"[+0-9 ()./٠-٩-]{5,20}",
            country in prop::sample::select(vec!["US", "GB", "DE", "IT", "SI", "IN", "AR", "MX", "BR", "TT", "AU", "RU", "CI"]),
        ) {
            if let Ok(phone) = Phone::read(&typed, &[country]) {
                prop_assert!(phone.e164().len() <= 16 && phone.digits().bytes().all(|byte| byte.is_ascii_digit()));
                prop_assert!(phone.country().is_some());
                prop_assert_eq!(Phone::read(phone.e164(), &[]), Ok(phone));
            }
        }
    }
}
