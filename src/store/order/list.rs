//! The list of orders: those a text brought back, those it may have helped with, and all others.

use crate::{
    domain::{
        attribution::Way,
        id::{MessageId, OrderId},
        money::{Currency, Money},
        seal::ShopKeys,
        time::Time,
    },
    store::{
        Error, Read,
        facet::narrow::Facets,
        listing::{Cond, Counted, Leaf, Open, Plan, Select, in_order, selected},
        of, time,
    },
};

/// Which orders a list shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Filter {
    #[default]
    All,
    /// Credited to a text.
    Recovered,
    /// After a text that nobody tapped; shown apart.
    Assisted,
    /// Credited to no text.
    Other,
    /// Of a cart that had been abandoned before.
    Came(Way),
    /// Whose credit a person set right.
    Corrected,
}

/// What a list is narrowed to; every part that is there must hold.
#[derive(Clone, Debug, Default)]
pub struct Narrow {
    pub state: Filter,
    /// `[from, to)` of when it was placed.
    pub from: Option<Time>,
    pub to: Option<Time>,
    /// ISO 4217; a list in the order of value is of one currency, always.
    pub currency: Option<String>,
    /// In minor units, both included.
    pub worth: (Option<i64>, Option<i64>),
    /// The step of the text it is credited to.
    pub step: Option<u32>,
    /// What a figure of the report narrows it to.
    pub facets: Facets,
}

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    #[default]
    Time,
    Worth,
}

/// An order as lists show it.
#[derive(Clone, Debug)]
pub struct Line {
    pub id: OrderId,
    pub number: String,
    pub placed_at: Time,
    pub value: Money,
    pub cancelled: bool,
    pub credit: Option<Credit>,
}

/// What it was given to.
#[derive(Clone, Debug)]
pub struct Credit {
    /// `credited` or `assisted`.
    pub class: String,
    pub step: u32,
    pub message: MessageId,
    /// After what went back.
    pub net: Money,
}

fn plan(keys: &ShopKeys, wanted: &Narrow, sort: Sort) -> Plan {
    let (mut drive, mut narrow) = (Vec::new(), Vec::new());
    let credited = matches!(wanted.state, Filter::Recovered | Filter::Assisted);
    if credited && sort == Sort::Time {
        let class = if wanted.state == Filter::Recovered { "credited" } else { "assisted" };
        drive.push(Cond::plain("entry = 'order'"));
        drive.extend(wanted.from.map(|from| Cond::int("at >= ?", from.millis())));
        drive.extend(wanted.to.map(|to| Cond::int("at < ?", to.millis())));
        narrow.push(Cond::text("class = ?", class));
        narrow.extend(wanted.currency.as_deref().map(|code| Cond::text("currency = ?", code)));
        narrow.extend(wanted.worth.0.map(|minor| Cond::int("amount_minor >= ?", minor)));
        narrow.extend(wanted.worth.1.map(|minor| Cond::int("amount_minor <= ?", minor)));
        narrow.extend(wanted.step.map(|step| Cond::int("step = ?", i64::from(step))));
        narrow.extend(wanted.facets.of_orders("at"));
        let columns = "order_id, at, class, currency, amount_minor, step";
        return Plan { shop: of(keys), table: "credit", columns, key: "at", id: "order_id", drive, narrow };
    }
    let (spans, worths) = match sort {
        Sort::Time => (&mut drive, &mut narrow),
        Sort::Worth => (&mut narrow, &mut drive),
    };
    spans.push(Cond::plain("placed_at IS NOT NULL"));
    spans.extend(wanted.from.map(|from| Cond::int("placed_at >= ?", from.millis())));
    spans.extend(wanted.to.map(|to| Cond::int("placed_at < ?", to.millis())));
    worths.extend(wanted.currency.as_deref().map(|code| Cond::text("currency = ?", code)));
    worths.extend(wanted.worth.0.map(|minor| Cond::int("total_minor >= ?", minor)));
    worths.extend(wanted.worth.1.map(|minor| Cond::int("total_minor <= ?", minor)));
    macro_rules! has {
        ($and:literal) => {
            concat!(
                "EXISTS (SELECT 1 FROM credit WHERE credit.shop_id = $1 AND credit.order_id = seen.order_id
                           AND credit.entry = 'order'",
                $and,
                ")"
            )
        };
    }
    match wanted.state {
        Filter::All => {}
        Filter::Recovered => narrow.push(Cond::plain(has!(" AND credit.class = 'credited'"))),
        Filter::Assisted => narrow.push(Cond::plain(has!(" AND credit.class = 'assisted'"))),
        Filter::Other => narrow.push(Cond::plain(concat!("NOT ", has!("")))),
        Filter::Came(way) => narrow.push(Cond::text(
            "EXISTS (SELECT 1 FROM evidence WHERE evidence.shop_id = $1 AND evidence.order_id = seen.order_id
                       AND evidence.way = ?)",
            way.name(),
        )),
        Filter::Corrected => narrow.push(Cond::plain(
            "EXISTS (SELECT 1 FROM evidence WHERE evidence.shop_id = $1 AND evidence.order_id = seen.order_id
                       AND evidence.corrected <> '')",
        )),
    }
    narrow.extend(wanted.step.map(|step| Cond::int(has!(" AND credit.step = ?"), i64::from(step))));
    let key = match sort {
        Sort::Time => "placed_at",
        Sort::Worth => "total_minor",
    };
    narrow.extend(wanted.facets.of_orders("placed_at"));
    let columns = "order_id, placed_at, currency, total_minor";
    Plan { shop: of(keys), table: "shop_order", columns, key, id: "order_id", drive, narrow }
}

