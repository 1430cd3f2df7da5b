//! Links: the signed token in a text, and the address it leads to. A token says which message it came with, nothing about
//! the person, the cart or the shop's address; where it leads is read from our own store and checked again before the
//! browser is sent there. There is no unsigned form, no older form and no form that decides how it is checked.
//!
//! A token is, in base64url without padding: one byte (version in the high half, generation of the shop's key modulo 16
//! in the low half) ‖ the shop as a varint ‖ the message id in 8 bytes ‖ the first 80 bits of an HMAC-SHA256 over all of
//! that, keyed by shop, generation and purpose. 80 bits are the least RFC 2104 section 5 allows for this hash and less
//! than the 128 that OWASP ASVS 11.5.1 asks of random strings: a guess is tried online, one request each, and shorter
//! links cost the shop fewer parts. At a million guesses a second a forgery takes some 10^10 years.
//!
//! A shop's key can be renewed so that the links of the old one are revoked (`ShopKeys::links_from`). That ends those which
//! lead to a cart or show one; those that stop texts stay good: the law asks that they work, and the worst that a forger
//! does with one is that somebody is written to less.
//!
//! Verification has two steps, because the shop's keys are loaded between them: `parse` believes nothing and says whose
//! keys to load; only `Unverified::verify` yields a message.

use std::ops::Range;

use data_encoding::BASE64URL_NOPAD;
use subtle::ConstantTimeEq;
use url::Url;

use super::{
    id::{MessageId, ShopId},
    message::MessageRef,
    seal::{ShopKeys, put_varint, take_varint},
};

const VERSION: u8 = 1;
const MAC_BYTES: usize = 10;
/// Of the largest token there can be; what is longer is not even decoded.
const TOKEN_CHARS_MAX: usize = 38;
/// Of a stored address. Browsers and proxies begin to cut at 8,000.
const ADDRESS_BYTES_MAX: usize = 4096;

/// What a token is good for. Each purpose has its own key: a token for one is noise to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Leads back to the cart.
    Restore,
    /// Shows the button that stops all texts.
    OptOut,
    /// Shows staff what a shopper would see; counts nothing.
    Preview,
    /// Ends a digest. It names the digest's reader where the others name a message (`digest::stop_token`).
    Digest,
}

impl Purpose {
    pub const ALL: [Purpose; 4] = [Purpose::Restore, Purpose::OptOut, Purpose::Preview, Purpose::Digest];

    fn key_name(self) -> &'static str {
        match self {
            Purpose::Restore => "link/restore",
            Purpose::OptOut => "link/opt-out",
            Purpose::Preview => "link/preview",
            Purpose::Digest => "link/digest",
        }
    }

    /// Whether a link of this purpose ends when the key that signed it is revoked.
    fn ends_with_its_key(self) -> bool {
        matches!(self, Purpose::Restore | Purpose::Preview)
    }
}

/// The token for a message, signed with the newest generation: 27 characters for shops below 128, 28 below
/// 2^14, 30 below 2^21. `keys` are those of the message's own shop; with another's the token leads nowhere.
pub fn sign(keys: &ShopKeys, purpose: Purpose, message: MessageRef) -> String {
    let mut token = vec![VERSION << 4 | generation_mark(keys.newest())];
    put_varint(&mut token, message.shop.get() as u64);
    token.extend(message.message.get().to_be_bytes());
    let mac = keys.mac(purpose.key_name(), &token);
    token.extend(mac.iter().take(MAC_BYTES));
    BASE64URL_NOPAD.encode(&token)
}

/// A link in a text that was written earlier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// From its `http` to its end.
    pub place: Range<usize>,
    /// `None` where it was revoked since.
    pub token: Option<String>,
}

