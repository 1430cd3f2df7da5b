//! What a phone would turn into a link: addresses, bare host names, e-mail addresses. Decides it for the words of a
//! template, which may type none beside ours, and for the finished text, which leaves with ours alone. Wider than any
//! phone's own guess on purpose: a top-level domain that is new tomorrow is a link already today.

/// Public shorteners, by name: carriers filter them, since the next text through the same host may be anybody's.
const SHORTENERS: &[&str] = &[
    "bit.ly",
    "bitly.com",
    "tinyurl.com",
    "t.co",
    "goo.gl",
    "ow.ly",
    "is.gd",
    "v.gd",
    "buff.ly",
    "rebrand.ly",
    "cutt.ly",
    "rb.gy",
    "t.ly",
    "tiny.cc",
    "shorturl.at",
    "s.id",
    "lnkd.in",
    "adf.ly",
    "bl.ink",
    "short.io",
    "soo.gd",
    "clck.ru",
    "u.to",
    "x.co",
    "tiny.one",
    "shorte.st",
    "mcaf.ee",
    "qr.ae",
    "j.mp",
    "trib.al",
    "dub.sh",
    "urlz.fr",
];

/// Schemes that need no dot to be tapped.
const SCHEMES: &[&str] = &["http:", "https:", "tel:", "sms:", "mailto:", "ftp:"];

/// The first link in a text, as it stands there.
pub fn first(text: &str) -> Option<&str> {
    text.split(char::is_whitespace).find(|word| is_link(word))
}

/// Whether a link goes through a public shortener.
pub fn is_shortened(link: &str) -> bool {
    let lower = link.to_lowercase();
    hosts(&lower).any(|host| SHORTENERS.iter().any(|known| host == *known || host.ends_with(&format!(".{known}"))))
}

fn is_link(word: &str) -> bool {
    let lower = word.to_lowercase();
    let opened = lower.trim_start_matches(|character: char| !character.is_alphanumeric());
    let scheme = SCHEMES.iter().any(|scheme| {
        lower.match_indices(scheme).any(|(at, _)| {
            let starts = lower.get(..at).is_none_or(|before| !before.ends_with(char::is_alphanumeric));
            let goes_on = lower.get(at + scheme.len()..).is_some_and(|after| !after.is_empty());
            starts && goes_on
        })
    });
    scheme
        || lower.contains("://")
        || opened.starts_with("www.")
        || is_mail(&lower)
        || hosts(&lower).any(|host| is_name(host) || is_address(host))
}

fn is_mail(word: &str) -> bool {
    word.split_once('@').is_some_and(|(before, after)| {
        before.ends_with(char::is_alphanumeric) && after.starts_with(char::is_alphanumeric)
    })
}

/// The stretches of a word that a host name could be.
fn hosts(word: &str) -> impl Iterator<Item = &str> {
    word.split(|character: char| !(character.is_alphanumeric() || character == '-' || is_dot(character)))
        .map(|host| host.trim_matches(is_dot))
}

/// A dot with something before it and what could be a top-level domain after it. `e.g.`, `p.m.`, `d.o.o.` and `12.30` are
/// none.
fn is_name(host: &str) -> bool {
    let labels: Vec<&str> = host.split(is_dot).collect();
    labels.windows(2).any(|pair| match pair {
        [name, top] => {
            // Nearly every top-level domain begins with two letters, those in other scripts with `xn`.
            let is_top = top.chars().count() >= 2 && top.chars().take(2).all(char::is_alphabetic);
            !name.is_empty() && is_top
        }
        _ => false,
    })
}

/// Four numbers, as `8.8.8.8`.
fn is_address(host: &str) -> bool {
    let numbers: Vec<Option<u8>> = host.split(is_dot).map(|label| label.parse().ok()).collect();
    numbers.len() == 4 && numbers.iter().all(Option::is_some)
}

/// Also the dots that host names take for dots (UTS #46), but the full stop of Chinese and Japanese only in a value: in a
/// sentence it stands between letters all the time.
fn is_dot(character: char) -> bool {
    matches!(character, '.' | '．' | '｡' | '․' | '﹒')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(first(text), expected, "{text:?}");
    }

    #[test]
    fn what_a_phone_would_open() {
        for link in [
            "https://evil.example/x",
            "HTTP://1",
            "(www.evil",
            "evil.com",
            "Evil.Shop!",
            "see:evil.com/x",
            "a@b",
            "tel:123",
            "8.8.8.8",
            "сайт.рф",
            "a.co-x",
            "x.xn--p1ai",
            "evil．com",
            "sale.Now",
        ] {
            check(&format!("Go to {link} today"), Some(link));
            check(link, Some(link));
        }
    }

    #[test]
    fn what_it_would_not() {
        for text in [
            "Hello. World",
            "e.g. at 5 p.m. or z.B. 12.30",
            "d.o.o. and S.p.A.",
            "€1,234.50 (10.5 %)",
            "wait... what",
            "24. 11. or 24.11.",
            "note: this",
            "カートに商品が残っています。最後の",
            "@ home",
            "No.5",
            "hotel: yes",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn shorteners_are_known_by_name() {
        for link in ["bit.ly/x", "https://TinyURL.com/y", "www.bit.ly", "t.co/1"] {
            assert!(is_shortened(link), "{link}");
        }
        for link in ["orbit.ly", "shop.example", "not.co"] {
            assert!(!is_shortened(link), "{link}");
        }
    }
}
