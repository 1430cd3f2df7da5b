//! Search: what somebody typed to find a person, on its way from a form to a page. People's numbers and addresses stand in
//! no address of ours, for browsers, proxies and logs keep those (OWASP ASVS 14.2.1): a form posts them, and the page it
//! leads to is asked for by a value that only the shop's key opens.

use data_encoding::BASE64URL_NOPAD;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    domain::seal::{Place, ShopKeys},
    web::problem::Problem,
};

const PLACE: Place = Place { table: "page", column: "search", row: 0 };

/// For an address. The same words look the same.
pub fn sealed<T: Serialize>(keys: &ShopKeys, typed: &T) -> Result<String, Problem> {
    let sealed = keys.seal_json(PLACE, typed).map_err(|why| Problem::Broken(why.to_string()))?;
    Ok(BASE64URL_NOPAD.encode(&sealed))
}

/// What was typed; `None` for what this shop's key did not seal.
pub fn opened<T: DeserializeOwned>(keys: &ShopKeys, sealed: &str) -> Option<T> {
    let sealed = BASE64URL_NOPAD.decode(sealed.as_bytes()).ok()?;
    keys.open_json(PLACE, &sealed).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::ShopId;

    #[test]
    fn only_the_shop_itself_reads_what_was_typed() {
        let keys = |shop, seed| ShopKeys::new(ShopId::new(shop), vec![(1, [seed; 32])]).unwrap();
        let name = sealed(&keys(1, 9), &"mara@shopper.example").unwrap();
        assert!(
            !name.contains("mara") && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)),
            "{name}"
        );
        assert_eq!(opened::<String>(&keys(1, 9), &name).as_deref(), Some("mara@shopper.example"));
        for (keys, name) in [(keys(2, 9), &*name), (keys(1, 8), &name), (keys(1, 9), "mara"), (keys(1, 9), "")] {
            assert_eq!(opened::<String>(&keys, name), None);
        }
    }
}
