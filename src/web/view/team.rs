//! The team: who signs in, as what, at which shops; inviting somebody, changing what they may do, taking them out.

use askama::Template;

use super::{Page, format};
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
        Role::Owner => "Owner",
        Role::Manager => "Manager",
        Role::Analyst => "Analyst",
    }
}

/// What a role is for, in a sentence.
pub fn meaning(role: &Role) -> &'static str {
    match role {
        Role::Owner => "Everything at every shop, and the house: team, its gateways, stopping all sending.",
        Role::Manager => "Changes sequences, texts and settings at their shops, and answers people.",
        Role::Analyst => "Looks at everything of their shops and changes nothing.",
    }
}

impl Team {
    pub fn answer(&self) -> String {
        let of = |role: Role| self.rows.iter().filter(|row| row.role == role).count() as u64;
        if self.rows.is_empty() {
            return "Nobody signs in here yet.".to_owned();
        }
        let parts = [
            (of(Role::Owner), "owner", "owners"),
            (of(Role::Manager), "manager", "managers"),
            (of(Role::Analyst), "analyst", "analysts"),
        ];
        let parts = parts.into_iter().filter(|(count, ..)| *count > 0);
        let parts = format::list(parts.map(|(count, one, many)| format::number_of(count, one, many)));
        let people = format::number_of(self.rows.len() as u64, "person signs in", "people sign in");
        format!("{} here: {parts}.", format::sentence_case(&people))
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
        match self.row.role {
            Role::Owner => format!("{name} is an owner: everything at every shop, and the house."),
            Role::Manager => format!("{name} is a manager at {}.", self.row.reach),
            Role::Analyst => format!("{name} may look at {} and changes nothing.", self.row.reach),
        }
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

    /// What is under their page: `remove`, `link`.
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
            return format!("{name} is the only owner, so 1 more is needed first.");
        }
        let sessions = format::number_of(self.sessions, "session of theirs ends", "sessions of theirs end");
        format!("Remove {name}? {} at once.", format::sentence_case(&sessions))
    }
}
