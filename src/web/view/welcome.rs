//! Welcome: the page a one-time link leads to, for choosing name, e-mail address and password.

use askama::Template;

use super::words::{filters, say, t};
use crate::domain::password::{CHARS_MAX, CHARS_MIN};

#[derive(Clone, Debug, Template)]
#[template(path = "page/welcome.html")]
pub struct Welcome {
    pub name: String,
    pub email: String,
    /// Nobody chose a password here yet; otherwise it is a forgotten one.
    pub is_new: bool,
    /// What was wrong with what was typed, each a sentence.
    pub problems: Vec<String>,
}

impl Welcome {
    pub fn answer(&self) -> String {
        match (self.problems.len(), self.is_new) {
            (0, true) => t("1 step left: choose how you sign in from now on.").to_owned(),
            (0, false) => t("1 step left: choose a new password.").to_owned(),
            (1, _) => t("1 thing is not right yet.").to_owned(),
            (many, _) => say("{count} things are not right yet.", &[("count", &many)]),
        }
    }

    pub fn hint(&self) -> String {
        say(
            "{least} to {most} characters. A few words that do not belong together are good and easy to keep.",
            &[("least", &CHARS_MIN), ("most", &CHARS_MAX)],
        )
    }
}
