//! The net ledger: what came in through texts, what went back, what it cost and what is left, line by line; rates and spend
//! of other channels as they were entered; and the rows behind a line.

use askama::Template;

use super::{
    Page,
    format::{self, Shown as _},
    query,
    words::{filters, noted, say, t},
};
use crate::domain::{
    message::Cost,
    money::{Currency, Money},
    net_ledger::{Channel, Gap, Hint, Item, Kind, Ledger, Line, Rate, Sheet, Spend, hints},
    time::Time,
};

#[derive(Clone, Debug, Template)]
#[template(path = "page/net_ledger.html")]
pub struct NetLedger {
    pub page: Page,
    /// `None` while there is no shop.
    pub ledger: Option<Ledger>,
    pub channels: Vec<Channel>,
    /// The newest first; more than these are for the sheet.
    pub rates: Vec<RateRow>,
    pub spends: Vec<SpendRow>,
    /// The shop's own currency, and what everything is also told in.
    pub own: String,
    pub report_in: String,
    /// As it is typed; "" for none.
    pub goods_share: String,
    pub problems: Vec<String>,
    pub may_change: bool,
}

#[derive(Clone, Debug)]
pub struct RateRow {
    pub rate: Rate,
    /// `2026-03-01`
    pub from: String,
}

#[derive(Clone, Debug)]
pub struct SpendRow {
    pub spend: Spend,
    pub from: String,
    pub to: String,
}

impl SpendRow {
    pub fn days(&self) -> String {
        if self.from == self.to { self.from.clone() } else { format!("{} – {}", self.from, self.to) }
    }

    pub fn amount(&self) -> Money {
        Money::new(self.spend.amount_minor, self.spend.currency)
    }

    pub fn told(&self) -> String {
        let revenue = self.spend.revenue_minor.map(|minor| Money::new(minor, self.spend.currency).shown());
        let orders = self.spend.orders.map(|count| format::number_of(count.unsigned_abs(), "order", "orders"));
        let told: Vec<String> = revenue.into_iter().chain(orders).collect();
        if told.is_empty() { "–".to_owned() } else { told.join(", ") }
    }
}

/// A line of the ledger as a row.
#[derive(Clone, Debug)]
pub struct LineRow {
    pub label: String,
    pub definition: String,
    /// `+`, `−` or "".
    pub sign: &'static str,
    pub amount: String,
    pub count: String,
    pub href: Option<String>,
    pub is_total: bool,
    pub is_inside: bool,
}

/// A way of bringing orders beside others.
#[derive(Clone, Debug)]
pub struct ChannelRow {
    pub name: String,
    pub is_ours: bool,
    pub spent: String,
    pub revenue: String,
    pub orders: String,
    pub roas: String,
    pub roi: String,
}

/// Words of one line: what it is called, and what it counts.
fn words(key: &str) -> (&'static str, &'static str) {
    match key {
        "listed" => (
            noted("Orders before the texts’ discounts"),
            noted(
                "Orders credited strictly, as they were first told as bought, plus what the texts’ codes took off them.",
            ),
        ),
        "discount" => {
            (noted("Discounts given"), noted("What the texts’ codes took off these orders, as the shop says."))
        }
        "edited" => (
            noted("Edits after the order"),
            noted("What orders are worth now less what they were worth first; on the order’s own day."),
        ),
        "refunded" => (noted("Refunds"), noted("In full or in part, on the day the money went back.")),
        "cancelled" => (noted("Cancellations"), noted("What was left of an order when it was cancelled.")),
        "charged_back" => {
            (noted("Chargebacks"), noted("What buyers’ banks took back, where the shop’s platform tells them apart."))
        }
        "net" => (noted("Net revenue"), noted("What was paid and stayed paid, with tax and shipping.")),
        "discount_elsewhere" => (
            noted("Discounts on orders not credited"),
            noted("The texts’ codes used by orders no text is credited with: given away without counting as earned."),
        ),
        "text_cost" => {
            (noted("Cost of texts"), noted("What gateways say they charged; texts without a price are not in it."))
        }
        "goods" => (
            noted("Cost of goods"),
            noted(
                "Of what did not go back: the order’s own cost where it carries one, else your share of the net revenue.",
            ),
        ),
        "contribution" => (noted("What is left"), noted("The contribution: net revenue less everything above.")),
        _ => (
            noted("Of these, paid late"),
            noted(
                "Inside the orders above: paid more than a day after they were first told unpaid; counted on the day they were paid.",
            ),
        ),
    }
}

