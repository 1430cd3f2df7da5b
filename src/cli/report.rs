//! `cartback report`: the figures of a span as a table, broken down (`--by`), as CSV, or `domain::report::Report` as JSON.

use std::fmt::Write;

use jiff::civil::Date;

use super::{Form, Said, Wrong, chosen_shop, no_shop, table};
use crate::{
    domain::{
        breakdown::OTHER,
        hours,
        id::ShopId,
        money::Money,
        report::{Metric, Report, Sheet, Slice, micros, sheets},
    },
    pipeline::{
        Core,
        report::{self, DAYS_MAX},
        zone_of,
    },
};

#[derive(clap::Args)]
pub struct Args {
    /// Which shop; left out, the only one there is
    #[arg(long)]
    shop: Option<ShopId>,
    /// How many days up to and including the shop's today
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=i64::from(DAYS_MAX)))]
    days: u32,
    /// The first day, YYYY-MM-DD, instead of so many days back
    #[arg(long, conflicts_with = "days")]
    from: Option<Date>,
    /// The last day, YYYY-MM-DD [default: the shop's today]
    #[arg(long, requires = "from")]
    to: Option<Date>,
    /// Break it down: step, country, language, product, source, gateway, device, payment, way, delay, hours or days
    #[arg(long)]
    by: Option<String>,
    /// The table of --by as CSV
    #[arg(long, requires = "by", conflicts_with = "json")]
    csv: bool,
    #[command(flatten)]
    pub form: Form,
}

pub async fn run(core: &Core, args: &Args) -> anyhow::Result<Said> {
    let id = chosen_shop(core, args.shop).await?;
    let mut read = core.db.read().await?;
    let Some((shop, _)) = core.shop(&mut read, id).await? else { return Err(no_shop(id)) };
    let today = hours::day_of(&zone_of(&shop), core.now());
    let report = match args.from {
        Some(from) => {
            let to = args.to.unwrap_or(today);
            if from > to {
                return Err(Wrong(format!("--from {from} is after --to {to}")).into());
            }
            report::between(core, &mut read, &shop, from, to).await?
        }
        None => {
            drop(read);
            report::report(core, id, args.days, 0).await?.ok_or_else(|| no_shop(id))?
        }
    };
    let json = serde_json::to_value(&report)?;
    let Some(by) = &args.by else { return Ok(Said::new(words(&report), json)) };
    let sheets = sheets(&report);
    let Some(sheet) = sheets.iter().find(|sheet| sheet.name == *by) else {
        let known: Vec<&str> = sheets.iter().map(|sheet| sheet.name.as_str()).collect();
        return Err(Wrong(format!("--by {by}: it is one of {}", known.join(", "))).into());
    };
    Ok(Said::new(if args.csv { report::csv(sheet) } else { broken_down(&report, sheet) }, json))
}

/// A table without the columns that are empty or nothing throughout.
fn broken_down(report: &Report, sheet: &Sheet) -> String {
    let tells = |place: usize| {
        let said = |row: &Vec<String>| row.get(place).is_some_and(|cell| cell.bytes().any(|c| c != b'0' && c != b'.'));
        place == 0 || sheet.rows.iter().any(said)
    };
    let kept: Vec<usize> = (0..sheet.heading.len()).filter(|&place| tells(place)).collect();
    let heading: Vec<&str> = kept.iter().filter_map(|&place| sheet.heading.get(place).copied()).collect();
    let mut lines = table(&heading);
    for row in &sheet.rows {
        lines.add_row(kept.iter().map(|&place| match row.get(place).map(String::as_str) {
            Some("") if place == 0 => "(not told)",
            Some(OTHER) => "(others)",
            cell => cell.unwrap_or_default(),
        }));
    }
    format!(
        "{} (shop {}), {} to {}, days of {}\n\n{lines}",
        report.name, report.shop, report.from, report.to, report.zone
    )
}

fn words(report: &Report) -> String {
    let mut words = format!(
        "{} (shop {}), {} to {}, days of {}\n\n{}\n",
        report.name,
        report.shop,
        report.from,
        report.to,
        report.zone,
        funnel(&report.total)
    );
    if report.total.money.is_empty() {
        words.push_str("\nNo money in these days.\n");
    } else {
        let _ = write!(words, "\n{}\n", money(&report.total));
    }
    if !report.steps.is_empty() {
        let _ = write!(words, "\n{}\n", steps(report));
    }
    let _ = write!(
        words,
        "\nRecovered: {} Assisted: {}",
        Metric::RecoveredOrders.definition(),
        Metric::AssistedOrders.definition()
    );
    words
}

fn funnel(total: &Slice) -> String {
    let counts = &total.counts;
    let mut lines = table(&["funnel", "", "of those before"]);
    let mut before: Option<i64> = None;
    for (name, count) in [
        ("carts abandoned", counts.abandoned),
        ("reachable", counts.reachable),
        ("carts texted", counts.carts_texted),
        ("texts accepted", counts.texts),
        ("texts delivered", counts.delivered),
        ("texts clicked", counts.clicked),
        ("orders recovered", counts.recovered_orders),
    ] {
        // A text is not a share of carts: there may be two for one.
        let comparable = name != "texts accepted" && name != "orders recovered";
        let share = before.filter(|before| comparable && *before > 0).map(|before| percent(count, before));
        lines.add_row([name.to_owned(), count.to_string(), share.unwrap_or_default()]);
        before = Some(count);
    }
    lines.add_row(["orders assisted", &counts.assisted_orders.to_string(), ""]);
    lines.add_row(["opted out", &counts.opt_outs.to_string(), ""]);
    lines.add_row(["discount codes made", &counts.discounts.to_string(), ""]);
    lines.add_row(["orders with a text's code", &counts.discounts_used.to_string(), ""]);
    lines.add_row(["all orders of the shop", &counts.orders.to_string(), ""]);
    lines.to_string()
}

/// One digit behind the point, without a float.
fn percent(part: i64, whole: i64) -> String {
    let tenths = i128::from(part) * 1000 / i128::from(whole.max(1));
    format!("{}.{} %", tenths / 10, (tenths % 10).abs())
}

fn money(total: &Slice) -> String {
    let mut lines =
        table(&["money", "abandoned", "gross", "refunded", "net recovered", "assisted", "discounts", "cost of texts"]);
    for (currency, sums) in &total.money {
        let shown = |minor: i64| Money::new(minor, *currency).amount();
        lines.add_row([
            currency.code().to_owned(),
            shown(sums.abandoned_minor),
            shown(sums.gross_minor),
            shown(sums.refunded_minor),
            shown(sums.net_minor),
            shown(sums.assisted_net_minor),
            shown(sums.discount_minor),
            micros(sums.cost_micros),
        ]);
    }
    lines.to_string()
}

fn steps(report: &Report) -> String {
    let mut lines = table(&["step", "texts", "delivered", "clicked", "recovered", "net recovered"]);
    for (step, slice) in &report.steps {
        let counts = &slice.counts;
        let net: Vec<String> =
            slice.money.iter().map(|(currency, sums)| sums.net(*currency)).map(|net| net.to_string()).collect();
        lines.add_row([
            step.to_string(),
            counts.texts.to_string(),
            counts.delivered.to_string(),
            counts.clicked.to_string(),
            counts.recovered_orders.to_string(),
            net.join(", "),
        ]);
    }
    lines.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_exact() {
        for (part, whole, expected) in [(1, 3, "33.3 %"), (0, 5, "0.0 %"), (5, 5, "100.0 %"), (7, 0, "700.0 %")] {
            assert_eq!(percent(part, whole), expected);
        }
    }
}
