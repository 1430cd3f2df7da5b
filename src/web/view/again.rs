//! Again: asks somebody who is signed in to prove that it is still them, before something dangerous.

use std::time::Duration;

use askama::Template;

use super::{
    sign_in::shown,
    words::{filters, say, t},
};

#[derive(Clone, Debug, Template)]
#[template(path = "page/again.html")]
pub struct Again {
    /// Where the form leads.
    pub to: String,
    /// What was typed before, sealed; "" when nothing was.
    pub carried: String,
    /// Whose password it is, for who keeps it.
    pub email: String,
    pub asks_password: bool,
    pub asks_code: bool,
    /// They came by a one-time link and may choose a password first.
    pub may_choose: bool,
    pub refusal: Refusal,
}

/// Why the proof before this page was none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There was none yet.
    None,
    Wrong,
    /// Too many were wrong; how long the next one waits.
    Wait(Duration),
}

impl Again {
    pub fn answer(&self) -> String {
        match self.refusal {
            Refusal::None => t("1 step left: show that it is still you.").to_owned(),
            Refusal::Wrong => t("This was not right. Try once more.").to_owned(),
            Refusal::Wait(wait) => say("Too many were wrong: come back in {span}.", &[("span", &shown(wait))]),
        }
    }
}
