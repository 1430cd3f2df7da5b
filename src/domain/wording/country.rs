//! Which language most people of a country read. One each: where there are several, the one most of them were written to
//! in, and a shop that knows better has the shopper's own language or its own words.

/// A language we have texts in, and the countries (ISO 3166-1).
const MAIN: &[(&str, &str)] = &[
    ("en", "US GB IE AU NZ CA ZA SG IN PH MT NG KE GH UG TZ ZW ZM JM TT BB BS BZ GY LK PK BD FJ PG GU VI"),
    ("de", "DE AT CH LI"),
    ("fr", "FR MC LU GP MQ GF RE YT PM BL MF NC PF WF SN CI CM ML BF NE TG BJ GA CG CD MG HT"),
    ("it", "IT SM VA"),
    ("es", "ES MX AR CO CL PE EC VE UY PY BO CR PA GT HN SV NI DO CU PR GQ"),
    ("pt", "PT AO MZ CV GW ST TL"),
    ("pt-BR", "BR"),
    ("nl", "NL BE SR AW CW SX BQ"),
    ("ca", "AD"),
    ("sl", "SI"),
    ("hr", "HR"),
    ("bs", "BA"),
    ("sr", "RS ME"),
    ("mk", "MK"),
    ("sq", "AL XK"),
    ("bg", "BG"),
    ("ro", "RO MD"),
    ("el", "GR CY"),
    ("hu", "HU"),
    ("cs", "CZ"),
    ("sk", "SK"),
    ("pl", "PL"),
    ("da", "DK FO GL"),
    ("sv", "SE AX"),
    ("nb", "NO SJ"),
    ("fi", "FI"),
    ("et", "EE"),
    ("lv", "LV"),
    ("lt", "LT"),
    ("uk", "UA"),
    ("ru", "RU BY KZ KG"),
    ("tr", "TR"),
    ("he", "IL"),
    ("ar", "AE SA QA KW BH OM JO LB EG MA DZ TN LY IQ SY YE SD PS MR"),
    ("ja", "JP"),
    ("ko", "KR"),
    ("zh", "CN"),
    ("zh-Hant", "TW HK MO"),
    ("vi", "VN"),
    ("id", "ID"),
    ("ms", "MY BN"),
    ("th", "TH"),
];

/// The main language of a country.
pub fn language(country: &str) -> Option<&'static str> {
    MAIN.iter().find(|(_, countries)| countries.split(' ').any(|known| known == country)).map(|(language, _)| *language)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_country_has_one_language_and_we_have_its_words() {
        let mut seen = BTreeSet::new();
        for (tag, countries) in MAIN {
            assert!(super::super::languages().contains(tag), "{tag}");
            for country in countries.split(' ') {
                assert!(country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase()), "{country}");
                assert!(seen.insert(country), "{country} twice");
            }
        }
        assert!(seen.len() > 130);
        assert_eq!(language("ZZ"), None);
    }
}
