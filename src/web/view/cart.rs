//! Carts: the list, and one cart explaining itself: everything that happened to it and why, gate by gate.

use std::borrow::Cow;

use askama::Template;

use super::{
    Choice, Page, Tone,
    format::{self, Shown as _},
    listing::{self, Listing},
    words::{self, filters, say, t},
};
use crate::domain::{intent::Intent, money::Money, site_event::Kind, time::Time};

#[derive(Clone, Debug, Template)]
#[template(path = "page/carts.html")]
pub struct Carts {
    pub page: Page,
    pub filter: Filter,
    /// What was typed into the search box.
    pub q: String,
    /// Whether no cart has come at all.
    pub is_new: bool,
    pub rows: Vec<CartRow>,
    pub list: Listing,
}

#[derive(Clone, Debug)]
pub struct CartRow {
    pub id: String,
    pub value: Money,
    /// `Ana, …4455`; never the whole number.
    pub who: String,
    pub country: Option<String>,
    pub state: CartState,
    /// Why it stands where it stands, in a sentence.
    pub why: String,
    pub last_activity_at: Time,
}

/// Where a cart stands, for people. Derived from its facts by whoever fills the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CartState {
    /// Still being filled.
    Open,
    /// Abandoned; a text is planned.
    Waiting,
    /// Abandoned; no text will be sent.
    NotTexted,
    Texted,
    Clicked,
    /// Bought, credited to a text.
    Recovered,
    /// Bought, not because of us.
    Bought,
    /// Texted, and nothing came of it.
    Lost,
}

impl CartState {
    pub fn label(&self) -> &'static str {
        match self {
            CartState::Open => t("Shopping"),
            CartState::Waiting => t("Text planned"),
            CartState::NotTexted => t("Not texted"),
            CartState::Texted => t("Texted"),
            CartState::Clicked => t("Tapped"),
            CartState::Recovered => t("Recovered"),
            CartState::Bought => t("Bought by itself"),
            CartState::Lost => t("Lost"),
        }
    }

    pub fn tone(&self) -> Tone {
        match self {
            CartState::Recovered => Tone::Good,
            CartState::Open | CartState::Waiting | CartState::Texted | CartState::Clicked => Tone::Live,
            CartState::NotTexted | CartState::Bought | CartState::Lost => Tone::Quiet,
        }
    }
}

/// What `/carts?state=` understands. A cart that came further also counts for the stages before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Filter {
    #[default]
    All,
    Open,
    Abandoned,
    /// The stages of the report between abandoned and texted.
    Phone,
    Mobile,
    Consented,
    Allowed,
    /// Abandoned, but without number, consent or with an opt-out.
    Unreachable,
    Reachable,
    /// Reachable, but not texted: outside hours, capped, holdout, still waiting.
    Held,
    Texted,
    /// Texted; neither the carrier nor a tap tells that it arrived.
    Undelivered,
    Delivered,
    /// Delivered, and nobody opened its link.
    Untapped,
    Clicked,
    /// Tapped, and no order is credited to it.
    Unbought,
    Recovered,
    /// Bought without credit to a text.
    Bought,
    /// Of people who opted out.
    OptedOut,
}

impl Filter {
    pub const ALL: [Filter; 19] = [
        Filter::All,
        Filter::Open,
        Filter::Abandoned,
        Filter::Phone,
        Filter::Mobile,
        Filter::Consented,
        Filter::Allowed,
        Filter::Unreachable,
        Filter::Reachable,
        Filter::Held,
        Filter::Texted,
        Filter::Undelivered,
        Filter::Delivered,
        Filter::Untapped,
        Filter::Clicked,
        Filter::Unbought,
        Filter::Recovered,
        Filter::Bought,
        Filter::OptedOut,
    ];

    /// Those always offered; the others show up when a figure led to them.
    const OFFERED: [Filter; 6] =
        [Filter::All, Filter::Open, Filter::Abandoned, Filter::Texted, Filter::Clicked, Filter::Recovered];

