//! `cartback dry-run`: what the shop's sequences would have done to its own carts of the last days, at several delays.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{Form, Missing, Said, Wrong, chosen_shop, table};
use crate::{
    domain::{
        dry_run::{self, DAYS, DELAYS, Row, Why},
        id::ShopId,
        report::micros,
        sequence::{read_span, typed_span},
        time::MINUTE,
    },
    pipeline::{
        Core,
        dry_run::{Asked, CARTS_MOST, NotRun, Report, run as play},
    },
};

#[derive(clap::Args)]
pub struct Args {
    /// Which shop; left out, the only one there is
    #[arg(long)]
    shop: Option<ShopId>,
    /// Days of history: 7 to 90
    #[arg(long, default_value_t = DAYS)]
    days: u32,
    /// Delays to compare after a cart was left, as 10,30,2h [default: 10m,30m,1h,2h,4h,10h]
    #[arg(long, value_delimiter = ',', value_parser = read_span, value_name = "DELAYS")]
    delays: Vec<u32>,
    /// One sequence by its id, on or off [default: those that are on]
    #[arg(long)]
    sequence: Option<String>,
    #[command(flatten)]
    pub form: Form,
}

pub async fn run(core: &Core, args: &Args) -> anyhow::Result<Said> {
    let shop = chosen_shop(core, args.shop).await?;
    let delays = if args.delays.is_empty() { &DELAYS[..] } else { &args.delays };
    let delays = dry_run::check(args.days, delays).map_err(|problems| Wrong(problems.join("; ")))?;
    let asked = Asked { days: args.days, delays, sequence: args.sequence.clone(), carts_most: CARTS_MOST };
    let report = play(core, shop, &asked).await.map_err(|error| match error {
        NotRun::NoShop | NotRun::NoSequence(_) => Missing(error.to_string()).into(),
        NotRun::Store(error) => anyhow::Error::from(error),
    })?;
    Ok(Said::new(words(&report), told(&report)))
}

fn delay(row: &Row) -> String {
    row.delay.map_or_else(|| "as it is".to_owned(), |minutes| typed_span(MINUTE * minutes))
}

fn cost(row: &Row) -> String {
    let mut told: Vec<String> =
        row.costs.iter().map(|(currency, sum)| format!("{} {}", micros(*sum), currency.code())).collect();
    if row.unpriced_parts > 0 {
        told.push(format!("{} parts of unknown price", row.unpriced_parts));
    }
    if told.is_empty() { "0".to_owned() } else { told.join(" + ") }
}

fn words(report: &Report) -> String {
    let mut words = format!(
        "The last {} days, {} to {}: {} carts were left, {} bought at once, {} are still open, {} are tests or robots.\n",
        report.days, report.from, report.to, report.left, report.bought_at_once, report.open, report.nobodys
    );
    if report.is_cut {
        let _ = writeln!(words, "There are more carts; only the newest {} were looked at.", report.seen);
    }
    let _ = writeln!(
        words,
        "Played: {}. A cart counts as left after {} minutes without activity; the delay begins then.",
        report.sequences.join(", "),
        report.abandoned_after_minutes
    );
    let mut lines =
        table(&["delay", "bought before it", "carts texted", "texts", "parts", "cost", "bought later, untexted"]);
    for row in &report.rows {
        lines.add_row([
            delay(row),
            format!("{} of {}", row.bought_before(), row.bought_before() + row.texted),
            row.texted.to_string(),
            row.texts.to_string(),
            row.parts.to_string(),
            cost(row),
            format!("{} of {}", row.bought_after, row.measured),
        ]);
    }
    let _ = write!(words, "\n{lines}\n");
    if let Some(own) = report.own() {
        let mut lines = table(&["not texted, as the sequences are", "carts"]);
        for why in Why::ALL {
            if let Some(count) = own.not.get(&why) {
                lines.add_row([why.words().to_owned(), count.to_string()]);
            }
        }
        let _ = write!(words, "\n{lines}\n");
    }
    if report.without_gateway {
        words.push_str("\nNo gateway is connected: a sender that hears replies was taken for granted.");
    }
    words.push_str(
        "\nNothing was sent. Consent, opt-outs and holdout are as on record at each moment; what people bought is counted\n\
         only where no text had reached them. Caps count the texts of this run alone; guards against bursts are not played.",
    );
    words
}

fn told(report: &Report) -> Value {
    let row = |row: &Row| {
        json!({
            "delay_minutes": row.delay, "carts": row.carts, "texted": row.texted, "texts": row.texts,
            "parts": row.parts, "bought_before": row.bought_before(), "bought_after_untexted": row.bought_after,
            "measured": row.measured, "unpriced_parts": row.unpriced_parts, "hours": row.hours,
            "costs": row.costs.iter().map(|(currency, sum)| json!({ "currency": currency.code(), "amount_micros": sum }))
                .collect::<Vec<_>>(),
            "not_texted": row.not,
        })
    };
    let named = report.own().map(|own| own.named.as_slice()).unwrap_or_default();
    let named: Vec<Value> = named
        .iter()
        .map(|named| {
            json!({
                "cart": named.cart.to_string(), "at": named.at.to_string(), "timezone": named.zone,
                "bought_at": named.bought_at.map(|at| at.to_string()), "was_texted": named.was_texted,
            })
        })
        .collect();
    json!({
        "from": report.from.to_string(), "to": report.to.to_string(), "days": report.days,
        "sequences": report.sequences, "abandoned_after_minutes": report.abandoned_after_minutes,
        "seen": report.seen, "is_cut": report.is_cut, "left": report.left, "bought_at_once": report.bought_at_once,
        "open": report.open, "nobodys": report.nobodys, "without_gateway": report.without_gateway,
        "rows": report.rows.iter().map(row).collect::<Vec<_>>(), "would_have_texted": named,
    })
}
