//! The net ledger: what an order was when it was first told, the lines of a day made from the facts, the rows behind a
//! line, and what shops enter by hand.

use std::collections::BTreeMap;

use super::{
    Error, Read, Tx,
    db::{all, first, run},
    from_json, json, of, time, word,
};
use crate::domain::{
    attribution::Entry,
    cart::Revision,
    id::{MessageId, OrderId, ShopId},
    money::{Currency, Money},
    net_ledger::{Figure, LATE_AFTER_MS, Line, Rate, Setting, Spend, goods},
    seal::ShopKeys,
    time::Time,
};

/// What one update says of an order's worth.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// Whether it calls the order bought.
    pub placed: bool,
    pub total: Money,
    pub revision: Revision,
}

/// Keeps the earliest of what was told, whichever arrives first.
pub async fn note_told(tx: &mut Tx, keys: &ShopKeys, order: OrderId, told: &Told) -> Result<(), Error> {
    if told.placed {
        run!(
            tx,
            "INSERT INTO order_first (shop_id, order_id, bought_at, bought_digest, bought_minor, bought_currency)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (shop_id, order_id) DO UPDATE SET
                 bought_at = excluded.bought_at, bought_digest = excluded.bought_digest,
                 bought_minor = excluded.bought_minor, bought_currency = excluded.bought_currency
             WHERE order_first.bought_at IS NULL OR excluded.bought_at < order_first.bought_at
                OR (excluded.bought_at = order_first.bought_at AND excluded.bought_digest < order_first.bought_digest)",
            of(keys),
            order.get(),
            told.revision.at.millis(),
            told.revision.digest.to_vec(),
            told.total.minor.max(0),
            told.total.currency.code()
        )?;
    } else {
        run!(
            tx,
            "INSERT INTO order_first (shop_id, order_id, unpaid_at) VALUES ($1, $2, $3)
             ON CONFLICT (shop_id, order_id) DO UPDATE SET unpaid_at = excluded.unpaid_at
             WHERE order_first.unpaid_at IS NULL OR excluded.unpaid_at < order_first.unpaid_at",
            of(keys),
            order.get(),
            told.revision.at.millis()
        )?;
    }
    Ok(())
}

/// The lines of one day as one statement: each is a line of the ledger and what it selects (currency, rows, amount).
macro_rules! lines_of_a_day {
    ($first:literal: $select:literal; $($line:literal: $selects:literal;)+) => {
        concat!(
            "INSERT INTO ledger_day (shop_id, day, line, currency, row_count, amount)
             SELECT CAST($1 AS BIGINT), CAST($2 AS BIGINT), '", $first, "', ", $select,
            $(" UNION ALL SELECT CAST($1 AS BIGINT), CAST($2 AS BIGINT), '", $line, "', ", $selects,)+
        )
    };
}

