//! The query of a Kannel callback. `%b` is the text in the character set `%C` names, which need not be UTF-8 (`mo-recode`
//! off, or a centre of its own mind); a STOP in UTF-16 is a STOP. What does not fit its character set is read as best it
//! can be, never refused.

use super::wire::Fields;

/// 0x80 to 0x9F of windows-1252 (unicode.org, CP1252.TXT); the rest is Latin-1.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// Decoded fields, `text` by the charset that `charset` names.
pub fn fields(query: &str) -> Fields {
    let pairs: Vec<(String, Vec<u8>)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (utf8(&bytes(name)), bytes(value))
        })
        .collect();
    let charset = pairs.iter().find(|(name, _)| name == "charset").map_or(String::new(), |(_, value)| utf8(value));
    Fields::new(pairs.into_iter().map(|(name, value)| {
        let value = if name == "text" { decode(&charset, &value) } else { utf8(&value) };
        (name, value)
    }))
}

fn utf8(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn decode(charset: &str, bytes: &[u8]) -> String {
    match charset.trim().to_ascii_uppercase().as_str() {
        "UTF-16BE" | "UTF-16" | "UCS-2" | "UCS-2BE" => {
            let units = bytes.chunks(2).map(|pair| pair.iter().fold(0, |unit, &byte| unit << 8 | u16::from(byte)));
            char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
        "WINDOWS-1252" | "ISO-8859-1" | "LATIN1" => western(bytes),
        _ => String::from_utf8(bytes.to_vec()).unwrap_or_else(|_| western(bytes)),
    }
}

fn western(bytes: &[u8]) -> String {
    let read = |byte: u8| {
        let special = byte.checked_sub(0x80).and_then(|place| WINDOWS_1252.get(usize::from(place)));
        special.copied().unwrap_or(char::from(byte))
    };
    bytes.iter().map(|&byte| read(byte)).collect()
}

/// Percent-decoding to bytes; a broken escape stays as it is written.
fn bytes(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digit = |place: usize| after.get(place).and_then(|&byte| char::from(byte).to_digit(16));
        rest = match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high << 4 | low) as u8);
                after.get(2..).unwrap_or_default()
            }
            (b'+', ..) => {
                out.push(b' ');
                after
            }
            _ => {
                out.push(first);
                after
            }
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(query: &str, text: &str) {
        assert_eq!(fields(query).raw("text"), Some(text), "{query}");
    }

    #[test]
    fn texts_in_every_charset() {
        check("text=STOP", "STOP");
        check("charset=UTF-8&text=STOP%E2%82%AC+%F0%9F%98%80", "STOP€ 😀");
        check("text=%00S%00T%00O%00P&charset=UTF-16BE", "STOP");
        check("text=%D8%3D%DE%00%D8&charset=utf-16be", "😀\u{d8}");
        check("text=ARR%CAT+%80&charset=WINDOWS-1252", "ARRÊT €");
        check("text=ARR%CAT", "ARRÊT");
        check("text=100%25+%zz+%2", "100% %zz %2");
        check("text=", "");
    }

    proptest! {
        #[test]
        fn queries_never_panic(query in "(\\PC|[%&=+0-9a-f])*", charset in "UTF-16BE|UTF-8|windows-1252|x") {
            let _ = fields(&format!("charset={charset}&text={query}"));
        }

        #[test]
        fn utf8_is_read_as_everyone_reads_it(pairs in prop::collection::btree_map("[a-z]{1,4}", "\\PC*", 0..4)) {
            let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
            let fields = fields(&query);
            prop_assume!(!pairs.contains_key("text"));
            for (name, value) in &pairs {
                prop_assert_eq!(fields.raw(name), Some(value.as_str()));
            }
        }
    }
}
