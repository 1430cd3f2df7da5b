//! Signing in: by e-mail and password, or by a link that works once. Opening a link changes nothing (previews open
//! links); the button does.

use std::time::Duration;

use askama::Template;

use super::{
    format,
    words::{filters, say, t},
};
use crate::domain::time::MINUTE;

/// A wait, rounded up to what people count in: seconds below a minute, minutes above.
pub fn shown(wait: Duration) -> String {
    let seconds = wait.as_millis().div_ceil(1_000) as u64;
    match seconds {
        0..60 => format::number_of(seconds, "second", "seconds"),
        _ => format::number_of(seconds.div_ceil(60), "minute", "minutes"),
    }
}

#[derive(Clone, Debug, Template)]
#[template(path = "page/sign_in.html")]
pub struct SignIn {
    pub state: State,
    /// As typed, after it was wrong.
    pub email: String,
    /// How to make a link: `cartback user link`.
    pub link_command: String,
    /// For how many minutes a link works.
    pub minutes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nobody is signed in and no link was opened.
    Ask {
        /// Whether anybody chose a password yet.
        with_password: bool,
    },
    /// E-mail or password is wrong; which of them is nobody's business.
    Wrong,
    /// Too many wrong passwords for this account; how long the next one waits.
    Shut {
        wait: Duration,
    },
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
            State::Ask { with_password: true } => t("Sign in").to_owned(),
            State::Ask { with_password: false } => {
                say("You sign in with a link that works once, for {span}.", &[("span", &long)])
            }
            State::Wrong => t("This e-mail address and password do not go together.").to_owned(),
            State::Shut { wait } => {
                say("Too many wrong passwords for this address: come back in {span}.", &[("span", &shown(*wait))])
            }
            State::Ready { .. } => t("1 step left: sign in.").to_owned(),
            State::Expired => say("This link is older than {span} and no longer works.", &[("span", &long)]),
            State::Used => t("This link was used once already and works only once.").to_owned(),
            State::Unknown => t("This is not a whole sign-in link.").to_owned(),
        }
    }

    /// Whether the page's own address signs somebody in.
    pub fn is_ready(&self) -> bool {
        matches!(self.state, State::Ready { .. })
    }

    /// Whether e-mail and password can be typed here.
    pub fn has_form(&self) -> bool {
        matches!(self.state, State::Ask { with_password: true } | State::Wrong | State::Shut { .. })
    }

    /// Whether a code of a second proof is asked for beside the password.
    pub fn asks_code(&self) -> bool {
        matches!(self.state, State::Shut { .. })
    }

    /// Whether a link was opened and is not good.
    pub fn is_about_a_link(&self) -> bool {
        matches!(self.state, State::Expired | State::Used | State::Unknown)
    }
}

/// Asks whoever gave the first proof for the second.
#[derive(Clone, Debug, Template)]
#[template(path = "page/sign_in_second.html")]
pub struct SignInSecond {
    pub asked: Asked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Code,
    /// The one before was wrong.
    Again,
    /// Too many were; how long the next one waits.
    Wait(Duration),
}

impl SignInSecond {
    pub fn answer(&self) -> String {
        match self.asked {
            Asked::Code => t("1 step left: the code from your app.").to_owned(),
            Asked::Again => {
                t("This code is not right, or it was used already. Wait for the next one and type that.").to_owned()
            }
            Asked::Wait(wait) => say("Too many wrong codes: come back in {span}.", &[("span", &shown(wait))]),
        }
    }
}
