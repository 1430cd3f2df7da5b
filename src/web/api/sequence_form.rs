//! A sequence as programs read and write it: what stands in it, besides whether it is on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::form::TypedMoney;
use crate::domain::{
    discount::{Off, Plan},
    sequence::{
        Buyer, Closed, Conditions as StoredConditions, Discount as StoredDiscount, Exits as StoredExits, FixedCode,
        Sequence as Stored, Step as StoredStep,
    },
};

/// What is said to one cart, step by step. A field that is left out has its default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SequenceForm {
    #[schema(min_length = 1, max_length = 64, example = "Europe")]
    name: String,
    /// Which carts it is for; every one without conditions.
    #[serde(default)]
    when: Conditions,
    /// One to five texts, each due later than the one before.
    #[schema(min_items = 1, max_items = 5)]
    steps: Vec<Step>,
    /// What ends it early; a purchase and an opt-out always do.
    #[serde(default)]
    exits: Exits,
    /// Least days between a text of another cart's sequence and this one's first.
    #[serde(default = "rest_days")]
    #[schema(minimum = 0, maximum = 365, default = 7)]
    rest_days: u32,
}

fn rest_days() -> u32 {
    Stored::default().rest_days
}

/// What a cart must be like: every condition must hold, an empty one always does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Conditions {
    /// ISO 3166-1 alpha-2; the cart's must be one of them.
    #[schema(example = json!(["SI", "HR"]))]
    countries: Vec<String>,
    /// BCP 47, lower case: `de` also takes `de-at`.
    #[schema(example = json!(["de", "pt-br"]))]
    languages: Vec<String>,
    /// The least and the most total, both included.
    total_least: Option<TypedMoney>,
    total_most: Option<TypedMoney>,
    /// Words of which one must stand in an item's title.
    items: Vec<String>,
    /// Words of which none may.
    without_items: Vec<String>,
    /// Tags of the customer or the cart, of which it must have one.
    tags: Vec<String>,
    buyer: BuyerName,
    /// Where the cart came from, in the shop's own words.
    sources: Vec<String>,
    /// The least intent of the visitor, from what the pixel saw; visitors nothing is known of do not fulfil it.
    #[schema(minimum = 1, maximum = 100)]
    intent_least: Option<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BuyerName {
    #[default]
    Any,
    New,
    Returning,
}

/// One text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// From abandonment to this text.
    #[schema(minimum = 0, maximum = 43200, example = 30)]
    after_minutes: u32,
    /// After its due moment, after which it is dropped and never sent late; the shop's own limit without it.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 43200)]
    deadline_minutes: Option<u32>,
    /// Asked again when it is due; this text alone is left out when they do not hold.
    #[serde(default)]
    when: Conditions,
    /// What happens when it is due outside the hours.
    #[serde(default)]
    closed: ClosedName,
    /// Own words by language (BCP 47, lower case), `""` for every other; the ready-made ones where none fits.
    #[serde(default)]
    texts: BTreeMap<String, String>,
    #[serde(default)]
    discount: Option<Discount>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClosedName {
    /// It waits for the next opening before its deadline.
    #[default]
    Wait,
    /// It is left out; the next step goes on.
    Skip,
}

/// What a text gives. Exactly one of `code`, `percent`, `amount` and `free_shipping`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Discount {
    /// A code that exists in the shop, the same for everybody.
    #[schema(example = "BACK10")]
    code: Option<String>,
    /// A fresh single-use code over so many percent.
    #[schema(minimum = 1, maximum = 90)]
    percent: Option<u32>,
    /// A fresh single-use code over this amount.
    amount: Option<TypedMoney>,
    /// A fresh single-use code for free shipping.
    free_shipping: bool,
    /// The least total a fresh code is taken from.
    minimum: Option<TypedMoney>,
    /// Hours a fresh code is valid; 72 without it.
    #[schema(minimum = 1, maximum = 2160)]
    expires_hours: Option<u32>,
    /// Least days between two discounts to one person; 30 without it.
    #[schema(minimum = 0, maximum = 365)]
    cool_down_days: Option<u32>,
    /// Whether a fresh code goes with no other code of the shop; so without it.
    alone: Option<bool>,
}

/// What ends a sequence besides a purchase and an opt-out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Exits {
    /// A person followed the link of an earlier text.
    #[schema(default = false)]
    clicked: bool,
    /// The shopper wrote back and a person of the shop answered.
    #[schema(default = true)]
    replied: bool,
    /// The same person began a newer cart.
    #[schema(default = true)]
    superseded: bool,
    /// Nothing is in the cart any more.
    #[schema(default = true)]
    emptied: bool,
}