/// What the page of the rows behind a line is called.
pub fn line_label(line: Line) -> &'static str {
    t(match line {
        Line::Goods | Line::GoodsBase => words("goods").0,
        Line::Placed => noted("Orders as they were first told"),
        Line::Unpriced => noted("Texts without a price"),
        line => words(line.name()).0,
    })
}

/// `29.93×` of hundredths.
fn times(hundredths: Option<i64>) -> String {
    hundredths.map_or_else(|| "–".to_owned(), |value| format!("{}×", two_places(value)))
}

/// `1,995 %`, `42.50 %` of hundredths of a per cent: from 100 % on the fraction says nothing.
fn per_cent(hundredths: Option<i64>) -> String {
    let Some(value) = hundredths else { return "–".to_owned() };
    let whole = value.unsigned_abs().saturating_add(50) / 100;
    let sign = if value < 0 { "−" } else { "" };
    let shown = if whole < 100 { two_places(value) } else { format!("{sign}{}", format::count(whole)) };
    format!("{shown}\u{a0}%")
}

/// `12.34` of hundredths.
pub(super) fn two_places(value: i64) -> String {
    let sign = if value < 0 { "−" } else { "" };
    let (whole, rest) = (value.unsigned_abs() / 100, value.unsigned_abs() % 100);
    format!("{sign}{}", format::decimal(&whole.to_string(), &format!("{rest:02}")))
}

impl NetLedger {
    pub fn answer(&self) -> String {
        let Some(ledger) = &self.ledger else {
            return t("No shop, so there are 0 orders to add up.").to_owned();
        };
        let sheet = self.headline(ledger);
        let money = |minor| Money::new(minor, sheet.currency).brief();
        let span = self.page.days.phrase();
        if sheet.is_empty() {
            return say("0 orders and 0 texts to add up {span}.", &[("span", &span)]);
        }
        let left = sheet.contribution();
        let values: [(&str, &dyn std::fmt::Display); 3] =
            [("left", &money(left)), ("net", &money(sheet.net())), ("span", &span)];
        match sheet.roi() {
            Some(roi) => {
                let roi = per_cent(Some(roi));
                let values: Vec<_> = values.into_iter().chain([("roi", &roi as &dyn std::fmt::Display)]).collect();
                say("Texts left {left} of {net} net revenue {span}: a return of {roi} on what they cost.", &values)
            }
            None => say("Texts left {left} of {net} net revenue {span}.", &values),
        }
    }