const RECOMPUTE: &str = lines_of_a_day! {
    "placed":
        "won.currency, CAST(COUNT(*) AS BIGINT),
         CAST(SUM(CASE WHEN told.bought_currency = won.currency THEN told.bought_minor ELSE won.amount_minor END) AS BIGINT)
         FROM credit AS won LEFT JOIN order_first AS told ON told.shop_id = $1 AND told.order_id = won.order_id
         WHERE won.shop_id = $1 AND won.class = 'credited' AND won.entry = 'order' AND won.at >= $3 AND won.at < $4
         GROUP BY won.currency";
    "edited":
        "won.currency, CAST(COUNT(*) AS BIGINT), CAST(SUM(won.amount_minor - told.bought_minor) AS BIGINT)
         FROM credit AS won JOIN order_first AS told ON told.shop_id = $1 AND told.order_id = won.order_id
         WHERE won.shop_id = $1 AND won.class = 'credited' AND won.entry = 'order' AND won.at >= $3 AND won.at < $4
         AND told.bought_currency = won.currency AND told.bought_minor <> won.amount_minor
         GROUP BY won.currency";
    "paid_late":
        "won.currency, CAST(COUNT(*) AS BIGINT), CAST(SUM(told.bought_minor) AS BIGINT)
         FROM credit AS won JOIN order_first AS told ON told.shop_id = $1 AND told.order_id = won.order_id
         WHERE won.shop_id = $1 AND won.class = 'credited' AND won.entry = 'order' AND won.at >= $3 AND won.at < $4
         AND told.bought_currency = won.currency AND told.bought_at - told.unpaid_at > 86400000
         GROUP BY won.currency";
    "refunded":
        "currency, CAST(COUNT(*) AS BIGINT), CAST(-SUM(amount_minor) AS BIGINT) FROM credit
         WHERE shop_id = $1 AND class = 'credited' AND entry LIKE 'refund:%' AND entry NOT LIKE 'refund:chargeback:%'
         AND at >= $3 AND at < $4 GROUP BY currency";
    "charged_back":
        "currency, CAST(COUNT(*) AS BIGINT), CAST(-SUM(amount_minor) AS BIGINT) FROM credit
         WHERE shop_id = $1 AND class = 'credited' AND entry LIKE 'refund:chargeback:%' AND at >= $3 AND at < $4
         GROUP BY currency";
    "cancelled":
        "currency, CAST(COUNT(*) AS BIGINT), CAST(-SUM(amount_minor) AS BIGINT) FROM credit
         WHERE shop_id = $1 AND class = 'credited' AND entry = 'cancelled' AND at >= $3 AND at < $4 GROUP BY currency";
    "discount":
        "used.currency, CAST(COUNT(*) AS BIGINT), CAST(SUM(used.amount_minor) AS BIGINT) FROM discount_use AS used
         WHERE used.shop_id = $1 AND used.at >= $3 AND used.at < $4 AND used.amount_minor > 0
         AND EXISTS (SELECT 1 FROM credit AS won WHERE won.shop_id = $1 AND won.order_id = used.order_id
         AND won.entry = 'order' AND won.class = 'credited')
         GROUP BY used.currency";
    "discount_elsewhere":
        "used.currency, CAST(COUNT(*) AS BIGINT), CAST(SUM(used.amount_minor) AS BIGINT) FROM discount_use AS used
         WHERE used.shop_id = $1 AND used.at >= $3 AND used.at < $4 AND used.amount_minor > 0
         AND NOT EXISTS (SELECT 1 FROM credit AS won WHERE won.shop_id = $1 AND won.order_id = used.order_id
         AND won.entry = 'order' AND won.class = 'credited')
         GROUP BY used.currency";
    "text_cost":
        "cost_currency, CAST(COUNT(*) AS BIGINT), CAST(SUM(cost_micros) AS BIGINT) FROM message
         WHERE shop_id = $1 AND purpose <> 'test' AND accepted_at >= $3 AND accepted_at < $4
         AND cost_currency IS NOT NULL AND cost_micros IS NOT NULL
         GROUP BY cost_currency";
    "unpriced":
        "'', CAST(COUNT(*) AS BIGINT), CAST(0 AS BIGINT) FROM message
         WHERE shop_id = $1 AND purpose <> 'test' AND accepted_at >= $3 AND accepted_at < $4
         AND (cost_currency IS NULL OR cost_micros IS NULL)
         HAVING COUNT(*) > 0";
    "goods_base":
        "won.currency, CAST(COUNT(*) AS BIGINT), CAST(SUM(won.amount_minor) AS BIGINT)
         FROM credit AS won JOIN shop_order ON shop_order.shop_id = $1 AND shop_order.order_id = won.order_id
         WHERE won.shop_id = $1 AND won.class = 'credited' AND won.at >= $3 AND won.at < $4
         AND shop_order.cost_minor IS NULL
         GROUP BY won.currency";
};
const _: () = assert!(LATE_AFTER_MS == 86_400_000, "the statements say it in their own words");