/// The link with this message's own token after this path (as in `/r/`), whatever address we had when it was written and
/// whichever generation signed it.
pub fn standing(text: &str, path: &str, keys: &ShopKeys, purpose: Purpose, message: MessageRef) -> Option<Standing> {
    text.match_indices(path).find_map(|(at, _)| {
        let after = at + path.len();
        let rest = text.get(after..)?;
        let token = rest.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_')).next()?;
        let start = text.get(..at)?.rfind("http")?;
        let is_whole = !text.get(start..at)?.contains(char::is_whitespace);
        let read = parse(token).filter(|read| is_whole && read.message == message)?;
        let signed = read.signed_by(keys, purpose)?;
        let place = start..after + token.len();
        Some(Standing { place, token: is_good(keys, purpose, signed).then(|| token.to_owned()) })
    })
}

/// A token that has the right form. Anybody can make one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unverified {
    message: MessageRef,
    generation_mark: u8,
    signed: Vec<u8>,
    mac: [u8; MAC_BYTES],
}

/// Reads the one form a token can have: exact length, this version, no padding, no stray bits.
pub fn parse(token: &str) -> Option<Unverified> {
    if token.len() > TOKEN_CHARS_MAX {
        return None;
    }
    let bytes = BASE64URL_NOPAD.decode(token.as_bytes()).ok()?;
    let (signed, mac) = bytes.split_at_checked(bytes.len().checked_sub(MAC_BYTES)?)?;
    let (first, rest) = signed.split_first()?;
    let (shop, message) = take_varint(rest).filter(|_| first >> 4 == VERSION)?;
    Some(Unverified {
        message: MessageRef {
            shop: ShopId::new(i64::try_from(shop).ok()?),
            message: MessageId::new(i64::from_be_bytes(message.try_into().ok()?)),
        },
        generation_mark: first & 0x0f,
        signed: signed.to_vec(),
        mac: mac.try_into().ok()?,
    })
}

impl Unverified {
    /// Whose keys to load. Not yet true.
    pub fn shop(&self) -> ShopId {
        self.message.shop
    }

    /// The message, if this shop signed this token for this purpose and has not revoked it. Takes the same time however
    /// wrong the MAC is.
    pub fn verify(&self, keys: &ShopKeys, purpose: Purpose) -> Option<MessageRef> {
        self.signed_by(keys, purpose).filter(|&signed| is_good(keys, purpose, signed)).map(|_| self.message)
    }

    /// The generation of this shop's key that signed this token for this purpose.
    fn signed_by(&self, keys: &ShopKeys, purpose: Purpose) -> Option<u32> {
        let mut signed = None;
        for generation in keys.generations().filter(|&generation| generation_mark(generation) == self.generation_mark) {
            let mac = keys.mac_of(generation, purpose.key_name(), &self.signed)?;
            if bool::from(mac.get(..MAC_BYTES).unwrap_or_default().ct_eq(&self.mac)) {
                signed = Some(generation);
            }
        }
        signed.filter(|_| keys.shop() == self.message.shop)
    }
}

fn is_good(keys: &ShopKeys, purpose: Purpose, signed: u32) -> bool {
    signed >= keys.links_from() || !purpose.ends_with_its_key()
}

/// The half byte that narrows down which generation signed; the MAC decides.
fn generation_mark(generation: u32) -> u8 {
    (generation & 0x0f) as u8
}

/// Why nobody is sent to a stored address. Never quotes it: it may hold the key to someone's checkout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadDestination {
    #[error("the recovery address is not a full web address")]
    NotAnAddress,
    #[error("the recovery address is longer than 4,096 bytes")]
    TooLong,
    #[error("the recovery address does not begin with https://")]
    NotHttps,
    #[error("the recovery address carries a user name or password")]
    Credentials,
    #[error("the recovery address leads to a host or port that is not the shop's")]
    ForeignHost,
}

