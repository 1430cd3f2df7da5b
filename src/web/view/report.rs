//! The report: the whole way from an abandoned cart to money kept, each figure with its definition and its rows.

use askama::Template;

use super::{
    Page,
    figure::Figure,
    format::{self, Shown as _},
    funnel::{Funnel, Stage},
    listing::NOT_TOLD,
    takings::{self, Takings},
    words::{self, filters, noted, say, t},
};
use crate::domain::{
    breakdown::{Dimension, OTHER},
    id::GatewayId,
    message::Cost,
    money::Money,
};

#[derive(Clone, Debug, Template)]
#[template(path = "page/report.html")]
pub struct Report {
    pub page: Page,
    /// One per currency, the shop's own first.
    pub takings: Vec<Takings>,
    pub rates: Vec<Rate>,
    pub funnel: Funnel,
    pub cuts: Vec<Cut>,
    pub delay: Delay,
    pub heat: Heat,
    pub texts: u64,
    pub parts: u64,
    pub cost: Vec<Cost>,
    pub opt_outs: u64,
    /// Single-use codes made for texts, orders that used the code of a text, and what those codes took off.
    pub codes: u64,
    pub codes_used: u64,
    pub discount: Vec<Money>,
    /// How many sales were made offline within a week of a text, and their net, one per currency. In no other figure.
    pub offline: Vec<(u64, Money)>,
    /// When the figures were last brought up to date with the facts.
    pub as_of: Option<crate::domain::time::Time>,
}

/// A share or a price, with what it is made of.
#[derive(Clone, Debug)]
pub struct Rate {
    pub name: &'static str,
    pub shown: String,
    pub beside: String,
    pub definition: &'static str,
}

/// The figures by one dimension.
#[derive(Clone, Debug)]
pub struct Cut {
    pub by: Dimension,
    pub rows: Vec<CutRow>,
}

/// One value of a dimension.
#[derive(Clone, Debug, Default)]
pub struct CutRow {
    /// As stored; "" where it was not told.
    pub value: String,
    /// What people call it, where that is kept apart.
    pub name: Option<String>,
    pub carts: u64,
    pub texts: u64,
    pub delivered: u64,
    pub clicked: u64,
    pub orders: u64,
    pub all_orders: u64,
    pub assisted: u64,
    pub net: Vec<Money>,
    pub per_text: Vec<Money>,
    pub cost: Vec<Cost>,
}

impl CutRow {
    pub fn delivered(&self) -> Share {
        Share { part: self.delivered, whole: self.texts }
    }

    pub fn clicked(&self) -> Share {
        Share { part: self.clicked, whole: self.delivered.max(self.clicked) }
    }

    pub fn orders(&self) -> Share {
        Share { part: self.orders, whole: self.texts }
    }
}

