//! Strangers: who tries links that are not ours, and how often in this minute. Bounded in memory, forgotten by the minute,
//! never written down.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::Mutex,
};

use actix_web::{HttpRequest, http::header::HeaderName};

use crate::domain::time::Time;

/// Links that are not ours, per address and minute.
const TRIES_MAX: u32 = 20;
/// Addresses remembered; more of them in one minute are let through.
const ADDRESSES_MAX: usize = 10_000;

#[derive(Default)]
pub struct Strangers(Mutex<Minute>);

#[derive(Default)]
struct Minute {
    number: i64,
    tries: HashMap<IpAddr, u32>,
}

impl Strangers {
    /// Whether this address has had its tries.
    pub fn is_tired(&self, who: IpAddr, now: Time) -> bool {
        self.minute(now, |minute| minute.tries.get(&who).is_some_and(|&tries| tries >= TRIES_MAX))
    }

    /// Notes that its link was none of ours.
    pub fn note(&self, who: IpAddr, now: Time) {
        self.minute(now, |minute| {
            if minute.tries.len() < ADDRESSES_MAX || minute.tries.contains_key(&who) {
                *minute.tries.entry(who).or_default() += 1;
            }
        });
    }

    fn minute<T>(&self, now: Time, act: impl FnOnce(&mut Minute) -> T) -> T {
        let mut minute = self.0.lock().unwrap_or_else(|broken| broken.into_inner());
        let number = now.seconds() / 60;
        if minute.number != number {
            *minute = Minute { number, tries: HashMap::new() };
        }
        act(&mut minute)
    }
}

/// Who asks: an IPv4 address or the /64 of an IPv6 one. A peer on this machine or in a private network is taken for our
/// own reverse proxy, and the last address it added to `X-Forwarded-For` is believed.
pub fn who(request: &HttpRequest) -> IpAddr {
    let peer = request.peer_addr().map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |address| address.ip());
    let forwarded = request.headers().get_all(HeaderName::from_static("x-forwarded-for")).last();
    let forwarded = forwarded
        .and_then(|value| value.to_str().ok())
        .and_then(|list| list.rsplit(',').next()?.trim().parse::<IpAddr>().ok());
    network(forwarded.filter(|_| is_near(peer)).unwrap_or(peer))
}

fn is_near(peer: IpAddr) -> bool {
    match peer.to_canonical() {
        IpAddr::V4(peer) => peer.is_loopback() || peer.is_private(),
        IpAddr::V6(peer) => peer.is_loopback() || peer.is_unique_local(),
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
            assert_eq!(who(&request.to_http_request()), expected.parse::<IpAddr>().unwrap());
        }
        check("203.0.113.7:1000", None, "203.0.113.7");
        // A stranger may write what it likes; only the near proxy is believed.
        check("203.0.113.7:1000", Some("198.51.100.1"), "203.0.113.7");
        check("127.0.0.1:1000", Some("198.51.100.1, 198.51.100.2"), "198.51.100.2");
        check("10.1.2.3:1000", Some("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        check("127.0.0.1:1000", Some("unknown"), "127.0.0.1");
        check("[2001:db8:1:2:aaaa::1]:5", None, "2001:db8:1:2::");
        check("[::ffff:203.0.113.7]:5", None, "203.0.113.7");
    }
}