impl Default for Exits {
    fn default() -> Exits {
        StoredExits::default().into()
    }
}

impl From<StoredExits> for Exits {
    fn from(exits: StoredExits) -> Exits {
        let StoredExits { clicked, replied, superseded, emptied } = exits;
        Exits { clicked, replied, superseded, emptied }
    }
}

impl SequenceForm {
    pub fn of(stored: &Stored) -> SequenceForm {
        SequenceForm {
            name: stored.name.clone(),
            when: Conditions::of(&stored.when),
            steps: stored.steps.iter().map(Step::of).collect(),
            exits: stored.exits.into(),
            rest_days: stored.rest_days,
        }
    }

    /// Into a sequence of this id. `Err`: every amount that is none, by its field.
    pub fn read(&self, id: &str) -> Result<Stored, Vec<String>> {
        let mut problems = Vec::new();
        let steps = self.steps.iter().enumerate();
        let steps = steps.map(|(place, step)| step.read(&format!("steps[{place}]"), &mut problems)).collect();
        let when = self.when.read("when", &mut problems);
        let Exits { clicked, replied, superseded, emptied } = self.exits;
        let read = Stored {
            id: id.to_owned(),
            name: self.name.clone(),
            on_since: None,
            when,
            steps,
            exits: StoredExits { clicked, replied, superseded, emptied },
            rest_days: self.rest_days,
        };
        problems.extend(read.check().into_iter().map(in_fields));
        if problems.is_empty() { Ok(read) } else { Err(problems) }
    }
}

/// `step 2: after_minutes: …` names its field as the form does: `steps[1].after_minutes: …`.
fn in_fields(problem: String) -> String {
    let step = problem.strip_prefix("step ").and_then(|rest| rest.split_once(": "));
    let place = step.and_then(|(number, rest)| Some((number.parse::<usize>().ok()?.checked_sub(1)?, rest)));
    place.map_or_else(|| problem.clone(), |(place, rest)| format!("steps[{place}].{rest}"))
}

impl Conditions {
    fn of(stored: &StoredConditions) -> Conditions {
        Conditions {
            countries: stored.countries.clone(),
            languages: stored.languages.clone(),
            total_least: stored.total_least.map(TypedMoney::from),
            total_most: stored.total_most.map(TypedMoney::from),
            items: stored.items.clone(),
            without_items: stored.without_items.clone(),
            tags: stored.tags.clone(),
            buyer: match stored.buyer {
                Buyer::Any => BuyerName::Any,
                Buyer::New => BuyerName::New,
                Buyer::Returning => BuyerName::Returning,
            },
            sources: stored.sources.clone(),
            intent_least: stored.intent_least,
        }
    }

    fn read(&self, field: &str, problems: &mut Vec<String>) -> StoredConditions {
        let mut money = |name: &str, typed: &Option<TypedMoney>| money(&format!("{field}.{name}"), typed, problems);
        StoredConditions {
            countries: self.countries.iter().map(|code| code.trim().to_uppercase()).collect(),
            languages: self.languages.iter().map(|tag| tag.trim().to_lowercase()).collect(),
            total_least: money("total_least", &self.total_least),
            total_most: money("total_most", &self.total_most),
            items: self.items.clone(),
            without_items: self.without_items.clone(),
            tags: self.tags.clone(),
            buyer: match self.buyer {
                BuyerName::Any => Buyer::Any,
                BuyerName::New => Buyer::New,
                BuyerName::Returning => Buyer::Returning,
            },
            sources: self.sources.clone(),
            intent_least: self.intent_least,
        }
    }
}

fn money(field: &str, typed: &Option<TypedMoney>, problems: &mut Vec<String>) -> Option<crate::domain::money::Money> {
    match typed.as_ref()?.read(field) {
        Ok(money) => Some(money),
        Err(problem) => {
            problems.push(problem);
            None
        }
    }
}

impl Step {
    fn of(stored: &StoredStep) -> Step {
        Step {
            after_minutes: stored.after_minutes,
            deadline_minutes: stored.deadline_minutes,
            when: Conditions::of(&stored.when),
            closed: match stored.closed {
                Closed::Wait => ClosedName::Wait,
                Closed::Skip => ClosedName::Skip,
            },
            texts: stored.texts.clone(),
            discount: stored.discount.as_ref().map(Discount::of),
        }
    }

