//! Pages shoppers see: opting out, and a link that no longer leads anywhere. They say nothing personal, not even
//! whether a number is known.

use askama::Template;

use super::words::{self, filters};

#[derive(Clone, Debug, Template)]
#[template(path = "page/opt_out.html")]
pub struct OptOut {
    pub shop: String,
    /// Of the shop; "" when not known.
    pub home_url: String,
    pub token: String,
    pub state: OptOutState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptOutState {
    Ask,
    Done,
    /// Not a link of ours, or cut short on its way. `shop` may be "".
    Unknown,
}

impl OptOut {
    pub fn asks(&self) -> bool {
        self.state == OptOutState::Ask
    }

    pub fn is_done(&self) -> bool {
        self.state == OptOutState::Done
    }

    /// Only a web address is linked to, whatever the store holds.
    pub fn home(&self) -> Option<&str> {
        web_address(&self.home_url)
    }
}

/// A recovery link whose cart was bought, expired or erased, or that is not one of ours.
#[derive(Clone, Debug, Template)]
#[template(path = "page/link_gone.html")]
pub struct LinkGone {
    /// "" when not even the shop is known.
    pub shop: String,
    pub home_url: String,
}

impl LinkGone {
    pub fn home(&self) -> Option<&str> {
        web_address(&self.home_url)
    }
}

fn web_address(url: &str) -> Option<&str> {
    Some(url).filter(|url| url.starts_with("https://") || url.starts_with("http://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_addresses_are_linked() {
        assert_eq!(web_address("https://acme.example"), Some("https://acme.example"));
        assert_eq!(web_address("javascript:alert(1)"), None);
        assert_eq!(web_address(""), None);
    }
}
