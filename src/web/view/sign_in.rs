//! Signing in by a link that works once. Opening it changes nothing (previews open links); the button does.

use askama::Template;

use super::format;
use crate::domain::time::MINUTE;

#[derive(Clone, Debug, Template)]
#[template(path = "page/sign_in.html")]
pub struct SignIn {
    pub state: State,
    /// How to make a link: `cartback user link ana@example.com`.
    pub link_command: String,
    /// For how many minutes a link works.
    pub minutes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nobody is signed in and no link was opened.
    Ask,
    /// A good link: `POST` to it signs in.
    Ready {
        token: String,
    },
    Expired,
    Used,
    /// Not a link of ours, or cut short on its way.
    Unknown,
}

impl SignIn {
    pub fn answer(&self) -> String {
        let long = format::span(MINUTE * u32::try_from(self.minutes).unwrap_or(u32::MAX));
        match &self.state {
            State::Ask => format!("You sign in with a link that works once, for {long}."),
            State::Ready { .. } => "1 step left: sign in.".to_owned(),
            State::Expired => format!("This link is older than {long} and no longer works."),
            State::Used => "This link was used once already and works only once.".to_owned(),
            State::Unknown => "This is not a whole sign-in link.".to_owned(),
        }
    }
}
