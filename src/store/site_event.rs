//! Events of visitors: kept once however often they are told, read newest first or day by day; which checkout or person a
//! visitor turned out to be; what was dropped instead of kept.

use super::{
    Error, Read, Tx,
    db::{all, first, run},
    digest, of, time, word,
};
use crate::domain::{
    id::{OrderId, ShopId, SiteEventId},
    money::{Currency, Money},
    seal::ShopKeys,
    site_event::{Dropped, Kind, SiteEvent, ToldBy, Visit, Visitor},
    time::Time,
};

#[derive(sqlx::FromRow)]
struct Row {
    event_id: i64,
    at: i64,
    kind: String,
    visitor: Vec<u8>,
    target: String,
    product: String,
    page: String,
    source: String,
    medium: String,
    campaign: String,
    device: String,
    country: String,
    number: i64,
    value_minor: i64,
    currency: String,
    order_ref: String,
    payment: String,
    told_by: String,
}

impl Row {
    fn read(self) -> Result<SiteEvent, Error> {
        Ok(SiteEvent {
            id: SiteEventId::new(self.event_id),
            kind: word("event kind", &Kind::ALL, Kind::name, &self.kind)?,
            at: time(self.at),
            visitor: digest("visitor", self.visitor)?,
            target: self.target,
            product: self.product,
            page: self.page,
            visit: Visit { source: self.source, medium: self.medium, campaign: self.campaign },
            device: self.device,
            country: self.country,
            number: self.number,
            value: Currency::parse(&self.currency).ok().map(|currency| Money::new(self.value_minor, currency)),
            order: self.order_ref,
            payment: self.payment,
            told_by: word("door", &ToldBy::ALL, ToldBy::name, &self.told_by)?,
        })
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT event_id, at, kind, visitor, target, product, page, source, medium, campaign, device, country, number,
                    value_minor, currency, order_ref, payment, told_by
             FROM site_event WHERE shop_id = $1 AND ",
            $rest
        )
    };
}

/// Keeps an event; `false` when the same one is kept already.
pub async fn keep(tx: &mut Tx, shop: ShopId, event: &SiteEvent, dedup: &[u8; 16]) -> Result<bool, Error> {
    let touched = run!(
        tx,
        "INSERT INTO site_event (shop_id, event_id, at, kind, visitor, dedup, target, product, page, source, medium,
             campaign, device, country, number, value_minor, currency, order_ref, payment, told_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
         ON CONFLICT (shop_id, dedup) DO NOTHING",
        shop.get(),
        event.id.get(),
        event.at.millis(),
        event.kind.name(),
        event.visitor.as_slice(),
        dedup.as_slice(),
        event.target.as_str(),
        event.product.as_str(),
        event.page.as_str(),
        event.visit.source.as_str(),
        event.visit.medium.as_str(),
        event.visit.campaign.as_str(),
        event.device.as_str(),
        event.country.as_str(),
        event.number,
        event.value.map_or(0, |value| value.minor),
        event.value.map_or_else(String::new, |value| value.currency.to_string()),
        event.order.as_str(),
        event.payment.as_str(),
        event.told_by.name()
    )?;
    Ok(touched > 0)
}

/// Notes that this visitor is known by this name (`identity::value`).
pub async fn name(tx: &mut Tx, shop: ShopId, visitor: &Visitor, name: &[u8; 16], now: Time) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO visitor_name (shop_id, visitor, name, at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (shop_id, visitor, name) DO NOTHING",
        shop.get(),
        visitor.as_slice(),
        name.as_slice(),
        now.millis()
    )?;
    Ok(())
}

/// The visitors known by this name, the first first.
pub async fn named(read: &mut Read, keys: &ShopKeys, name: &[u8; 16]) -> Result<Vec<Visitor>, Error> {
    let rows = all!(
        read,
        (Vec<u8>,),
        "SELECT visitor FROM visitor_name WHERE shop_id = $1 AND name = $2 ORDER BY at, visitor",
        of(keys),
        name.as_slice()
    )?;
    rows.into_iter().map(|(visitor,)| digest("visitor", visitor)).collect()
}

/// Forgets who a visitor is, and makes all their events those of a visitor nobody knows.
pub async fn forget(tx: &mut Tx, keys: &ShopKeys, visitor: &Visitor, nobody: &Visitor) -> Result<(), Error> {
    run!(tx, "DELETE FROM visitor_name WHERE shop_id = $1 AND visitor = $2", of(keys), visitor.as_slice())?;
    run!(
        tx,
        "UPDATE site_event SET visitor = $3, order_ref = '' WHERE shop_id = $1 AND visitor = $2",
        of(keys),
        visitor.as_slice(),
        nobody.as_slice()
    )?;
    Ok(())
}

