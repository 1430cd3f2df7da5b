//! The net ledger: its lines per currency and in one, and what is entered for it: rates, spend of other channels, the
//! share of goods.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    answer::Answer,
    call::Call,
    form::{self, Cost, Money},
    reports::{Period, bounds},
};
use crate::{
    domain::{
        money::Currency,
        net_ledger::{Gap, Line, Rate as StoredRate, Setting, Sheet, Spend as StoredSpend},
    },
    pipeline::{
        connect::NotConnected,
        net_ledger::{self, TypedRate, TypedSpend},
        rollup,
    },
    store,
    web::problem::Problem,
};

/// What texts brought, what went back, what it cost and what is left.
#[derive(Serialize, ToSchema)]
pub struct NetLedger {
    /// First and last day, both counted.
    #[schema(example = "2026-03-01")]
    from: String,
    #[schema(example = "2026-03-31")]
    to: String,
    /// One per currency, the shop's own first.
    currencies: Vec<LedgerSheet>,
    /// Everything in one currency, each amount by the rate of its own day.
    whole: LedgerSheet,
    /// Amounts without a rate; they are not in `whole`.
    gaps: Vec<LedgerGap>,
    /// Texts whose price the gateway does not tell; their cost is in no figure.
    unpriced_texts: u64,
    /// What other channels cost, and what they say they brought, by their own count.
    channels: Vec<LedgerChannel>,
    setting: LedgerSetting,
}

/// The ledger in one currency.
#[derive(Serialize, ToSchema)]
pub struct LedgerSheet {
    #[schema(example = "EUR")]
    currency: String,
    /// `listed` − `discount` + `edited` − `refunded` − `cancelled` − `charged_back` = `net`; `net` −
    /// `discount_elsewhere` − `text_cost` − `goods` = `contribution`. `paid_late` is inside `listed`.
    lines: Vec<LedgerLine>,
    text_cost: Cost,
    /// `net` for each unit the texts cost, in hundredths.
    #[schema(required, example = 2993)]
    roas_hundredths: Option<i64>,
    /// `contribution` for each unit the texts cost, in hundredths of a per cent.
    #[schema(required, example = 199451)]
    roi_hundredths: Option<i64>,
}

#[derive(Serialize, ToSchema)]
pub struct LedgerLine {
    #[schema(example = "refunded")]
    line: String,
    /// Orders, refunds or texts behind it; `null` of what is computed from others.
    #[schema(required)]
    rows: Option<i64>,
    amount: Money,
}

/// Days of a currency without a rate.
#[derive(Serialize, ToSchema)]
pub struct LedgerGap {
    #[schema(example = "CHF")]
    currency: String,
    #[schema(example = "2026-03-02")]
    first_day: String,
    #[schema(example = "2026-03-29")]
    last_day: String,
    days: u64,
}

#[derive(Serialize, ToSchema)]
pub struct LedgerChannel {
    channel: String,
    spent: Money,
    /// `null` where it does not tell.
    #[schema(required)]
    revenue: Option<Money>,
    #[schema(required)]
    orders: Option<i64>,
}

/// How the shop wants its ledger.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LedgerSetting {
    /// ISO 4217: what everything is also told in; the shop's own currency where it is `null`.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(required, example = "EUR")]
    report_in: Option<String>,
    /// What goods cost of what is paid for them, in hundredths of a per cent; `null` leaves goods out.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(required, example = 4250, minimum = 0, maximum = 10000)]
    goods_share_hundredths: Option<u32>,
}

/// One unit of `currency` is `rate` of `to`, from a day on until the next rate of the same two.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExchangeRate {
    #[schema(example = "2026-03-01")]
    from: String,
    #[schema(example = "USD")]
    currency: String,
    #[schema(example = "EUR")]
    to: String,
    /// A decimal, up to twelve places.
    #[schema(example = "0.9231")]
    rate: String,
}

/// Rates to enter: all or none.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRates {
    rates: Vec<ExchangeRate>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WhichRate {
    #[param(example = "2026-03-01")]
    from: String,
    #[param(example = "USD")]
    currency: String,
    #[param(example = "EUR")]
    to: String,
}

/// What a channel cost over some days.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChannelSpend {
    #[schema(example = "Search ads", min_length = 1, max_length = 60)]
    channel: String,
    /// The first and the last day, both counted.
    #[schema(example = "2026-03-01")]
    from: String,
    #[schema(example = "2026-03-31")]
    to: String,
    /// A decimal, as in 120.50.
    #[schema(example = "120.50")]
    amount: String,
    #[schema(example = "EUR")]
    currency: String,
    /// What the channel says it brought.
    #[serde(default)]
    #[schema(example = "410.00")]
    revenue: Option<String>,
    #[serde(default)]
    #[schema(example = 31, minimum = 0, maximum = 1_000_000_000)]
    orders: Option<u32>,
}

/// Entries: all or none.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSpend {
    spend: Vec<ChannelSpend>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WhichSpend {
    #[param(example = "Search ads")]
    channel: String,
    #[param(example = "2026-03-01")]
    from: String,
    #[param(example = "2026-03-31")]
    to: String,
    #[param(example = "EUR")]
    currency: String,
}