impl Cut {
    pub fn id(&self) -> &'static str {
        self.by.name()
    }

    pub fn title(&self) -> &'static str {
        match self.by {
            Dimension::Step => t("By step"),
            Dimension::Language => t("By language"),
            Dimension::Country => t("By country"),
            Dimension::Gateway => t("By gateway"),
            Dimension::Product => t("By product"),
            Dimension::Source => t("By source"),
            Dimension::Device => t("By device of the tap"),
            Dimension::Payment => t("By payment method"),
            _ => "",
        }
    }

    pub fn heading(&self) -> &'static str {
        match self.by {
            Dimension::Step => t("Step"),
            Dimension::Language => t("Language"),
            Dimension::Country => t("Country"),
            Dimension::Gateway => t("Gateway"),
            Dimension::Product => t("Product"),
            Dimension::Source => t("Source"),
            Dimension::Device => t("Device"),
            Dimension::Payment => t("Paid by"),
            _ => "",
        }
    }

    pub fn has_carts(&self) -> bool {
        matches!(self.by, Dimension::Country | Dimension::Product | Dimension::Source)
    }

    pub fn has_texts(&self) -> bool {
        !matches!(self.by, Dimension::Device | Dimension::Payment)
    }

    pub fn has_taps(&self) -> bool {
        self.by != Dimension::Payment
    }

    pub fn has_all_orders(&self) -> bool {
        self.by == Dimension::Payment
    }

    /// What narrows a list to a row; `None` where no list can: the rest of days with very many values.
    fn pairs(&self, row: &CutRow) -> Option<Vec<(&'static str, String)>> {
        let told = |value: &str| if value.is_empty() { NOT_TOLD.to_owned() } else { value.to_owned() };
        match (self.by, row.value.as_str()) {
            (_, OTHER) | (Dimension::Step, "") => None,
            (Dimension::Step, value) => {
                let (sequence, step) = value.rsplit_once(' ')?;
                Some(vec![("sequence", told(sequence)), ("step", step.to_owned())])
            }
            (Dimension::Gateway, value) => Some(vec![("gateway", GatewayId::new(value.parse().ok()?).to_string())]),
            (by, value) => Some(vec![(by.name(), told(value))]),
        }
    }

    fn figure(&self, page: &Page, row: &CutRow, count: u64, path: &str, of: &[(&str, &str)]) -> Figure {
        let Some(own) = self.pairs(row) else { return Figure::bare(count) };
        let own = own.iter().map(|(name, value)| (*name, value.as_str()));
        Figure::new(page, count, path, &of.iter().copied().chain(own).collect::<Vec<_>>())
    }

    pub fn carts(&self, row: &CutRow, page: &Page) -> Figure {
        self.figure(page, row, row.carts, "/carts", &[("state", "abandoned")])
    }

    pub fn texts(&self, row: &CutRow, page: &Page) -> Figure {
        self.figure(page, row, row.texts, "/messages", &[("state", "sent"), ("purpose", "reminder")])
    }

    pub fn delivered(&self, row: &CutRow, page: &Page) -> Figure {
        self.figure(page, row, row.delivered, "/messages", &[("state", "delivered"), ("purpose", "reminder")])
    }

    pub fn tapped(&self, row: &CutRow, page: &Page) -> Figure {
        self.figure(page, row, row.clicked, "/messages", &[("state", "tapped")])
    }

    pub fn all_orders(&self, row: &CutRow, page: &Page) -> Figure {
        self.figure(page, row, row.all_orders, "/orders", &[])
    }

    pub fn recovered(&self, row: &CutRow, page: &Page) -> Figure {
        self.figure(page, row, row.orders, "/orders", &[("state", "recovered")])
    }

    pub fn assisted(&self, row: &CutRow, page: &Page) -> Figure {
        self.figure(page, row, row.assisted, "/orders", &[("state", "assisted")])
    }

    pub fn csv(&self) -> String {
        format!("/report/{}.csv", self.by.name())
    }

    /// What a value is called.
    pub fn name(&self, row: &CutRow) -> String {
        match (self.by, row.value.as_str()) {
            (Dimension::Step, "") => t("Requests to confirm, answers").to_owned(),
            (_, "") => t("Not told").to_owned(),
            (_, OTHER) => t("All others").to_owned(),
            (Dimension::Step, value) => {
                let (sequence, step) = value.rsplit_once(' ').unwrap_or(("", value));
                match row.name.as_deref().unwrap_or(sequence) {
                    "" => say("Text {step}", &[("step", &step)]),
                    name => say("Text {step} of “{name}”", &[("step", &step), ("name", &name)]),
                }
            }
            (Dimension::Gateway, "0") => t("Not told").to_owned(),
            (Dimension::Gateway, _) => row.name.clone().unwrap_or_else(|| t("A removed gateway").to_owned()),
            (Dimension::Device, value) => device(value),
            (_, value) => value.to_owned(),
        }
    }

    /// The sentence above the table.
    pub fn said(&self) -> String {
        let orders: u64 = self.rows.iter().map(|row| row.orders).sum();
        match self.rows.iter().max_by_key(|row| row.orders).filter(|row| row.orders > 0) {
            Some(best) => say(
                "{name}: {part} recovered orders.",
                &[("name", &self.name(best)), ("part", &format::out_of(best.orders, orders))],
            ),
            None => t("No order was recovered in this period.").to_owned(),
        }
    }
}

