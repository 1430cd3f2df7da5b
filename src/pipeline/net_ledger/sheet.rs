//! Rates and spend as people type them, one by one or as CSV. Every problem is told with its line; nothing is taken of a
//! sheet that has one.

use jiff::civil::Date;

use crate::{
    domain::{
        money::Currency,
        net_ledger::{Rate, Spend},
    },
    pipeline::{
        rollup,
        table::{self, Form, Wish},
    },
};

/// A rate as it was typed.
#[derive(Clone, Debug, Default)]
pub struct TypedRate {
    pub from: String,
    pub currency: String,
    pub to: String,
    pub rate: String,
}

/// Of one channel and time.
const ORDERS_MOST: u32 = 1_000_000_000;

/// What a channel cost, as it was typed. An empty `to` is the day itself; empty revenue and orders are not told.
#[derive(Clone, Debug, Default)]
pub struct TypedSpend {
    pub channel: String,
    pub from: String,
    pub to: String,
    pub amount: String,
    pub currency: String,
    pub revenue: String,
    pub orders: String,
}

/// More problems than this help nobody.
const PROBLEMS_MAX: usize = 20;
/// Of one sheet.
const LINES_MAX: usize = 20_000;

/// A day as `2026-03-01`.
pub fn day(field: &str, text: &str) -> Result<Date, String> {
    let read: Option<Date> = text.trim().parse().ok();
    let sensible = read.filter(|day| (1990..=2200).contains(&day.year()));
    sensible.ok_or_else(|| format!("{field}: must be a day, as in 2026-03-01"))
}

fn currency(field: &str, text: &str, default: Currency) -> Result<Currency, String> {
    match text.trim() {
        "" => Ok(default),
        code => Currency::parse(code).map_err(|_| format!("{field}: must be an ISO 4217 code, as in EUR")),
    }
}

impl TypedRate {
    /// `report_in` is what is meant where `to` is empty.
    pub fn read(&self, report_in: Currency) -> Result<Rate, Vec<String>> {
        let from = day("from", &self.from);
        let of =
            Currency::parse(&self.currency).map_err(|_| "currency: must be an ISO 4217 code, as in USD".to_owned());
        let to = currency("to", &self.to, report_in);
        let value = Rate::value_of(&self.rate).map_err(|_| "rate: must be a number above 0, as in 0.9231".to_owned());
        match (from, of, to, value) {
            (Ok(from), Ok(currency), Ok(to), Ok(value)) if currency != to => {
                Ok(Rate { currency, to, from_day: rollup::number_of(from), value })
            }
            (from, of, to, value) => {
                let same = matches!((&of, &to), (Ok(of), Ok(to)) if of == to);
                let mut problems = problems([from.err(), of.err(), to.err(), value.err()]);
                if same {
                    problems.push("to: must be another currency".to_owned());
                }
                Err(problems)
            }
        }
    }
}

fn problems<const N: usize>(found: [Option<String>; N]) -> Vec<String> {
    found.into_iter().flatten().collect()
}

impl TypedSpend {
    /// `own` is what is meant where the currency is empty.
    pub fn read(&self, own: Currency) -> Result<Spend, Vec<String>> {
        let from = day("from", &self.from);
        let to = if self.to.trim().is_empty() { from.clone() } else { day("to", &self.to) };
        let currency = currency("currency", &self.currency, own);
        let money = |field: &str, text: &str| {
            let code = currency.clone().unwrap_or(own);
            code.minor(text.trim()).map_err(|_| format!("{field}: must be an amount, as in 120.50"))
        };
        let optional = |text: &str| !text.trim().is_empty();
        let amount = money("amount", &self.amount);
        let revenue = optional(&self.revenue).then(|| money("revenue", &self.revenue)).transpose();
        let orders = optional(&self.orders)
            .then(|| self.orders.trim().parse::<u32>().ok().filter(|orders| *orders <= ORDERS_MOST).map(i64::from))
            .map(|orders| orders.ok_or_else(|| format!("orders: must be a whole number up to {ORDERS_MOST}")))
            .transpose();
        match (from, to, currency, amount, revenue, orders) {
            (Ok(from), Ok(to), Ok(currency), Ok(amount_minor), Ok(revenue_minor), Ok(orders)) => {
                let spend = Spend {
                    channel: self.channel.trim().to_owned(),
                    from_day: rollup::number_of(from),
                    to_day: rollup::number_of(to),
                    currency,
                    amount_minor,
                    revenue_minor,
                    orders,
                };
                let problems = spend.problems();
                if problems.is_empty() { Ok(spend) } else { Err(problems) }
            }
            (from, to, currency, amount, revenue, orders) => {
                // The same day wrong twice is one problem.
                let to = if self.to.trim().is_empty() { None } else { to.err() };
                Err(problems([from.err(), to, currency.err(), amount.err(), revenue.err(), orders.err()]))
            }
        }
    }
}

const RATES: Form = Form {
    columns: &[("from", &["day"]), ("currency", &[]), ("to", &[]), ("rate", &[])],
    needs: &[],
    amounts: &[],
    days: &[],
};

