//! A text in the letters a phone network carries cheaply: the one-click spelling of the editor, and what it would save.
//! It is offered, never done unasked: `č` is another letter than `c`, and whose words they are decides.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use super::{Segments, normalise, offenders, segments, septets};

/// Letters that lose no accent but are spelt differently, and signs with a plain way to write them.
const SPELLED: &[(char, &str)] = &[
    ('ł', "l"),
    ('Ł', "L"),
    ('đ', "d"),
    ('Đ', "D"),
    ('ð', "d"),
    ('Ð', "D"),
    ('þ', "th"),
    ('Þ', "Th"),
    ('ħ', "h"),
    ('Ħ', "H"),
    ('ı', "i"),
    ('ĸ', "k"),
    ('ŋ', "n"),
    ('Ŋ', "N"),
    ('œ', "oe"),
    ('Œ', "OE"),
    ('ŧ', "t"),
    ('Ŧ', "T"),
    ('ə', "e"),
    ('Ə', "E"),
    ('ẜ', "s"),
    ('ẝ', "s"),
    ('ẞ', "SS"),
    ('ẟ', "d"),
    ('Ỻ', "LL"),
    ('ỻ', "ll"),
    ('Ỽ', "V"),
    ('ỽ', "v"),
    ('Ỿ', "Y"),
    ('ỿ', "y"),
    ('™', "TM"),
    ('®', "(R)"),
    ('©', "(C)"),
    ('№', "No."),
    ('×', "x"),
    ('÷', "/"),
    ('·', "-"),
    ('\u{2044}', "/"),
    ('ʼ', "'"),
    ('ʾ', "'"),
    ('°', "o"),
    ('←', "<-"),
    ('→', "->"),
];

/// Where people write `dj` for `đ`; elsewhere (Vietnamese, Sami) it is a `d`.
const DJ: &[&str] = &["hr", "bs", "sr", "sl"];

/// The text as people type it on a phone without their letters: accents go, `ł` becomes `l`, `ß` and the other letters
/// GSM-7 has stay, typography becomes plain. Every Latin letter ends up in GSM-7. Cyrillic, Greek, Arabic and the like
/// have no such spelling and stay, and so do emoji. Applying it twice changes nothing more.
pub fn transliterate(text: &str, language: Option<&str>) -> String {
    let primary = language.and_then(|tag| tag.split(['-', '_']).next()).unwrap_or("").to_ascii_lowercase();
    let says_dj = DJ.contains(&primary.as_str());
    let mut out = String::with_capacity(text.len());
    for letter in normalise(text).nfc() {
        match letter {
            letter if septets(letter).is_some() => out.push(letter),
            'đ' if says_dj => out.push_str("dj"),
            'Đ' if says_dj => out.push_str("Dj"),
            // What is left of an accent or a joiner beside a letter that is cheap without it.
            left if is_combining_mark(left) || matches!(left, '\u{200c}' | '\u{200d}') => {
                if out.chars().next_back().is_none_or(|last| septets(last).is_none()) {
                    out.push(left);
                }
            }
            letter => push_spelled(&mut out, letter),
        }
    }
    // A joiner before what became a cheap letter goes with it.
    normalise(&out)
}

/// The letter as `SPELLED` has it or without its marks if what remains is cheap, else the letter.
fn push_spelled(out: &mut String, letter: char) {
    let bare: String = std::iter::once(letter)
        .nfkd()
        .filter(|part| !is_combining_mark(*part))
        .map(|part| {
            SPELLED
                .iter()
                .find(|(known, _)| *known == part)
                .map_or_else(|| part.to_string(), |(_, to)| (*to).to_owned())
        })
        .collect();
    if !bare.is_empty() && bare.chars().all(|part| septets(part).is_some()) {
        out.push_str(&bare);
    } else {
        out.push(letter);
    }
}

/// What an editor can tell about a text while it is being written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    pub segments: Segments,
    /// The characters that make it UCS-2, each once; see [`offenders`].
    pub offenders: Vec<char>,
    /// The text in cheap letters, and what that takes.
    pub transliterated: String,
    pub transliterated_segments: Segments,
    /// Parts fewer if it were sent like that; 0 when it would change nothing on the bill.
    pub saves: u32,
}

