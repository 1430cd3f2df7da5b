//! A digest's letter: what came back in these days, beside the days before. It says the same twice, as HTML and as plain
//! text; sums of different currencies stand apart and are never added up.

use askama::Template;

use super::{
    Days,
    format::{self, Shown as _},
    takings::{self, Takings},
    words::{self, filters, say, t},
};
use crate::domain::{digest::Rhythm, message::Cost, money::Money, report::Sums};

#[derive(Clone, Debug, Template)]
#[template(path = "mail/digest.html")]
pub struct Letter {
    pub shop: String,
    /// IANA name of the zone whose days these are.
    pub zone: String,
    pub days: Days,
    pub rhythm: Rhythm,
    /// One per currency, the shop's own first.
    pub groups: Vec<Group>,
    /// What the gateways charged, per currency.
    pub costs: Vec<Cost>,
    pub costs_before: Option<Vec<Cost>>,
    /// Carts left, texts sent, people who opted out: now, and in the days before where they are known.
    pub carts: (u64, Option<u64>),
    pub texts: (u64, Option<u64>),
    pub opt_outs: (u64, Option<u64>),
    /// Alarms of the shop that stand.
    pub alarms: u64,
    pub overview_url: String,
    pub report_url: String,
    pub manage_url: String,
    pub stop_url: String,
}

/// One currency.
#[derive(Clone, Debug)]
pub struct Group {
    pub takings: Takings,
    pub sums: Sums,
    pub before: Option<Sums>,
}

/// A figure, and what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub label: String,
    pub now: String,
    /// "" where it is not known.
    pub before: String,
}

impl Group {
    fn lines(&self) -> Vec<Line> {
        let currency = self.takings.net.currency;
        let money = |label: &str, read: fn(&Sums) -> i64| {
            let shown = |sums: &Sums| Money::new(read(sums), currency).shown();
            Line {
                label: t(label).to_owned(),
                now: shown(&self.sums),
                before: self.before.as_ref().map(shown).unwrap_or_default(),
            }
        };
        let orders = |sums: &Sums| u64::try_from(sums.recovered_orders).unwrap_or(0);
        vec![
            money(words::noted("Net"), |sums| sums.net_minor),
            money(words::noted("Gross"), |sums| sums.gross_minor),
            money(words::noted("Refunded"), |sums| sums.refunded_minor),
            counted(t("Orders brought back"), (orders(&self.sums), self.before.as_ref().map(orders))),
            money(words::noted("Taken off by codes"), |sums| sums.discount_minor),
        ]
    }
}

fn counted(label: &str, (now, before): (u64, Option<u64>)) -> Line {
    Line { label: label.to_owned(), now: now.shown(), before: before.map(|before| before.shown()).unwrap_or_default() }
}

impl Letter {
    fn all(&self) -> Vec<Takings> {
        self.groups.iter().map(|group| group.takings.clone()).collect()
    }

    /// Nothing at all was to be told.
    pub fn is_quiet(&self) -> bool {
        let idle = |takings: &Takings| takings.orders == 0 && takings.gross.minor == 0 && takings.refunded.minor == 0;
        self.carts.0 == 0 && self.texts.0 == 0 && self.groups.iter().all(|group| idle(&group.takings))
    }

    /// The answer, in a sentence with a number.
    pub fn answer(&self) -> String {
        let (all, days) = (self.all(), self.days.phrase());
        let texts = format::number_of(self.texts.0, "text", "texts");
        match takings::net_in_words(&all) {
            Some(net) => {
                let orders = format::number_of(takings::orders(&all), "order", "orders");
                say(
                    "{net} net came back {days}, from {orders}.",
                    &[("net", &net), ("days", &days), ("orders", &orders)],
                )
            }
            None if self.is_quiet() => {
                say("Nothing happened {days}: no cart was left and no text was sent.", &[("days", &days)])
            }
            None => {
                let carts = format::number_of(self.carts.0, "abandoned cart", "abandoned carts");
                let values: [(&str, &dyn std::fmt::Display); 3] =
                    [("days", &days), ("texts", &texts), ("carts", &carts)];
                say("Nothing came back {days}: {texts} sent for {carts}.", &values)
            }
        }
    }

    pub fn subject(&self) -> String {
        format!("{}: {}", self.shop, self.answer().trim_end_matches('.'))
    }

    /// Every figure, a table per currency and one for the rest; none on a quiet day.
    pub fn tables(&self) -> Vec<(String, Vec<Line>)> {
        if self.is_quiet() {
            return Vec::new();
        }
        let several = self.groups.len() > 1;
        let mut tables: Vec<(String, Vec<Line>)> = self
            .groups
            .iter()
            .map(|group| (if several { group.takings.code() } else { t("Money").to_owned() }, group.lines()))
            .collect();
        let cost = |costs: &[Cost]| costs.to_vec().shown();
        let counts = vec![
            counted(t("Carts left behind"), self.carts),
            counted(t("Texts that went out"), self.texts),
            Line {
                label: t("Paid for texts").to_owned(),
                now: cost(&self.costs),
                before: self.costs_before.as_deref().map(cost).unwrap_or_default(),
            },
            counted(t("Opt-outs"), self.opt_outs),
        ];
        tables.push((t("Carts and texts").to_owned(), counts));
        tables
    }