/// Reads `from,currency,to,rate`; `to` may be missing.
pub fn rates_of(bytes: &[u8], report_in: Currency) -> Result<Vec<Rate>, Vec<String>> {
    read(bytes, &RATES, &["from", "currency", "rate"], |cell| {
        let typed = TypedRate { from: cell("from"), currency: cell("currency"), to: cell("to"), rate: cell("rate") };
        typed.read(report_in)
    })
}

const SPENDS: Form = Form {
    columns: &[
        ("channel", &[]),
        ("from", &["day"]),
        ("to", &[]),
        ("amount", &[]),
        ("currency", &[]),
        ("revenue", &[]),
        ("orders", &[]),
    ],
    needs: &[],
    amounts: &[],
    days: &[],
};

/// Reads `channel,from,to,amount,currency,revenue,orders`; `to`, `currency`, `revenue` and `orders` may be missing, and
/// `day` may stand for `from`.
pub fn spends_of(bytes: &[u8], own: Currency) -> Result<Vec<Spend>, Vec<String>> {
    read(bytes, &SPENDS, &["channel", "from", "amount"], |cell| {
        let typed = TypedSpend {
            channel: cell("channel"),
            from: cell("from"),
            to: cell("to"),
            amount: cell("amount"),
            currency: cell("currency"),
            revenue: cell("revenue"),
            orders: cell("orders"),
        };
        typed.read(own)
    })
}

fn read<T>(
    bytes: &[u8],
    form: &Form,
    required: &[&str],
    row: impl Fn(&dyn Fn(&str) -> String) -> Result<T, Vec<String>>,
) -> Result<Vec<T>, Vec<String>> {
    let table = table::read(bytes, &Wish::default(), form).map_err(|why| vec![why])?;
    let missing: Vec<String> = required
        .iter()
        .filter(|name| !table.columns.iter().any(|(column, _)| column == *name))
        .map(|name| {
            let columns: Vec<&str> = form.columns.iter().map(|(column, _)| *column).collect();
            format!("there is no column {name}; the columns are {}", columns.join(", "))
        })
        .collect();
    if !missing.is_empty() {
        return Err(missing);
    }
    if table.rows.is_empty() {
        return Err(vec!["there is no line below the heading".to_owned()]);
    }
    if table.rows.len() > LINES_MAX {
        return Err(vec!["there are more than 20,000 lines: split the file".to_owned()]);
    }
    let (mut found, mut wrong) = (Vec::new(), Vec::new());
    for line in &table.rows {
        match row(&|name: &str| line.get(name).unwrap_or_default().to_owned()) {
            Ok(read) => found.push(read),
            Err(why) => wrong.extend(why.into_iter().map(|why| format!("line {}: {why}", line.line))),
        }
    }
    if wrong.len() > PROBLEMS_MAX {
        let more = wrong.len() - PROBLEMS_MAX;
        wrong.truncate(PROBLEMS_MAX);
        wrong.push(format!("and {more} more"));
    }
    if wrong.is_empty() { Ok(found) } else { Err(wrong) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn euro() -> Currency {
        Currency::parse("EUR").unwrap()
    }

    #[test]
    fn a_sheet_of_rates_is_taken_whole_or_not_at_all() {
        let read = rates_of(b"From;Currency;Rate\n2026-03-01;usd;0.92\n\n2026-04-01;CHF;1.05\n", euro()).unwrap();
        let told: Vec<_> = read.iter().map(|rate| (rate.currency.code(), rate.to.code(), rate.shown())).collect();
        assert_eq!(told, [("USD", "EUR", "0.92".to_owned()), ("CHF", "EUR", "1.05".to_owned())]);
        assert_eq!(rollup::date_of(read[1].from_day).to_string(), "2026-04-01");
        #[track_caller]
        fn check(text: &str, expected: &[&str]) {
            assert_eq!(rates_of(text.as_bytes(), euro()).unwrap_err(), expected);
        }
        check("from,currency\n", &["there is no column rate; the columns are from, currency, to, rate"]);
        check("from,currency,rate\n", &["there is no line below the heading"]);
        check(
            "from,currency,to,rate\n2026-03-01,USD,USD,1\nsoon,XX,,0\n",
            &[
                "line 2: to: must be another currency",
                "line 3: from: must be a day, as in 2026-03-01",
                "line 3: currency: must be an ISO 4217 code, as in USD",
                "line 3: rate: must be a number above 0, as in 0.9231",
            ],
        );
    }

    #[test]
    fn a_sheet_of_spend_is_read_by_its_heading() {
        let text =
            "orders,day,Channel,amount,to,revenue\n3,2026-03-01,Ads,100.00,2026-03-31,450\n,2026-03-02,Post,9.5,,\n";
        let read = spends_of(text.as_bytes(), euro()).unwrap();
        assert_eq!((read[0].to_day - read[0].from_day, read[0].amount_minor), (30, 10_000));
        assert_eq!((read[0].revenue_minor, read[0].orders), (Some(45_000), Some(3)));
        assert_eq!((read[1].from_day, read[1].revenue_minor, read[1].orders), (read[1].to_day, None, None));
        let wrong = spends_of(b"channel,from,amount,orders\n,2026-03-02,-1,\nAds,x,1,many\n", euro()).unwrap_err();
        assert_eq!(wrong.len(), 4, "{wrong:?}");
    }
}
