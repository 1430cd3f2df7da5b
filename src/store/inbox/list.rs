//! The list of deliveries: which there are, in which order, and how many.

use serde::{Deserialize, Serialize};

use super::{Filter, Line, LineRow};
use crate::{
    domain::{
        id::{DeliveryId, GatewayId, ShopId},
        time::Time,
    },
    store::{
        Error, Read,
        listing::{Cond, Counted, Cut, Leaf, Open, Plan, Select, Toward, in_order, selected},
    },
};

/// What a list is narrowed to; every part that is there must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Narrow {
    pub verdict: Filter,
    /// `[from, to)` of its arrival.
    pub from: Option<Time>,
    pub to: Option<Time>,
    pub topic: Option<String>,
    /// Through which connection: a gateway's, or with 0 the shop's own.
    pub gateway: Option<i64>,
}

fn plan(shop: ShopId, wanted: &Narrow) -> Plan {
    let (mut drive, mut narrow) = (Vec::new(), Vec::new());
    let columns = match wanted.verdict {
        Filter::Unreadable => {
            drive.push(Cond::plain("problem <> ''"));
            "delivery_id, received_at, gateway_id, topic, problem"
        }
        Filter::Waiting => {
            drive.push(Cond::plain("done_at IS NULL"));
            "delivery_id, received_at, gateway_id, topic, done_at"
        }
        _ => "delivery_id, received_at, gateway_id, topic, events, done_at, problem",
    };
    match wanted.verdict {
        Filter::Applied => narrow.push(Cond::plain("done_at IS NOT NULL AND problem = '' AND events > 0")),
        Filter::Ignored => narrow.push(Cond::plain("done_at IS NOT NULL AND problem = '' AND events = 0")),
        Filter::All | Filter::Unreadable | Filter::Waiting => {}
    }
    drive.extend(wanted.from.map(|from| Cond::int("received_at >= ?", from.millis())));
    drive.extend(wanted.to.map(|to| Cond::int("received_at < ?", to.millis())));
    narrow.extend(wanted.topic.as_deref().map(|topic| Cond::text("topic = ?", topic)));
    narrow.extend(wanted.gateway.map(|gateway| Cond::int("gateway_id = ?", gateway)));
    Plan { shop: shop.get(), table: "inbox", columns, key: "received_at", id: "delivery_id", drive, narrow }
}

/// One page of deliveries.
pub async fn leaf(read: &mut Read, shop: ShopId, wanted: &Narrow, open: Open) -> Result<Leaf<Line>, Error> {
    let Leaf { rows, on, back } = plan(shop, wanted).page(read, open).await?;
    Ok(Leaf { rows: these(read, shop, &rows, open.most).await?, on, back })
}

async fn these(read: &mut Read, shop: ShopId, ids: &[i64], most: u32) -> Result<Vec<Line>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut select = Select::new(
        shop.get(),
        "SELECT delivery_id, gateway_id, topic, received_at, done_at, events, problem,
                CAST(LENGTH(body) AS BIGINT) AS bytes
         FROM inbox WHERE shop_id = $1 AND delivery_id",
    );
    select.any_of(ids, most as usize);
    let rows = selected!(read, LineRow, select)?;
    Ok(in_order(ids, rows, |row| row.delivery_id).into_iter().map(LineRow::into_line).collect())
}

/// How many a list holds, as far as that is cheap to know.
pub async fn counted(read: &mut Read, shop: ShopId, wanted: &Narrow) -> Result<Counted, Error> {
    plan(shop, wanted).count(read).await
}

/// The next deliveries of a list in the order they came, behind a cut, with where the look ended.
pub async fn next(
    read: &mut Read,
    shop: ShopId,
    wanted: &Narrow,
    behind: Cut,
    most: u32,
) -> Result<(Vec<(DeliveryId, Option<GatewayId>)>, Option<Cut>), Error> {
    let open = Open { rising: true, from: Some((Toward::On, behind)), most };
    let Leaf { rows, on, .. } = leaf(read, shop, wanted, open).await?;
    let end = on.or_else(|| rows.last().map(|line| Cut { key: line.received_at.millis(), id: line.id.get() }));
    let ended = on.is_none();
    let ids = rows.into_iter().map(|line| (line.id, line.gateway)).collect();
    Ok((ids, end.filter(|_| !ended)))
}

/// The topics a shop's list can be narrowed to: those of its newest deliveries.
pub async fn topics(read: &mut Read, shop: ShopId) -> Result<Vec<String>, Error> {
    let mut select = Select::new(
        shop.get(),
        "SELECT DISTINCT topic FROM (SELECT topic, received_at FROM inbox WHERE shop_id = $1
         ORDER BY received_at DESC LIMIT ",
    );
    select.int(TOPICS_OF).push(") AS newest ORDER BY topic LIMIT ").int(TOPICS_MOST);
    let rows = selected!(read, (String,), select)?;
    Ok(rows.into_iter().map(|(topic,)| topic).filter(|topic| !topic.is_empty()).collect())
}

const TOPICS_OF: i64 = 2_000;
const TOPICS_MOST: i64 = 60;