    /// Anything unknown is every cart.
    pub fn parse(text: &str) -> Filter {
        Filter::ALL.into_iter().find(|filter| filter.name() == text).unwrap_or_default()
    }

    /// As in the URL; "" for all.
    pub fn name(&self) -> &'static str {
        match self {
            Filter::All => "",
            Filter::Open => "open",
            Filter::Abandoned => "abandoned",
            Filter::Phone => "phone",
            Filter::Mobile => "mobile",
            Filter::Consented => "consented",
            Filter::Allowed => "allowed",
            Filter::Unreachable => "unreachable",
            Filter::Reachable => "reachable",
            Filter::Held => "held",
            Filter::Texted => "texted",
            Filter::Undelivered => "undelivered",
            Filter::Delivered => "delivered",
            Filter::Untapped => "untapped",
            Filter::Unbought => "unbought",
            Filter::Clicked => "clicked",
            Filter::Recovered => "recovered",
            Filter::Bought => "bought",
            Filter::OptedOut => "opted_out",
        }
    }

    pub fn label(&self) -> &'static str {
        match self {
            Filter::All => t("All"),
            Filter::Open => t("Shopping"),
            Filter::Abandoned => t("Abandoned"),
            Filter::Phone => t("With a number"),
            Filter::Mobile => t("Mobile"),
            Filter::Consented => t("Consented"),
            Filter::Allowed => t("Allowed"),
            Filter::Unreachable => t("Not reachable"),
            Filter::Reachable => t("Reachable"),
            Filter::Held => t("Held back"),
            Filter::Texted => t("Texted"),
            Filter::Undelivered => t("Not delivered"),
            Filter::Delivered => t("Delivered"),
            Filter::Untapped => t("Not tapped"),
            Filter::Unbought => t("Tapped, not bought"),
            Filter::Clicked => t("Tapped"),
            Filter::Recovered => t("Recovered"),
            Filter::Bought => t("Bought by itself"),
            Filter::OptedOut => t("Opted out"),
        }
    }

    /// Ends the phrase "412 carts …".
    fn phrase(self) -> &'static str {
        match self {
            Filter::All => "in all",
            Filter::Open => "still being filled",
            Filter::Abandoned => "were abandoned",
            Filter::Phone => "have a number",
            Filter::Mobile => "have a number that can be texted",
            Filter::Consented => "have a consent for texts",
            Filter::Allowed => "were allowed a text",
            Filter::Unreachable => "could not be texted",
            Filter::Reachable => "could be texted",
            Filter::Held => "could be texted and were not",
            Filter::Texted => "were texted",
            Filter::Undelivered => "were texted, with no word that it arrived",
            Filter::Delivered => "got a text delivered",
            Filter::Untapped => "got a text and did not tap",
            Filter::Unbought => "had their link tapped and were not recovered",
            Filter::Clicked => "had their link tapped",
            Filter::Recovered => "were recovered",
            Filter::Bought => "were bought without our help",
            Filter::OptedOut => "are of people who opted out",
        }
    }
}

impl Carts {
    pub fn answer(&self) -> String {
        if self.is_new {
            return t("No cart has arrived yet.").to_owned();
        }
        let count = self.list.count;
        let found = match self.q.as_str() {
            "" => listing::agree(count, "cart", "carts", self.filter.phrase()),
            typed => listing::matching(count, "cart", "carts", typed),
        };
        format!("{found}.")
    }

    pub fn choices(&self) -> Vec<Choice> {
        let led_here = Some(self.filter).filter(|filter| !Filter::OFFERED.contains(filter));
        Filter::OFFERED
            .into_iter()
            .chain(led_here)
            .map(|filter| Choice {
                label: filter.label(),
                href: self.list.with(&self.page, "state", filter.name()),
                current: filter == self.filter,
                count: None,
            })
            .collect()
    }
}

