//! Under which name texts are counted together: a block of neighbouring numbers, a network. The names are personal data
//! still; the store keeps only their keyed hash.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::domain::phone::Phone;

/// The digits a buyer of numbers gets in one piece: ten thousand neighbours (reliability.md 3H, source 55).
const TAIL_DIGITS: usize = 4;

/// The number without its last four digits. A number that short is a block of its own.
pub fn prefix_key(phone: &Phone) -> String {
    let digits = phone.digits();
    match digits.len().checked_sub(TAIL_DIGITS) {
        None | Some(0) => digits.to_owned(),
        Some(end) => digits.get(..end).unwrap_or(digits).to_owned(),
    }
}

/// The network a cart came from: the /24 of an IPv4 address, the /64 of an IPv6 one. Whoever holds one address of a
/// network mostly holds its neighbours too, and an address lies in its network, so that one counter bounds both.
///
/// `None` for what is no public address: a proxy that does not tell would make one shopper of all.
pub fn ip_key(ip: &str) -> Option<String> {
    match ip.trim().parse::<IpAddr>().ok()?.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            is_public(address).then(|| format!("{a}.{b}.{c}.0/24"))
        }
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            is_public_v6(address).then(|| format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)))
        }
    }
}

/// RFC 6890 for what is of use here; 100.64.0.0/10 is what carriers put many homes behind (RFC 6598).
fn is_public(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    let shared = a == 100 && (64..128).contains(&b);
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_unspecified()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast()
        || shared
        || a == 0
        || a >= 240)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // 2001:db8::/32 is for books (RFC 3849).
    let for_books = matches!(address.segments(), [0x2001, 0xdb8, ..]);
    !(for_books
        || address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        || address.is_unique_local()
        || address.is_unicast_link_local())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn neighbours_share_a_prefix() {
        #[track_caller]
        fn check(e164: &str, expected: &str) {
            assert_eq!(prefix_key(&Phone::restored(e164.to_owned())), expected, "{e164}");
        }
        check("+38641234567", "3864123");
        check("+38641239999", "3864123");
        check("+38641240000", "3864124");
        check("+6907", "6907");
        check("+69071", "6");
        check("", "");
    }

    #[test]
    fn an_address_is_counted_by_its_network() {
        #[track_caller]
        fn check(ip: &str, expected: Option<&str>) {
            assert_eq!(ip_key(ip).as_deref(), expected, "{ip}");
        }
        check("93.184.216.34", Some("93.184.216.0/24"));
        check(" 93.184.216.255 ", Some("93.184.216.0/24"));
        check("93.184.217.34", Some("93.184.217.0/24"));
        check("::ffff:93.184.216.34", Some("93.184.216.0/24"));
        check("2606:2800:220:1:248:1893:25c8:1946", Some("2606:2800:220:1::/64"));
        check("2606:2800:220:1::7", Some("2606:2800:220:1::/64"));
        check("2606:2800:220:2::7", Some("2606:2800:220:2::/64"));
        for inside in ["10.0.0.1", "192.168.1.1", "172.16.0.9", "127.0.0.1", "169.254.1.1", "100.64.0.1", "0.0.0.0"] {
            check(inside, None);
        }
        for inside in [
            "::1",
            "::",
            "2001:db8::1",
            "192.0.2.10",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "255.255.255.255",
            "::ffff:10.0.0.1",
        ] {
            check(inside, None);
        }
        for none in ["", "localhost", "1.2.3", "1.2.3.4, 5.6.7.8", "1.2.3.4:80"] {
            check(none, None);
        }
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in ".{0,40}") {
            let _ = ip_key(&text);
            let _ = prefix_key(&Phone::restored(text));
        }
    }
}