/// Makes the lines of one day `[from, to)` anew from the facts.
pub async fn recompute(tx: &mut Tx, shop: ShopId, day: i64, from: Time, to: Time) -> Result<(), Error> {
    let goods = goods_of(tx, shop, from, to).await?;
    let shop = shop.get();
    run!(tx, "DELETE FROM ledger_day WHERE shop_id = $1 AND day = $2", shop, day)?;
    run!(tx, RECOMPUTE, shop, day, from.millis(), to.millis())?;
    for (currency, (rows, amount)) in goods {
        run!(
            tx,
            "INSERT INTO ledger_day (shop_id, day, line, currency, row_count, amount) VALUES ($1, $2, $3, $4, $5, $6)",
            shop,
            day,
            Line::Goods.name(),
            currency.as_str(),
            rows,
            amount
        )?;
    }
    Ok(())
}

/// What the goods of orders that carry their cost add on this day, by currency: an entry's part depends on those before it.
async fn goods_of(tx: &mut Tx, shop: ShopId, from: Time, to: Time) -> Result<BTreeMap<String, (i64, i64)>, Error> {
    let rows = all!(
        tx,
        (i64, String, i64, i64, String, i64),
        "SELECT line.order_id, line.entry, line.amount_minor, line.at, line.currency, shop_order.cost_minor
         FROM credit AS line JOIN shop_order ON shop_order.shop_id = $1 AND shop_order.order_id = line.order_id
         WHERE line.shop_id = $1 AND line.class = 'credited' AND shop_order.cost_minor IS NOT NULL
           AND line.order_id IN (SELECT today.order_id FROM credit AS today
                                 WHERE today.shop_id = $1 AND today.at >= $2 AND today.at < $3)
         ORDER BY line.order_id, line.at, line.entry",
        shop.get(),
        from.millis(),
        to.millis()
    )?;
    let mut found: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for lines in rows.chunk_by(|one, other| one.0 == other.0) {
        let entry = |(_, entry, amount_minor, at, ..): &(i64, String, i64, i64, String, i64)| Entry {
            entry: entry.clone(),
            amount_minor: *amount_minor,
            at: time(*at),
        };
        let entries: Vec<Entry> = lines.iter().map(entry).collect();
        let total = entries.iter().find(|entry| entry.entry == "order").map_or(0, |entry| entry.amount_minor);
        let Some((.., currency, cost)) = lines.first() else { continue };
        for (entry, amount) in entries.iter().zip(goods(&entries, total, *cost)) {
            if entry.at >= from && entry.at < to {
                let sum = found.entry(currency.clone()).or_default();
                *sum = (sum.0 + 1, sum.1.saturating_add(amount));
            }
        }
    }
    Ok(found)
}

fn currency(code: &str) -> Result<Currency, Error> {
    Currency::parse(code).map_err(|_| Error::damaged("currency", code))
}

/// The lines of the days `[from_day, to_day]`.
pub async fn figures(read: &mut Read, shop: ShopId, from_day: i64, to_day: i64) -> Result<Vec<Figure>, Error> {
    let rows = all!(
        read,
        (i64, String, String, i64, i64),
        "SELECT day, line, currency, row_count, amount FROM ledger_day
         WHERE shop_id = $1 AND day >= $2 AND day <= $3 ORDER BY day, line, currency",
        shop.get(),
        from_day,
        to_day
    )?;
    rows.into_iter()
        .map(|(day, line, code, rows, amount)| {
            Ok(Figure {
                day,
                line: word("ledger line", &Line::ALL, Line::name, &line)?,
                currency: if code.is_empty() { None } else { Some(currency(&code)?) },
                rows,
                amount,
            })
        })
        .collect()
}

/// What stands behind a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behind {
    pub at: Time,
    pub order: Option<OrderId>,
    /// What people call the order; "" of a text.
    pub number: String,
    pub message: Option<MessageId>,
    /// In the unit of the line.
    pub amount: i64,
    /// The credit entry it is, where it is one.
    pub entry: String,
}

type BehindRow = (i64, i64, String, i64, String);