/// How long recovered orders took.
#[derive(Clone, Debug, Default)]
pub struct Delay {
    pub orders: u64,
    pub half_within_minutes: Option<u32>,
    pub rows: Vec<DelayRow>,
}

#[derive(Clone, Debug)]
pub struct DelayRow {
    pub within_minutes: Option<u32>,
    pub orders: u64,
    pub gross: Vec<Money>,
    /// Of the longest bar, in percent.
    pub width: String,
}

impl Delay {
    pub fn said(&self) -> String {
        match self.half_within_minutes {
            Some(minutes) => say(
                "Half of {orders} came within {span} of the cart being abandoned.",
                &[
                    ("orders", &format::number_of(self.orders, "recovered order", "recovered orders")),
                    ("span", &long(minutes)),
                ],
            ),
            None => t("No order was recovered in this period.").to_owned(),
        }
    }

    pub fn label(&self, row: &DelayRow) -> String {
        within(row.within_minutes)
    }

    pub fn figure(&self, row: &DelayRow, page: &Page) -> Figure {
        let took = row.within_minutes.map_or("later".to_owned(), |minutes| minutes.to_string());
        Figure::new(page, row.orders, "/orders", &[("state", "recovered"), ("took", &took)])
    }
}

/// What a device is called.
pub fn device(value: &str) -> String {
    match value {
        "iphone" => "iPhone".to_owned(),
        "ipad" => "iPad".to_owned(),
        "mac" => "Mac".to_owned(),
        "other" => t("Another").to_owned(),
        value => format::sentence_case(value),
    }
}

/// A group of waiting times; the last has no end.
pub fn within(minutes: Option<u32>) -> String {
    match minutes {
        Some(minutes) => say("Within {span}", &[("span", &long(minutes))]),
        None => t("Later").to_owned(),
    }
}

/// `1.14`, as an address names an hour of the week: weekday, Monday being 1, and hour.
pub fn parse_hour(text: &str) -> Option<(u8, u8)> {
    let (weekday, hour) = text.split_once('.')?;
    let (weekday, hour) = (weekday.parse().ok()?, hour.parse().ok()?);
    ((1..=7).contains(&weekday) && hour < 24).then_some((weekday, hour))
}

/// `Monday, 14:00–15:00`
pub fn hour(weekday: u8, hour: u8) -> String {
    let day = WEEKDAYS.get(usize::from(weekday.saturating_sub(1))).copied().unwrap_or_default();
    format!("{}, {hour}:00–{}:00", t(day), hour + 1)
}

fn long(minutes: u32) -> String {
    format::span(std::time::Duration::from_secs(u64::from(minutes) * 60))
}

/// Hours of the week, one count in each.
#[derive(Clone, Debug, Default)]
pub struct Heat {
    pub what: HeatOf,
    /// Seven rows of 24 counts, Monday first.
    pub rows: Vec<Vec<u64>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HeatOf {
    #[default]
    Taps,
    Texts,
    Orders,
}

impl HeatOf {
    pub const ALL: [HeatOf; 3] = [HeatOf::Taps, HeatOf::Texts, HeatOf::Orders];

    pub fn name(&self) -> &'static str {
        match self {
            HeatOf::Taps => "taps",
            HeatOf::Texts => "texts",
            HeatOf::Orders => "orders",
        }
    }

    pub fn label(&self) -> &'static str {
        match self {
            HeatOf::Taps => t("First taps"),
            HeatOf::Texts => t("Texts sent"),
            HeatOf::Orders => t("Recovered orders"),
        }
    }

    /// Anything unknown is taps.
    pub fn parse(text: &str) -> HeatOf {
        HeatOf::ALL.into_iter().find(|of| of.name() == text).unwrap_or_default()
    }

    pub fn path(&self) -> String {
        format!("/report?heat={}#hours", self.name())
    }
}