    pub fn knows_before(&self) -> bool {
        self.carts.1.is_some()
    }

    pub fn alarm(&self) -> Option<String> {
        let things = format::number_of(self.alarms, "thing needs you", "things need you");
        (self.alarms > 0).then(|| say("{things}: the overview says which.", &[("things", &things)]))
    }

    /// Why the reader gets this.
    pub fn because(&self) -> String {
        let often = match &self.rhythm {
            Rhythm::Daily => t("every morning"),
            Rhythm::Weekly => t("every Monday"),
            Rhythm::Monthly => t("on the first of every month"),
            Rhythm::Own(typed) => typed,
        };
        say("You asked for these figures: {often}.", &[("often", &often)])
    }

    pub fn whose_days(&self) -> String {
        say("Days are those of {shop} ({zone}).", &[("shop", &self.shop), ("zone", &self.zone)])
    }

    pub fn language(&self) -> &'static str {
        words::language().tag()
    }

    /// The same as plain text.
    pub fn text(&self) -> String {
        let mut lines = vec![self.shop.clone(), self.answer()];
        for (title, table) in self.tables() {
            lines.push(String::new());
            lines.push(title);
            for Line { label, now, before } in table {
                let before = match before.is_empty() {
                    true => String::new(),
                    false => format!(" ({})", say("before: {value}", &[("value", &before)])),
                };
                lines.push(format!("  {label}: {now}{before}"));
            }
        }
        lines.push(String::new());
        if let Some(alarm) = self.alarm() {
            lines.push(alarm);
        }
        lines.push(format!("{}: {}", t("Open the report"), self.report_url));
        lines.push(format!("{}: {}", t("Open the overview"), self.overview_url));
        lines.push(String::new());
        lines.push("-- ".to_owned());
        lines.push(self.because());
        lines.push(self.whose_days());
        lines.push(format!("{}: {}", t("Change how often"), self.manage_url));
        lines.push(format!("{}: {}", t("Stop these mails"), self.stop_url));
        lines.join("\n") + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::money::Currency,
        web::view::words::{Language, written_in},
    };

    fn group(code: &str, net: i64) -> Group {
        let currency = Currency::parse(code).unwrap();
        let sums = Sums { gross_minor: net, net_minor: net, recovered_orders: i64::from(net > 0), ..Sums::default() };
        let takings = Takings {
            net: Money::new(net, currency),
            gross: Money::new(net, currency),
            orders: u64::from(net > 0),
            ..Takings::none(currency)
        };
        Group { takings, sums: sums.clone(), before: Some(Sums { net_minor: 4_100, ..sums }) }
    }

    fn letter(groups: Vec<Group>) -> Letter {
        let day = jiff::civil::date(2026, 3, 3);
        Letter {
            shop: "Tea & <Tide>".into(),
            zone: "Europe/Ljubljana".into(),
            days: Days::Between(day, day),
            rhythm: Rhythm::Daily,
            groups,
            costs: Vec::new(),
            costs_before: Some(Vec::new()),
            carts: (0, Some(4)),
            texts: (0, Some(3)),
            opt_outs: (0, Some(0)),
            alarms: 2,
            overview_url: "https://cb.example/?shop=1".into(),
            report_url: "https://cb.example/report?shop=1".into(),
            manage_url: "https://cb.example/digest?shop=1".into(),
            stop_url: "https://cb.example/digest/stop/t0k3n".into(),
        }
    }

    #[test]
    fn currencies_stand_apart() {
        let letter = letter(vec![group("EUR", 12_800), group("CHF", 5_000)]);
        assert_eq!(letter.answer(), "€128 and CHF 50.00 net came back on 3 Mar 2026, from 2 orders.");
        let titles: Vec<String> = letter.tables().into_iter().map(|(title, _)| title).collect();
        assert_eq!(titles, ["EUR", "CHF", "Carts and texts"]);
        assert!(letter.text().contains("  Net: €128.00 (before: €41.00)"));
        let html = letter.render().unwrap();
        assert!(html.contains("Tea &#38; &#60;Tide&#62;") && html.contains("2 things need you"), "{html}");
    }

    #[test]
    fn a_quiet_day_is_one_sentence() {
        let letter = letter(vec![group("EUR", 0)]);
        assert!(letter.is_quiet() && letter.tables().is_empty());
        assert!(
            letter.text().contains("Nothing happened on 3 Mar 2026") && letter.text().contains("2 things need you")
        );
    }

    #[test]
    fn it_speaks_its_readers_language() {
        for language in Language::ALL {
            let (subject, html) = written_in(language, || {
                let letter = letter(vec![group("EUR", 12_800)]);
                (letter.subject(), letter.render().unwrap())
            });
            assert!(html.contains(&format!("<html lang=\"{}\">", language.tag())));
            assert_eq!(subject.contains(" net came back"), language == Language::English, "{subject}");
        }
    }
}