/// The rows of a line in a currency, in `[from, to)`, newest first. `Unpriced` has no currency.
pub async fn behind(
    read: &mut Read,
    keys: &ShopKeys,
    line: Line,
    code: &str,
    (from, to): (Time, Time),
    most: u32,
) -> Result<Vec<Behind>, Error> {
    macro_rules! rows {
        ($sql:literal) => {
            all!(read, BehindRow, $sql, of(keys), from.millis(), to.millis(), code, i64::from(most))?
        };
    }
    let of_texts = matches!(line, Line::TextCost | Line::Unpriced);
    let rows = match line {
        Line::Placed => rows!(
            "SELECT won.at, won.order_id, shop_order.number,
                    CASE WHEN told.bought_currency = won.currency THEN told.bought_minor ELSE won.amount_minor END,
                    won.entry
             FROM credit AS won
             JOIN shop_order ON shop_order.shop_id = $1 AND shop_order.order_id = won.order_id
             LEFT JOIN order_first AS told ON told.shop_id = $1 AND told.order_id = won.order_id
             WHERE won.shop_id = $1 AND won.class = 'credited' AND won.entry = 'order'
               AND won.at >= $2 AND won.at < $3 AND won.currency = $4
             ORDER BY won.at DESC, won.order_id DESC LIMIT $5"
        ),
        Line::Edited => rows!(
            "SELECT won.at, won.order_id, shop_order.number, won.amount_minor - told.bought_minor, won.entry
             FROM credit AS won
             JOIN shop_order ON shop_order.shop_id = $1 AND shop_order.order_id = won.order_id
             JOIN order_first AS told ON told.shop_id = $1 AND told.order_id = won.order_id
             WHERE won.shop_id = $1 AND won.class = 'credited' AND won.entry = 'order'
               AND won.at >= $2 AND won.at < $3 AND won.currency = $4
               AND told.bought_currency = won.currency AND told.bought_minor <> won.amount_minor
             ORDER BY won.at DESC, won.order_id DESC LIMIT $5"
        ),
        Line::PaidLate => rows!(
            "SELECT won.at, won.order_id, shop_order.number, told.bought_minor, won.entry
             FROM credit AS won
             JOIN shop_order ON shop_order.shop_id = $1 AND shop_order.order_id = won.order_id
             JOIN order_first AS told ON told.shop_id = $1 AND told.order_id = won.order_id
             WHERE won.shop_id = $1 AND won.class = 'credited' AND won.entry = 'order'
               AND won.at >= $2 AND won.at < $3 AND won.currency = $4
               AND told.bought_currency = won.currency AND told.bought_at - told.unpaid_at > 86400000
             ORDER BY won.at DESC, won.order_id DESC LIMIT $5"
        ),
        Line::Refunded => rows!(
            "SELECT back.at, back.order_id, shop_order.number, -back.amount_minor, back.entry
             FROM credit AS back JOIN shop_order ON shop_order.shop_id = $1 AND shop_order.order_id = back.order_id
             WHERE back.shop_id = $1 AND back.class = 'credited' AND back.entry LIKE 'refund:%'
               AND back.entry NOT LIKE 'refund:chargeback:%' AND back.at >= $2 AND back.at < $3 AND back.currency = $4
             ORDER BY back.at DESC, back.order_id DESC LIMIT $5"
        ),
        Line::ChargedBack => rows!(
            "SELECT back.at, back.order_id, shop_order.number, -back.amount_minor, back.entry
             FROM credit AS back JOIN shop_order ON shop_order.shop_id = $1 AND shop_order.order_id = back.order_id
             WHERE back.shop_id = $1 AND back.class = 'credited' AND back.entry LIKE 'refund:chargeback:%'
               AND back.at >= $2 AND back.at < $3 AND back.currency = $4
             ORDER BY back.at DESC, back.order_id DESC LIMIT $5"
        ),
        Line::Cancelled => rows!(
            "SELECT back.at, back.order_id, shop_order.number, -back.amount_minor, back.entry
             FROM credit AS back JOIN shop_order ON shop_order.shop_id = $1 AND shop_order.order_id = back.order_id
             WHERE back.shop_id = $1 AND back.class = 'credited' AND back.entry = 'cancelled'
               AND back.at >= $2 AND back.at < $3 AND back.currency = $4
             ORDER BY back.at DESC, back.order_id DESC LIMIT $5"
        ),
        Line::Discount => rows!(
            "SELECT used.at, used.order_id, shop_order.number, used.amount_minor, ''
             FROM discount_use AS used
             JOIN shop_order ON shop_order.shop_id = $1 AND shop_order.order_id = used.order_id
             WHERE used.shop_id = $1 AND used.at >= $2 AND used.at < $3 AND used.currency = $4 AND used.amount_minor > 0
               AND EXISTS (SELECT 1 FROM credit AS won WHERE won.shop_id = $1 AND won.order_id = used.order_id
                           AND won.entry = 'order' AND won.class = 'credited')
             ORDER BY used.at DESC, used.order_id DESC LIMIT $5"
        ),
        Line::DiscountElsewhere => rows!(
            "SELECT used.at, used.order_id, shop_order.number, used.amount_minor, ''
             FROM discount_use AS used
             JOIN shop_order ON shop_order.shop_id = $1 AND shop_order.order_id = used.order_id
             WHERE used.shop_id = $1 AND used.at >= $2 AND used.at < $3 AND used.currency = $4 AND used.amount_minor > 0
               AND NOT EXISTS (SELECT 1 FROM credit AS won WHERE won.shop_id = $1 AND won.order_id = used.order_id
                               AND won.entry = 'order' AND won.class = 'credited')
             ORDER BY used.at DESC, used.order_id DESC LIMIT $5"
        ),
        // Of the orders and what went back of them; the cost itself is shared out among these.
        Line::Goods | Line::GoodsBase => rows!(
            "SELECT won.at, won.order_id, shop_order.number, won.amount_minor, won.entry
             FROM credit AS won JOIN shop_order ON shop_order.shop_id = $1 AND shop_order.order_id = won.order_id
             WHERE won.shop_id = $1 AND won.class = 'credited' AND won.at >= $2 AND won.at < $3 AND won.currency = $4
             ORDER BY won.at DESC, won.order_id DESC LIMIT $5"
        ),
        Line::TextCost => rows!(
            "SELECT accepted_at, message_id, '', cost_micros, '' FROM message
             WHERE shop_id = $1 AND purpose <> 'test' AND accepted_at >= $2 AND accepted_at < $3
               AND cost_currency = $4 AND cost_micros IS NOT NULL
             ORDER BY accepted_at DESC, message_id DESC LIMIT $5"
        ),
        Line::Unpriced => rows!(
            "SELECT accepted_at, message_id, '', CAST(0 AS BIGINT), CAST($4 AS TEXT) FROM message
             WHERE shop_id = $1 AND purpose <> 'test' AND accepted_at >= $2 AND accepted_at < $3
               AND (cost_currency IS NULL OR cost_micros IS NULL)
             ORDER BY accepted_at DESC, message_id DESC LIMIT $5"
        ),
    };
    let row = |(at, id, number, amount, entry): BehindRow| Behind {
        at: time(at),
        order: (!of_texts).then(|| OrderId::new(id)),
        number,
        message: of_texts.then(|| MessageId::new(id)),
        amount,
        entry,
    };
    Ok(rows.into_iter().map(row).collect())
}

