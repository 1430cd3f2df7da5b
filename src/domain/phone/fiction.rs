//! Numbers that are nobody's: kept by a regulator for films and examples, or what people type who mean no number.

/// What is kept for fiction, as the digits an E.164 number begins with and how many follow.
const KEPT: &[(&str, usize)] = &[
    // Ofcom, "Telephone numbers for use in TV and radio drama programmes": 07700 900000 to 900999.
    ("447700900", 3),
    // Arcep, décision n° 2018-0881 (plan national de numérotation): 06 39 98 for audiovisual works.
    ("3363998", 4),
    // PTS, "Telefonnummer för användning i böcker och filmer": 070-1740605 to 070-1740699 (the five before them go with it).
    ("467017406", 2),
];

/// Singles: ACMA, "Phone numbers for use in TV shows, films and creative works" (without +61), and one of those that
/// German operators keep (BNetzA, Mitteilung 148/2021).
const AUSTRALIAN: &[&str] = &[
    "491570006",
    "491570156",
    "491570157",
    "491570158",
    "491570159",
    "491570110",
    "491570313",
    "491570737",
    "491571266",
    "491571491",
    "491571804",
    "491572549",
    "491572665",
    "491572983",
    "491573770",
    "491573087",
    "491574118",
    "491574632",
    "491575254",
    "491575789",
    "491576398",
    "491576801",
    "491577426",
    "491577644",
    "491578957",
    "491578148",
    "491578888",
    "491579212",
    "491579760",
    "491579455",
];
const GERMAN: &[&str] = &["15228817386"];

/// So many last digits in a row, or alike, are no accident: one number in a million is of each such kind.
const ROW_DIGITS: usize = 7;

/// Whether an E.164 number (its digits) is one of them.
pub(super) fn is_for_tests(digits: &str) -> bool {
    let kept = |&(begins, follow): &(&str, usize)| digits.strip_prefix(begins).is_some_and(|rest| rest.len() == follow);
    let of = |code: &str, singles: &[&str]| digits.strip_prefix(code).is_some_and(|rest| singles.contains(&rest));
    KEPT.iter().any(kept)
        || of("61", AUSTRALIAN)
        || of("49", GERMAN)
        || is_north_american_fiction(digits)
        || ends_in_a_row(digits)
}

/// NANPA keeps 555-0100 to 555-0199 of every area code for fiction (ATIS-0300048).
fn is_north_american_fiction(digits: &str) -> bool {
    digits.len() == 11 && digits.starts_with('1') && digits.get(4..9) == Some("55501")
}

/// `1234567`, `7654321`, `0000000`.
fn ends_in_a_row(digits: &str) -> bool {
    let tail = digits.len().checked_sub(ROW_DIGITS).and_then(|start| digits.as_bytes().get(start..));
    tail.is_some_and(|tail| {
        let steps = || tail.iter().zip(tail.iter().skip(1)).map(|(&a, &b)| i16::from(b) - i16::from(a));
        [0, 1, -1].iter().any(|step| steps().all(|taken| taken == *step))
    })
}

#[cfg(test)]
mod tests {
    use crate::domain::phone::Phone;

    #[track_caller]
    fn check(typed: &str, expected: bool) {
        // Some plans call what is kept for fiction no valid number at all, and others will tomorrow.
        let phone = Phone::restored(typed.replace(' ', ""));
        assert_eq!(phone.is_for_tests(), expected, "{typed}");
    }

    #[test]
    fn numbers_kept_for_films_and_examples() {
        check("+1 212 555 0100", true);
        check("+1 212 555 0199", true);
        check("+1 416 555 0142", true);
        check("+1 212 555 0200", false);
        check("+1 212 555 0099", false);
        check("+44 7700 900461", true);
        check("+44 7700 901461", false);
        check("+33 6 39 98 12 39", true);
        check("+33 6 39 97 12 39", false);
        check("+61 491 570 006", true);
        check("+61 491 570 007", false);
        check("+46 70 174 06 05", true);
        check("+49 1522 8817386", true);
    }

    #[test]
    fn numbers_nobody_has_and_everybody_types() {
        check("+386 41 234 567", true);
        check("+61 412 345 678", true);
        check("+44 7777 777777", true);
        check("+39 349 876 5432", true);
        check("+386 40 555 101", false);
        check("+44 7400 123457", false);
        check("+1 212 736 5000", false);
        check("+49 1512 3456789", true);
    }

    #[test]
    fn short_numbers_and_none_are_asked_without_harm() {
        for digits in ["", "1", "123456", "+", "१२३४५६७"] {
            check(digits, false);
        }
    }
}
