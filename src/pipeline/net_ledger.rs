//! Net ledger: the lines of a span with everything shops enter for it, and entering it. The lines themselves are made
//! with each day's roll-up.

mod sheet;

use jiff::civil::Date;

use super::{Core, connect::NotConnected, rollup};
use crate::{
    domain::{
        id::ShopId,
        money::{Currency, Money},
        net_ledger::{
            Channel, Ledger, Line, RATES_MAX, Rate, Rates, SHARE_WHOLE, SPENDS_MAX, Setting, Sheet, Spend, channels,
            ledger,
        },
        report::micros,
        seal::ShopKeys,
        sheet::cell,
    },
    store::{self, Error, Read, Tx, shop::Shop},
    transact,
};
pub use sheet::{TypedRate, TypedSpend, day, rates_of, spends_of};

/// The ledger of a span, with what it was made from.
#[derive(Clone, Debug)]
pub struct Book {
    pub from: Date,
    pub to: Date,
    pub setting: Setting,
    /// What everything is also told in.
    pub report_in: Currency,
    pub ledger: Ledger,
    /// Every rate and every entry of the shop, also of other days.
    pub rates: Vec<Rate>,
    pub spends: Vec<Spend>,
    /// What channels cost in the span.
    pub channels: Vec<Channel>,
}

/// The ledger of the shop's days from `from` to `to`, both counted; of the last 731 of them when they are more.
pub async fn between(read: &mut Read, shop: &Shop, keys: &ShopKeys, from: Date, to: Date) -> Result<Book, Error> {
    let last = rollup::number_of(to);
    let first = rollup::number_of(from).clamp(last - i64::from(super::report::DAYS_MAX) + 1, last);
    let setting = store::net_ledger::setting(read, keys).await?;
    let report_in = setting.report_in.unwrap_or(shop.currency);
    let rates = store::net_ledger::rates(read, keys).await?;
    let spends = store::net_ledger::spends(read, keys).await?;
    let figures = store::net_ledger::figures(read, shop.id, first, last).await?;
    Ok(Book {
        from: rollup::date_of(first),
        to,
        setting,
        report_in,
        ledger: ledger(&figures, shop.currency, &setting, &Rates::into(report_in, &rates)),
        channels: channels(&spends, first, last),
        rates,
        spends,
    })
}

/// Reads a share as people write it: `42`, `42.5 %`, "" for none.
pub fn share_of(text: &str) -> Result<Option<u32>, String> {
    let text = text.trim().trim_end_matches('%').trim();
    if text.is_empty() {
        return Ok(None);
    }
    let share = crate::domain::money::decimal(text, 2).ok().and_then(|share| u32::try_from(share).ok());
    match share.filter(|share| *share <= SHARE_WHOLE) {
        Some(share) => Ok(Some(share)),
        None => Err("goods: must be 0 to 100 per cent, as in 42.5".to_owned()),
    }
}