pub async fn setting(read: &mut Read, keys: &ShopKeys) -> Result<Setting, Error> {
    let row = first!(read, (String,), "SELECT body FROM ledger_setting WHERE shop_id = $1", of(keys))?;
    row.map_or(Ok(Setting::default()), |(body,)| from_json("ledger setting", &body))
}

pub async fn set(tx: &mut Tx, keys: &ShopKeys, setting: &Setting) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO ledger_setting (shop_id, body) VALUES ($1, $2)
         ON CONFLICT (shop_id) DO UPDATE SET body = excluded.body",
        of(keys),
        json(setting)?
    )?;
    Ok(())
}

/// Every rate of a shop, by currency, the newest first.
pub async fn rates(read: &mut Read, keys: &ShopKeys) -> Result<Vec<Rate>, Error> {
    let rows = all!(
        read,
        (String, String, i64, i64),
        "SELECT currency, to_currency, from_day, value FROM rate WHERE shop_id = $1
         ORDER BY currency, to_currency, from_day DESC",
        of(keys)
    )?;
    rows.into_iter()
        .map(|(code, to, from_day, value)| Ok(Rate { currency: currency(&code)?, to: currency(&to)?, from_day, value }))
        .collect()
}

/// The same currencies from the same day on again replace what was.
pub async fn put_rate(tx: &mut Tx, keys: &ShopKeys, rate: &Rate, (by, now): (&str, Time)) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO rate (shop_id, currency, to_currency, from_day, value, entered_at, by_name)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (shop_id, currency, to_currency, from_day) DO UPDATE SET
             value = excluded.value, entered_at = excluded.entered_at, by_name = excluded.by_name",
        of(keys),
        rate.currency.code(),
        rate.to.code(),
        rate.from_day,
        rate.value,
        now.millis(),
        by
    )?;
    Ok(())
}

