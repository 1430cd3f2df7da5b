//! Members of the team: what each may do, at which shops, and under which address they sign in. Whether somebody may is
//! asked in one place of the web (`web::gate`); what it means is said here.

use std::{collections::BTreeSet, fmt};

use super::id::ShopId;

/// What a person may do at the shops within their reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Everything, the house itself included: team, gateways of the house, the kill switch, the whole audit log.
    Owner,
    /// Changes what belongs to their shops.
    Manager,
    /// Looks, and changes nothing.
    Analyst,
}

impl Role {
    pub const ALL: [Role; 3] = [Role::Owner, Role::Manager, Role::Analyst];

    pub fn name(self) -> &'static str {
        match self {
            Role::Owner => "owner",
            Role::Manager => "manager",
            Role::Analyst => "analyst",
        }
    }

    pub fn by_name(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.name() == name)
    }

    pub fn may_change(self) -> bool {
        self != Role::Analyst
    }
}

/// The shops a person may see. What is out of reach does not exist for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Every shop, those to come as well, and what belongs to no shop.
    Every,
    These(BTreeSet<ShopId>),
}

impl Reach {
    pub fn has(&self, shop: ShopId) -> bool {
        match self {
            Reach::Every => true,
            Reach::These(shops) => shops.contains(&shop),
        }
    }
}

/// An e-mail address to sign in with: trimmed and in lower case, so that one person has one.
#[derive(Clone, PartialEq, Eq)]
pub struct Email(String);

/// Bytes an address may have (RFC 5321, 4.5.3.1.3, less its brackets).
const EMAIL_BYTES_MAX: usize = 254;

impl Email {
    /// Only the form is looked at: something, an at sign, a domain with a dot. `None` for anything else.
    pub fn parse(typed: &str) -> Option<Email> {
        let text = typed.trim().to_lowercase();
        let (name, domain) = text.rsplit_once('@')?;
        let plain = |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c.is_control());
        let labels = domain.split('.').all(|label| !label.is_empty());
        let good = plain(name) && plain(domain) && !name.contains('@') && domain.contains('.') && labels;
        (good && text.len() <= EMAIL_BYTES_MAX).then_some(Email(text))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Never in a log by mistake.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(…)")
    }
}

/// The longest name, in characters.
pub const NAME_CHARS_MAX: usize = 60;

/// A name as it is kept: one line, trimmed. `None` when it is empty or too long.
pub fn name(typed: &str) -> Option<String> {
    let name = typed.split_whitespace().collect::<Vec<_>>().join(" ");
    let good = !name.is_empty() && name.chars().count() <= NAME_CHARS_MAX && !name.contains(char::is_control);
    good.then_some(name)
}

/// Languages the dashboard speaks (BCP 47).
pub const LANGUAGES: [&str; 3] = ["en", "de", "es"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_by_their_form() {
        #[track_caller]
        fn check(typed: &str, expected: Option<&str>) {
            assert_eq!(Email::parse(typed).as_ref().map(Email::as_str), expected, "{typed:?}");
        }
        check(" Ana@Example.com ", Some("ana@example.com"));
        check("ana+shop@mail.example.co.uk", Some("ana+shop@mail.example.co.uk"));
        for bad in ["", "ana", "ana@", "@example.com", "ana@example", "a b@example.com", "a@b@example.com", "a@.com"] {
            check(bad, None);
        }
        check(&format!("{}@example.com", "a".repeat(250)), None);
        assert!(!format!("{:?}", Email::parse("ana@example.com")).contains("ana"));
    }

    #[test]
    fn reach_is_every_shop_or_these() {
        let one = Reach::These([ShopId::new(1)].into());
        assert!(one.has(ShopId::new(1)) && !one.has(ShopId::new(2)) && !one.has(ShopId::HOUSE));
        assert!(Reach::Every.has(ShopId::new(2)) && Reach::Every.has(ShopId::HOUSE));
    }

    #[test]
    fn roles_are_read_as_they_are_written() {
        for role in Role::ALL {
            assert_eq!(Role::by_name(role.name()), Some(role));
        }
        assert_eq!(Role::by_name("admin"), None);
        assert_eq!(Role::ALL.map(Role::may_change), [true, true, false]);
    }

    #[test]
    fn names_are_one_line() {
        assert_eq!(name("  Ana \n Novak ").as_deref(), Some("Ana Novak"));
        assert_eq!(name(" \t"), None);
        assert_eq!(name(&"a".repeat(NAME_CHARS_MAX + 1)), None);
    }
}
