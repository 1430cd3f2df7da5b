//! `cartback ledger`, `rate` and `spend`: what texts left after everything they cost, the rates it is told by, and what
//! other channels cost.

use std::{fmt::Write, path::PathBuf};

use anyhow::bail;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::{Form, Missing, Said, Wrong, chosen_shop, no_shop, table};
use crate::{
    domain::{
        hours,
        id::ShopId,
        money::{Currency, Money},
        net_ledger::{Kind, Line, Rate as Stored, Setting, Sheet, Spend as Entry},
        report::micros,
    },
    pipeline::{
        Core,
        connect::NotConnected,
        net_ledger::{self, Book, TypedRate, TypedSpend, hundredths},
        report::DAYS_MAX,
        rollup, zone_of,
    },
    store::{self, shop::Shop},
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// What came in, what went back, what it cost, what is left: per currency and in one
    #[command(after_help = "Example: cartback ledger show --days 90")]
    Show {
        /// Whose; left out, the only shop's
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
        /// As CSV
        #[arg(long, conflicts_with = "json")]
        csv: bool,
        #[command(flatten)]
        form: Form,
    },
    /// How it is told: the one currency, and what goods cost of what is paid
    #[command(after_help = "Example: cartback ledger set --report-in EUR --goods 42.5")]
    Set {
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        /// ISO 4217; "" for the shop's own
        #[arg(long)]
        report_in: Option<String>,
        /// Per cent of what is paid; "" leaves goods out
        #[arg(long)]
        goods: Option<String>,
        #[command(flatten)]
        form: Form,
    },
}

