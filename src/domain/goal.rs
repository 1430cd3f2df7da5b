//! Goals: what a merchant counts as a conversion. A goal names a kind of event and may look closer; it decides whether an
//! event counts, what it is worth, and whether a visitor counts once a day or every time. What `ordered` counts is the
//! shop's own orders, never the thank-you page.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::{
    facet,
    id::GoalId,
    money::{Currency, Money},
    site_event::{Kind, SiteEvent},
};

/// A goal as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Goal {
    pub id: GoalId,
    pub plan: Plan,
}

/// What is counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// 1 to 60 characters.
    pub name: String,
    pub class: Class,
    pub kind: Kind,
    #[serde(default)]
    pub only: Option<Only>,
    #[serde(default)]
    pub worth: Worth,
    #[serde(default)]
    pub count: Count,
    /// How many a month are wanted: 1 to 1,000,000,000.
    #[serde(default)]
    pub target: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// A step on the way.
    Micro,
    /// What the shop lives from.
    Macro,
}

/// Which events of the kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Only {
    pub field: Field,
    pub how: How,
    /// Compared without regard to case: 1 to 120 characters.
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    Target,
    Product,
    Page,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    Contains,
    Equals,
}

/// What one is worth.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Worth {
    #[default]
    Nothing,
    /// Minor units and ISO 4217.
    Fixed(i64, String),
    /// What the event or the order says.
    AsTold,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Count {
    /// A visitor counts once on one of the shop's days, however often they do it.
    #[default]
    OnceADay,
    Every,
}

pub const NAME_CHARS_MAX: usize = 60;
pub const TEXT_CHARS_MAX: usize = 120;
/// Goals of one shop: each is looked at for every event.
pub const GOALS_MAX: usize = 40;
const TARGET_MOST: u64 = 1_000_000_000;

impl Only {
    pub fn holds(&self, event: &SiteEvent) -> bool {
        let said = match self.field {
            Field::Target => &event.target,
            Field::Product => &event.product,
            Field::Page => &event.page,
        };
        let (said, text) = (said.to_lowercase(), self.text.to_lowercase());
        match self.how {
            How::Contains => said.contains(&text),
            How::Equals => said == text,
        }
    }
}

