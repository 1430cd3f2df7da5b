//! Goals: what counts, how often it happened, against what was wanted, and under what. `/goals` is all of them with who
//! came close; `/goals/{goal_…}` is one, broken down, with its form.

use askama::Template;

use super::{
    Page, Tone,
    event::{channel_label, label},
    form::Field,
    format::{self, Shown as _},
    net_ledger::two_places,
    words::{filters, noted, say, t},
};
use crate::domain::{
    benchmark,
    goal::{Class, Plan, presets},
    money::Money,
    tally::{By, Sheet, Sum},
    time::Time,
};

#[derive(Clone, Debug, Template)]
#[template(path = "page/goals.html")]
pub struct Goals {
    pub page: Page,
    pub rows: Vec<GoalRow>,
    /// Visitors of each day added up.
    pub visitors: u64,
    /// Orders and visitors of this period, and of as many days before it.
    pub bought: Option<[(u64, u64); 2]>,
    /// Who did something that counts and has not ordered.
    pub close: Vec<CloseRow>,
    pub problems: Vec<String>,
    pub may_change: bool,
}

#[derive(Clone, Debug)]
pub struct GoalRow {
    /// `goal_…`
    pub id: String,
    pub plan: Plan,
    pub count: u64,
    /// In as many days before.
    pub before: u64,
    pub worth: Vec<Money>,
    /// This month so far.
    pub this_month: u64,
}

/// A visitor who came close.
#[derive(Clone, Debug)]
pub struct CloseRow {
    pub visitor: String,
    /// The goal they reached last, and how many of them.
    pub goal: String,
    pub times: u64,
    pub at: Time,
    pub source: String,
    pub medium: String,
    pub product: String,
}

#[derive(Clone, Debug, Template)]
#[template(path = "page/goal.html")]
pub struct GoalPage {
    pub page: Page,
    /// `None` for one to add.
    pub row: Option<GoalRow>,
    pub sheet: Sheet,
    pub visitors: u64,
    pub fields: Vec<Field>,
    pub problems: Vec<String>,
    pub may_change: bool,
}

#[derive(Clone, Debug, Template)]
#[template(path = "page/goal_remove.html")]
pub struct GoalRemove {
    pub page: Page,
    /// `/goals/goal_…` or `/funnels/fun_…`
    pub path: String,
    pub name: String,
    pub is_funnel: bool,
}

/// What presets say of themselves in English, for the catalogue; a test finds every one of them here.
pub const OF_PRESETS: &[&str] = &[
    noted("Order placed"),
    noted("Checkout started"),
    noted("Added to cart"),
    noted("Put on the wishlist"),
    noted("Newsletter"),
    noted("Product viewed"),
    noted("Quote or consultation asked for"),
    noted("Contract signed or invoice paid"),
    noted("Contact form sent"),
    noted("Service page opened"),
    noted("Case study downloaded"),
    noted("Call tapped"),
    noted("Call answered"),
    noted("Video played"),
    noted("Plan paid"),
    noted("Account created"),
    noted("E-mail address left"),
    noted("Pricing page seen"),
    noted("Video watched to its end"),
    noted("Subscription paid"),
    noted("Article shared"),
    noted("Commented"),
    noted("Material downloaded"),
    noted("Webinar registration"),
    noted("Booking asked for"),
    noted("Directions tapped"),
    noted("Location page opened"),
    noted("Online shop"),
    noted("Services and consultancy"),
    noted("Software and subscriptions"),
    noted("News and content"),
    noted("Local business"),
    noted(
        "Walk through your shop as somebody who has never seen it, up to the thank-you page, and note each thing that brings you closer to buying.",
    ),
    noted(
        "Ask what a new client did before the first call: which page they read, what they downloaded, which form they sent.",
    ),
    noted(
        "Follow an account from the first visit to the second invoice; count what those who stayed did in their first hour.",
    ),
    noted(
        "Decide what a reader is worth to you: a paid subscription, an address, or the time they spend; count that, not page views.",
    ),
    noted("Ask at the counter how people found you; directions, calls and bookings are what a site can do for that."),
];