/// `42.5` of 4,250.
pub fn share_shown(share: u32) -> String {
    let text = format!("{}.{:02}", share / 100, share % 100);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Reads a currency as people write it; "" for the shop's own.
pub fn currency_of(text: &str) -> Result<Option<Currency>, String> {
    match text.trim() {
        "" => Ok(None),
        code => Currency::parse(code).map(Some).map_err(|_| "currency: must be an ISO 4217 code, as in EUR".to_owned()),
    }
}

/// Sets how a shop wants its ledger. Nothing stored changes: everything is told anew.
pub async fn set(core: &Core, shop: ShopId, setting: Setting) -> Result<(), Error> {
    transact!(core.db, |tx| {
        store::shop::take_turn(tx, shop).await?;
        if let Some((_, keys)) = core.shop(tx, shop).await? {
            store::net_ledger::set(tx, &keys, &setting).await?;
        }
    })
}

fn wrong(why: String) -> NotConnected {
    NotConnected::Wrong(vec![why])
}

/// Enters rates, all or none; the same currencies from the same day on replace what was.
pub async fn put_rates(core: &Core, shop: ShopId, rates: &[Rate], by: &str) -> Result<(), NotConnected> {
    let now = core.now();
    let full: bool = transact!(core.db, |tx| {
        store::shop::take_turn(tx, shop).await?;
        match core.shop(tx, shop).await? {
            None => false,
            Some((_, keys)) => {
                let known = store::net_ledger::rates(tx, &keys).await?.len();
                let full = known + rates.len() > RATES_MAX;
                if !full {
                    for rate in rates {
                        store::net_ledger::put_rate(tx, &keys, rate, (by, now)).await?;
                    }
                }
                full
            }
        }
    })?;
    if full { Err(wrong(format!("rates: a shop has at most {RATES_MAX}"))) } else { Ok(()) }
}

/// `false` when there was none.
pub async fn remove_rate(
    core: &Core,
    shop: ShopId,
    (currency, to): (Currency, Currency),
    from: Date,
) -> Result<bool, Error> {
    let day = rollup::number_of(from);
    transact!(core.db, |tx| {
        match held(core, tx, shop).await? {
            Some(keys) => store::net_ledger::remove_rate(tx, &keys, currency, to, day).await?,
            None => false,
        }
    })
}

async fn held(core: &Core, tx: &mut Tx, shop: ShopId) -> Result<Option<ShopKeys>, Error> {
    store::shop::take_turn(tx, shop).await?;
    Ok(core.shop(tx, shop).await?.map(|(_, keys)| keys))
}

/// Enters what channels cost, all or none; the same channel, days and currency replace what was.
pub async fn put_spends(core: &Core, shop: ShopId, spends: &[Spend], by: &str) -> Result<(), NotConnected> {
    let problems: Vec<String> = spends.iter().flat_map(Spend::problems).collect();
    if !problems.is_empty() {
        return Err(NotConnected::Wrong(problems));
    }
    let now = core.now();
    let full: bool = transact!(core.db, |tx| {
        match held(core, tx, shop).await? {
            None => false,
            Some(keys) => {
                let known = store::net_ledger::spends(tx, &keys).await?.len();
                let full = known + spends.len() > SPENDS_MAX;
                if !full {
                    for spend in spends {
                        store::net_ledger::put_spend(tx, &keys, spend, (by, now)).await?;
                    }
                }
                full
            }
        }
    })?;
    if full { Err(wrong(format!("spend: a shop has at most {SPENDS_MAX} entries"))) } else { Ok(()) }
}

/// `false` when there was none.
pub async fn remove_spend(
    core: &Core,
    shop: ShopId,
    channel: &str,
    (from, to): (Date, Date),
    currency: Currency,
) -> Result<bool, Error> {
    let days = (rollup::number_of(from), rollup::number_of(to));
    transact!(core.db, |tx| {
        match held(core, tx, shop).await? {
            Some(keys) => store::net_ledger::remove_spend(tx, &keys, channel, days, currency).await?,
            None => false,
        }
    })
}

/// Two digits after the point: `2993` is `29.93`.
pub fn hundredths(value: i64) -> String {
    let sign = if value < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", value.unsigned_abs() / 100, value.unsigned_abs() % 100)
}

/// The ledger as CSV: one block per currency, then everything in one, then the other channels.
pub fn csv(book: &Book) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing to memory cannot fail.
    let mut row = |cells: [&str; 5]| drop(writer.write_record(cells.map(cell)));
    row(["what", "currency", "line", "rows", "amount"]);
    let of = |what: &str, sheet: &Sheet, row: &mut dyn FnMut([&str; 5])| {
        let code = sheet.currency.code();
        for item in sheet.items() {
            let rows = item.rows.map(|rows| rows.to_string()).unwrap_or_default();
            row([what, code, item.key, &rows, &Money::new(item.minor, sheet.currency).amount()]);
        }
        row([what, code, "text_cost_exact", "", &micros(sheet.of(Line::TextCost).amount)]);
        row([what, code, "roas", "", &sheet.roas().map(hundredths).unwrap_or_default()]);
        row([what, code, "roi_percent", "", &sheet.roi().map(hundredths).unwrap_or_default()]);
    };
    for sheet in &book.ledger.sheets {
        of("texts", sheet, &mut row);
    }
    of("texts, all in one currency", &book.ledger.whole, &mut row);
    for gap in &book.ledger.gaps {
        let days = format!("{} to {}", rollup::date_of(gap.first_day), rollup::date_of(gap.last_day));
        row(["no rate, left out", gap.currency.code(), &days, &gap.days.to_string(), ""]);
    }
    for channel in &book.channels {
        let code = channel.currency.code();
        let amount = |minor: i64| Money::new(minor, channel.currency).amount();
        row([&channel.channel, code, "spent", "", &amount(channel.spent_minor)]);
        let orders = channel.orders.map(|orders| orders.to_string()).unwrap_or_default();
        row([&channel.channel, code, "told_revenue", &orders, &channel.revenue_minor.map(amount).unwrap_or_default()]);
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}