/// One cart's page.
#[derive(Clone, Debug, Template)]
#[template(path = "page/cart.html")]
pub struct Cart {
    pub page: Page,
    pub id: String,
    pub value: Money,
    pub who: String,
    pub country: Option<String>,
    pub state: CartState,
    pub items: Vec<Item>,
    pub abandoned_at: Option<Time>,
    /// What its visitor did before it was left, where that is known.
    pub intent: Option<Intent>,
    /// What happens next, or why nothing will: one sentence.
    pub next: String,
    /// Oldest first.
    pub timeline: Vec<Entry>,
    pub erased: bool,
    pub acts: Acts,
}

/// What whoever looks may do to a cart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Acts {
    pub send_now: bool,
    pub hold: bool,
    pub release: bool,
    pub dismiss: bool,
}

impl Acts {
    pub fn any(&self) -> bool {
        *self != Acts::default()
    }
}

#[derive(Clone, Debug)]
pub struct Item {
    pub name: String,
    pub quantity: u64,
    pub total: Option<Money>,
}

/// Something that happened to a cart or speaks for an order.
#[derive(Clone, Debug)]
pub struct Entry {
    pub at: Time,
    pub tone: Tone,
    /// `text 1 sent`
    pub what: String,
    /// `Twilio · 1 part · €0.041`
    pub detail: String,
    /// The words of a text, as it looked.
    pub quote: Option<String>,
    /// A decision, gate by gate, in the order they were asked.
    pub gates: Vec<Gate>,
    /// What a decision looked at, name and value, for whoever wants to check it.
    pub made_of: Vec<(String, String)>,
    pub links: Vec<Link>,
    /// The object this is about (`msg_…`), as a target for links.
    pub anchor: Option<String>,
}

impl Entry {
    pub fn new(at: Time, tone: Tone, what: impl Into<String>) -> Entry {
        Entry {
            at,
            tone,
            what: what.into(),
            detail: String::new(),
            quote: None,
            gates: Vec::new(),
            made_of: Vec::new(),
            links: Vec::new(),
            anchor: None,
        }
    }

    pub fn detail(self, detail: impl Into<String>) -> Entry {
        Entry { detail: detail.into(), ..self }
    }

    pub fn quote(self, text: impl Into<String>) -> Entry {
        Entry { quote: Some(text.into()), ..self }
    }

    pub fn gates(self, gates: Vec<Gate>) -> Entry {
        Entry { gates, ..self }
    }

    pub fn made_of(self, made_of: Vec<(String, String)>) -> Entry {
        Entry { made_of, ..self }
    }

    pub fn anchor(self, id: impl Into<String>) -> Entry {
        Entry { anchor: Some(id.into()), ..self }
    }

    pub fn link(mut self, text: impl Into<String>, href: impl Into<String>) -> Entry {
        self.links.push(Link { text: text.into(), href: href.into() });
        self
    }
}

#[derive(Clone, Debug)]
pub struct Link {
    pub text: String,
    pub href: String,
}

/// One question asked before a text, and its answer.
#[derive(Clone, Debug)]
pub struct Gate {
    /// `mobile`, `consent`, `open in Europe/Ljubljana until 20:00`
    pub name: String,
    pub verdict: Verdict,
    /// Why it did not pass; "" when it did.
    pub why: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Pass,
    /// Not now; asked again later.
    Wait,
    /// No text.
    Stop,
}

impl Gate {
    pub fn mark(&self) -> &'static str {
        match self.verdict {
            Verdict::Pass => "✓",
            Verdict::Wait => "◷",
            Verdict::Stop => "✕",
        }
    }

    /// The mark, for those who do not see it.
    pub fn word(&self) -> &'static str {
        match self.verdict {
            Verdict::Pass => t("passed"),
            Verdict::Wait => t("waits"),
            Verdict::Stop => t("stopped"),
        }
    }

    pub fn class(&self) -> &'static str {
        match self.verdict {
            Verdict::Pass => "pass",
            Verdict::Wait => "wait",
            Verdict::Stop => "stop",
        }
    }
}

