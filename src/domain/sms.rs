//! The text as the radio carries it: GSM 03.38 or UCS-2, and how many parts it takes (3GPP TS 23.038 and 23.040). On its
//! way out no letter turns into another: `č` stays `č`, and the shopkeeper is shown what it costs and, in
//! [`advice`], what it would cost spelt otherwise.

mod spelling;

pub use spelling::{Advice, advice, transliterate};

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    Gsm7,
    Ucs2,
}

/// What a text costs in parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segments {
    pub encoding: Encoding,
    /// Septets (GSM-7) or UTF-16 code units (UCS-2).
    pub units: usize,
    /// Parts the carrier bills, an estimate until the gateway reports its own.
    pub count: u32,
}

/// The basic table of 3GPP TS 23.038 section 6.2.1 without its escape character: one septet each.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
                     ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// The extension table of section 6.2.1.1: an escape and a character, two septets each.
const EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// A text alone, and each part of a longer one, whose header of six octets takes the difference (TS 23.040, 9.2.3.24.1).
const GSM7_SINGLE_UNITS: usize = 160;
const GSM7_PART_UNITS: usize = 153;
const UCS2_SINGLE_UNITS: usize = 70;
const UCS2_PART_UNITS: usize = 67;

/// How many parts a text takes. One character outside GSM-7 makes the whole text UCS-2. An escape pair or a surrogate
/// pair never straddles two parts. An empty text takes none. Some gateways count emoji one unit tighter, and bills follow
/// what the gateway reports.
pub fn segments(text: &str) -> Segments {
    match text.chars().map(septets).collect::<Option<Vec<usize>>>() {
        Some(widths) => fill(Encoding::Gsm7, &widths, GSM7_SINGLE_UNITS, GSM7_PART_UNITS),
        None => {
            let widths: Vec<usize> = text.chars().map(char::len_utf16).collect();
            fill(Encoding::Ucs2, &widths, UCS2_SINGLE_UNITS, UCS2_PART_UNITS)
        }
    }
}

/// Fills parts one after another with characters of these widths.
fn fill(encoding: Encoding, widths: &[usize], single: usize, part: usize) -> Segments {
    let units = widths.iter().sum();
    if units <= single {
        return Segments { encoding, units, count: u32::from(units > 0) };
    }
    let mut count = 1_u32;
    let mut used = 0;
    for width in widths {
        if used + width > part {
            count = count.saturating_add(1);
            used = 0;
        }
        used += width;
    }
    Segments { encoding, units, count }
}

/// Septets a character takes in GSM-7; `None` when it has no place there.
fn septets(character: char) -> Option<usize> {
    match character {
        ' '..='Z' | 'a'..='z' => Some(1),
        _ if BASIC.contains(character) => Some(1),
        _ if EXTENSION.contains(character) => Some(2),
        _ => None,
    }
}

/// The characters that force UCS-2, each once, in the order they appear.
pub fn offenders(text: &str) -> Vec<char> {
    let mut seen = BTreeSet::new();
    text.chars().filter(|&character| septets(character).is_none() && seen.insert(character)).collect()
}

/// Replaces what word processors, number formats and web pages put into a text by what GSM-7 has for it: typographic
/// quotes, dashes, dots, bullets and spaces; drops what prints nothing; joins a letter and its combining accent where
/// GSM-7 has the pair. Applying it twice changes nothing more.
pub fn normalise(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\u{200c}' | '\u{200d}' => {
                // Joiners hold emoji and some scripts together; between those they stay, the text is UCS-2 anyway.
                let needed = |other: char| septets(other).is_none() && plain(other) == Plain::Same;
                if out.chars().next_back().is_some_and(needed) && rest.peek().copied().is_some_and(needed) {
                    out.push(character);
                }
            }
            _ => match plain(character) {
                Plain::Same => match out.chars().next_back().and_then(|letter| joined(letter, character)) {
                    Some(both) => {
                        out.pop();
                        out.push(both);
                    }
                    None => out.push(character),
                },
                Plain::Text(look_alike) => out.push_str(look_alike),
                Plain::Nothing => {}
            },
        }
    }
    out
}