pub fn advice(text: &str, language: Option<&str>) -> Advice {
    let transliterated = transliterate(text, language);
    let told = segments(text);
    let then = segments(&transliterated);
    Advice {
        segments: told,
        offenders: offenders(text),
        saves: told.count.saturating_sub(then.count),
        transliterated,
        transliterated_segments: then,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sms::Encoding;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, language: Option<&str>, expected: &str) {
        assert_eq!(transliterate(text, language), expected, "{text:?} {language:?}");
    }

    #[test]
    fn letters_lose_what_gsm7_does_not_have() {
        check("Košarica še čaka, žal", None, "Kosarica se caka, zal");
        check("Zażółć gęślą jaźń ŁÓDŹ", None, "Zazolc gesla jazn LODZ");
        check("Coșul așteaptă țânțar", None, "Cosul asteapta tantar");
        check("İyi günler, çığ şöyle", None, "Iyi günler, cig söyle");
        check("Giỏ hàng của bạn vẫn đang chờ", Some("vi"), "Gio hàng cua ban van dang cho");
        check("Příliš žluťoučký kůň", None, "Prilis zlutoucky kun");
        check("árvíztűrő tükörfúrógép", None, "arvizturo tükörfurogép");
        check("bækur þú ÞÓR ðÐ", None, "bækur thu ThOR dD");
        check("œuvre ŒUVRE ĳ ﬁn ǆ", None, "oeuvre OEUVRE ij fin dz");
        check("c\u{30c}a\u{304}x\u{301}", None, "cax");
        check("l’été… « ok » 1\u{202f}000 €", None, "l'été... \" ok \" 1 000 €");
        check("½ ⅓ 5° ²", None, "1/2 1/3 5o 2");
    }

    #[test]
    fn dj_where_people_write_it() {
        check("đak Đuro", Some("hr-HR"), "djak Djuro");
        check("đak Đuro", Some("vi"), "dak Duro");
    }

    #[test]
    fn other_scripts_and_emoji_stay() {
        for text in ["Корзина ждёт", "Καλάθι", "カート", "سلة", "कार्ट", "🛒", "ตะกร้า"]
        {
            check(text, None, text);
        }
    }

    #[test]
    fn advice_says_what_it_would_save() {
        let told = advice(&"č".repeat(71), Some("sl"));
        assert_eq!((told.segments.encoding, told.segments.count), (Encoding::Ucs2, 2));
        assert_eq!((told.transliterated_segments.encoding, told.transliterated_segments.count), (Encoding::Gsm7, 1));
        assert_eq!((told.offenders, told.saves), (vec!['č'], 1));
        assert_eq!(advice("plain", None).saves, 0);
        // One emoji keeps the whole text expensive: nothing is promised.
        assert_eq!(advice("čakamo 🛒", None).saves, 0);
    }

    #[test]
    fn every_latin_letter_becomes_cheap() {
        let latin = ('\u{c0}'..='\u{17f}')
            .chain('\u{1cd}'..='\u{1dc}')
            .chain('\u{218}'..='\u{21b}')
            .chain('\u{1e00}'..='\u{1eff}');
        for letter in latin.filter(|letter| letter.is_alphabetic()) {
            let plain = transliterate(&letter.to_string(), None);
            assert!(!plain.is_empty() && segments(&plain).encoding == Encoding::Gsm7, "{letter} {plain}");
        }
    }

    proptest! {
        #[test]
        fn spelling_twice_is_spelling_once(text in "\\PC{0,60}|[a-zčłșđ\u{300}-\u{345}\u{200d}½⅓]{0,40}|.*", hr in any::<bool>()) {
            let language = hr.then_some("hr");
            let once = transliterate(&text, language);
            prop_assert_eq!(transliterate(&once, language), once);
        }

        #[test]
        fn a_latin_text_becomes_gsm7(text in "[a-zA-Z0-9 .,!?\u{c0}-\u{17f}\u{1ea0}-\u{1ef9}\u{218}-\u{21b}’“”–…]{0,80}") {
            let plain = transliterate(&text, None);
            prop_assert_eq!(segments(&plain).encoding, Encoding::Gsm7, "{:?}", offenders(&plain));
        }

        #[test]
        fn a_cheap_text_stays_as_it_is(text in "[a-zA-Z0-9 äöüÄÖÜñéàß€{}@]{0,80}") {
            prop_assert_eq!(transliterate(&text, None), text);
        }
    }
}