/// The entries of one of the shop's days.
pub struct TimelineDay<'a> {
    pub label: Cow<'static, str>,
    pub entries: Vec<&'a Entry>,
}

/// Groups entries, which are in order, by the shop's own days.
pub fn by_day<'a>(entries: &'a [Entry], page: &Page) -> Vec<TimelineDay<'a>> {
    entries
        .chunk_by(|one, next| format::day_of(one.at, &page.zone) == format::day_of(next.at, &page.zone))
        .filter_map(|day| {
            let label = format::day(day.first()?.at, page.now, &page.zone);
            Some(TimelineDay { label, entries: day.iter().collect() })
        })
        .collect()
}

impl Cart {
    /// `2 × Added to cart`
    pub fn doing(&self, &(kind, times, _): &(Kind, u32, u8)) -> String {
        let label = super::event::label(kind);
        if times > 1 { format!("{times} × {label}") } else { label.to_owned() }
    }

    /// `Ana, …4455 left €128.00 behind 21 h ago: recovered.`
    pub fn answer(&self) -> String {
        let (who, value) = (&self.who, self.value.shown());
        let state = self.state.label().to_lowercase();
        match (self.state, self.abandoned_at) {
            (CartState::Open, _) | (_, None) => {
                say("{who} has {value} in the cart: {state}.", &[("who", who), ("value", &value), ("state", &state)])
            }
            (_, Some(at)) => {
                let ago = format::ago(at, self.page.now);
                let values: [(&str, &dyn std::fmt::Display); 4] =
                    [("who", who), ("value", &value), ("ago", &ago), ("state", &state)];
                say("{who} left {value} behind {ago}: {state}.", &values)
            }
        }
    }

    pub fn days(&self) -> Vec<TimelineDay<'_>> {
        by_day(&self.timeline, &self.page)
    }

    pub fn facts(&self) -> String {
        let pieces: u64 = self.items.iter().map(|item| item.quantity).sum();
        let mut facts = vec![format::number_of(pieces, "item", "items")];
        facts.extend(self.country.clone());
        facts.push(self.id.clone());
        facts.join(" · ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::view::{Section, sample};

    #[test]
    fn every_filter_is_read_again() {
        for filter in Filter::ALL {
            assert_eq!(Filter::parse(filter.name()), filter);
        }
        assert_eq!(Filter::parse("<script>"), Filter::All);
    }

    #[test]
    fn the_first_line_counts() {
        let carts = |filter, q: &str, total: u64| {
            let list = Listing { count: total.into(), ..sample::carts().list };
            Carts { filter, q: q.to_owned(), list, ..sample::carts() }
        };
        assert_eq!(carts(Filter::Texted, "", 412).answer(), "412 carts were texted.");
        assert_eq!(carts(Filter::All, "ana", 1).answer(), "1 cart matches “ana”.");
        assert_eq!(carts(Filter::Held, "", 0).answer(), "No carts could be texted and were not.");
        assert_eq!(Carts { is_new: true, ..sample::carts() }.answer(), "No cart has arrived yet.");
    }

    #[test]
    fn a_filter_a_figure_led_to_is_offered() {
        let carts = Carts { filter: Filter::Held, ..sample::carts() };
        let current: Vec<_> =
            carts.choices().into_iter().filter(|choice| choice.current).map(|choice| choice.label).collect();
        assert_eq!(current, ["Held back"]);
    }

    #[test]
    fn days_break_where_the_shop_is() {
        let page = sample::page(Section::Carts);
        let at = |text: &str| Entry::new(Time::parse(text).unwrap(), Tone::Quiet, "");
        let entries = [at("2026-11-19T22:30:00Z"), at("2026-11-19T23:30:00Z"), at("2026-11-20T10:00:00Z")];
        let days = by_day(&entries, &page);
        assert_eq!(
            days.iter().map(|day| (day.label.as_ref(), day.entries.len())).collect::<Vec<_>>(),
            [("Yesterday", 1), ("Today", 2)]
        );
    }
}