/// `false` when there was none.
pub async fn remove_rate(
    tx: &mut Tx,
    keys: &ShopKeys,
    currency: Currency,
    to: Currency,
    from_day: i64,
) -> Result<bool, Error> {
    let removed = run!(
        tx,
        "DELETE FROM rate WHERE shop_id = $1 AND currency = $2 AND to_currency = $3 AND from_day = $4",
        of(keys),
        currency.code(),
        to.code(),
        from_day
    )?;
    Ok(removed > 0)
}

/// Every entry of what other channels cost, the newest first.
pub async fn spends(read: &mut Read, keys: &ShopKeys) -> Result<Vec<Spend>, Error> {
    let rows = all!(
        read,
        (String, i64, i64, String, i64, Option<i64>, Option<i64>),
        "SELECT channel, from_day, to_day, currency, amount_minor, revenue_minor, orders FROM channel_spend
         WHERE shop_id = $1 ORDER BY from_day DESC, channel, to_day, currency",
        of(keys)
    )?;
    rows.into_iter()
        .map(|(channel, from_day, to_day, code, amount_minor, revenue_minor, orders)| {
            Ok(Spend { channel, from_day, to_day, currency: currency(&code)?, amount_minor, revenue_minor, orders })
        })
        .collect()
}

/// The same channel, days and currency again replace what was.
pub async fn put_spend(tx: &mut Tx, keys: &ShopKeys, spend: &Spend, (by, now): (&str, Time)) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO channel_spend (shop_id, channel, from_day, to_day, currency, amount_minor, revenue_minor, orders,
                                    entered_at, by_name)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (shop_id, channel, from_day, to_day, currency) DO UPDATE SET
             amount_minor = excluded.amount_minor, revenue_minor = excluded.revenue_minor, orders = excluded.orders,
             entered_at = excluded.entered_at, by_name = excluded.by_name",
        of(keys),
        spend.channel.as_str(),
        spend.from_day,
        spend.to_day,
        spend.currency.code(),
        spend.amount_minor,
        spend.revenue_minor,
        spend.orders,
        now.millis(),
        by
    )?;
    Ok(())
}

/// `false` when there was none.
pub async fn remove_spend(
    tx: &mut Tx,
    keys: &ShopKeys,
    channel: &str,
    (from_day, to_day): (i64, i64),
    currency: Currency,
) -> Result<bool, Error> {
    let removed = run!(
        tx,
        "DELETE FROM channel_spend
         WHERE shop_id = $1 AND channel = $2 AND from_day = $3 AND to_day = $4 AND currency = $5",
        of(keys),
        channel,
        from_day,
        to_day,
        currency.code()
    )?;
    Ok(removed > 0)
}