const WEEKDAYS: [&str; 7] = [
    noted("Monday"),
    noted("Tuesday"),
    noted("Wednesday"),
    noted("Thursday"),
    noted("Friday"),
    noted("Saturday"),
    noted("Sunday"),
];

impl Heat {
    pub fn caption(&self) -> String {
        say("{what} by weekday and hour, on the shop’s clock", &[("what", &self.what.label())])
    }

    fn most(&self) -> u64 {
        self.rows.iter().flatten().copied().max().unwrap_or(0)
    }

    /// A step of shade from 0 (nothing) to 4 (the busiest hour); the number stands beside it.
    pub fn shade(&self, count: &u64) -> u64 {
        match self.most() {
            0 => 0,
            most => (*count * 4).div_ceil(most),
        }
    }

    /// One hour's count, with its rows.
    pub fn figure(&self, day: &usize, hour: &usize, count: &u64, page: &Page) -> Figure {
        let hour = format!("{}.{hour}", day + 1);
        let (path, of): (&str, &[(&str, &str)]) = match self.what {
            HeatOf::Taps => ("/messages", &[("state", "tapped")]),
            HeatOf::Texts => ("/messages", &[("state", "sent"), ("purpose", "reminder")]),
            HeatOf::Orders => ("/orders", &[("state", "recovered")]),
        };
        let pairs: Vec<_> = of.iter().copied().chain([("hour", hour.as_str())]).collect();
        Figure::new(page, *count, path, &pairs)
    }

    pub fn weekday(&self, place: &usize) -> &'static str {
        t(WEEKDAYS.get(*place).copied().unwrap_or_default())
    }

    pub fn said(&self) -> String {
        let counts = self.rows.iter().enumerate().flat_map(|(day, row)| {
            row.iter().enumerate().map(move |(hour, &count)| (count, std::cmp::Reverse((day, hour))))
        });
        match counts.max().filter(|(count, _)| *count > 0) {
            Some((count, std::cmp::Reverse((day, hour)))) => say(
                "{what}: most of them on {day} between {hour}:00 and {end}:00, {part}.",
                &[
                    ("what", &self.what.label()),
                    ("day", &self.weekday(&day)),
                    ("hour", &hour),
                    ("end", &(hour + 1)),
                    ("part", &format::out_of(count, self.rows.iter().flatten().sum())),
                ],
            ),
            None => say("{what}: none in this period.", &[("what", &self.what.label())]),
        }
    }
}

/// What stands beside a count: `97 %`, or `of 24` while there are too few for a percentage.
pub struct Share {
    part: u64,
    whole: u64,
}

impl Share {
    pub fn beside(&self) -> String {
        match self.whole {
            1..format::RATE_CASES_MIN => say("of {whole}", &[("whole", &self.whole)]),
            _ => format::rate(self.part, self.whole),
        }
    }
}