    /// Everything in one currency where nothing is missing in it; else the shop's own currency alone.
    fn headline<'l>(&self, ledger: &'l Ledger) -> &'l Sheet {
        match ledger.sheets.first() {
            Some(own) if !ledger.gaps.is_empty() => own,
            _ => &ledger.whole,
        }
    }

    pub fn sheets(&self) -> &[Sheet] {
        self.ledger.as_ref().map_or(&[], |ledger| &ledger.sheets)
    }

    /// Everything in one currency, where that says more than the currencies themselves.
    pub fn whole(&self) -> Option<&Sheet> {
        let ledger = self.ledger.as_ref()?;
        let alone =
            ledger.sheets.len() == 1 && ledger.sheets.first().is_some_and(|own| own.currency == ledger.whole.currency);
        (!alone).then_some(&ledger.whole)
    }

    pub fn whole_title(&self) -> String {
        say("Everything in {currency}", &[("currency", &self.report_in)])
    }

    pub fn gaps(&self) -> Vec<String> {
        let gaps = self.ledger.as_ref().map_or(&[][..], |ledger| &ledger.gaps);
        let told = |gap: &Gap| {
            let day = |number: i64| format::date_year(crate::pipeline::rollup::date_of(number));
            say(
                "Amounts in {currency} of {days} are left out: no rate into {to} is in force from {first} on.",
                &[
                    ("currency", &gap.currency),
                    ("days", &format::number_of(gap.days, "day", "days")),
                    ("to", &self.report_in),
                    ("first", &day(gap.first_day)),
                ],
            )
        };
        gaps.iter().map(told).collect()
    }

    pub fn unpriced(&self) -> Option<String> {
        let count = self.ledger.as_ref().map_or(0, |ledger| ledger.unpriced);
        (count > 0).then(|| {
            say(
                "{texts} have no price: the gateway does not tell what it charged, or not yet. Their cost is missing here.",
                &[("texts", &format::number_of(count, "text", "texts"))],
            )
        })
    }

    pub fn unpriced_href(&self) -> String {
        self.page.list("/ledger/unpriced")
    }

    pub fn csv_href(&self) -> String {
        self.page.list("/ledger.csv")
    }

    /// `linked`: whether rows of that currency stand behind the lines.
    pub fn rows(&self, sheet: &Sheet, linked: bool) -> Vec<LineRow> {
        sheet.items().iter().map(|item| self.row(sheet.currency, item, linked)).collect()
    }

    fn row(&self, currency: Currency, item: &Item, linked: bool) -> LineRow {
        let (label, definition) = words(item.key);
        let rows = item.rows.unwrap_or(0);
        let line = item.line.filter(|_| linked && (rows != 0 || item.minor != 0));
        let href = line.map(|line| {
            let path = query(&format!("/ledger/{}", line.name()), &[("currency", currency.code())]);
            self.page.list(&path)
        });
        LineRow {
            label: t(label).to_owned(),
            definition: t(definition).to_owned(),
            sign: match item.kind {
                Kind::Minus if item.minor != 0 => "−",
                _ => "",
            },
            amount: Money::new(item.minor, currency).shown(),
            count: item.rows.map(|rows| format::count(rows.unsigned_abs())).unwrap_or_default(),
            href,
            is_total: item.kind == Kind::Total,
            is_inside: item.kind == Kind::Inside,
        }
    }

    pub fn roas(&self, sheet: &Sheet) -> String {
        times(sheet.roas())
    }

    pub fn roi(&self, sheet: &Sheet) -> String {
        per_cent(sheet.roi())
    }

    /// Texts first, in each currency, then what was entered.
    pub fn channel_rows(&self) -> Vec<ChannelRow> {
        let texts = self.sheets().iter().filter(|sheet| !sheet.is_empty()).map(|sheet| ChannelRow {
            name: t("Texts, credited strictly").to_owned(),
            is_ours: true,
            spent: exact(sheet).shown(),
            revenue: Money::new(sheet.net(), sheet.currency).shown(),
            orders: format::count(sheet.of(Line::Placed).rows.unsigned_abs()),
            roas: times(sheet.roas()),
            roi: per_cent(sheet.roi()),
        });
        let others = self.channels.iter().map(|channel| ChannelRow {
            name: channel.channel.clone(),
            is_ours: false,
            spent: Money::new(channel.spent_minor, channel.currency).shown(),
            revenue: channel
                .revenue_minor
                .map_or_else(|| "–".to_owned(), |minor| Money::new(minor, channel.currency).shown()),
            orders: channel.orders.map_or_else(|| "–".to_owned(), |count| format::count(count.unsigned_abs())),
            roas: times(channel.roas()),
            roi: per_cent(channel.roi()),
        });
        texts.chain(others).collect()
    }

    /// Where a budget may be better spent, by what channels say of themselves.
    pub fn hints(&self) -> Vec<String> {
        let brings = |channel: &Channel| times(channel.roas());
        hints(&self.channels)
            .iter()
            .map(|hint| match hint {
                Hint::Move { to, from } => say(
                    "A unit spent on {better} brought {more}, one on {worse} {less}: more than chance explains. Move a tenth of what {worse} costs, and look again.",
                    &[
                        ("better", &to.channel),
                        ("more", &brings(to)),
                        ("worse", &from.channel),
                        ("less", &brings(from)),
                    ],
                ),
                Hint::BelowCost(channel) => say(
                    "{channel} brought back less than it cost, by its own count ({times}).",
                    &[("channel", &channel.channel), ("times", &brings(channel))],
                ),
            })
            .collect()
    }
}

fn exact(sheet: &Sheet) -> Cost {
    Cost { micros: sheet.of(Line::TextCost).amount, currency: sheet.currency }
}

/// The rows behind a line.
#[derive(Clone, Debug, Template)]
#[template(path = "page/net_ledger_rows.html")]
pub struct NetLedgerRows {
    pub page: Page,
    pub line: Line,
    /// `None` of texts without a price.
    pub currency: Option<Currency>,
    pub rows: Vec<BehindRow>,
    /// There are more than these.
    pub cut: bool,
}

#[derive(Clone, Debug)]
pub struct BehindRow {
    pub at: Time,
    /// `ord_…` or `msg_…`, with where it is shown.
    pub href: String,
    /// What people call it.
    pub name: String,
    pub what: String,
    pub amount: String,
}

impl NetLedgerRows {
    pub fn answer(&self) -> String {
        let count = self.rows.len() as u64;
        let values: [(&str, &dyn std::fmt::Display); 3] = [
            ("rows", &format::number_of(count, "row", "rows")),
            ("line", &line_label(self.line)),
            ("span", &self.page.days.phrase()),
        ];
        if self.cut {
            say("{line}: the newest {rows} {span}; there are more.", &values)
        } else {
            say("{line}: {rows} {span}.", &values)
        }
    }

    pub fn back(&self) -> String {
        self.page.list("/ledger")
    }
}