    fn read(&self, field: &str, problems: &mut Vec<String>) -> StoredStep {
        let discount =
            self.discount.as_ref().and_then(|discount| discount.read(&format!("{field}.discount"), problems));
        StoredStep {
            after_minutes: self.after_minutes,
            deadline_minutes: self.deadline_minutes,
            when: self.when.read(&format!("{field}.when"), problems),
            closed: match self.closed {
                ClosedName::Wait => Closed::Wait,
                ClosedName::Skip => Closed::Skip,
            },
            texts: self.texts.iter().map(|(tag, text)| (tag.to_lowercase(), text.clone())).collect(),
            discount,
        }
    }
}

impl Discount {
    fn of(stored: &StoredDiscount) -> Discount {
        match stored {
            StoredDiscount::Fixed(fixed) => Discount {
                code: Some(fixed.code.clone()),
                cool_down_days: Some(fixed.cool_down_days),
                ..Discount::default()
            },
            StoredDiscount::Unique(plan) => Discount {
                code: None,
                percent: if let Off::Percent(percent) = plan.off { Some(percent) } else { None },
                amount: if let Off::Amount(amount) = plan.off { Some(amount.into()) } else { None },
                free_shipping: plan.off == Off::FreeShipping,
                minimum: plan.minimum.map(TypedMoney::from),
                expires_hours: Some(plan.expires_hours),
                cool_down_days: Some(plan.cool_down_days),
                alone: Some(plan.alone),
            },
        }
    }

    fn read(&self, field: &str, problems: &mut Vec<String>) -> Option<StoredDiscount> {
        let amount = money(&format!("{field}.amount"), &self.amount, problems);
        let minimum = money(&format!("{field}.minimum"), &self.minimum, problems);
        let offs =
            [self.percent.map(Off::Percent), amount.map(Off::Amount), self.free_shipping.then_some(Off::FreeShipping)];
        let mut offs = offs.into_iter().flatten();
        match (&self.code, offs.next(), offs.next()) {
            (Some(code), None, None) => {
                let plan = Plan::new(Off::FreeShipping);
                let is_fresh = minimum.is_some() || self.expires_hours.is_some() || self.alone.is_some();
                if is_fresh {
                    problems.push(format!("{field}: minimum, expires_hours and alone are of fresh codes only"));
                }
                let cool_down_days = self.cool_down_days.unwrap_or(plan.cool_down_days);
                Some(StoredDiscount::Fixed(FixedCode { code: code.clone(), cool_down_days }))
            }
            (None, Some(off), None) => {
                let plan = Plan::new(off);
                Some(StoredDiscount::Unique(Plan {
                    minimum,
                    expires_hours: self.expires_hours.unwrap_or(plan.expires_hours),
                    cool_down_days: self.cool_down_days.unwrap_or(plan.cool_down_days),
                    alone: self.alone.unwrap_or(plan.alone),
                    ..plan
                }))
            }
            _ => {
                problems.push(format!("{field}: must have exactly one of code, percent, amount and free_shipping"));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sequence::{PRESETS, preset};

    #[test]
    fn what_was_read_can_be_written_back() {
        for (id, ..) in PRESETS {
            let stored = preset(id).unwrap();
            let form = SequenceForm::of(&stored);
            let text = serde_json::to_string(&form).unwrap();
            let again: SequenceForm = serde_json::from_str(&text).unwrap();
            assert_eq!(again.read(id), Ok(Stored { on_since: None, ..stored }), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_as_the_form_names_it() {
        let typed = r#"{"name":"x","steps":[{"after_minutes":0},{"after_minutes":99999,"discount":{"percent":10,"code":"A"}},
            {"after_minutes":1,"when":{"total_least":{"amount_minor":-1,"currency":"EUR"}}}]}"#;
        let problems = serde_json::from_str::<SequenceForm>(typed).unwrap().read("x").unwrap_err();
        let has = |start: &str| problems.iter().any(|problem| problem.starts_with(start));
        assert!(has("steps[1].after_minutes: must be 0 to 43200"), "{problems:?}");
        assert!(has("steps[1].discount: must have exactly one"), "{problems:?}");
        assert!(has("steps[2].when.total_least.amount_minor: must be 0"), "{problems:?}");
        assert!(serde_json::from_str::<SequenceForm>(r#"{"name":"x","steps":[],"colour":1}"#).is_err());
    }
}
