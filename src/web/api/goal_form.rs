//! Forms of goals and funnels that can be kept: what a program sends, and what it reads back to send again.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::form::TypedMoney;
use crate::{
    domain::{
        funnel::{Step, Way},
        goal::{Class, Count, Field, How, Only, Plan, Worth},
        site_event::Kind,
    },
    web::problem::Problem,
};

/// A goal to keep.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewGoal {
    #[schema(min_length = 1, max_length = 60, example = "Price list downloaded")]
    name: String,
    /// `micro`, a step on the way, or `macro`, what the shop lives from.
    #[schema(value_type = String, example = "micro", pattern = "^(micro|macro)$")]
    class: Class,
    /// The kind of event it counts. `ordered` counts the shop's own orders.
    #[schema(value_type = String, example = "downloaded")]
    kind: Kind,
    /// Only some events of the kind.
    #[serde(default)]
    only: Option<EventFilter>,
    /// What one is worth, the same each time; nothing without it.
    #[serde(default)]
    worth_each: Option<TypedMoney>,
    /// One is worth what its event or order says. Not together with `worth_each`.
    #[serde(default)]
    worth_as_told: bool,
    /// `once_a_day` per visitor, or `every` time; the former when left out.
    #[serde(default)]
    #[schema(value_type = String, example = "once_a_day", pattern = "^(once_a_day|every)$")]
    counts: Count,
    /// How many a month are wanted.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 1_000_000_000)]
    target: Option<u64>,
}

/// Which events of a kind.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventFilter {
    /// `target`, `product` or `page`.
    #[schema(value_type = String, example = "target", pattern = "^(target|product|page)$")]
    field: Field,
    /// `contains` or `equals`.
    #[schema(value_type = String, example = "contains", pattern = "^(contains|equals)$")]
    how: How,
    /// Compared without regard to case.
    #[schema(min_length = 1, max_length = 120, example = "price-list")]
    text: String,
}

/// A funnel to keep.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewFunnel {
    #[schema(min_length = 1, max_length = 60, example = "From product to order")]
    name: String,
    #[schema(min_items = 2, max_items = 10)]
    steps: Vec<NewFunnelStep>,
    /// No other step of the funnel may happen in between.
    #[serde(default)]
    strict: bool,
    /// From the first step to the last one.
    #[schema(minimum = 1, maximum = 129_600, example = 10_080)]
    window_minutes: u32,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewFunnelStep {
    #[schema(value_type = String, example = "cart_added")]
    kind: Kind,
    /// Only some events of the kind.
    #[serde(default)]
    only: Option<EventFilter>,
}

/// What is kept now.
#[derive(Serialize, ToSchema)]
pub struct Kept {
    #[schema(example = "goal_01jq0000000g1")]
    pub id: String,
}

impl From<EventFilter> for Only {
    fn from(filter: EventFilter) -> Only {
        Only { field: filter.field, how: filter.how, text: filter.text }
    }
}

impl From<Only> for EventFilter {
    fn from(only: Only) -> EventFilter {
        EventFilter { field: only.field, how: only.how, text: only.text }
    }
}

impl NewGoal {
    pub fn plan(self) -> Result<Plan, Problem> {
        let wrong = |problem: &str| Problem::Wrong(vec![problem.to_owned()]);
        let worth = match (self.worth_each, self.worth_as_told) {
            (None, false) => Worth::Nothing,
            (None, true) => Worth::AsTold,
            (Some(each), false) => {
                let each = each.read("worth_each").map_err(|problem| wrong(&problem))?;
                Worth::Fixed(each.minor, each.currency.to_string())
            }
            (Some(_), true) => return Err(wrong("worth_as_told: one is worth either the same each time or as told")),
        };
        Ok(Plan {
            name: self.name,
            class: self.class,
            kind: self.kind,
            only: self.only.map(Only::from),
            worth,
            count: self.counts,
            target: self.target,
        })
    }
}

impl NewFunnel {
    pub fn way(self) -> Way {
        let steps = self.steps.into_iter().map(|step| Step { kind: step.kind, only: step.only.map(Only::from) });
        Way {
            name: self.name.trim().to_owned(),
            steps: steps.collect(),
            strict: self.strict,
            window_minutes: self.window_minutes,
        }
    }
}