/// How many were taken.
#[derive(Serialize, ToSchema)]
pub struct Entered {
    taken: u64,
}

fn date(day: i64) -> String {
    rollup::date_of(day).to_string()
}

fn sheet(sheet: &Sheet) -> LedgerSheet {
    let line = |item: &crate::domain::net_ledger::Item| LedgerLine {
        line: item.key.to_owned(),
        rows: item.rows,
        amount: Money::minor(item.minor, sheet.currency),
    };
    LedgerSheet {
        currency: sheet.currency.to_string(),
        lines: sheet.items().iter().map(line).collect(),
        text_cost: crate::domain::message::Cost { micros: sheet.of(Line::TextCost).amount, currency: sheet.currency }
            .into(),
        roas_hundredths: sheet.roas(),
        roi_hundredths: sheet.roi(),
    }
}

fn setting(setting: &Setting) -> LedgerSetting {
    LedgerSetting {
        report_in: setting.report_in.map(|currency| currency.to_string()),
        goods_share_hundredths: setting.goods_share,
    }
}

fn done(done: Result<(), NotConnected>, taken: usize) -> Result<Answer, Problem> {
    match done {
        Ok(()) => Answer::ok(&Entered { taken: taken as u64 }),
        Err(NotConnected::Wrong(problems)) => Err(Problem::Wrong(problems)),
        Err(NotConnected::Store(error)) => Err(error.into()),
    }
}

/// The net ledger of a period
///
/// Orders credited strictly, what went back, what texts and goods cost, what is left; per currency and in one.
#[utoipa::path(get, path = "/api/v1/ledger", params(Period), responses((status = 200, description = "The ledger.", body = NetLedger)))]
pub async fn get(call: &Call) -> Result<Answer, Problem> {
    let period: Period = call.query()?;
    let (mut read, shop, keys) = call.open().await?;
    let (first, last) = bounds(call, &shop, &period)?;
    let book = net_ledger::between(&mut read, &shop, &keys, first, last).await?;
    let gap = |gap: &Gap| LedgerGap {
        currency: gap.currency.to_string(),
        first_day: date(gap.first_day),
        last_day: date(gap.last_day),
        days: gap.days,
    };
    Answer::ok(&NetLedger {
        from: book.from.to_string(),
        to: book.to.to_string(),
        currencies: book.ledger.sheets.iter().map(sheet).collect(),
        whole: sheet(&book.ledger.whole),
        gaps: book.ledger.gaps.iter().map(gap).collect(),
        unpriced_texts: book.ledger.unpriced,
        channels: book
            .channels
            .iter()
            .map(|channel| LedgerChannel {
                channel: channel.channel.clone(),
                spent: Money::minor(channel.spent_minor, channel.currency),
                revenue: channel.revenue_minor.map(|minor| Money::minor(minor, channel.currency)),
                orders: channel.orders,
            })
            .collect(),
        setting: setting(&book.setting),
    })
}

/// Choose how the ledger is told
#[utoipa::path(put, path = "/api/v1/ledger/settings", request_body = LedgerSetting, responses((status = 200, description = "As it is told from now on.", body = LedgerSetting)))]
pub async fn set(call: &Call) -> Result<Answer, Problem> {
    let typed: LedgerSetting = call.body()?;
    let (read, shop, _) = call.open().await?;
    drop(read);
    let wrong = |why: &str| Problem::Wrong(vec![why.to_owned()]);
    let report_in = match &typed.report_in {
        None => None,
        Some(code) => Some(Currency::parse(code).map_err(|_| wrong("report_in: must be an ISO 4217 code"))?),
    };
    if typed.goods_share_hundredths.is_some_and(|share| share > crate::domain::net_ledger::SHARE_WHOLE) {
        return Err(wrong("goods_share_hundredths: must be 0 to 10000"));
    }
    let wanted = Setting {
        report_in: report_in.filter(|currency| *currency != shop.currency),
        goods_share: typed.goods_share_hundredths,
    };
    net_ledger::set(call.core(), shop.id, wanted).await?;
    Answer::ok(&setting(&wanted))
}

fn rate(rate: &StoredRate) -> ExchangeRate {
    ExchangeRate {
        from: date(rate.from_day),
        currency: rate.currency.to_string(),
        to: rate.to.to_string(),
        rate: rate.shown(),
    }
}

/// Rates that were entered
///
/// By currency, the newest first.
#[utoipa::path(get, path = "/api/v1/rates", responses((status = 200, description = "Every rate.", body = form::List<ExchangeRate>)))]
pub async fn rates(call: &Call) -> Result<Answer, Problem> {
    let (mut read, _, keys) = call.open().await?;
    let rates = store::net_ledger::rates(&mut read, &keys).await?;
    Answer::ok(&form::List::new(rates.iter().map(rate).collect(), None))
}

/// Of one call.
const ENTRIES_MAX: usize = 2_000;

