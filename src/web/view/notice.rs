//! A notice by mail: that somebody's second proof was taken away, by whom, and where to set up a new one.

use askama::Template;

use super::words::{self, filters, say, t};

#[derive(Clone, Debug, Template)]
#[template(path = "mail/notice.html")]
pub struct Notice {
    /// "" when it was done where Cartback runs.
    pub by: String,
    pub account_url: String,
}

impl Notice {
    pub fn language(&self) -> &'static str {
        words::language().tag()
    }

    pub fn subject(&self) -> String {
        t("Your second proof was taken away").to_owned()
    }

    pub fn answer(&self) -> String {
        match self.by.is_empty() {
            true => t("Your second proof was taken away by somebody with a shell where Cartback runs.").to_owned(),
            false => say("Your second proof was taken away by {name}.", &[("name", &self.by)]),
        }
    }

    pub fn what_now(&self) -> &'static str {
        t(
            "From now on your password is enough to sign in. If you asked for it, set up a new one. If you did not, change your password and ask who did it.",
        )
    }

    pub fn text(&self) -> String {
        format!("{}\n\n{}\n\n{}: {}\n", self.answer(), self.what_now(), t("Your account"), self.account_url)
    }
}