/// Where a tap leads: the stored address with the discount and our tags. Checked on every redirect, so that
/// a shop whose hosts change, or whose webhooks lie, leads nobody elsewhere; what is stored is what was told.
///
/// `hosts` are the shop's own, exact, each with `:port` where the port is not the default. `allow_http` is for shops on
/// this machine (tests, the demo). The discount replaces a parameter of the same name, because the text promised this
/// one; a tag is added only where the address has none of that name; everything else, the fragment too, stays as it was.
pub fn destination(
    stored: &str,
    hosts: &[&str],
    allow_http: bool,
    discount: Option<(&str, &str)>,
    tags: &[(&str, &str)],
) -> Result<String, BadDestination> {
    let mut address = check_destination(stored, hosts, allow_http)?;
    let query = address.query().unwrap_or_default();
    let named = |part: &str, name: &str| {
        url::form_urlencoded::parse(part.as_bytes()).next().is_some_and(|(known, _)| known == name)
    };
    let kept: Vec<&str> = query
        .split('&')
        .filter(|part| !part.is_empty() && !discount.is_some_and(|(name, _)| named(part, name)))
        .collect();
    let missing = tags.iter().filter(|(name, _)| !kept.iter().any(|part| named(part, name)));
    let added = discount.iter().chain(missing).map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
    let parts: Vec<String> = kept.iter().map(|&part| part.to_owned()).chain(added).collect();
    address.set_query((!parts.is_empty()).then(|| parts.join("&")).as_deref());
    Ok(address.into())
}

/// Whether people may be sent to this address (OWASP ASVS 3.7.2): https on one of the shop's own hosts, and written so
/// plainly that no browser can read it differently.
pub fn check_destination(stored: &str, hosts: &[&str], allow_http: bool) -> Result<Url, BadDestination> {
    if stored.len() > ADDRESS_BYTES_MAX {
        return Err(BadDestination::TooLong);
    }
    // URL parsers drop tabs and line breaks and turn `\` into `/`: what needs such mercy is not sent to browsers.
    if stored.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
        return Err(BadDestination::NotAnAddress);
    }
    let (scheme, rest) = stored.split_once("://").ok_or(BadDestination::NotAnAddress)?;
    let secure = scheme.eq_ignore_ascii_case("https");
    let allowed = secure || (allow_http && scheme.eq_ignore_ascii_case("http"));
    if !allowed {
        return Err(BadDestination::NotHttps);
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() {
        return Err(BadDestination::NotAnAddress);
    }
    if authority.contains('@') {
        return Err(BadDestination::Credentials);
    }
    let address = Url::parse(stored).map_err(|_| BadDestination::NotAnAddress)?;
    if hosts.iter().any(|host| is_host(&address, host)) { Ok(address) } else { Err(BadDestination::ForeignHost) }
}

