//! Texts as octets: the GSM default alphabet, one septet an octet, or UCS-2, and cut into parts where one is too small
//! (3GPP TS 23.038 section 6.2.1, TS 23.040 section 9.2.3.24.1). Which alphabet a text needs, [`sms`] says.

use encoding_rs::{ISO_8859_5, ISO_8859_8};

use crate::domain::sms::{self, Encoding};

/// The basic table in the order of its codes; 0x1B escapes to the other one.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\u{1b}ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
                     ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
const ESCAPE: u8 = 0x1b;
const EXTENSION: &[(char, u8)] = &[
    ('\u{c}', 0x0a),
    ('^', 0x14),
    ('{', 0x28),
    ('}', 0x29),
    ('\\', 0x2f),
    ('[', 0x3c),
    ('~', 0x3d),
    (']', 0x3e),
    ('|', 0x40),
    ('€', 0x65),
];

/// Values of data_coding (SMPP 3.4, 5.2.19).
pub const DEFAULT: u8 = 0;
pub const UCS2: u8 = 8;

/// Octets that one text may have, and each part of a longer one beside its header of six.
const GSM7_SINGLE: usize = 160;
const GSM7_PART: usize = 153;
const UCS2_SINGLE: usize = 140;
const UCS2_PART: usize = 134;

/// A text in octets, with its data_coding.
#[derive(Debug, PartialEq, Eq)]
pub struct Written {
    pub data_coding: u8,
    /// Each character by itself, so that none is ever cut.
    characters: Vec<Vec<u8>>,
}

/// Writes a text; what GSM-7 has no place for makes all of it UCS-2, whatever was asked for.
pub fn written(text: &str, encoding: Encoding) -> Written {
    let gsm7 = encoding == Encoding::Gsm7 && sms::segments(text).encoding == Encoding::Gsm7;
    let septets = gsm7.then(|| text.chars().map(octets).collect::<Option<Vec<_>>>()).flatten();
    match septets {
        Some(characters) => Written { data_coding: DEFAULT, characters },
        None => {
            let units = |character: char| {
                let mut room = [0; 2];
                character.encode_utf16(&mut room).iter().flat_map(|unit| unit.to_be_bytes()).collect()
            };
            Written { data_coding: UCS2, characters: text.chars().map(units).collect() }
        }
    }
}

impl Written {
    /// All of it in one piece.
    pub fn whole(&self) -> Vec<u8> {
        self.characters.concat()
    }

    /// In parts that a phone can take, at least one; filled as `sms::segments` counts them.
    pub fn parts(&self) -> Vec<Vec<u8>> {
        let (single, part) = if self.data_coding == UCS2 { (UCS2_SINGLE, UCS2_PART) } else { (GSM7_SINGLE, GSM7_PART) };
        let whole = self.whole();
        if whole.len() <= single {
            return vec![whole];
        }
        let mut parts = Vec::new();
        let mut filling: Vec<u8> = Vec::new();
        for character in &self.characters {
            if filling.len() + character.len() > part {
                parts.push(std::mem::take(&mut filling));
            }
            filling.extend_from_slice(character);
        }
        parts.push(filling);
        parts
    }
}

fn octets(character: char) -> Option<Vec<u8>> {
    if let Some((_, code)) = EXTENSION.iter().find(|(known, _)| *known == character) {
        return Some(vec![ESCAPE, *code]);
    }
    let code = BASIC.chars().position(|known| known == character && known != char::from(ESCAPE))?;
    Some(vec![u8::try_from(code).ok()?])
}

/// Reads a text that came in; what its data_coding does not explain is taken for the default alphabet.
pub fn read(data_coding: u8, octets: &[u8]) -> String {
    match data_coding {
        1 | 3 => latin(octets),
        6 => ISO_8859_5.decode_without_bom_handling(octets).0.into_owned(),
        7 => ISO_8859_8.decode_without_bom_handling(octets).0.into_owned(),
        UCS2 | 0x18..=0x1b => wide(octets),
        _ => septets(octets),
    }
}

/// Each octet the character of its number: what centres write their receipts in.
pub fn latin(octets: &[u8]) -> String {
    octets.iter().map(|&octet| char::from(octet)).collect()
}

fn wide(octets: &[u8]) -> String {
    let units: Vec<u16> = octets.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    String::from_utf16_lossy(&units)
}

fn septets(octets: &[u8]) -> String {
    let mut text = String::new();
    let mut rest = octets.iter().map(|octet| octet & 0x7f);
    while let Some(code) = rest.next() {
        if code != ESCAPE {
            text.extend(BASIC.chars().nth(usize::from(code)));
            continue;
        }
        // A phone shows what the extension table does not have as the character of the basic one.
        let Some(code) = rest.next() else { break };
        let extended = EXTENSION.iter().find(|(_, known)| *known == code).map(|(character, _)| *character);
        text.extend(extended.or_else(|| BASIC.chars().nth(usize::from(code))));
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_tables_are_those_of_the_standard() {
        assert_eq!(BASIC.chars().count(), 128);
        assert_eq!(BASIC.chars().nth(0x1b), Some('\u{1b}'));
        let of = |text: &str| written(text, Encoding::Gsm7).whole();
        assert_eq!(of("@£_A¡¿à"), [0x00, 0x01, 0x11, 0x41, 0x40, 0x60, 0x7f]);
        assert_eq!(of("€{"), [0x1b, 0x65, 0x1b, 0x28]);
        assert_eq!(written("č", Encoding::Gsm7), written("č", Encoding::Ucs2));
        assert_eq!(written("a😀", Encoding::Ucs2).whole(), [0, 0x61, 0xd8, 0x3d, 0xde, 0x00]);
        assert_eq!(written("", Encoding::Gsm7).parts(), [Vec::<u8>::new()]);
    }

    #[test]
    fn what_comes_in_is_read_by_its_coding() {
        #[track_caller]
        fn check(data_coding: u8, octets: &[u8], text: &str) {
            assert_eq!(read(data_coding, octets), text);
        }
        check(0, &[0x1b, 0x65, 0x00], "€@");
        check(0, &[0x1b], "");
        check(0, &[0xc1], "A");
        check(3, &[0xe9], "é");
        check(8, &[0x01, 0x0d, 0x00], "č");
        check(6, &[0xb0], "А");
        check(0xf1, b"Hi", "Hi");
    }

    proptest! {
        #[test]
        fn parts_are_as_many_as_are_counted(text in "[aZ9 @é€{^\n]{0,500}|[aZ€č😀’]{0,300}|.*") {
            let counted = sms::segments(&text);
            let written = written(&text, counted.encoding);
            let parts = written.parts();
            prop_assert_eq!(parts.len(), counted.count.max(1) as usize);
            prop_assert_eq!(parts.concat(), written.whole());
            prop_assert_eq!(parts.iter().map(|part| read(written.data_coding, part)).collect::<String>(), text);
        }
    }
}
