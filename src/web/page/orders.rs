//! Orders: those a text brought back, those it may have helped with, and all others; the rows behind every figure that
//! counts orders.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse};

use super::{
    Visit, facets, gateways,
    listing::{self, amount, cursor, given, span},
    show,
};
use crate::{
    domain::attribution::Way,
    store::{
        self,
        order::list::{Filter as Which, Line, Narrow, Sort as Order},
        shop::Shop,
    },
    web::{
        problem::Problem,
        view::{
            Section,
            listing::{Control, Field, Listing, Sort},
            orders::{Credit, Filter, OrderRow, Orders},
            words::{say, t},
        },
    },
};

/// What a figure may narrow orders to, beside what everybody may.
const FACETS: &[&str] =
    &["sequence", "language", "country", "gateway", "product", "source", "device", "payment", "took", "hour"];

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Orders).await?;
    let filter = Filter::parse(visit.asked("state"));
    let mut page = Orders {
        filter,
        is_new: true,
        rows: Vec::new(),
        list: Listing { path: "/orders".to_owned(), sheet: true, ..Listing::default() },
        page: visit.page.clone(),
    };
    if let Some((shop, keys)) = visit.shop() {
        let mut read = visit.read().await?;
        let (narrow, order) = asked(&visit, shop);
        page.list.fields = fields(&visit);
        let names = match given(&visit, "gateway") {
            Some(_) => gateways::names(&mut read, visit.core(), keys).await?,
            None => BTreeMap::new(),
        };
        let gateway = |id: &str| id.parse().ok().and_then(|id| names.get(&id)).cloned();
        page.list.fields.extend(facets::fields(&visit, shop, FACETS, gateway));
        page.list.sorts = vec![
            Sort { name: "", label: t("Newest first").to_owned(), current: order == Order::Time },
            Sort {
                name: "worth",
                label: say("Most valuable first ({currency})", &[("currency", &shop.currency.code())]),
                current: order == Order::Worth,
            },
        ];
        page.list.count = store::order::list::counted(&mut read, keys, &narrow).await?.into();
        let leaf = store::order::list::leaf(&mut read, keys, &narrow, order, listing::open(&visit)).await?;
        page.is_new =
            leaf.rows.is_empty() && store::order::list::counted(&mut read, keys, &Narrow::default()).await?.rows == 0;
        page.list.on = leaf.on.map(cursor);
        page.list.back = leaf.back.map(cursor);
        page.rows = leaf.rows.iter().map(row).collect();
    }
    show(&page)
}

/// The same list as a sheet.
pub async fn sheet(request: HttpRequest) -> Result<HttpResponse, Problem> {
    const HEADING: &[&str] = &[
        "order",
        "number",
        "placed",
        "value",
        "currency",
        "cancelled",
        "credit",
        "text",
        "message",
        "net",
        "net_currency",
    ];
    let visit = Visit::begin(&request, Section::Orders).await?;
    let (shop, keys) = visit.shop().ok_or(Problem::NotFound)?;
    let (narrow, order) = asked(&visit, shop);
    let (state, own, keys) = (visit.state.clone(), shop.clone(), keys.clone());
    Ok(listing::sheet(&visit, shop, "orders", HEADING, move |open| {
        let (state, shop, keys, narrow) = (state.clone(), own.clone(), keys.clone(), narrow.clone());
        Box::pin(async move {
            let mut read = state.core.db.read().await?;
            let leaf = store::order::list::leaf(&mut read, &keys, &narrow, order, open).await?;
            Ok((leaf.rows.iter().map(|order| line(&shop, order)).collect(), leaf.on))
        })
    }))
}

fn line(shop: &Shop, order: &Line) -> Vec<String> {
    let [value, currency] = listing::money(Some(order.value));
    let credit = order.credit.as_ref();
    let [net, net_currency] = listing::money(credit.map(|credit| credit.net));
    vec![
        order.id.to_string(),
        order.number.clone(),
        listing::moment(shop, Some(order.placed_at)),
        value,
        currency,
        if order.cancelled { "yes".to_owned() } else { String::new() },
        credit.map_or(String::new(), |credit| credit.class.clone()),
        credit.map_or(String::new(), |credit| credit.step.to_string()),
        credit.map_or(String::new(), |credit| credit.message.to_string()),
        net,
        net_currency,
    ]
}

/// What the address narrows the list to, and its order.
fn asked(visit: &Visit, shop: &Shop) -> (Narrow, Order) {
    let order = if visit.asked("sort") == "worth" { Order::Worth } else { Order::Time };
    let currency = listing::currency(visit, shop);
    let worth = (amount(visit, "worth_from", currency), amount(visit, "worth_to", currency));
    let (from, to) = span(visit, shop);
    let in_money = order == Order::Worth || worth != (None, None) || given(visit, "currency").is_some();
    let narrow = Narrow {
        state: match Filter::parse(visit.asked("state")) {
            Filter::All => Which::All,
            Filter::Recovered => Which::Recovered,
            Filter::Assisted => Which::Assisted,
            Filter::Other => Which::Other,
            Filter::Alone => Which::Came(Way::Alone),
            Filter::AfterText => Which::Came(Way::AfterText),
            Filter::ThroughLink => Which::Came(Way::ThroughLink),
            Filter::Corrected => Which::Corrected,
        },
        from,
        to,
        currency: in_money.then(|| currency.code().to_owned()),
        worth,
        step: visit.asked("step").parse().ok(),
        facets: facets::asked(visit, shop, FACETS),
    };
    (narrow, order)
}

fn fields(visit: &Visit) -> Vec<Field> {
    let field = |name, label: &str, control| Field::new(name, label, visit.asked(name).trim(), control);
    let (from, to) = listing::days(visit);
    let day = |name, label: &str, day: Option<jiff::civil::Date>| {
        Field::new(name, label, day.map_or(String::new(), |day| day.to_string()), Control::Day)
    };
    let steps = (1..=5).map(|step| (step.to_string(), say("text {step}", &[("step", &step)])));
    vec![
        Field::new("state", t("State"), Filter::parse(visit.asked("state")).name(), Control::Tab),
        day("from", t("From"), from),
        day("to", t("To"), to),
        field("worth_from", t("Worth at least"), Control::Amount),
        field("worth_to", t("Worth at most"), Control::Amount),
        field("currency", t("Currency"), Control::Text),
        field("step", t("Credited to"), Control::Choice(steps.collect())),
    ]
}

fn row(order: &Line) -> OrderRow {
    OrderRow {
        id: order.id.to_string(),
        number: order.number.clone(),
        placed_at: order.placed_at,
        value: order.value,
        cancelled: order.cancelled,
        credit: order.credit.as_ref().map(|credit| Credit {
            recovered: credit.class == "credited",
            step: credit.step,
            message_id: credit.message.to_string(),
            net: credit.net,
        }),
    }
}
