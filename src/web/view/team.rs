//! The team: who signs in, as what, at which shops; inviting somebody, changing what they may do, taking them out.

use askama::Template;

use super::{
    Page, format,
    words::{self, filters, noted, say, t},
};
use crate::domain::{
    member::Role,
    time::{MINUTE, Time},
};

#[derive(Clone, Debug, Template)]
#[template(path = "page/team.html")]
pub struct Team {
    pub page: Page,
    pub rows: Vec<MemberRow>,
    pub invite: Rights,
    /// What was typed for somebody to be invited, after it was wrong.
    pub name: String,
    pub email: String,
    /// What was wrong with it, each a sentence.
    pub problems: Vec<String>,
    /// The link of whoever was just invited; it is never shown again.
    pub link: Option<FreshLink>,
    /// The rule of the house.
    pub owners_need_second: bool,
    pub second_problems: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct MemberRow {
    /// `usr_…`
    pub id: String,
    pub name: String,
    /// "" until it was chosen.
    pub email: String,
    pub role: Role,
    pub reach: String,
    pub seen_at: Option<Time>,
    pub is_you: bool,
    pub has_password: bool,
    pub has_second: bool,
}

/// A one-time link in the only moment it can be seen.
#[derive(Clone, Debug)]
pub struct FreshLink {
    /// Whom it is for.
    pub who: String,
    pub url: String,
    /// For how many minutes it works.
    pub minutes: u64,
}

impl FreshLink {
    pub fn lasts(&self) -> String {
        format::span(MINUTE * u32::try_from(self.minutes).unwrap_or(u32::MAX))
    }
}

/// What somebody may do and where, as a form asks for it.
#[derive(Clone, Debug)]
pub struct Rights {
    pub role: Role,
    pub every: bool,
    pub shops: Vec<ShopBox>,
}

#[derive(Clone, Debug)]
pub struct ShopBox {
    pub id: String,
    pub name: String,
    pub ticked: bool,
}

impl Rights {
    pub fn roles(&self) -> &'static [Role] {
        &Role::ALL
    }

    pub fn is(&self, role: &Role) -> bool {
        self.role == *role
    }
}

pub fn label(role: &Role) -> &'static str {
    match role {
        Role::Owner => t("Owner"),
        Role::Manager => t("Manager"),
        Role::Analyst => t("Analyst"),
    }
}

/// What a role is for, in a sentence.
pub fn meaning(role: &Role) -> &'static str {
    t(match role {
        Role::Owner => noted("Everything at every shop, and the house: team, its gateways, stopping all sending."),
        Role::Manager => noted("Changes sequences, texts and settings at their shops, and answers people."),
        Role::Analyst => noted("Looks at everything of their shops and changes nothing."),
    })
}

impl Team {
    pub fn answer(&self) -> String {
        let of = |role: Role| self.rows.iter().filter(|row| row.role == role).count() as u64;
        if self.rows.is_empty() {
            return t("Nobody signs in here yet.").to_owned();
        }
        let parts = [
            (of(Role::Owner), noted("owner"), noted("owners")),
            (of(Role::Manager), noted("manager"), noted("managers")),
            (of(Role::Analyst), noted("analyst"), noted("analysts")),
        ];
        let parts = parts.into_iter().filter(|(count, ..)| *count > 0);
        let parts = format::list(parts.map(|(count, one, many)| format::number_of(count, one, many)));
        let people = format::number_of(self.rows.len() as u64, "person signs in", "people sign in");
        say("{people} here: {parts}.", &[("people", &format::sentence_case(&people)), ("parts", &parts)])
    }
}

/// One of the team.
#[derive(Clone, Debug, Template)]
#[template(path = "page/member.html")]
pub struct Member {
    pub page: Page,
    pub row: MemberRow,
    pub joined_at: Time,
    pub rights: Rights,
    /// They can be neither removed nor made anything else.
    pub is_last_owner: bool,
    pub problems: Vec<String>,
    pub link: Option<FreshLink>,
}

impl Member {
    pub fn answer(&self) -> String {
        let name = self.row.shown();
        let said = match self.row.role {
            Role::Owner => noted("{name} is an owner: everything at every shop, and the house."),
            Role::Manager => noted("{name} is a manager. Shops: {reach}."),
            Role::Analyst => noted("{name} may look and changes nothing. Shops: {reach}."),
        };
        say(said, &[("name", &name), ("reach", &self.row.reach)])
    }
}

impl MemberRow {
    /// What they are called, or the address they were invited by.
    pub fn shown(&self) -> &str {
        if self.name.is_empty() { &self.email } else { &self.name }
    }

    pub fn label(&self) -> &'static str {
        label(&self.role)
    }

    /// What is under their page: `remove`, `link`, `reset-second`.
    pub fn under(&self, what: &str) -> String {
        format!("/team/{}/{what}", self.id)
    }

    pub fn in_audit(&self) -> String {
        format!("/audit?person={}", self.id)
    }
}

/// Asks before somebody is taken out.
#[derive(Clone, Debug, Template)]
#[template(path = "page/member_remove.html")]
pub struct Remove {
    pub page: Page,
    pub row: MemberRow,
    pub sessions: u64,
    pub is_last_owner: bool,
}

impl Remove {
    pub fn answer(&self) -> String {
        let name = self.row.shown();
        if self.is_last_owner {
            return say("{name} is the only owner, so 1 more is needed first.", &[("name", &name)]);
        }
        let sessions = format::number_of(self.sessions, "session of theirs ends", "sessions of theirs end");
        say("Remove {name}? {sessions} at once.", &[("name", &name), ("sessions", &format::sentence_case(&sessions))])
    }
}

/// What is said of names, addresses and passwords that are not taken, for `t`.
const _: [&str; 11] = [
    noted("This is not an e-mail address."),
    noted("A name has 1 to 60 characters on one line."),
    noted("Somebody of the team has this e-mail address already."),
    noted("Choose at least one shop, or every shop."),
    noted("Choose one of the languages."),
    noted("This is not the password you have now."),
    noted("A password has at least 10 characters."),
    noted("A password has at most 128 characters."),
    noted("This password is among the first ones anybody would try."),
    noted("A password must not be the e-mail address, the name or the shop's name with a little beside it."),
    noted("this is the last owner: make somebody else an owner first"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::password::Weak,
        pipeline::team::NOT_THE_OLD_ONE,
        web::view::words::{Language, written_in},
    };

    #[test]
    fn what_is_wrong_is_told_in_every_language() {
        let weak = [Weak::Short, Weak::Long, Weak::Common, Weak::Known];
        let weak = weak.map(|weak| format!("{}.", format::sentence_case(&weak.to_string())));
        for said in weak.into_iter().chain([NOT_THE_OLD_ONE.to_owned()]) {
            assert_ne!(written_in(Language::German, || t(&said).to_owned()), said);
        }
    }
}