/// Both sides go through one parser, so that case, punycode and default ports mean the same on both.
fn is_host(address: &Url, host: &str) -> bool {
    let bare =
        !host.is_empty() && !host.contains(|c: char| "/?#@\\".contains(c) || c.is_control() || c.is_whitespace());
    let listed = Url::parse(&format!("{}://{host}/", address.scheme()));
    bare && listed.is_ok_and(|listed| {
        address.host_str().is_some() && listed.host_str() == address.host_str() && listed.port() == address.port()
    })
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys(shop: i64, generations: &[(u32, u8)]) -> ShopKeys {
        let keys = generations.iter().map(|&(number, seed)| (number, [seed; 32])).collect();
        ShopKeys::new(ShopId::new(shop), keys).unwrap()
    }

    fn message(shop: i64, message: i64) -> MessageRef {
        MessageRef { shop: ShopId::new(shop), message: MessageId::new(message) }
    }

    fn follow(token: &str, keys: &ShopKeys, purpose: Purpose) -> Option<MessageRef> {
        parse(token)?.verify(keys, purpose)
    }

    #[test]
    fn a_token_is_short() {
        #[track_caller]
        fn check(shop: i64, chars: usize) {
            let token = sign(&keys(shop, &[(1, 9)]), Purpose::Restore, message(shop, i64::MAX));
            assert_eq!(token.len(), chars, "shop {shop}");
            assert!(parse(&token).is_some());
        }
        check(1, 27);
        check(127, 27);
        check(128, 28);
        check((1 << 14) - 1, 28);
        check((1 << 21) - 1, 30);
        check(i64::MAX, TOKEN_CHARS_MAX);
    }

    #[test]
    fn a_link_is_found_in_a_text_of_earlier() {
        let (then, now) = (keys(7, &[(1, 9)]), keys(7, &[(1, 9), (2, 8)]));
        let token = sign(&then, Purpose::Restore, message(7, 1234));
        let find = |text: &str| standing(text, "/r/", &now, Purpose::Restore, message(7, 1234));
        for url in [format!("https://old.example/r/{token}"), format!("http://127.0.0.1:8080/r/{token}")] {
            for text in [format!("Lumen: {url} Reply STOP"), url.clone(), format!("See (http) /r/x ({url}).")] {
                let found = find(&text).unwrap_or_else(|| panic!("{text}"));
                assert_eq!((&text[found.place], found.token), (url.as_str(), Some(token.clone())));
            }
        }
        // One that was revoked since is found, too, to be replaced.
        let revoking = ShopKeys::with_links_from(ShopId::new(7), vec![(1, [9; 32]), (2, [8; 32])], 2).unwrap();
        let text = format!("Lumen: https://old.example/r/{token}");
        let found = standing(&text, "/r/", &revoking, Purpose::Restore, message(7, 1234)).unwrap();
        assert_eq!((found.place, found.token), (7..text.len(), None));
        // Neither another text's, nor another purpose's, nor none at all.
        let other = sign(&then, Purpose::Restore, message(7, 1235));
        let stop = sign(&then, Purpose::OptOut, message(7, 1234));
        for link in [other, stop, token[..20].to_owned(), String::new()] {
            assert_eq!(find(&format!("Lumen: https://old.example/r/{link}")), None, "{link}");
        }
        assert_eq!(find(&format!("Lumen: https://old.example /r/{token}")), None);
    }

    #[test]
    fn a_token_is_good_for_one_purpose_of_one_shop() {
        let ours = keys(7, &[(1, 9)]);
        for signed_for in Purpose::ALL {
            let token = sign(&ours, signed_for, message(7, 1234));
            for used_for in Purpose::ALL {
                let expected = (signed_for == used_for).then_some(message(7, 1234));
                assert_eq!(follow(&token, &ours, used_for), expected, "{signed_for:?} used for {used_for:?}");
            }
            // Another install; another shop, even with the same secret; our keys with another shop's message.
            assert_eq!(follow(&token, &keys(7, &[(1, 8)]), signed_for), None);
            assert_eq!(follow(&token, &keys(8, &[(1, 9)]), signed_for), None);
            let foreign = sign(&ours, signed_for, message(8, 1234));
            assert_eq!(follow(&foreign, &ours, signed_for), None);
            assert_eq!(follow(&foreign, &keys(8, &[(1, 9)]), signed_for), None);
        }
    }

    #[test]
    fn well_known_keys_open_nothing() {
        let token = sign(&keys(7, &[(1, 9)]), Purpose::Restore, message(7, 1234));
        for known in [[0; 32], *b"00000000000000000000000000000000", [0xff; 32]] {
            let theirs = ShopKeys::new(ShopId::new(7), vec![(1, known)]).unwrap();
            assert_eq!(follow(&token, &theirs, Purpose::Restore), None);
        }
    }

    #[test]
    fn no_bit_of_a_token_can_change() {
        let ours = keys(300, &[(1, 9), (2, 8), (17, 7)]);
        let mut tried = 0;
        for id in 0..500 {
            let token = sign(&ours, Purpose::Restore, message(300, id * 7_919_113));
            let bytes = BASE64URL_NOPAD.decode(token.as_bytes()).unwrap();
            for bit in 0..bytes.len() * 8 {
                let mut flipped = bytes.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(follow(&BASE64URL_NOPAD.encode(&flipped), &ours, Purpose::Restore), None);
                tried += 1;
            }
        }
        assert!(tried >= 80_000);
    }

    #[test]
    fn a_token_tampered_with_is_no_token() {
        let ours = keys(300, &[(1, 9)]);
        let token = sign(&ours, Purpose::Restore, message(300, 1 << 40));
        let other = sign(&ours, Purpose::Restore, message(300, 2 << 40));
        let bytes = BASE64URL_NOPAD.decode(token.as_bytes()).unwrap();
        let encode = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        let check = |what: &str, text: &str| {
            assert_eq!(follow(text, &ours, Purpose::Restore), None, "{what}: {text:.80}");
        };
        assert!(follow(&token, &ours, Purpose::Restore).is_some());
        (0..token.len()).for_each(|end| check("cut", &token[..end]));
        (1..token.len()).for_each(|start| check("beheaded", &token[start..]));
        for extra in ["A", "AA", "AAAA", "=", "==", ".", "%3D", "\n", "\0", "/"] {
            check("extended", &format!("{token}{extra}"));
            check("led in", &format!("{extra}{token}"));
        }
        for (at, letter) in token.char_indices().filter(|(_, letter)| letter.is_ascii_alphabetic()) {
            let swapped =
                if letter.is_ascii_lowercase() { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() };
            check("re-cased", &format!("{}{swapped}{}", &token[..at], &token[at + 1..]));
        }
        let spliced = (1..token.len()).map(|at| format!("{}{}", &token[..at], &other[at..]));
        spliced.filter(|text| *text != token && *text != other).for_each(|text| check("spliced", &text));
        check("percent-encoded", &token.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>());
        check("without its MAC", &encode(&bytes[..bytes.len() - MAC_BYTES]));
        check("with an empty MAC", &encode(&[&bytes[..bytes.len() - MAC_BYTES], &[0; MAC_BYTES]].concat()));
        // Even with a MAC that holds: there is one version.
        for version in (0..16u8).filter(|&version| version != VERSION) {
            let signed = [&[version << 4 | 1], &bytes[1..bytes.len() - MAC_BYTES]].concat();
            let mac = ours.mac(Purpose::Restore.key_name(), &signed);
            check("of another version", &encode(&[&signed, &mac[..MAC_BYTES]].concat()));
        }
        // Shop 300 is AC 02; AC 82 00 says the same at greater length.
        let padded = [&bytes[..2], &[0x82, 0x00], &bytes[3..bytes.len() - MAC_BYTES]].concat();
        let mac = ours.mac(Purpose::Restore.key_name(), &padded);
        check("with a padded shop", &encode(&[&padded, &mac[..MAC_BYTES]].concat()));
        check("empty", "");
        check("huge", &"A".repeat(64 * 1024));
        check("other letters", "ключ🔑");
    }

    /// Texts already sent carry these: a new format needs a new version, not a new expectation.
    #[test]
    fn yesterdays_tokens_still_lead_home() {
        let ours = keys(42, &[(1, 9)]);
        let token = "ESoAAAAAB1vNFfwKIeYYjv9ARnc";
        assert_eq!(sign(&ours, Purpose::Restore, message(42, 123_456_789)), token);
        assert_eq!(follow(token, &ours, Purpose::Restore), Some(message(42, 123_456_789)));
    }

    #[test]
    fn stray_bits_at_the_end_are_refused() {
        // 20 bytes make 27 characters, the last of which has two bits to spare.
        let ours = keys(1, &[(1, 9)]);
        let token = sign(&ours, Purpose::Restore, message(1, 5));
        let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let (front, last) = token.split_at(token.len() - 1);
        let accepted: Vec<_> = letters
            .iter()
            .filter(|&&letter| follow(&format!("{front}{}", letter as char), &ours, Purpose::Restore).is_some())
            .map(|&letter| (letter as char).to_string())
            .collect();
        assert_eq!(accepted, [last]);
    }

    #[test]
    fn links_outlive_the_key_that_signed_them_until_it_is_dropped() {
        let before = keys(3, &[(1, 9), (2, 8)]);
        let token = sign(&before, Purpose::OptOut, message(3, 77));
        let during = keys(3, &[(1, 9), (2, 8), (3, 7), (18, 6)]);
        assert_eq!(follow(&token, &during, Purpose::OptOut), Some(message(3, 77)));
        let after = keys(3, &[(1, 9), (3, 7), (18, 6)]);
        assert_eq!(follow(&token, &after, Purpose::OptOut), None);
    }

    #[test]
    fn a_revoked_key_ends_what_leads_to_a_cart_and_not_what_stops_texts() {
        let generations = vec![(1, [9; 32]), (2, [8; 32]), (3, [7; 32])];
        let old = keys(3, &[(1, 9), (2, 8)]);
        let revoking = ShopKeys::with_links_from(ShopId::new(3), generations, 3).unwrap();
        for purpose in Purpose::ALL {
            let good = matches!(purpose, Purpose::OptOut | Purpose::Digest).then_some(message(3, 77));
            assert_eq!(follow(&sign(&old, purpose, message(3, 77)), &revoking, purpose), good, "{purpose:?}");
            let fresh = sign(&revoking, purpose, message(3, 77));
            assert_eq!(follow(&fresh, &revoking, purpose), Some(message(3, 77)), "{purpose:?}");
        }
    }

    #[test]
    fn people_are_sent_to_the_shops_own_hosts_only() {
        const HOSTS: &[&str] =
            &["shop.example", "bücher.example", "alt.example:8443", "", "a.example/b", "x@evil.example"];
        #[track_caller]
        fn check(stored: &str, expected: Result<&str, BadDestination>) {
            let expected = expected.map(str::to_owned);
            assert_eq!(destination(stored, HOSTS, false, None, &[]), expected, "{stored}");
        }
        use BadDestination::*;
        check(
            "https://shop.example/checkouts/1?key=k%2F1&x=#top",
            Ok("https://shop.example/checkouts/1?key=k%2F1&x=#top"),
        );
        check("HTTPS://SHOP.example", Ok("https://shop.example/"));
        check("https://shop.example:443/a", Ok("https://shop.example/a"));
        check("https://xn--bcher-kva.example/a", Ok("https://xn--bcher-kva.example/a"));
        check("https://alt.example:8443/a", Ok("https://alt.example:8443/a"));
        check("https://shop.example?a=1", Ok("https://shop.example/?a=1"));
        check(
            "https://shop.example/a?next=https://evil.example/@",
            Ok("https://shop.example/a?next=https://evil.example/@"),
        );

        check("http://shop.example/", Err(NotHttps));
        check("javascript://shop.example/%0aalert(1)", Err(NotHttps));
        check("ftp://shop.example/", Err(NotHttps));
        check("//shop.example/", Err(NotAnAddress));
        check("/checkout", Err(NotAnAddress));
        check("", Err(NotAnAddress));
        check("https:shop.example/", Err(NotAnAddress));
        check("https:///shop.example/", Err(NotAnAddress));
        check("https://shop.example\\@evil.example/", Err(NotAnAddress));
        check("https://shop.example/a\r\nSet-Cookie: a=b", Err(NotAnAddress));
        check("https://shop.example/a\tb", Err(NotAnAddress));
        check(" https://shop.example/", Err(NotAnAddress));
        check("https://shop.example/\0", Err(NotAnAddress));
        check("https://shop.example:99999/", Err(NotAnAddress));
        check("https://shop.example@evil.example/", Err(Credentials));
        check("https://user:pass@shop.example/", Err(Credentials));
        check("https://@shop.example/", Err(Credentials));
        check("https://evil.example/", Err(ForeignHost));
        check("https://shop.example.evil.example/", Err(ForeignHost));
        check("https://www.shop.example/", Err(ForeignHost));
        check("https://shop.example./", Err(ForeignHost));
        check("https://evilshop.example/", Err(ForeignHost));
        check("https://shop.example:8443/", Err(ForeignHost));
        check("https://alt.example/", Err(ForeignHost));
        check("https://a.example/b", Err(ForeignHost));
        check("https://127.0.0.1/", Err(ForeignHost));
        check(&format!("https://shop.example/{}", "a".repeat(5000)), Err(TooLong));
    }

    #[test]
    fn plain_http_is_for_shops_on_this_machine() {
        #[track_caller]
        fn check(stored: &str, hosts: &[&str], allowed: bool) {
            assert_eq!(check_destination(stored, hosts, true).is_ok(), allowed, "{stored}");
        }
        check("http://127.0.0.1:8081/cart", &["127.0.0.1:8081"], true);
        check("http://[::1]:8081/cart", &["[::1]:8081"], true);
        check("http://localhost/cart", &["localhost:80"], true);
        check("https://localhost/cart", &["localhost"], true);
        check("http://127.0.0.1:8082/cart", &["127.0.0.1:8081"], false);
        check("gopher://127.0.0.1:8081/cart", &["127.0.0.1:8081"], false);
        check("http://127.0.0.1/cart", &[], false);
    }

    #[test]
    fn parameters_are_added_and_nothing_else_moves() {
        #[track_caller]
        fn check(stored: &str, discount: Option<(&str, &str)>, tags: &[(&str, &str)], expected: &str) {
            let found = destination(stored, &["s.example"], false, discount, tags);
            assert_eq!(found.as_deref(), Ok(expected));
            // Sent twice through the same gate, it comes out the same.
            let again = destination(expected, &["s.example"], false, discount, tags);
            assert_eq!(again.as_deref().map(str::len), Ok(expected.len()));
        }
        let tags = &[("utm_source", "sms"), ("utm_campaign", "first & last")];
        check("https://s.example/c", None, &[], "https://s.example/c");
        check("https://s.example/c", None, tags, "https://s.example/c?utm_source=sms&utm_campaign=first+%26+last");
        check(
            "https://s.example/c?key=a%2Bb&list[]=1&list[]=2&flag#pay",
            Some(("discount", "SAVE 10")),
            tags,
            "https://s.example/c?key=a%2Bb&list[]=1&list[]=2&flag&discount=SAVE+10&utm_source=sms&utm_campaign=first+%26+last#pay",
        );
        check(
            "https://s.example/c?utm%5Fsource=mail&discount=OLD",
            Some(("discount", "NEW")),
            tags,
            "https://s.example/c?utm%5Fsource=mail&discount=NEW&utm_campaign=first+%26+last",
        );
        check("https://s.example/c?#f", None, &[("a", "1")], "https://s.example/c?a=1#f");
        check("https://s.example/c", Some(("d", "x#y&z=\r\n")), &[], "https://s.example/c?d=x%23y%26z%3D%0D%0A");
    }

    #[test]
    fn errors_quote_no_address() {
        let stored = "https://evil.example/checkouts/1?key=canary";
        let wrong = check_destination(stored, &["shop.example"], false).unwrap_err();
        assert!(!format!("{wrong} {wrong:?}").contains("canary"));
    }

    proptest! {
        #[test]
        fn what_is_signed_is_followed(shop in 0i64.., id: i64, newest in 2u32.., which in 0usize..3) {
            let ours = keys(shop, &[(1, 9), (newest, 8)]);
            let purpose = Purpose::ALL[which];
            let token = sign(&ours, purpose, message(shop, id));
            let longest = if shop < 1 << 14 { 28 } else { TOKEN_CHARS_MAX };
            prop_assert!(token.len() <= longest);
            let read = parse(&token).unwrap();
            prop_assert_eq!(read.shop(), ShopId::new(shop));
            prop_assert_eq!(read.verify(&ours, purpose), Some(message(shop, id)));
        }

        #[test]
        fn text_never_panics(text in ".{0,60}") {
            prop_assert_eq!(follow(&text, &keys(1, &[(1, 9)]), Purpose::Restore), None);
            let _ = destination(&text, &[&text, "s.example"], true, Some((&text, &text)), &[(&text, &text)]);
        }

        #[test]
        fn a_destination_stays_on_its_host(tail in "[ -~é]{0,40}", value in ".{0,20}") {
            let stored = format!("https://s.example{tail}");
            if let Ok(found) = destination(&stored, &["s.example"], false, Some(("d", &value)), &[("t", &value)]) {
                let found = Url::parse(&found).unwrap();
                prop_assert_eq!(found.host_str(), Some("s.example"));
                prop_assert_eq!(found.scheme(), "https");
                prop_assert!(found.query_pairs().any(|(name, known)| name == "d" && known == value.as_str()));
            }
        }
    }
}
