//! Reverse proxies whose word on where a request came from is taken. Whom to believe when nobody says: only what runs on
//! this machine itself. What is merely near may be anybody: a container's network hands strangers on under an address of
//! its own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net};

pub fn on_this_machine() -> Vec<IpNet> {
    let four = Ipv4Net::new_assert(Ipv4Addr::LOCALHOST, 8).trunc();
    vec![four.into(), IpAddr::from(Ipv6Addr::LOCALHOST).into()]
}

/// Addresses and networks, separated by commas or spaces. An error ends the phrase "… must ".
pub fn read(text: &str) -> Result<Vec<IpNet>, String> {
    let network = |word: &str| word.parse::<IpNet>().ok().or_else(|| word.parse::<IpAddr>().ok().map(IpNet::from));
    let words = text.split([',', ' ']).filter(|word| !word.is_empty());
    let all: Option<Vec<IpNet>> = words.map(network).collect();
    all.ok_or_else(|| "be addresses or networks separated by commas, as in 10.0.0.2, 172.18.0.0/16".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_addresses_or_networks() {
        let told = |text: &str| read(text).map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
        assert_eq!(told("10.0.0.2, 172.18.0.0/16,::1"), Ok("10.0.0.2/32 172.18.0.0/16 ::1/128".to_owned()));
        assert_eq!(told(""), Ok(String::new()));
        assert!(told("everybody").unwrap_err().starts_with("be addresses"));
        assert!(on_this_machine().iter().any(|net| net.contains(&IpAddr::from([127, 9, 9, 9]))));
        assert!(!on_this_machine().iter().any(|net| net.contains(&IpAddr::from([10, 0, 0, 1]))));
    }
}
