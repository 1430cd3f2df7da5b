//! Host names as a shopkeeper types them into a setting: `shop.example`, or a pasted `https://shop.example/`. Decides
//! what counts as one; never looks a name up and never decides whether a link may be followed.

use url::{Host, Url};

/// The host names of a list typed with commas or one a line: lower case, each once. What is not one is left out.
pub fn read(setting: &str) -> Vec<String> {
    let mut hosts = Vec::new();
    for host in parts(setting).filter_map(host) {
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    hosts
}

/// For `Field::check`: exactly one host name.
pub fn check_one(value: &str) -> Result<(), &'static str> {
    match parts(value).collect::<Vec<_>>().as_slice() {
        [one] if host(one).is_some() => Ok(()),
        _ => Err("be one host name, such as shop.example"),
    }
}

/// For `Field::check`: host names with commas between them.
pub fn check_list(value: &str) -> Result<(), &'static str> {
    let mut all = parts(value).peekable();
    if all.peek().is_some() && all.all(|part| host(part).is_some()) {
        Ok(())
    } else {
        Err("be host names with commas between them, such as shop.example, checkout.shop.example")
    }
}

fn parts(setting: &str) -> impl Iterator<Item = &str> {
    setting.split([',', '\n']).map(str::trim).filter(|part| !part.is_empty())
}

/// One host name with a dot in it. A path, a port or a password would promise more than a host can hold.
fn host(typed: &str) -> Option<String> {
    let bare = typed.strip_prefix("https://").unwrap_or(typed);
    let bare = bare.strip_suffix('/').unwrap_or(bare);
    let url = Url::parse(&format!("https://{bare}/")).ok()?;
    let Host::Domain(name) = url.host()? else { return None };
    let plain = url.path() == "/" && url.port().is_none() && url.username().is_empty() && url.password().is_none();
    let whole = url.query().is_none() && url.fragment().is_none();
    let known = name.contains('.') && !name.starts_with('.') && !name.ends_with('.') && !name.contains('*');
    (plain && whole && known).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_as_people_type_them() {
        #[track_caller]
        fn check(typed: &str, expected: &[&str]) {
            assert_eq!(read(typed), expected, "{typed}");
            assert_eq!(check_list(typed).is_ok(), !expected.is_empty(), "{typed}");
        }
        check("shop.example", &["shop.example"]);
        check("https://Shop.example/", &["shop.example"]);
        check("shop.example, pay.shop.example\nshop.example", &["shop.example", "pay.shop.example"]);
        check("möbel.example", &["xn--mbel-5qa.example"]);
        for wrong in ["", "shop", "http://shop.example", "shop.example/path", "shop.example:8443", "a@shop.example"] {
            check(wrong, &[]);
        }
        for wrong in ["192.0.2.1", "[::1]", "*.shop.example", "shop.example?x", "shop example", ".example", "a.b."] {
            check(wrong, &[]);
        }
        assert!(check_list("shop.example, nonsense").is_err());
        assert!(check_one("shop.example, pay.shop.example").is_err());
        assert!(check_one("lumen-and-oak.myshopify.com").is_ok());
    }
}
