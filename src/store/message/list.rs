//! The list of texts: which there are, in which order, how many, and what they cost.

use super::{Row, of};
use crate::{
    domain::{
        id::{GatewayId, MessageId},
        message::{Cost, MessageState, Purpose},
        money::Currency,
        seal::ShopKeys,
        time::Time,
    },
    store::{
        Error, Read,
        db::all,
        facet::narrow::Facets,
        listing::{Bind, COUNTED, Cond, Counted, Cut, Leaf, Open, Plan, Select, in_order, selected},
        message::Message,
    },
};

/// Which texts a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Of(MessageState),
    /// Accepted by the gateway, whatever came after.
    Sent,
    /// A person opened its link.
    Tapped,
}

/// What a list is narrowed to; every part that is there must hold.
#[derive(Clone, Debug, Default)]
pub struct Narrow {
    pub state: Option<State>,
    /// `[from, to)` of when it left (was made, while it has not); of the report for delivered ones, of the first tap for
    /// tapped ones.
    pub from: Option<Time>,
    pub to: Option<Time>,
    pub purpose: Option<Purpose>,
    pub step: Option<u32>,
    pub gateway: Option<GatewayId>,
    /// ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// ISO 4217 of what it cost; a list in the order of cost is of one currency, always.
    pub currency: Option<String>,
    /// What a figure of the report narrows it to.
    pub facets: Facets,
}

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    #[default]
    Time,
    Cost,
}

const COLUMNS: &str = "message_id, listed_at, state, purpose, step, gateway_id, country, cost_currency, cost_micros";
const DELIVERED: &str = "message_id, delivered_at, purpose, step, gateway_id, country, cost_currency, cost_micros";
const TAPPED: &str = "message_id, tapped_at, purpose, step, gateway_id, country, cost_currency, cost_micros";

/// Everything a figure may ask about, which no index of a list holds.
const WIDE: &str = "message_id, listed_at, delivered_at, tapped_at, state, purpose, step, gateway_id, country,
                    cost_currency, cost_micros, language, sequence, cart_id";

fn plan(keys: &ShopKeys, wanted: &Narrow, sort: Sort) -> Plan {
    let (mut drive, mut narrow) = (Vec::new(), Vec::new());
    let (key, columns) = match (sort, wanted.state) {
        (Sort::Cost, _) => ("cost_micros", COLUMNS),
        (Sort::Time, Some(State::Of(MessageState::Delivered))) => ("delivered_at", DELIVERED),
        (Sort::Time, Some(State::Tapped)) => ("tapped_at", TAPPED),
        (Sort::Time, _) => ("listed_at", COLUMNS),
    };
    match key {
        "delivered_at" => {
            drive.push(Cond::plain("delivered_at IS NOT NULL"));
            drive.extend(wanted.from.map(|from| Cond::int("delivered_at >= ?", from.millis())));
            drive.extend(wanted.to.map(|to| Cond::int("delivered_at < ?", to.millis())));
        }
        "tapped_at" => {
            drive.push(Cond::plain("tapped_at IS NOT NULL"));
            drive.extend(wanted.from.map(|from| Cond::int("tapped_at >= ?", from.millis())));
            drive.extend(wanted.to.map(|to| Cond::int("tapped_at < ?", to.millis())));
        }
        _ => {
            let states = if sort == Sort::Time { &mut drive } else { &mut narrow };
            match wanted.state {
                Some(State::Of(state)) => states.push(Cond::text("state = ?", state.name())),
                Some(State::Sent) => narrow.push(Cond::plain("state IN ('accepted', 'delivered', 'undelivered')")),
                // Tapped in the order of cost: what was tapped was delivered, whatever the carrier said.
                Some(State::Tapped) => narrow.push(Cond::plain(
                    "message_id IN (SELECT tapped.message_id FROM message AS tapped
                                    WHERE tapped.shop_id = $1 AND tapped.tapped_at IS NOT NULL)",
                )),
                None => {}
            }
            let spans = if sort == Sort::Time { &mut drive } else { &mut narrow };
            spans.extend(wanted.from.map(|from| Cond::int("listed_at >= ?", from.millis())));
            spans.extend(wanted.to.map(|to| Cond::int("listed_at < ?", to.millis())));
        }
    }
    let currency = wanted.currency.as_deref().map(|code| Cond::text("cost_currency = ?", code));
    match sort {
        Sort::Cost => {
            drive.extend(currency);
            drive.push(Cond::plain("cost_micros IS NOT NULL"));
        }
        Sort::Time => narrow.extend(currency),
    }
    narrow.extend(wanted.purpose.map(|purpose| Cond::text("purpose = ?", purpose.name())));
    narrow.extend(wanted.step.map(|step| Cond::int("step = ?", i64::from(step))));
    narrow.extend(wanted.gateway.map(|gateway| Cond::int("gateway_id = ?", gateway.get())));
    narrow.extend(wanted.country.as_deref().map(|country| Cond::text("country = ?", country)));
    narrow.extend(wanted.facets.of_texts(key));
    let columns = if wanted.facets.is_none() { columns } else { WIDE };
    Plan { shop: of(keys), table: "message", columns, key, id: "message_id", drive, narrow }
}