impl Plan {
    /// What is wrong with it, each a sentence that begins with its field.
    pub fn check(&self) -> Result<(), Vec<String>> {
        let mut problems = Vec::new();
        if !(1..=NAME_CHARS_MAX).contains(&self.name.trim().chars().count()) {
            problems.push(format!("name: must be 1 to {NAME_CHARS_MAX} characters"));
        }
        if let Some(only) = &self.only
            && !(1..=TEXT_CHARS_MAX).contains(&only.text.trim().chars().count())
        {
            problems.push(format!("text: must be 1 to {TEXT_CHARS_MAX} characters"));
        }
        if self.target.is_some_and(|target| !(1..=TARGET_MOST).contains(&target)) {
            problems.push(format!("target: must be 1 to {TARGET_MOST}"));
        }
        if let Worth::Fixed(minor, currency) = &self.worth {
            let bounds = 0..=i64::try_from(super::money::MINOR_MOST).unwrap_or(i64::MAX);
            if !bounds.contains(minor) {
                problems.push("worth: must be 0 or more".to_owned());
            }
            if Currency::parse(currency).is_err() {
                problems.push("currency: must be an ISO 4217 code".to_owned());
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    pub fn matches(&self, event: &SiteEvent) -> bool {
        event.kind == self.kind && self.only.as_ref().is_none_or(|only| only.holds(event))
    }

    /// What this event is worth to this goal.
    pub fn worth_of(&self, event: &SiteEvent) -> Option<Money> {
        match &self.worth {
            Worth::Nothing => None,
            Worth::Fixed(minor, currency) => {
                Currency::parse(currency).ok().map(|currency| Money::new(*minor, currency))
            }
            Worth::AsTold => event.value,
        }
    }

    /// What the event is counted under in a goal's table of targets: the file, the form, the search.
    pub fn target_of(event: &SiteEvent) -> String {
        if event.target.is_empty() { event.page.clone() } else { facet::word(&event.target) }
    }
}

/// A kind of business with the goals it usually has.
#[derive(Clone, Debug, Deserialize)]
pub struct Business {
    /// Its name in code.
    pub id: String,
    /// In English.
    pub name: String,
    /// How to find one's own goals, in English.
    pub guide: String,
    #[serde(rename = "goal")]
    pub goals: Vec<Plan>,
}

#[derive(Deserialize)]
struct Presets {
    business: Vec<Business>,
}

static PRESETS: LazyLock<Vec<Business>> = LazyLock::new(|| {
    let read = toml::from_str::<Presets>(include_str!("../../assets/data/goals.toml"));
    read.map(|presets| presets.business).unwrap_or_default()
});

/// Ready-made goals by kind of business.
pub fn presets() -> &'static [Business] {
    &PRESETS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        id::SiteEventId,
        site_event::{ToldBy, Visit},
        time::Time,
    };

    fn event(kind: Kind, target: &str) -> SiteEvent {
        SiteEvent {
            id: SiteEventId::new(1),
            kind,
            at: Time::FIRST,
            visitor: [1; 16],
            target: target.into(),
            product: "Oak table".into(),
            page: "/guides/oak".into(),
            visit: Visit::default(),
            device: String::new(),
            country: String::new(),
            number: 0,
            value: Some(Money::new(500, Currency::parse("EUR").unwrap())),
            order: String::new(),
            payment: String::new(),
            told_by: ToldBy::Pixel,
        }
    }

    fn plan(kind: Kind, only: Option<(Field, How, &str)>) -> Plan {
        let only = only.map(|(field, how, text)| Only { field, how, text: text.into() });
        Plan {
            name: "Guide".into(),
            class: Class::Micro,
            kind,
            only,
            worth: Worth::Nothing,
            count: Count::Every,
            target: None,
        }
    }

    #[test]
    fn a_goal_looks_at_kind_and_text() {
        #[track_caller]
        fn check(plan: &Plan, event: &SiteEvent, expected: bool) {
            assert_eq!(plan.matches(event), expected, "{plan:?}");
        }
        let file = event(Kind::Downloaded, "/files/Guide.pdf");
        check(&plan(Kind::Downloaded, None), &file, true);
        check(&plan(Kind::Searched, None), &file, false);
        check(&plan(Kind::Downloaded, Some((Field::Target, How::Contains, "guide"))), &file, true);
        check(&plan(Kind::Downloaded, Some((Field::Target, How::Equals, "guide"))), &file, false);
        check(&plan(Kind::Downloaded, Some((Field::Target, How::Equals, "/files/guide.pdf"))), &file, true);
        check(&plan(Kind::Downloaded, Some((Field::Product, How::Contains, "oak"))), &file, true);
        check(&plan(Kind::Downloaded, Some((Field::Page, How::Contains, "/pricing"))), &file, false);
    }

    #[test]
    fn worth_is_fixed_told_or_nothing() {
        let event = event(Kind::Requested, "");
        let worth = |worth| Plan { worth, ..plan(Kind::Requested, None) }.worth_of(&event).map(|money| money.minor);
        assert_eq!(worth(Worth::Nothing), None);
        assert_eq!(worth(Worth::Fixed(9_900, "EUR".into())), Some(9_900));
        assert_eq!(worth(Worth::AsTold), Some(500));
    }

    #[test]
    fn bounds_are_told_together() {
        let bad = Plan {
            name: " ".into(),
            target: Some(0),
            worth: Worth::Fixed(-1, "EURO".into()),
            ..plan(Kind::Paid, Some((Field::Page, How::Equals, "")))
        };
        assert_eq!(bad.check().unwrap_err().len(), 5);
        assert_eq!(plan(Kind::Paid, None).check(), Ok(()));
    }

    #[test]
    fn every_business_has_goals_that_can_be_kept() {
        let ids: Vec<&str> = presets().iter().map(|business| business.id.as_str()).collect();
        assert_eq!(ids, ["shop", "services", "software", "content", "local"]);
        for business in presets() {
            assert!(business.goals.iter().any(|goal| goal.class == Class::Macro), "{}", business.id);
            assert!(business.goals.iter().any(|goal| goal.class == Class::Micro), "{}", business.id);
            for goal in &business.goals {
                assert_eq!(goal.check(), Ok(()), "{}", goal.name);
            }
        }
    }
}