impl Report {
    pub fn answer(&self) -> String {
        let days = self.page.days.phrase();
        match takings::net_in_words(&self.takings) {
            Some(net) => say(
                "{net} net came back {days}, from {orders} of {carts}.",
                &[
                    ("net", &net),
                    ("days", &days),
                    ("orders", &format::number_of(takings::orders(&self.takings), "order", "orders")),
                    ("carts", &format::number_of(self.abandoned(), "abandoned cart", "abandoned carts")),
                ],
            ),
            None => say(
                "Nothing came back {days}, from {carts}.",
                &[
                    ("days", &days),
                    ("carts", &format::number_of(self.abandoned(), "abandoned cart", "abandoned carts")),
                ],
            ),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.funnel.is_empty() && self.texts == 0 && takings::orders(&self.takings) == 0
    }

    fn abandoned(&self) -> u64 {
        self.funnel.carts(Stage::Abandoned)
    }

    pub fn opt_out_rate(&self) -> String {
        format::share_of(self.opt_outs, self.texts, "texts")
    }

    pub fn return_on_cost(&self) -> Option<String> {
        self.takings.iter().find_map(|one| one.per_cost(&self.cost))
    }

    /// What codes took off, in the currency of these takings.
    pub fn discount_in(&self, one: &Takings) -> String {
        let found = self.discount.iter().find(|money| money.currency == one.net.currency);
        found.copied().unwrap_or(Money::new(0, one.net.currency)).shown()
    }

    /// What texts cost, in the currency of these takings; a dash where they were paid in another.
    pub fn cost_in(&self, one: &Takings) -> String {
        self.cost.iter().find(|cost| cost.currency == one.net.currency).map_or("–".to_owned(), |cost| cost.shown())
    }

    /// Net less the cost of texts, where that was in the same currency.
    pub fn left_in(&self, one: &Takings) -> String {
        let Some(cost) = self.cost.iter().find(|cost| cost.currency == one.net.currency) else {
            return "–".to_owned();
        };
        Money::new(one.net.minor.saturating_sub(minor(cost)), one.net.currency).shown()
    }

    pub fn parts_said(&self) -> String {
        format::number_of(self.parts, "part", "parts")
    }

    pub fn codes_said(&self) -> String {
        say(
            "{orders}, {codes}",
            &[
                ("orders", &format::number_of(self.codes_used, "order", "orders")),
                ("codes", &format::number_of(self.codes, "code made", "codes made")),
            ],
        )
    }

    pub fn hour_names(&self) -> std::ops::Range<u8> {
        0..24
    }
}

/// A cost in minor units, rounded half up: what a bill would say.
pub fn minor(cost: &Cost) -> i64 {
    let unit = 10_i128.saturating_pow(cost.currency.digits());
    let scaled = i128::from(cost.micros) * unit;
    i64::try_from((scaled * 2 + 1_000_000).div_euclid(2_000_000)).unwrap_or(i64::MAX)
}

/// What counts under which value, for `t`.
const _: [&str; 8] = [
    noted("Which text of which sequence. Texts that are no reminders stand in a line of their own."),
    noted("The language the text was written in."),
    noted("Carts by the country of their address, texts and what they earned by that of the number."),
    noted("The account a text went through."),
    noted("A cart counts under the most valuable thing in it, with its quantity; what it earned counts there too."),
    noted("Where the cart came from, in the shop’s own word."),
    noted("What the link was first opened on; an order counts under the device of its last tap before it."),
    noted("How an order was paid, in the shop’s own word."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_of_the_week_are_read_as_they_are_named() {
        assert_eq!(parse_hour("7.23"), Some((7, 23)));
        assert_eq!(hour(7, 23), "Sunday, 23:00–24:00");
        for bad in ["", "0.5", "8.5", "1.24", "1", "1.-1", "x.y"] {
            assert_eq!(parse_hour(bad), None, "{bad}");
        }
    }

    #[test]
    fn small_steps_show_counts() {
        #[track_caller]
        fn check(part: u64, whole: u64, expected: &str) {
            let share = Share { part, whole };
            assert_eq!(share.beside(), expected);
        }
        check(1_140, 1_180, "97\u{a0}%");
        check(22, 24, "of 24");
        check(0, 0, "–");
    }

    #[test]
    fn the_busiest_hour_is_named_and_darkest() {
        let mut rows = vec![vec![0; 24]; 7];
        rows[1][19] = 8;
        rows[6][9] = 1;
        let heat = Heat { what: HeatOf::Taps, rows };
        assert_eq!(heat.said(), "First taps: most of them on Tuesday between 19:00 and 20:00, 8 of 9.");
        assert_eq!([0, 1, 2, 3, 8].map(|count| heat.shade(&count)), [0, 1, 1, 2, 4]);
        assert_eq!(Heat::default().said(), "First taps: none in this period.");
    }

    #[test]
    fn costs_are_rounded_as_a_bill_would() {
        let cost = |micros| Cost { micros, currency: "EUR".parse().unwrap() };
        assert_eq!([4_999, 5_000, 61_200_000].map(|micros| minor(&cost(micros))), [0, 1, 6_120]);
    }
}