/// Counts what was not kept.
pub async fn count_dropped(tx: &mut Tx, shop: ShopId, day: i64, why: Dropped, events: u64) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO site_event_dropped (shop_id, day, why, events) VALUES ($1, $2, $3, $4)
         ON CONFLICT (shop_id, day, why) DO UPDATE SET events = site_event_dropped.events + excluded.events",
        shop.get(),
        day,
        why.name(),
        i64::try_from(events).unwrap_or(i64::MAX)
    )?;
    Ok(())
}

/// What was not kept on the days `[from_day, to_day]`, by reason.
pub async fn dropped(
    read: &mut Read,
    keys: &ShopKeys,
    from_day: i64,
    to_day: i64,
) -> Result<Vec<(Dropped, u64)>, Error> {
    let rows = all!(
        read,
        (String, i64),
        "SELECT why, CAST(SUM(events) AS BIGINT) FROM site_event_dropped
         WHERE shop_id = $1 AND day >= $2 AND day <= $3 GROUP BY why ORDER BY why",
        of(keys),
        from_day,
        to_day
    )?;
    rows.into_iter()
        .map(|(why, events)| Ok((word("reason", &Dropped::ALL, Dropped::name, &why)?, events.unsigned_abs())))
        .collect()
}

/// The newest events before this one, of one kind or of all ("").
pub async fn list(
    read: &mut Read,
    keys: &ShopKeys,
    kind: Option<Kind>,
    before: SiteEventId,
    most: u32,
) -> Result<Vec<SiteEvent>, Error> {
    let rows = all!(
        read,
        Row,
        select!("event_id < $2 AND ($3 = '' OR kind = $3) ORDER BY event_id DESC LIMIT $4"),
        of(keys),
        before.get(),
        kind.map_or("", Kind::name),
        i64::from(most)
    )?;
    rows.into_iter().map(Row::read).collect()
}

/// Events that happened in `[from, to)` after `(at, id)`, oldest first: a span is read piece by piece.
pub async fn of_span(
    read: &mut Read,
    keys: &ShopKeys,
    (from, to): (Time, Time),
    after: (Time, SiteEventId),
    most: u32,
) -> Result<Vec<SiteEvent>, Error> {
    let rows = all!(
        read,
        Row,
        select!(
            "at >= $2 AND at < $3 AND (at > $4 OR (at = $4 AND event_id > $5))
         ORDER BY at, event_id LIMIT $6"
        ),
        of(keys),
        from.millis(),
        to.millis(),
        after.0.millis(),
        after.1.get(),
        i64::from(most)
    )?;
    rows.into_iter().map(Row::read).collect()
}

/// Everything a visitor did, oldest first.
pub async fn of_visitor(
    read: &mut Read,
    keys: &ShopKeys,
    visitor: &Visitor,
    most: u32,
) -> Result<Vec<SiteEvent>, Error> {
    let rows = all!(
        read,
        Row,
        select!("visitor = $2 ORDER BY at, event_id LIMIT $3"),
        of(keys),
        visitor.as_slice(),
        i64::from(most)
    )?;
    rows.into_iter().map(Row::read).collect()
}

/// The newest that a visitor did up to a moment, newest first.
pub async fn newest_of_visitor(
    read: &mut Read,
    keys: &ShopKeys,
    visitor: &Visitor,
    until: Time,
    most: u32,
) -> Result<Vec<SiteEvent>, Error> {
    let rows = all!(
        read,
        Row,
        select!("visitor = $2 AND at <= $3 ORDER BY at DESC, event_id DESC LIMIT $4"),
        of(keys),
        visitor.as_slice(),
        until.millis(),
        i64::from(most)
    )?;
    rows.into_iter().map(Row::read).collect()
}

/// When the newest event arrived, and through which door.
pub async fn newest(read: &mut Read, keys: &ShopKeys) -> Result<Option<SiteEvent>, Error> {
    Ok(list(read, keys, None, SiteEventId::new(i64::MAX), 1).await?.into_iter().next())
}

