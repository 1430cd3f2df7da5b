//! The net ledger: its lines, the rows behind one, the sheet, and what shops enter for it.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    web::Form,
};
use serde::Deserialize;

use super::{
    Visit,
    cart_acts::{actor, led_to},
    show,
};
use crate::{
    domain::{
        hours,
        message::Cost,
        money::{Currency, Money},
        net_ledger::{Line, Setting},
    },
    pipeline::{
        connect::NotConnected,
        net_ledger::{self, Book, TypedRate, TypedSpend},
        rollup, zone_of,
    },
    store::net_ledger::{Behind, behind},
    web::{
        problem::Problem,
        view::{
            Section,
            format::Shown as _,
            net_ledger::{BehindRow, NetLedger, NetLedgerRows, RateRow, SpendRow, line_label},
            words::t,
        },
    },
};

/// Behind one line, and of rates and spend.
const ROWS_MAX: u32 = 1_000;
const ENTERED_SHOWN: usize = 100;

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Ledger).await?;
    page(&visit, Vec::new()).await
}

async fn book(visit: &Visit) -> Result<Option<Book>, Problem> {
    let Some((shop, keys)) = visit.shop() else { return Ok(None) };
    let (from, to) = visit.page.span();
    Ok(Some(net_ledger::between(&mut visit.read().await?, shop, keys, from, to).await?))
}

async fn page(visit: &Visit, problems: Vec<String>) -> Result<HttpResponse, Problem> {
    let mut page = NetLedger {
        page: visit.page.clone(),
        ledger: None,
        channels: Vec::new(),
        rates: Vec::new(),
        spends: Vec::new(),
        own: String::new(),
        report_in: String::new(),
        goods_share: String::new(),
        problems,
        may_change: visit.visitor.may_change && visit.shop().is_some(),
    };
    if let (Some(book), Some((shop, _))) = (book(visit).await?, visit.shop()) {
        let day = |number| rollup::date_of(number).to_string();
        page.own = shop.currency.to_string();
        page.report_in = book.report_in.to_string();
        page.goods_share = book.setting.goods_share.map(net_ledger::share_shown).unwrap_or_default();
        let rates = book.rates.into_iter().take(ENTERED_SHOWN);
        page.rates = rates.map(|rate| RateRow { from: day(rate.from_day), rate }).collect();
        let spends = book.spends.into_iter().take(ENTERED_SHOWN);
        page.spends =
            spends.map(|spend| SpendRow { from: day(spend.from_day), to: day(spend.to_day), spend }).collect();
        page.channels = book.channels;
        page.ledger = Some(book.ledger);
    }
    show(&page)
}

/// `/ledger.csv`: every line in every currency, and the other channels.
pub async fn csv(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Ledger).await?;
    let book = book(&visit).await?.ok_or(Problem::NotFound)?;
    let name = format!("attachment; filename=\"cartback-ledger-{}-{}.csv\"", book.from, book.to);
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/csv; charset=utf-8"))
        .insert_header((CONTENT_DISPOSITION, name))
        .body(net_ledger::csv(&book)))
}

/// `/ledger/{line}`: what stands behind a line.
pub async fn rows(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Ledger).await?;
    let (shop, keys) = visit.shop().ok_or(Problem::NotFound)?;
    let line = Line::parse(request.match_info().get("line").unwrap_or_default()).ok_or(Problem::NotFound)?;
    let currency = match visit.asked("currency") {
        _ if line == Line::Unpriced => None,
        "" => Some(shop.currency),
        code => Some(Currency::parse(code).map_err(|_| Problem::NotFound)?),
    };
    let (from, to) = visit.page.span();
    let zone = zone_of(shop);
    let span = (hours::start_of_day(&zone, from), hours::start_of_day(&zone, to.tomorrow().unwrap_or(to)));
    let code = currency.map(|currency| currency.to_string()).unwrap_or_default();
    let mut found = behind(&mut visit.read().await?, keys, line, &code, span, ROWS_MAX + 1).await?;
    let cut = found.len() > ROWS_MAX as usize;
    found.truncate(ROWS_MAX as usize);
    let rows = found.iter().map(|each| row(&visit, line, currency, each)).collect();
    show(&NetLedgerRows { page: visit.page.clone(), line, currency, rows, cut })
}

fn row(visit: &Visit, line: Line, currency: Option<Currency>, each: &Behind) -> BehindRow {
    let what = match each.entry.as_str() {
        "order" => t("Order"),
        "cancelled" => t("Cancellation"),
        entry if entry.starts_with("refund:chargeback:") => t("Chargeback"),
        entry if entry.starts_with("refund:") => t("Refund"),
        _ => line_label(line),
    };
    let (href, name) = match (each.order, each.message) {
        (Some(order), _) => (visit.page.object("orders", &order.to_string()), each.number.clone()),
        (None, Some(message)) => (visit.page.object("messages", &message.to_string()), message.to_string()),
        (None, None) => (visit.page.href("/ledger"), String::new()),
    };
    let amount = currency.map_or_else(
        || "–".to_owned(),
        |currency| match line {
            Line::TextCost => Cost { micros: each.amount, currency }.shown(),
            _ => Money::new(each.amount, currency).shown(),
        },
    );
    BehindRow { at: each.at, href, name, what: what.to_owned(), amount }
}

