//! Strangers: who tries links that are not ours, and how often in this minute. Bounded in memory, forgotten by the minute,
//! never written down.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, Once},
};

use actix_web::{HttpRequest, http::header::HeaderName, web::Data};
use ipnet::IpNet;

use super::State;
use crate::{config::proxies, domain::time::Time};

/// Links that are not ours, per address and minute.
const TRIES_MAX: u32 = 20;
/// From all addresses together in one minute: nobody mistypes so often, somebody guesses.
const GUESSED: u32 = 1_000;
/// Addresses remembered; more of them in one minute are let through.
const ADDRESSES_MAX: usize = 10_000;

#[derive(Default)]
pub struct Strangers(Mutex<Minute>);

#[derive(Default)]
struct Minute {
    number: i64,
    tries: HashMap<IpAddr, u32>,
    all: u32,
}

impl Strangers {
    /// Whether this address has had its tries.
    pub fn is_tired(&self, who: IpAddr, now: Time) -> bool {
        self.minute(now, |minute| minute.tries.get(&who).is_some_and(|&tries| tries >= TRIES_MAX))
    }

    /// Notes that its link was none of ours; says so to whoever runs the house when there are very many.
    pub fn note(&self, who: IpAddr, now: Time) {
        metrics::counter!("cartback_links_unknown_total").increment(1);
        let all = self.minute(now, |minute| {
            minute.all = minute.all.saturating_add(1);
            if minute.tries.len() < ADDRESSES_MAX || minute.tries.contains_key(&who) {
                *minute.tries.entry(who).or_default() += 1;
            }
            minute.all
        });
        // Once a minute, however many follow.
        if all == GUESSED {
            tracing::warn!(links = all, "somebody guesses links: so many of this minute were none of ours");
        }
    }

    fn minute<T>(&self, now: Time, act: impl FnOnce(&mut Minute) -> T) -> T {
        let mut minute = self.0.lock().unwrap_or_else(|broken| broken.into_inner());
        let number = now.seconds() / 60;
        if minute.number != number {
            *minute = Minute { number, ..Minute::default() };
        }
        act(&mut minute)
    }
}

/// Who asks: an IPv4 address or the /64 of an IPv6 one. `X-Forwarded-For` is anybody's to write: it is believed of the
/// proxies that the settings name (without any: of those on this machine), and only the last address in it that is none
/// of them.
pub fn who(request: &HttpRequest) -> IpAddr {
    match request.app_data::<Data<State>>() {
        Some(state) => who_behind(&state.proxies, request),
        None => who_behind(&proxies::on_this_machine(), request),
    }
}

fn who_behind(proxies: &[IpNet], request: &HttpRequest) -> IpAddr {
    let is_ours = |address: &IpAddr| proxies.iter().any(|proxy| proxy.contains(&address.to_canonical()));
    let mut who = request.peer_addr().map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |address| address.ip());
    let sent: Vec<&str> = request
        .headers()
        .get_all(HeaderName::from_static("x-forwarded-for"))
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .collect();
    if !sent.is_empty() && !is_ours(&who) {
        name_once(who);
    }
    for address in sent.iter().rev() {
        let Some(address) = address.trim().parse().ok().filter(|_| is_ours(&who)) else { break };
        who = address;
    }
    network(who)
}

/// A proxy nobody named makes one stranger of all people behind it: whoever runs the house should know.
fn name_once(peer: IpAddr) {
    static NAMED: Once = Once::new();
    let is_near = match peer.to_canonical() {
        IpAddr::V4(peer) => peer.is_private(),
        IpAddr::V6(peer) => peer.is_unique_local(),
    };
    if is_near {
        NAMED.call_once(|| {
            tracing::warn!(%peer, "X-Forwarded-For is not believed: if this is your proxy, name it in trusted_proxies");
        });
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn twenty_tries_a_minute() {
        let (strangers, now) = (Strangers::default(), Time::from_seconds(600));
        let (one, other) = ("203.0.113.7".parse().unwrap(), "203.0.113.8".parse().unwrap());
        for _ in 0..TRIES_MAX {
            assert!(!strangers.is_tired(one, now));
            strangers.note(one, now);
        }
        assert!(strangers.is_tired(one, now));
        assert!(!strangers.is_tired(other, now));
        assert!(!strangers.is_tired(one, Time::from_seconds(660)));
    }

    #[test]
    fn memory_is_bounded() {
        let (strangers, now) = (Strangers::default(), Time::from_seconds(600));
        for number in 0..ADDRESSES_MAX as u32 + 500 {
            strangers.note(IpAddr::from(number.to_be_bytes()), now);
        }
        assert_eq!(strangers.0.lock().unwrap().tries.len(), ADDRESSES_MAX);
    }

    #[test]
    fn an_address_is_that_of_the_client() {
        #[track_caller]
        fn check(peer: &str, forwarded: Option<&str>, expected: &str) {
            let mut request = TestRequest::default().peer_addr(peer.parse().unwrap());
            if let Some(forwarded) = forwarded {
                request = request.insert_header(("x-forwarded-for", forwarded));
            }
            let proxies = ["127.0.0.0/8", "10.1.0.0/16", "2001:db8:9::1/128"].map(|it| it.parse().unwrap());
            assert_eq!(who_behind(&proxies, &request.to_http_request()), expected.parse::<IpAddr>().unwrap());
        }
        check("203.0.113.7:1000", None, "203.0.113.7");
        // A stranger may write what it likes, and so may a machine next to us that is no proxy of ours.
        check("203.0.113.7:1000", Some("198.51.100.1"), "203.0.113.7");
        check("10.2.0.1:1000", Some("198.51.100.1"), "10.2.0.1");
        check("192.168.0.9:1000", Some("198.51.100.1"), "192.168.0.9");
        // One proxy behind another: the last address that is none of them, whatever stands before it.
        check("127.0.0.1:1000", Some("1.2.3.4, 198.51.100.1, 10.1.0.7"), "198.51.100.1");
        check("127.0.0.1:1000", Some("198.51.100.1, 10.2.0.7"), "10.2.0.7");
        check("127.0.0.1:1000", Some("198.51.100.1, [::1]:80, 10.1.0.7"), "10.1.0.7");
        check("[2001:db8:9::1]:1000", Some("198.51.100.1"), "198.51.100.1");
        check("127.0.0.1:1000", Some("198.51.100.1, 198.51.100.2"), "198.51.100.2");
        check("10.1.2.3:1000", Some("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        check("127.0.0.1:1000", Some("unknown"), "127.0.0.1");
        check("[2001:db8:1:2:aaaa::1]:5", None, "2001:db8:1:2::");
        check("[::ffff:203.0.113.7]:5", None, "203.0.113.7");
    }
}