/// Orders placed in `[from, to)` that were not cancelled, as events of whoever placed them. `visitor` is the keyed hash of
/// the order itself until `visitors_of_order` knows better.
pub async fn orders(
    read: &mut Read,
    keys: &ShopKeys,
    from: Time,
    to: Time,
    most: u32,
) -> Result<Vec<(OrderId, SiteEvent)>, Error> {
    let rows = all!(
        read,
        (i64, String, i64, i64, String, Option<String>),
        "SELECT order_id, external_id, placed_at, total_minor, currency, payment FROM shop_order
         WHERE shop_id = $1 AND placed_at >= $2 AND placed_at < $3 AND cancelled_at IS NULL
         ORDER BY placed_at, order_id LIMIT $4",
        of(keys),
        from.millis(),
        to.millis(),
        i64::from(most)
    )?;
    let read =
        |(id, external, placed_at, minor, currency, payment): (i64, String, i64, i64, String, Option<String>)| {
            let event = SiteEvent {
                id: SiteEventId::new(id),
                kind: Kind::Ordered,
                at: time(placed_at),
                visitor: keys.index("visitor", &format!("order {id}")),
                target: String::new(),
                product: String::new(),
                page: String::new(),
                visit: Visit::default(),
                device: String::new(),
                country: String::new(),
                number: 0,
                value: Currency::parse(&currency).ok().map(|currency| Money::new(minor, currency)),
                order: external,
                payment: payment.unwrap_or_default(),
                told_by: ToldBy::Server,
            };
            (OrderId::new(id), event)
        };
    Ok(rows.into_iter().map(read).collect())
}

/// Who placed an order: visitors known by one of its names, or whose thank-you page named it. The last one seen first.
pub async fn visitors_of_order(
    read: &mut Read,
    keys: &ShopKeys,
    id: OrderId,
    external_id: &str,
) -> Result<Vec<Visitor>, Error> {
    let rows = all!(
        read,
        (Vec<u8>, i64),
        "SELECT visitor_name.visitor, MAX(visitor_name.at) FROM identity
         JOIN visitor_name ON visitor_name.shop_id = $1 AND visitor_name.name = identity.value
         WHERE identity.shop_id = $1 AND identity.subject = 'order' AND identity.subject_id = $2
         GROUP BY visitor_name.visitor
         UNION ALL
         SELECT visitor, MAX(at) FROM site_event WHERE shop_id = $1 AND kind = 'ordered' AND order_ref = $3 AND order_ref <> ''
         GROUP BY visitor
         ORDER BY 2 DESC, 1",
        of(keys),
        id.get(),
        external_id
    )?;
    rows.into_iter().map(|(visitor, _)| digest("visitor", visitor)).collect()
}

/// What the cart of an order was about: its most valuable product and its source, in the shop's own words.
pub async fn cart_of_order(read: &mut Read, keys: &ShopKeys, id: OrderId) -> Result<(String, String), Error> {
    let row = first!(
        read,
        (Option<String>, Option<String>),
        "SELECT cart.product, cart.source FROM identity AS mine
         JOIN identity AS theirs ON theirs.shop_id = $1 AND theirs.value = mine.value AND theirs.subject = 'cart'
             AND theirs.kind = 'checkout'
         JOIN cart ON cart.shop_id = $1 AND cart.cart_id = theirs.subject_id
         WHERE mine.shop_id = $1 AND mine.subject = 'order' AND mine.subject_id = $2 ORDER BY cart.cart_id LIMIT 1",
        of(keys),
        id.get()
    )?;
    Ok(row.map(|(product, source)| (product.unwrap_or_default(), source.unwrap_or_default())).unwrap_or_default())
}

/// Events of one kind that happened in `[from, to)`, the newest first.
pub async fn of_kind(
    read: &mut Read,
    keys: &ShopKeys,
    kind: Kind,
    (from, to): (Time, Time),
    most: u32,
) -> Result<Vec<SiteEvent>, Error> {
    let rows = all!(
        read,
        Row,
        select!("kind = $2 AND event_id >= $3 AND at >= $4 AND at < $5 ORDER BY event_id DESC LIMIT $6"),
        of(keys),
        kind.name(),
        super::retention::first_id(from),
        from.millis(),
        to.millis(),
        i64::from(most)
    )?;
    rows.into_iter().map(Row::read).collect()
}