#[derive(Deserialize)]
pub struct TypedSetting {
    #[serde(default)]
    report_in: String,
    #[serde(default)]
    goods: String,
}

pub async fn set(request: HttpRequest, typed: Form<TypedSetting>) -> Result<HttpResponse, Problem> {
    let (visit, id, _) = actor(&request, Section::Ledger).await?;
    let (shop, _) = visit.shop().ok_or(Problem::NotFound)?;
    match (net_ledger::currency_of(&typed.report_in), net_ledger::share_of(&typed.goods)) {
        (Ok(report_in), Ok(goods_share)) => {
            let report_in = report_in.filter(|currency| *currency != shop.currency);
            net_ledger::set(visit.core(), id, Setting { report_in, goods_share }).await?;
            Ok(led_to(&visit, "/ledger", "ledger_set"))
        }
        (report_in, goods) => page(&visit, report_in.err().into_iter().chain(goods.err()).collect()).await,
    }
}

/// One rate, or a sheet of them.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct RateForm {
    from: String,
    currency: String,
    to: String,
    rate: String,
    sheet: String,
}

pub async fn rate(request: HttpRequest, typed: Form<RateForm>) -> Result<HttpResponse, Problem> {
    let (visit, id, by) = actor(&request, Section::Ledger).await?;
    let report_in = book(&visit).await?.ok_or(Problem::NotFound)?.report_in;
    let typed = typed.into_inner();
    let read = if typed.sheet.is_empty() {
        let RateForm { from, currency, to, rate, .. } = typed;
        TypedRate { from, currency, to, rate }.read(report_in).map(|rate| vec![rate])
    } else {
        net_ledger::rates_of(typed.sheet.as_bytes(), report_in)
    };
    let done = match read {
        Ok(rates) => net_ledger::put_rates(visit.core(), id, &rates, &by).await,
        Err(problems) => Err(NotConnected::Wrong(problems)),
    };
    entered(&visit, done, "rates_entered").await
}

async fn entered(visit: &Visit, done: Result<(), NotConnected>, notice: &str) -> Result<HttpResponse, Problem> {
    match done {
        Ok(()) => Ok(led_to(visit, "/ledger", notice)),
        Err(NotConnected::Wrong(problems)) => page(visit, problems).await,
        Err(NotConnected::Store(error)) => Err(error.into()),
    }
}

pub async fn remove_rate(request: HttpRequest, typed: Form<RateForm>) -> Result<HttpResponse, Problem> {
    let (visit, id, _) = actor(&request, Section::Ledger).await?;
    let wrong = |why| Problem::Wrong(vec![why]);
    let from = net_ledger::day("from", &typed.from).map_err(wrong)?;
    let code = |text: &str| Currency::parse(text).map_err(|_| Problem::NotFound);
    let pair = (code(&typed.currency)?, code(&typed.to)?);
    match net_ledger::remove_rate(visit.core(), id, pair, from).await? {
        true => Ok(led_to(&visit, "/ledger", "rate_removed")),
        false => Err(Problem::NotFound),
    }
}

/// What one channel cost, or a sheet of them.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct SpendForm {
    channel: String,
    from: String,
    to: String,
    amount: String,
    currency: String,
    revenue: String,
    orders: String,
    sheet: String,
}

pub async fn spend(request: HttpRequest, typed: Form<SpendForm>) -> Result<HttpResponse, Problem> {
    let (visit, id, by) = actor(&request, Section::Ledger).await?;
    let (shop, _) = visit.shop().ok_or(Problem::NotFound)?;
    let typed = typed.into_inner();
    let read = if typed.sheet.is_empty() {
        let SpendForm { channel, from, to, amount, currency, revenue, orders, .. } = typed;
        TypedSpend { channel, from, to, amount, currency, revenue, orders }.read(shop.currency).map(|spend| vec![spend])
    } else {
        net_ledger::spends_of(typed.sheet.as_bytes(), shop.currency)
    };
    let done = match read {
        Ok(spends) => net_ledger::put_spends(visit.core(), id, &spends, &by).await,
        Err(problems) => Err(NotConnected::Wrong(problems)),
    };
    entered(&visit, done, "spend_entered").await
}

pub async fn remove_spend(request: HttpRequest, typed: Form<SpendForm>) -> Result<HttpResponse, Problem> {
    let (visit, id, _) = actor(&request, Section::Ledger).await?;
    let wrong = |why| Problem::Wrong(vec![why]);
    let from = net_ledger::day("from", &typed.from).map_err(wrong)?;
    let to = net_ledger::day("to", &typed.to).map_err(wrong)?;
    let currency = Currency::parse(&typed.currency).map_err(|_| Problem::NotFound)?;
    match net_ledger::remove_spend(visit.core(), id, &typed.channel, (from, to), currency).await? {
        true => Ok(led_to(&visit, "/ledger", "spend_removed")),
        false => Err(Problem::NotFound),
    }
}
