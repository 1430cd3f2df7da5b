//! Your account: what you are called, in which language you read, your password and second proof, and where you are signed
//! in.

use askama::Template;

use super::{
    Page, format,
    words::{filters, say, t},
};
use crate::domain::{
    member::{LANGUAGES, Role},
    password::{CHARS_MAX, CHARS_MIN},
    time::Time,
};

#[derive(Clone, Debug, Template)]
#[template(path = "page/account.html")]
pub struct Account {
    pub page: Page,
    /// `None` behind an open door, where nobody signs in.
    pub you: Option<You>,
    pub sessions: Vec<SessionRow>,
    /// What was wrong with name or language, each a sentence.
    pub problems: Vec<String>,
    pub password_problems: Vec<String>,
    pub second: Second,
    pub second_problems: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Second {
    /// `None` without one.
    pub since: Option<Time>,
    pub codes_left: u64,
    /// Nothing else opens before it is set up.
    pub is_owed: bool,
}

impl Second {
    pub fn codes(&self) -> String {
        super::second::left(self.codes_left)
    }
}

#[derive(Clone, Debug)]
pub struct You {
    pub name: String,
    pub email: String,
    pub role: Role,
    pub reach: String,
    /// "" follows the browser.
    pub language: String,
    /// The old password is not asked for: this session began by a link.
    pub renews: bool,
    pub has_password: bool,
}

#[derive(Clone, Debug)]
pub struct SessionRow {
    /// Names it in a form.
    pub id: String,
    /// `Firefox, Windows`; "" when it did not say.
    pub browser: String,
    pub address: String,
    pub began_at: Time,
    pub seen_at: Time,
    pub is_this: bool,
}

impl You {
    /// `Owner, every shop. You sign in as ana@example.com.`
    pub fn said(&self) -> String {
        let role = super::team::label(&self.role);
        match self.email.is_empty() {
            true => format!("{role}, {}.", self.reach),
            false => say(
                "{role}, {reach}. You sign in as {email}.",
                &[("role", &role), ("reach", &self.reach), ("email", &self.email)],
            ),
        }
    }

    /// Tag and own name of each language, the browser's first.
    pub fn languages(&self) -> Vec<(&'static str, &'static str)> {
        let name = |tag| match tag {
            "de" => "Deutsch",
            "es" => "Español",
            _ => "English",
        };
        LANGUAGES.into_iter().map(|tag| (tag, name(tag))).collect()
    }

    pub fn reads(&self, tag: &str) -> bool {
        self.language == tag
    }
}

impl Account {
    pub fn answer(&self) -> String {
        match &self.you {
            None => t("Nobody signs in here: whoever opens it is let in as an owner, from 1 machine only.").to_owned(),
            Some(_) if self.second.is_owed => t("1 step left: owners of this house need a second proof.").to_owned(),
            Some(_) => {
                let many = format::number_of(self.sessions.len() as u64, "browser", "browsers");
                say("You are signed in in {browsers}.", &[("browsers", &many)])
            }
        }
    }

    pub fn on_since(&self, since: &Time) -> String {
        let day = format::date_year(format::day_of(*since, &self.page.zone));
        say("On since {day}: after the password a code of your app is asked for.", &[("day", &day)])
    }

    pub fn has_others(&self) -> bool {
        self.sessions.iter().any(|session| !session.is_this)
    }

    pub fn hint(&self) -> String {
        say("{least} to {most} characters.", &[("least", &CHARS_MIN), ("most", &CHARS_MAX)])
    }
}