#[derive(sqlx::FromRow)]
struct Row {
    order_id: i64,
    number: String,
    placed_at: Option<i64>,
    currency: String,
    total_minor: i64,
    cancelled_at: Option<i64>,
}

/// One page of orders.
pub async fn leaf(
    read: &mut Read,
    keys: &ShopKeys,
    wanted: &Narrow,
    sort: Sort,
    open: Open,
) -> Result<Leaf<Line>, Error> {
    let Leaf { rows: ids, on, back } = plan(keys, wanted, sort).page(read, open).await?;
    if ids.is_empty() {
        return Ok(Leaf { rows: Vec::new(), on, back });
    }
    let most = open.most as usize;
    let mut select = Select::new(
        of(keys),
        "SELECT order_id, number, placed_at, currency, total_minor, cancelled_at FROM shop_order
         WHERE shop_id = $1 AND order_id",
    );
    select.any_of(&ids, most);
    let found = in_order(&ids, selected!(read, Row, select)?, |row| row.order_id);
    let mut select = Select::new(
        of(keys),
        "SELECT order_id, MAX(class), CAST(MAX(step) AS BIGINT), CAST(MAX(message_id) AS BIGINT), MAX(currency),
                CAST(SUM(amount_minor) AS BIGINT)
         FROM credit WHERE shop_id = $1 AND order_id",
    );
    select.any_of(&ids, most).push(" GROUP BY order_id");
    let credits = selected!(read, (i64, String, i64, i64, String, i64), select)?;
    let money = |minor: i64, code: &str| {
        let currency = Currency::parse(code).map_err(|why| Error::damaged("currency", why))?;
        Ok::<Money, Error>(Money::new(minor, currency))
    };
    let mut rows = Vec::with_capacity(found.len());
    for row in found {
        let credit = credits.iter().find(|(order, ..)| *order == row.order_id);
        let credit = match credit {
            Some((_, class, step, message, code, minor)) => Some(Credit {
                class: class.clone(),
                step: u32::try_from(*step).unwrap_or(0),
                message: MessageId::new(*message),
                net: money(*minor, code)?,
            }),
            None => None,
        };
        rows.push(Line {
            id: OrderId::new(row.order_id),
            placed_at: time(row.placed_at.unwrap_or(0)),
            value: money(row.total_minor, &row.currency)?,
            number: row.number,
            cancelled: row.cancelled_at.is_some(),
            credit,
        });
    }
    Ok(Leaf { rows, on, back })
}

/// How many a list holds, as far as that is cheap to know.
pub async fn counted(read: &mut Read, keys: &ShopKeys, wanted: &Narrow) -> Result<Counted, Error> {
    plan(keys, wanted, Sort::Time).count(read).await
}