#[derive(clap::Subcommand)]
pub enum Rate {
    /// Every rate
    List {
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
    /// One unit of a currency is so much of another, from a day on
    #[command(after_help = "Example: cartback rate set USD 0.9231 --from 2026-03-01")]
    Set {
        /// ISO 4217, as in USD
        currency: String,
        /// As in 0.9231
        rate: String,
        /// The first day it holds, YYYY-MM-DD
        #[arg(long)]
        from: String,
        /// Of which currency [default: what the ledger is told in]
        #[arg(long, default_value = "")]
        to: String,
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
    /// A CSV file with the columns from, currency, to, rate: all of it or nothing
    Import {
        /// The file
        file: PathBuf,
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
    /// Take one back
    Remove {
        /// ISO 4217, as in USD
        currency: Currency,
        /// Of which currency
        #[arg(long)]
        to: Currency,
        /// The day it holds from, YYYY-MM-DD
        #[arg(long)]
        from: Date,
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
}

#[derive(clap::Subcommand)]
pub enum Spend {
    /// Every entry
    List {
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
    /// What a channel cost on a day or over some
    #[command(after_help = "Example: cartback spend add Ads 120.50 --from 2026-03-01 --to 2026-03-31 --revenue 410")]
    Add {
        /// What it is called, as in Ads
        channel: String,
        /// As in 120.50
        amount: String,
        /// The first day, YYYY-MM-DD
        #[arg(long)]
        from: String,
        /// The last day [default: the same]
        #[arg(long, default_value = "")]
        to: String,
        /// ISO 4217 [default: the shop's own]
        #[arg(long, default_value = "")]
        currency: String,
        /// What the channel says it brought
        #[arg(long, default_value = "")]
        revenue: String,
        /// How many orders it says it brought
        #[arg(long, default_value = "")]
        orders: String,
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
    /// A CSV file with the columns channel, from, to, amount, currency, revenue, orders: all of it or nothing
    Import {
        /// The file
        file: PathBuf,
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
    /// Take an entry back
    Remove {
        /// What it is called, as in Ads
        channel: String,
        /// The first day, YYYY-MM-DD
        #[arg(long)]
        from: Date,
        /// The last day [default: the same]
        #[arg(long)]
        to: Option<Date>,
        /// ISO 4217 [default: the shop's own]
        #[arg(long)]
        currency: Option<Currency>,
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
}

pub async fn run(core: &Core, command: &Command) -> anyhow::Result<(Said, Form)> {
    match command {
        Command::Show { shop, days, from, to, csv, form } => {
            let shop = chosen(core, *shop).await?;
            let today = hours::day_of(&zone_of(&shop), core.now());
            let last = to.unwrap_or(today);
            let first = from.unwrap_or_else(|| rollup::date_of(rollup::number_of(last) - i64::from(*days) + 1));
            if first > last {
                bail!(Wrong(format!("--from {first} is after --to {last}")));
            }
            let book = book(core, &shop, first, last).await?;
            let words = if *csv { net_ledger::csv(&book) } else { words(&shop, &book) };
            Ok((Said::new(words, told(&book)), *form))
        }
        Command::Set { shop, report_in, goods, form } => {
            let shop = chosen(core, *shop).await?;
            let mut setting = {
                let mut read = core.db.read().await?;
                let keys = core.vault.keys(&mut read, shop.id).await?;
                store::net_ledger::setting(&mut read, &keys).await?
            };
            if let Some(typed) = report_in {
                setting.report_in =
                    net_ledger::currency_of(typed).map_err(Wrong)?.filter(|currency| *currency != shop.currency);
            }
            if let Some(typed) = goods {
                setting.goods_share = net_ledger::share_of(typed).map_err(Wrong)?;
            }
            net_ledger::set(core, shop.id, setting).await?;
            Ok((Said::new(set_words(&shop, &setting), serde_json::to_value(setting)?), *form))
        }
    }
}

async fn chosen(core: &Core, named: Option<ShopId>) -> anyhow::Result<Shop> {
    let id = chosen_shop(core, named).await?;
    let mut read = core.db.read().await?;
    Ok(core.shop(&mut read, id).await?.ok_or_else(|| no_shop(id))?.0)
}

async fn book(core: &Core, shop: &Shop, first: Date, last: Date) -> anyhow::Result<Book> {
    let mut read = core.db.read().await?;
    let keys = core.vault.keys(&mut read, shop.id).await?;
    Ok(net_ledger::between(&mut read, shop, &keys, first, last).await?)
}

fn set_words(shop: &Shop, setting: &Setting) -> String {
    let goods = setting.goods_share.map_or_else(
        || "goods are left out".to_owned(),
        |share| format!("goods cost {} % of what is paid for them", net_ledger::share_shown(share)),
    );
    format!("Told in {}; {goods}.", setting.report_in.unwrap_or(shop.currency))
}

fn words(shop: &Shop, book: &Book) -> String {
    let mut words = format!("{} (shop {}), {} to {}\n", shop.name, shop.id, book.from, book.to);
    for sheet in &book.ledger.sheets {
        let _ = write!(words, "\n{}\n", block(sheet.currency.code(), sheet));
    }
    if book.ledger.sheets.len() > 1 || book.report_in != shop.currency {
        let _ = write!(words, "\n{}\n", block(&format!("all in {}", book.report_in), &book.ledger.whole));
    }
    for gap in &book.ledger.gaps {
        let _ = writeln!(
            words,
            "Left out: amounts in {} of {} days ({} to {}), for want of a rate into {}.",
            gap.currency,
            gap.days,
            rollup::date_of(gap.first_day),
            rollup::date_of(gap.last_day),
            book.report_in
        );
    }
    if book.ledger.unpriced > 0 {
        let _ = writeln!(words, "Without a price, and so without a cost here: {} texts.", book.ledger.unpriced);
    }
    if !book.channels.is_empty() {
        let mut lines = table(&["channel", "currency", "spent", "says it brought", "ROAS"]);
        for channel in &book.channels {
            let amount = |minor: i64| Money::new(minor, channel.currency).amount();
            lines.add_row([
                channel.channel.clone(),
                channel.currency.to_string(),
                amount(channel.spent_minor),
                channel.revenue_minor.map(amount).unwrap_or_default(),
                channel.roas().map(hundredths).unwrap_or_default(),
            ]);
        }
        let _ = write!(
            words,
            "\n{lines}\n\nOther channels count by rules of their own, mostly before refunds; both may claim one order.\n"
        );
    }
    words.push_str("\nROAS is net revenue, ROI what is left, each divided by what the texts cost.");
    words
}

fn block(title: &str, sheet: &Sheet) -> String {
    let mut lines = table(&[title, "rows", "amount"]);
    for item in sheet.items() {
        let sign = match item.kind {
            Kind::Plus => "",
            Kind::Minus => "- ",
            Kind::Total => "= ",
            Kind::Inside => "  of these, ",
        };
        lines.add_row([
            format!("{sign}{}", item.key.replace('_', " ")),
            item.rows.map(|rows| rows.to_string()).unwrap_or_default(),
            Money::new(item.minor, sheet.currency).amount(),
        ]);
    }
    lines.add_row(["ROAS".to_owned(), String::new(), sheet.roas().map(hundredths).unwrap_or_default()]);
    lines.add_row(["ROI %".to_owned(), String::new(), sheet.roi().map(hundredths).unwrap_or_default()]);
    lines.to_string()
}

fn told(book: &Book) -> Value {
    let sheet = |sheet: &Sheet| {
        let lines: Vec<Value> = sheet
            .items()
            .iter()
            .map(|item| json!({ "line": item.key, "rows": item.rows, "amount_minor": item.minor }))
            .collect();
        json!({
            "currency": sheet.currency, "lines": lines, "text_cost": micros(sheet.of(Line::TextCost).amount),
            "roas_hundredths": sheet.roas(), "roi_hundredths": sheet.roi(),
        })
    };
    let gaps: Vec<Value> = book
        .ledger
        .gaps
        .iter()
        .map(|gap| {
            json!({
                "currency": gap.currency, "first_day": rollup::date_of(gap.first_day).to_string(),
                "last_day": rollup::date_of(gap.last_day).to_string(), "days": gap.days,
            })
        })
        .collect();
    let channels: Vec<Value> = book
        .channels
        .iter()
        .map(|channel| {
            json!({
                "channel": channel.channel, "currency": channel.currency, "spent_minor": channel.spent_minor,
                "revenue_minor": channel.revenue_minor, "orders": channel.orders,
            })
        })
        .collect();
    json!({
        "from": book.from.to_string(), "to": book.to.to_string(),
        "currencies": book.ledger.sheets.iter().map(sheet).collect::<Vec<_>>(),
        "whole": sheet(&book.ledger.whole), "gaps": gaps, "unpriced_texts": book.ledger.unpriced,
        "channels": channels, "setting": book.setting,
    })
}

/// What was typed wrong is the caller's to mend.
fn refused(problems: Vec<String>) -> anyhow::Error {
    Wrong(problems.join("\n")).into()
}

fn done(done: Result<(), NotConnected>, count: usize) -> anyhow::Result<Said> {
    done?;
    Ok(Said::new(format!("Taken: {count}."), json!({ "taken": count })))
}

fn removed(removed: bool, what: &str) -> anyhow::Result<Said> {
    if removed { Ok(Said::new("Removed.", json!({ "removed": true }))) } else { Err(Missing(what.to_owned()).into()) }
}

async fn report_in(core: &Core, shop: &Shop) -> anyhow::Result<Currency> {
    let mut read = core.db.read().await?;
    let keys = core.vault.keys(&mut read, shop.id).await?;
    Ok(store::net_ledger::setting(&mut read, &keys).await?.report_in.unwrap_or(shop.currency))
}

pub async fn rates(core: &Core, command: &Rate) -> anyhow::Result<(Said, Form)> {
    match command {
        Rate::List { shop, form } => {
            let shop = chosen(core, *shop).await?;
            let mut read = core.db.read().await?;
            let keys = core.vault.keys(&mut read, shop.id).await?;
            let rates = store::net_ledger::rates(&mut read, &keys).await?;
            let mut lines = table(&["from", "one", "is"]);
            let from = |rate: &Stored| rollup::date_of(rate.from_day).to_string();
            for rate in &rates {
                lines.add_row([from(rate), rate.currency.to_string(), format!("{} {}", rate.shown(), rate.to)]);
            }
            let words = if rates.is_empty() { "No rate is entered.".to_owned() } else { lines.to_string() };
            let told = |rate: &Stored| json!({ "from": from(rate), "currency": rate.currency, "to": rate.to, "rate": rate.shown() });
            Ok((Said::new(words, rates.iter().map(told).collect()), *form))
        }
        Rate::Set { currency, rate, from, to, shop, form } => {
            let shop = chosen(core, *shop).await?;
            let typed =
                TypedRate { from: from.clone(), currency: currency.clone(), to: to.clone(), rate: rate.clone() };
            let read = typed.read(report_in(core, &shop).await?).map_err(refused)?;
            Ok((done(net_ledger::put_rates(core, shop.id, &[read], "").await, 1)?, *form))
        }
        Rate::Import { file, shop, form } => {
            let shop = chosen(core, *shop).await?;
            let bytes = super::file::bytes(file)?;
            let rates = net_ledger::rates_of(&bytes, report_in(core, &shop).await?).map_err(refused)?;
            Ok((done(net_ledger::put_rates(core, shop.id, &rates, "").await, rates.len())?, *form))
        }
        Rate::Remove { currency, to, from, shop, form } => {
            let shop = chosen(core, *shop).await?;
            let gone = net_ledger::remove_rate(core, shop.id, (*currency, *to), *from).await?;
            Ok((removed(gone, "there is no such rate")?, *form))
        }
    }
}

pub async fn spends(core: &Core, command: &Spend) -> anyhow::Result<(Said, Form)> {
    match command {
        Spend::List { shop, form } => {
            let shop = chosen(core, *shop).await?;
            let mut read = core.db.read().await?;
            let keys = core.vault.keys(&mut read, shop.id).await?;
            let spends = store::net_ledger::spends(&mut read, &keys).await?;
            let day = |number| rollup::date_of(number).to_string();
            let mut lines = table(&["channel", "from", "to", "spent", "currency", "says it brought", "orders"]);
            for spend in &spends {
                let amount = |minor: i64| Money::new(minor, spend.currency).amount();
                lines.add_row([
                    spend.channel.clone(),
                    day(spend.from_day),
                    day(spend.to_day),
                    amount(spend.amount_minor),
                    spend.currency.to_string(),
                    spend.revenue_minor.map(amount).unwrap_or_default(),
                    spend.orders.map(|orders| orders.to_string()).unwrap_or_default(),
                ]);
            }
            let words = if spends.is_empty() { "No spend is entered.".to_owned() } else { lines.to_string() };
            let told = |spend: &Entry| {
                json!({
                    "channel": spend.channel, "from": day(spend.from_day), "to": day(spend.to_day),
                    "currency": spend.currency, "amount_minor": spend.amount_minor,
                    "revenue_minor": spend.revenue_minor, "orders": spend.orders,
                })
            };
            Ok((Said::new(words, spends.iter().map(told).collect()), *form))
        }
        Spend::Add { channel, amount, from, to, currency, revenue, orders, shop, form } => {
            let shop = chosen(core, *shop).await?;
            let typed = TypedSpend {
                channel: channel.clone(),
                from: from.clone(),
                to: to.clone(),
                amount: amount.clone(),
                currency: currency.clone(),
                revenue: revenue.clone(),
                orders: orders.clone(),
            };
            let read = typed.read(shop.currency).map_err(refused)?;
            Ok((done(net_ledger::put_spends(core, shop.id, &[read], "").await, 1)?, *form))
        }
        Spend::Import { file, shop, form } => {
            let shop = chosen(core, *shop).await?;
            let bytes = super::file::bytes(file)?;
            let spends = net_ledger::spends_of(&bytes, shop.currency).map_err(refused)?;
            Ok((done(net_ledger::put_spends(core, shop.id, &spends, "").await, spends.len())?, *form))
        }
        Spend::Remove { channel, from, to, currency, shop, form } => {
            let shop = chosen(core, *shop).await?;
            let days = (*from, to.unwrap_or(*from));
            let currency = currency.unwrap_or(shop.currency);
            let gone = net_ledger::remove_spend(core, shop.id, channel, days, currency).await?;
            Ok((removed(gone, "there is no such entry")?, *form))
        }
    }
}