fn read_all<T, R>(typed: &[T], read: impl Fn(&T) -> Result<R, Vec<String>>) -> Result<Vec<R>, Problem> {
    if typed.is_empty() || typed.len() > ENTRIES_MAX {
        return Err(Problem::Wrong(vec![format!("must be 1 to {ENTRIES_MAX} entries")]));
    }
    let (mut found, mut wrong) = (Vec::new(), Vec::new());
    for (at, typed) in typed.iter().enumerate() {
        match read(typed) {
            Ok(one) => found.push(one),
            Err(why) => wrong.extend(why.into_iter().map(|why| format!("[{at}].{why}"))),
        }
    }
    if wrong.is_empty() { Ok(found) } else { Err(Problem::Wrong(wrong)) }
}

/// Enter rates
///
/// All or none. The same currencies from the same day on replace what was.
#[utoipa::path(put, path = "/api/v1/rates", request_body = NewRates, responses((status = 200, description = "They are taken.", body = Entered)))]
pub async fn put_rates(call: &Call) -> Result<Answer, Problem> {
    let NewRates { rates } = call.body()?;
    let (read, shop, _) = call.open().await?;
    drop(read);
    let typed = |rate: &ExchangeRate| {
        let (from, currency) = (rate.from.clone(), rate.currency.clone());
        TypedRate { from, currency, to: rate.to.clone(), rate: rate.rate.clone() }.read(shop.currency)
    };
    let rates = read_all(&rates, typed)?;
    done(net_ledger::put_rates(call.core(), shop.id, &rates, &call.by()).await, rates.len())
}

fn wrong(why: String) -> Problem {
    Problem::Wrong(vec![why])
}

fn code(field: &str, text: &str) -> Result<Currency, Problem> {
    Currency::parse(text).map_err(|_| wrong(format!("{field}: must be an ISO 4217 code")))
}

/// Remove a rate
#[utoipa::path(delete, path = "/api/v1/rates", params(WhichRate), responses((status = 204, description = "It is gone.")))]
pub async fn remove_rate(call: &Call) -> Result<Answer, Problem> {
    let which: WhichRate = call.query()?;
    let (read, shop, _) = call.open().await?;
    drop(read);
    let from = net_ledger::day("from", &which.from).map_err(wrong)?;
    let pair = (code("currency", &which.currency)?, code("to", &which.to)?);
    match net_ledger::remove_rate(call.core(), shop.id, pair, from).await? {
        true => Ok(Answer::nothing()),
        false => Err(Problem::NotFound),
    }
}

fn spend(spend: &StoredSpend) -> ChannelSpend {
    let amount = |minor: i64| crate::domain::money::Money::new(minor, spend.currency).amount();
    ChannelSpend {
        channel: spend.channel.clone(),
        from: date(spend.from_day),
        to: date(spend.to_day),
        amount: amount(spend.amount_minor),
        currency: spend.currency.to_string(),
        revenue: spend.revenue_minor.map(amount),
        orders: spend.orders.and_then(|orders| u32::try_from(orders).ok()),
    }
}

/// What other channels cost, as it was entered
///
/// The newest first.
#[utoipa::path(get, path = "/api/v1/spend", responses((status = 200, description = "Every entry.", body = form::List<ChannelSpend>)))]
pub async fn spends(call: &Call) -> Result<Answer, Problem> {
    let (mut read, _, keys) = call.open().await?;
    let spends = store::net_ledger::spends(&mut read, &keys).await?;
    Answer::ok(&form::List::new(spends.iter().map(spend).collect(), None))
}

/// Enter what other channels cost
///
/// All or none. The same channel, days and currency replace what was.
#[utoipa::path(put, path = "/api/v1/spend", request_body = NewSpend, responses((status = 200, description = "They are taken.", body = Entered)))]
pub async fn put_spends(call: &Call) -> Result<Answer, Problem> {
    let NewSpend { spend } = call.body()?;
    let (read, shop, _) = call.open().await?;
    drop(read);
    let typed = |one: &ChannelSpend| {
        let typed = TypedSpend {
            channel: one.channel.clone(),
            from: one.from.clone(),
            to: one.to.clone(),
            amount: one.amount.clone(),
            currency: one.currency.clone(),
            revenue: one.revenue.clone().unwrap_or_default(),
            orders: one.orders.map(|orders| orders.to_string()).unwrap_or_default(),
        };
        typed.read(shop.currency)
    };
    let spends = read_all(&spend, typed)?;
    done(net_ledger::put_spends(call.core(), shop.id, &spends, &call.by()).await, spends.len())
}

/// Remove an entry of what a channel cost
#[utoipa::path(delete, path = "/api/v1/spend", params(WhichSpend), responses((status = 204, description = "It is gone.")))]
pub async fn remove_spend(call: &Call) -> Result<Answer, Problem> {
    let which: WhichSpend = call.query()?;
    let (read, shop, _) = call.open().await?;
    drop(read);
    let days = (net_ledger::day("from", &which.from).map_err(wrong)?, net_ledger::day("to", &which.to).map_err(wrong)?);
    let currency = code("currency", &which.currency)?;
    match net_ledger::remove_spend(call.core(), shop.id, &which.channel, days, currency).await? {
        true => Ok(Answer::nothing()),
        false => Err(Problem::NotFound),
    }
}