impl Goals {
    /// The shop's own trend.
    pub fn trend(&self) -> Option<String> {
        let [now, before] = self.bought?;
        let share = |(orders, visitors)| Some(per_cent(benchmark::share(orders, visitors)?));
        Some(match (share(now), share(before)) {
            (Some(now), Some(before)) => say(
                "{now} of visitors ordered; in as many days before it was {before}.",
                &[("now", &now), ("before", &before)],
            ),
            _ => t("Too few visitors in this period or in the one before for a share that means something.").to_owned(),
        })
    }

    /// What is published of others: of whom, its year, the share.
    pub fn published(&self) -> Vec<(&'static str, String, String)> {
        let year = |year: Option<u16>| year.map_or_else(|| "–".to_owned(), |year| year.to_string());
        benchmark::PUBLISHED.iter().map(|each| (t(each.of), year(each.year), per_cent(each.hundredths))).collect()
    }
}

/// `2.60 %` of hundredths of a per cent.
fn per_cent(hundredths: u32) -> String {
    format!("{}\u{a0}%", two_places(i64::from(hundredths)))
}

/// What published averages are of, in English, for the catalogue; a test finds every one of them here.
pub const OF_AVERAGES: &[&str] =
    &[noted("Online shops in the United States"), noted("Consumer goods"), noted("Home and furniture")];

impl GoalRow {
    pub fn label(&self) -> &'static str {
        match self.plan.class {
            Class::Macro => t("Macro"),
            Class::Micro => t("Micro"),
        }
    }

    pub fn tone(&self) -> Tone {
        match self.plan.class {
            Class::Macro => Tone::Good,
            Class::Micro => Tone::Live,
        }
    }

    pub fn what(&self) -> String {
        match &self.plan.only {
            Some(only) => format!("{}: {}", label(self.plan.kind), only.text),
            None => label(self.plan.kind).to_owned(),
        }
    }

    pub fn worth(&self) -> String {
        self.worth.iter().map(|money| money.shown()).collect::<Vec<_>>().join(", ")
    }

    /// `12 of 40` this month.
    pub fn against_target(&self) -> String {
        self.plan.target.map(|target| format::out_of(self.this_month, target)).unwrap_or_default()
    }
}

impl CloseRow {
    pub fn from(&self) -> String {
        let channel = channel_label(crate::domain::site_event::channel(&self.source, &self.medium));
        if self.source.is_empty() { channel.to_owned() } else { format!("{channel}: {}", self.source) }
    }
}

impl Goals {
    pub fn answer(&self) -> String {
        let of =
            |class: Class| self.rows.iter().filter(|row| row.plan.class == class).map(|row| row.count).sum::<u64>();
        match self.rows.len() {
            0 => t("No goal is counted yet.").to_owned(),
            _ => say(
                "{macros} and {micros} in this period.",
                &[
                    ("macros", &format::number_of(of(Class::Macro), "macro-conversion", "macro-conversions")),
                    ("micros", &format::number_of(of(Class::Micro), "micro-conversion", "micro-conversions")),
                ],
            ),
        }
    }

    pub fn rate(&self, row: &GoalRow) -> String {
        format::rate(row.count.min(self.visitors), self.visitors)
    }

    /// Id, name, guide and the names of its goals.
    pub fn presets(&self) -> Vec<(&'static str, &'static str, &'static str, String)> {
        let told = |business: &'static crate::domain::goal::Business| {
            let goals = format::list(business.goals.iter().map(|goal| label(goal.kind).to_lowercase()));
            (business.id.as_str(), t(&business.name), t(&business.guide), goals)
        };
        presets().iter().map(told).collect()
    }
}

impl GoalPage {
    pub fn answer(&self) -> String {
        let Some(row) = &self.row else { return t("One goal: what counts, and what it is worth.").to_owned() };
        let worth = row.worth();
        let times = format::number_of(row.count, "time", "times");
        if worth.is_empty() {
            say("{name}: {times} in this period.", &[("name", &row.plan.name), ("times", &times)])
        } else {
            say(
                "{name}: {times} in this period, worth {worth}.",
                &[("name", &row.plan.name), ("times", &times), ("worth", &worth)],
            )
        }
    }