/// Events that arrived before this moment go, and with them names nobody used since; answers how many events went.
pub async fn prune(tx: &mut Tx, shop: ShopId, before: Time, most: u32) -> Result<u64, Error> {
    let gone = run!(
        tx,
        "DELETE FROM site_event WHERE shop_id = $1 AND event_id IN (
             SELECT event_id FROM site_event WHERE shop_id = $1 AND event_id < $2 ORDER BY event_id LIMIT $3)",
        shop.get(),
        super::retention::first_id(before),
        i64::from(most)
    )?;
    run!(
        tx,
        "DELETE FROM visitor_name WHERE shop_id = $1 AND at < $2 AND NOT EXISTS (
             SELECT 1 FROM site_event WHERE site_event.shop_id = $1 AND site_event.visitor = visitor_name.visitor)",
        shop.get(),
        before.millis()
    )?;
    Ok(gone)
}

/// The tally of a day, as JSON; replaces what stood there.
pub async fn put_tally(tx: &mut Tx, shop: ShopId, day: i64, body: &str) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO tally (shop_id, day, body) VALUES ($1, $2, $3)
         ON CONFLICT (shop_id, day) DO UPDATE SET body = excluded.body",
        shop.get(),
        day,
        body
    )?;
    Ok(())
}

/// The tallies of the days `[from_day, to_day]`.
pub async fn tallies(
    read: &mut Read,
    keys: &ShopKeys,
    from_day: i64,
    to_day: i64,
) -> Result<Vec<(i64, String)>, Error> {
    all!(
        read,
        (i64, String),
        "SELECT day, body FROM tally WHERE shop_id = $1 AND day >= $2 AND day <= $3 ORDER BY day",
        of(keys),
        from_day,
        to_day
    )
}

/// What the events of one kind that happened in `[from, to)` call their orders, each once.
pub async fn orders_told(
    read: &mut Read,
    keys: &ShopKeys,
    kind: Kind,
    from: Time,
    to: Time,
    most: u32,
) -> Result<Vec<String>, Error> {
    let rows = all!(
        read,
        (String,),
        "SELECT DISTINCT order_ref FROM site_event
         WHERE shop_id = $1 AND kind = $2 AND event_id >= $3 AND at >= $4 AND at < $5 AND order_ref <> ''
         ORDER BY order_ref LIMIT $6",
        of(keys),
        kind.name(),
        super::retention::first_id(from),
        from.millis(),
        to.millis(),
        i64::from(most)
    )?;
    Ok(rows.into_iter().map(|(order,)| order).collect())
}

/// What the shop calls the web orders placed in `[from, to)`: id and number.
pub async fn orders_placed(
    read: &mut Read,
    keys: &ShopKeys,
    from: Time,
    to: Time,
    most: u32,
) -> Result<Vec<(String, String)>, Error> {
    all!(
        read,
        (String, String),
        "SELECT external_id, number FROM shop_order WHERE shop_id = $1 AND placed_at >= $2 AND placed_at < $3
         ORDER BY placed_at DESC LIMIT $4",
        of(keys),
        from.millis(),
        to.millis(),
        i64::from(most)
    )
}

/// Whether a visitor has placed an order since this moment, as the thank-you page or the shop's own orders tell.
pub async fn has_ordered(read: &mut Read, keys: &ShopKeys, visitor: &Visitor, since: Time) -> Result<bool, Error> {
    let row = first!(
        read,
        (i64,),
        "SELECT CAST(1 AS BIGINT) FROM site_event
         WHERE shop_id = $1 AND visitor = $2 AND at >= $3 AND kind = 'ordered'
         UNION ALL
         SELECT CAST(1 AS BIGINT) FROM visitor_name
         JOIN identity ON identity.shop_id = $1 AND identity.value = visitor_name.name AND identity.subject = 'order'
         JOIN shop_order ON shop_order.shop_id = $1 AND shop_order.order_id = identity.subject_id
         WHERE visitor_name.shop_id = $1 AND visitor_name.visitor = $2 AND shop_order.placed_at >= $3
         LIMIT 1",
        of(keys),
        visitor.as_slice(),
        since.millis()
    )?;
    Ok(row.is_some())
}

/// How many events there are of one visitor, and since when.
pub async fn seen(read: &mut Read, keys: &ShopKeys, visitor: &Visitor) -> Result<Option<(Time, u64)>, Error> {
    let row = first!(
        read,
        (Option<i64>, i64),
        "SELECT MIN(at), CAST(COUNT(*) AS BIGINT) FROM site_event WHERE shop_id = $1 AND visitor = $2",
        of(keys),
        visitor.as_slice()
    )?;
    Ok(row.and_then(|(at, count)| at.map(|at| (time(at), count.unsigned_abs()))))
}
