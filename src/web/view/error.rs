//! Error pages: what happened, what is safe, what to do next. Never why in technical words: that is in the log, under
//! the id shown.

use askama::Template;

use super::words::{self, filters, say, t};

#[derive(Clone, Debug, Template)]
#[template(path = "page/error.html")]
pub struct ErrorPage {
    pub kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    NotFound,
    /// Somebody who may only look, or not here.
    Forbidden,
    /// What was typed cannot be taken; each reason a sentence.
    Wrong {
        reasons: Vec<String>,
    },
    TooMany,
    /// The id finds it in the log.
    Broken {
        id: String,
    },
    /// Starting, stopping or out of breath: worth another try after so many seconds.
    Busy {
        retry_seconds: u64,
    },
}

impl ErrorPage {
    pub fn status(&self) -> u16 {
        match self.kind {
            Kind::NotFound => 404,
            Kind::Forbidden => 403,
            Kind::Wrong { .. } => 400,
            Kind::TooMany => 429,
            Kind::Broken { .. } => 500,
            Kind::Busy { .. } => 503,
        }
    }

    pub fn answer(&self) -> String {
        match &self.kind {
            Kind::NotFound => t("There is no page here.").to_owned(),
            Kind::Forbidden => t("You may not do this here.").to_owned(),
            Kind::Wrong { .. } => t("Not taken, and nothing was changed.").to_owned(),
            Kind::TooMany => t("Too many tries: please come back in a minute.").to_owned(),
            Kind::Broken { .. } => t("Something of ours broke.").to_owned(),
            Kind::Busy { retry_seconds } => {
                say("Cartback is busy. Please try again in {seconds} s.", &[("seconds", retry_seconds)])
            }
        }
    }
}