#[derive(PartialEq, Eq)]
enum Plain {
    Same,
    Text(&'static str),
    Nothing,
}

fn plain(character: char) -> Plain {
    match character {
        '‘' | '’' | '‚' | '‛' | '′' | '‹' | '›' | '`' | '´' => Plain::Text("'"),
        '“' | '”' | '„' | '‟' | '″' | '«' | '»' => Plain::Text("\""),
        '\u{2010}'..='\u{2015}' | '\u{2212}' => Plain::Text("-"),
        '…' => Plain::Text("..."),
        '•' => Plain::Text("*"),
        '\t' | '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => Plain::Text(" "),
        '\u{2028}' | '\u{2029}' => Plain::Text("\n"),
        '\u{ad}' | '\u{200b}' | '\u{200c}' | '\u{200d}' | '\u{2060}' | '\u{feff}' => Plain::Nothing,
        '\n' | '\r' | '\u{c}' => Plain::Same,
        control if control.is_control() => Plain::Nothing,
        _ => Plain::Same,
    }
}

/// The letters of GSM-7 that Unicode may also write in two characters, as macOS does: the same letter, not another one.
fn joined(letter: char, accent: char) -> Option<char> {
    Some(match (letter, accent) {
        ('a', '\u{300}') => 'à',
        ('e', '\u{300}') => 'è',
        ('e', '\u{301}') => 'é',
        ('E', '\u{301}') => 'É',
        ('i', '\u{300}') => 'ì',
        ('o', '\u{300}') => 'ò',
        ('u', '\u{300}') => 'ù',
        ('C', '\u{327}') => 'Ç',
        ('N', '\u{303}') => 'Ñ',
        ('n', '\u{303}') => 'ñ',
        ('A', '\u{30a}') => 'Å',
        ('a', '\u{30a}') => 'å',
        ('A', '\u{308}') => 'Ä',
        ('a', '\u{308}') => 'ä',
        ('O', '\u{308}') => 'Ö',
        ('o', '\u{308}') => 'ö',
        ('U', '\u{308}') => 'Ü',
        ('u', '\u{308}') => 'ü',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, encoding: Encoding, units: usize, count: u32) {
        assert_eq!(segments(text), Segments { encoding, units, count }, "{text:?}");
    }

    #[test]
    fn parts_are_counted_as_carriers_bill_them() {
        use Encoding::{Gsm7, Ucs2};
        check("", Gsm7, 0, 0);
        check("a", Gsm7, 1, 1);
        check(&"a".repeat(160), Gsm7, 160, 1);
        check(&"a".repeat(161), Gsm7, 161, 2);
        check(&"a".repeat(306), Gsm7, 306, 2);
        check(&"a".repeat(307), Gsm7, 307, 3);
        check(&"€".repeat(80), Gsm7, 160, 1);
        check(&"€".repeat(81), Gsm7, 162, 2);
        // 76 euros fill 152 of 153 septets: the 77th moves on whole.
        check(&"€".repeat(152), Gsm7, 304, 2);
        check(&"€".repeat(153), Gsm7, 306, 3);
        check(&"č".repeat(70), Ucs2, 70, 1);
        check(&"č".repeat(71), Ucs2, 71, 2);
        check(&"č".repeat(134), Ucs2, 134, 2);
        check(&"č".repeat(135), Ucs2, 135, 3);
        check(&"🛒".repeat(35), Ucs2, 70, 1);
        check(&"🛒".repeat(36), Ucs2, 72, 2);
        check(&"🛒".repeat(66), Ucs2, 132, 2);
        check(&"🛒".repeat(67), Ucs2, 134, 3);
        check(&format!("{}č", "a".repeat(69)), Ucs2, 70, 1);
        check(&format!("{}ç", "a".repeat(70)), Ucs2, 71, 2);
    }

    #[test]
    fn the_tables_have_their_sizes() {
        assert_eq!(BASIC.chars().collect::<BTreeSet<char>>().len(), 127);
        assert_eq!(EXTENSION.chars().collect::<BTreeSet<char>>().len(), 10);
        assert!(BASIC.chars().all(|character| septets(character) == Some(1)));
        assert!(EXTENSION.chars().all(|character| septets(character) == Some(2)));
        // The short cut over ranges lets nothing in that the table does not have.
        assert!((' '..='Z').chain('a'..='z').all(|character| BASIC.contains(character)));
        for outside in "`\táíóúâêôãõçşğ‘’“”–—…™•\u{a0}\u{1b}😀".chars() {
            assert_eq!(septets(outside), None, "{outside:?}");
        }
    }

    #[test]
    fn offenders_are_named_once_and_in_order() {
        assert_eq!(offenders("plain €5 {ok}"), Vec::<char>::new());
        assert_eq!(offenders("šč š 😀č"), vec!['š', 'č', '😀']);
    }

    #[test]
    fn look_alikes_replace_typography_and_letters_stay() {
        let cases = [
            ("“It’s ‘here’ – now…”", "\"It's 'here' - now...\""),
            ("1\u{202f}234,50\u{a0}€", "1 234,50 €"),
            ("« prix »\u{2009}!", "\" prix \" !"),
            ("\u{feff}a\u{200b}b\u{ad}c\u{2060}", "abc"),
            ("a\tb\u{7}", "a b"),
            ("• one", "* one"),
            ("Čaša žuta ł ç", "Čaša žuta ł ç"),
            ("cafe\u{301} u\u{308}ber", "café über"),
            ("c\u{30c}", "c\u{30c}"),
            ("👩\u{200d}👧 a\u{200d}b", "👩\u{200d}👧 ab"),
            ("line\nline\r\n", "line\nline\r\n"),
        ];
        for (text, expected) in cases {
            assert_eq!(normalise(text), expected, "{text:?}");
        }
    }

    /// The same answer from the other side: lay all units in a row, cut every `part` units, and step back from a cut
    /// that would split a pair.
    fn parts_by_cutting(widths: &[usize], single: usize, part: usize) -> u32 {
        let mut starts_pair: Vec<bool> = Vec::new();
        for &width in widths {
            starts_pair.push(width == 2);
            starts_pair.extend((1..width).map(|_| false));
        }
        if starts_pair.len() <= single {
            return u32::from(!starts_pair.is_empty());
        }
        let (mut at, mut parts) = (0, 0);
        while at < starts_pair.len() {
            at += part;
            if at < starts_pair.len() && starts_pair[at - 1] {
                at -= 1;
            }
            parts += 1;
        }
        parts
    }

    fn texts() -> impl Strategy<Value = String> {
        let alphabet =
            prop::sample::select("aZ9 @é€{^č😀’–\u{200d}\u{200b}\u{308}u\u{a0}".chars().collect::<Vec<char>>());
        let gsm7 = prop::sample::select("aZ9 @é€{^\n".chars().collect::<Vec<char>>());
        prop_oneof![
            prop::collection::vec(alphabet, 0..400).prop_map(|all| all.into_iter().collect()),
            prop::collection::vec(gsm7, 0..900).prop_map(|all| all.into_iter().collect()),
            ".*",
        ]
    }

    proptest! {
        #[test]
        fn counting_agrees_with_cutting(text in texts()) {
            let told = segments(&text);
            prop_assert_eq!(told.encoding == Encoding::Gsm7, offenders(&text).is_empty());
            let count = match told.encoding {
                Encoding::Gsm7 => {
                    let widths: Vec<usize> =
                        text.chars().map(|c| if EXTENSION.contains(c) { 2 } else { 1 }).collect();
                    parts_by_cutting(&widths, 160, 153)
                }
                Encoding::Ucs2 => {
                    prop_assert_eq!(told.units, text.encode_utf16().count());
                    let widths: Vec<usize> = text.chars().map(char::len_utf16).collect();
                    parts_by_cutting(&widths, 70, 67)
                }
            };
            prop_assert_eq!(told.count, count);
        }

        #[test]
        fn normalising_twice_is_normalising_once(text in texts()) {
            let once = normalise(&text);
            prop_assert_eq!(normalise(&once), once.clone());
        }

        #[test]
        fn normalising_keeps_every_letter(text in "\\PC*") {
            let letters = |text: &str| -> String { text.chars().filter(|c| c.is_alphanumeric()).collect() };
            prop_assume!(!text.chars().any(|c| ('\u{300}'..='\u{36f}').contains(&c)));
            prop_assert_eq!(letters(&normalise(&text)), letters(&text));
        }

        #[test]
        fn normalising_never_leaves_gsm7(text in texts()) {
            if segments(&text).encoding == Encoding::Gsm7 {
                prop_assert_eq!(normalise(&text), text);
            }
        }
    }
}
