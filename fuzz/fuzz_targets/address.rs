//! Addresses: where people are sent, whom we call, what a page and a network are called. The first word is an address or a
//! host, the rest is a second one.
#![no_main]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use cartback::{
    domain::{link, risk, site_event},
    http,
    smpp::Bind,
};
use libfuzzer_sys::fuzz_target;

const HOSTS: &[&str] = &["shop.example.com", "shop.example.com:8443", "bücher.example", "localhost"];

fuzz_target!(|text: &str| {
    let (address, other) = text.split_once(' ').unwrap_or((text, ""));
    for (allow_http, hosts) in [(false, HOSTS), (true, HOSTS), (true, &[other])] {
        let Ok(read) = link::check_destination(address, hosts, allow_http) else { continue };
        assert!(read.scheme() == "https" || allow_http && read.scheme() == "http");
        assert!(read.username().is_empty() && read.password().is_none() && read.host_str().is_some());
        let tags = [("utm_source", other), ("a b&c", "d=e#f")];
        let sent = link::destination(address, hosts, allow_http, Some(("discount", other)), &tags).expect("the same");
        let sent = url::Url::parse(&sent).expect("an address");
        assert_eq!(
            (sent.host_str(), sent.port(), sent.path(), sent.fragment(), sent.scheme()),
            (read.host_str(), read.port(), read.path(), read.fragment(), read.scheme())
        );
        assert_eq!(
            sent.query_pairs().filter(|(name, value)| name == "discount" && value == other).count(),
            1,
            "{text:?}"
        );
    }
    if let Ok(url) = url::Url::parse(address)
        && http::check_public(&url).is_ok()
    {
        assert_eq!(url.scheme(), "https");
        let literal = url.host_str().and_then(|host| host.trim_matches(['[', ']']).parse::<IpAddr>().ok());
        assert!(literal.is_none_or(http::is_public));
    }
    if let Ok(ip) = address.parse::<IpAddr>() {
        networks(ip);
    }
    let bytes: Vec<u8> = text.bytes().chain([0; 16]).take(16).collect();
    if let Ok(octets) = <[u8; 16]>::try_from(bytes) {
        networks(IpAddr::V6(Ipv6Addr::from(octets)));
        networks(IpAddr::V4(Ipv4Addr::from([octets[0], octets[1], octets[2], octets[3]])));
    }
    let _ = risk::ip_key(address);
    let _ = Bind::of(&http::Request::get(address).header("smpp-system-id", other));
    assert!(site_event::country(text).len() <= 2);
    let visit = site_event::Visit::of(other, address, &["shop.example.com".to_owned()]);
    assert!([&visit.source, &visit.medium, &visit.campaign].iter().all(|word| word.chars().count() <= 80));
    let _ = site_event::channel(&visit.source, &visit.medium);
});

/// IPv4 is what it is, however IPv6 carries it.
fn networks(ip: IpAddr) {
    let public = http::is_public(ip);
    if let IpAddr::V4(v4) = ip {
        assert_eq!(http::is_public(IpAddr::V6(v4.to_ipv6_mapped())), public, "{v4}");
        let octets = v4.octets();
        let nat64 = Ipv6Addr::new(
            0x64,
            0xff9b,
            0,
            0,
            0,
            0,
            u16::from_be_bytes([octets[0], octets[1]]),
            u16::from_be_bytes([octets[2], octets[3]]),
        );
        assert_eq!(http::is_public(IpAddr::V6(nat64)), public, "{nat64}");
        let inward = v4.is_private()
            || v4.is_loopback()
            || v4.is_link_local()
            || v4.is_unspecified()
            || v4.is_broadcast()
            || v4.is_multicast()
            || v4.is_documentation();
        assert!(!(public && inward), "{v4}");
    }
    if let IpAddr::V6(v6) = ip {
        let inward = v6.is_loopback()
            || v6.is_unspecified()
            || v6.is_multicast()
            || v6.is_unique_local()
            || v6.is_unicast_link_local();
        assert!(!(public && inward), "{v6}");
    }
}