/// One page of texts.
pub async fn leaf(
    read: &mut Read,
    keys: &ShopKeys,
    wanted: &Narrow,
    sort: Sort,
    open: Open,
) -> Result<Leaf<Message>, Error> {
    let Leaf { rows, on, back } = plan(keys, wanted, sort).page(read, open).await?;
    Ok(Leaf { rows: these(read, keys, &rows, open.most).await?, on, back })
}

async fn these(read: &mut Read, keys: &ShopKeys, ids: &[i64], most: u32) -> Result<Vec<Message>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut select = Select::new(of(keys), super::select!("message_id"));
    select.any_of(ids, most as usize);
    let rows = selected!(read, Row, select)?;
    in_order(ids, rows, |row| row.message_id).into_iter().map(|row| row.into_message(keys)).collect()
}

/// Every reminder of these carts, by step.
pub async fn of_carts(read: &mut Read, keys: &ShopKeys, carts: &[i64], most: u32) -> Result<Vec<Message>, Error> {
    if carts.is_empty() {
        return Ok(Vec::new());
    }
    let mut select = Select::new(of(keys), super::select!("cart_id"));
    select.any_of(carts, most as usize).push(" AND purpose = 'reminder' ORDER BY cart_id, step");
    selected!(read, Row, select)?.into_iter().map(|row| row.into_message(keys)).collect()
}

/// How many a list holds, as far as that is cheap to know.
pub async fn counted(read: &mut Read, keys: &ShopKeys, wanted: &Narrow) -> Result<Counted, Error> {
    plan(keys, wanted, Sort::Time).count(read).await
}

/// What the texts of a list cost, per currency; of the newest `COUNTED` of them, so only asked where there are no more.
pub async fn cost(read: &mut Read, keys: &ShopKeys, wanted: &Narrow) -> Result<Vec<Cost>, Error> {
    let plan = plan(keys, wanted, Sort::Time);
    let mut select = Select::new(
        of(keys),
        "SELECT cost_currency, CAST(SUM(cost_micros) AS BIGINT) FROM (
             SELECT cost_currency, cost_micros FROM message AS seen WHERE shop_id = $1",
    );
    for cond in plan.drive.iter().chain(&plan.narrow) {
        select.push(" AND ").cond(cond);
    }
    select.push(" ORDER BY ").push(plan.key).push(" DESC LIMIT ");
    select.bind(Bind::Int(i64::try_from(COUNTED).unwrap_or(i64::MAX)));
    select.push(") AS those WHERE cost_currency IS NOT NULL GROUP BY cost_currency ORDER BY cost_currency");
    let rows = selected!(read, (String, i64), select)?;
    Ok(rows
        .into_iter()
        .filter_map(|(code, micros)| Some(Cost { micros, currency: Currency::parse(&code).ok()? }))
        .collect())
}

/// What the gateways told that texts to one country cost, in one currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// ISO 3166-1 alpha-2.
    pub country: String,
    pub cost: Cost,
    /// The parts that cost.
    pub parts: u64,
}

/// What texts cost since a moment, by country and currency, as far as the gateways told.
pub async fn told_prices(read: &mut Read, keys: &ShopKeys, since: Time) -> Result<Vec<Told>, Error> {
    let rows = all!(
        read,
        (String, String, i64, i64),
        "SELECT country, cost_currency, CAST(SUM(cost_micros) AS BIGINT), CAST(SUM(segments) AS BIGINT) FROM message
         WHERE shop_id = $1 AND listed_at >= $2 AND cost_currency IS NOT NULL AND cost_micros IS NOT NULL
         GROUP BY country, cost_currency ORDER BY country, cost_currency",
        of(keys),
        since.millis()
    )?;
    let told = rows.into_iter().filter_map(|(country, code, micros, parts)| {
        let currency = Currency::parse(&code).ok()?;
        Some(Told { country, cost: Cost { micros, currency }, parts: parts.unsigned_abs() })
    });
    Ok(told.collect())
}

/// In the order they were made, newest first, older than `before`; only those in one state where it is given.
pub async fn list(
    read: &mut Read,
    keys: &ShopKeys,
    state: Option<MessageState>,
    before: MessageId,
    most: u32,
) -> Result<Vec<Message>, Error> {
    let narrow = state.map(|state| Cond::text("state = ?", state.name())).into_iter().collect();
    let (key, id) = ("message_id", "message_id");
    let plan = Plan { shop: of(keys), table: "message", columns: "message_id, state", key, id, drive: vec![], narrow };
    let open = Open::first(most).after(Cut { key: before.get(), id: before.get() });
    let Leaf { rows, .. } = plan.page(read, open).await?;
    these(read, keys, &rows, most).await
}