    pub fn title(&self) -> String {
        self.row.as_ref().map_or_else(|| t("Add a goal").to_owned(), |row| row.plan.name.clone())
    }

    pub fn action(&self) -> String {
        let path = self.row.as_ref().map_or_else(|| "/goals".to_owned(), |row| format!("/goals/{}", row.id));
        self.page.href(&path)
    }

    pub fn rate(&self) -> String {
        format::rate(self.sheet.whole.count.min(self.visitors), self.visitors)
    }

    /// Breakdowns that have anything known in them.
    pub fn cuts(&self) -> Vec<Cut> {
        let known = By::ALL.into_iter().map(|by| Cut::of(by, &self.sheet));
        known.filter(|cut| cut.rows.iter().any(|row| row.known)).collect()
    }

    /// How long after the visitor's first event, as words and counts.
    pub fn delays(&self) -> Vec<(String, u64)> {
        let words = |bound: u64| match bound {
            u64::MAX => t("later").to_owned(),
            60 => t("within an hour").to_owned(),
            1_440 => t("within a day").to_owned(),
            minutes if minutes < 60 => say("within {count} minutes", &[("count", &minutes)]),
            minutes => say("within {count} days", &[("count", &(minutes / 1_440))]),
        };
        self.sheet.delays().map(|(bound, count)| (words(bound), count)).collect()
    }

    pub fn problem_title(&self) -> &'static str {
        t("Not saved")
    }
}

/// One breakdown as a table.
pub struct Cut {
    pub id: &'static str,
    pub title: &'static str,
    pub rows: Vec<CutRow>,
}

pub struct CutRow {
    pub value: String,
    pub known: bool,
    pub count: u64,
    pub worth: String,
    /// Of the longest bar.
    pub width: String,
}

const CUT_ROWS_MAX: usize = 12;

impl Cut {
    fn of(by: By, sheet: &Sheet) -> Cut {
        let title = t(match by {
            By::Channel => noted("By channel"),
            By::Source => noted("By source"),
            By::Medium => noted("By medium"),
            By::Campaign => noted("By campaign"),
            By::Product => noted("By product"),
            By::Target => noted("By target"),
            By::Device => noted("By device"),
            By::Country => noted("By country of the browser"),
            By::Payment => noted("By way to pay"),
        });
        let values = sheet.by(by);
        let most = values.first().map_or(1, |(_, sum)| sum.count).max(1);
        let row = |(value, sum): &(&str, &Sum)| CutRow {
            value: match (by, *value) {
                (_, "") => t("not known").to_owned(),
                (_, crate::domain::breakdown::OTHER) => t("All others").to_owned(),
                (By::Channel, channel) => channel_label(channel).to_owned(),
                (_, value) => value.to_owned(),
            },
            known: !value.is_empty(),
            count: sum.count,
            worth: sum.worth().iter().map(|money| money.shown()).collect::<Vec<_>>().join(", "),
            width: format!("{:.1}%", sum.count as f64 / most as f64 * 100.0),
        };
        Cut { id: by.name(), title, rows: values.iter().take(CUT_ROWS_MAX).map(row).collect() }
    }
}

impl GoalRemove {
    pub fn answer(&self) -> String {
        if self.is_funnel {
            say("Remove the funnel {name}?", &[("name", &self.name)])
        } else {
            say("Remove the goal {name}?", &[("name", &self.name)])
        }
    }

    pub fn action(&self) -> String {
        self.page.href(&format!("{}/remove", self.path))
    }

    pub fn what(&self) -> &'static str {
        if self.is_funnel {
            t("The saved steps go. Events stay, so it can be made again with the same figures.")
        } else {
            t("It is no longer counted, and its figures go. Events stay for a while, so it can be made again.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_can_be_said_in_every_language() {
        for each in benchmark::PUBLISHED {
            assert!(OF_AVERAGES.contains(&each.of), "{}", each.of);
        }
    }

    #[test]
    fn what_presets_say_can_be_said_in_every_language() {
        for business in presets() {
            let goals = business.goals.iter().map(|goal| &goal.name);
            for said in goals.chain([&business.name, &business.guide]) {
                assert!(OF_PRESETS.contains(&said.as_str()), "{said}");
            }
        }
    }
}
