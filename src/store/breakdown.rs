//! A day's facts, alike ones counted together, and the day broken down as it is kept. Reading a report costs its days;
//! recomputing a day costs what happened on it.

use super::{
    Error, Read, Tx,
    db::{all, first, run},
    from_json, json, time,
};
use crate::domain::{
    breakdown::{Detail, Fact, Reached, What},
    id::ShopId,
    money::Currency,
    time::Time,
};

#[derive(sqlx::FromRow)]
struct Row {
    mark: String,
    sequence: String,
    step: i64,
    language: String,
    country: String,
    gateway: i64,
    product: String,
    source: String,
    device: String,
    payment: String,
    currency: String,
    quarter: i64,
    minutes: i64,
    count: i64,
    amount: i64,
    segments: i64,
    micros: i64,
}

/// The columns every statement here answers with; those a kind of fact does not have are given as nothing.
macro_rules! facts {
    ($read:expr, $shop:expr, $from:expr, $to:expr, mark: $mark:literal, of_text: $text:literal, device: $device:literal,
     payment: $payment:literal, currency: $currency:literal, quarter: $quarter:literal, minutes: $minutes:literal,
     sums: $sums:literal, $rest:literal) => {
        all!(
            $read,
            Row,
            concat!(
                "SELECT CAST(",
                $mark,
                " AS TEXT) AS mark, ",
                $text,
                ", CAST(",
                $device,
                " AS TEXT) AS device, CAST(",
                $payment,
                " AS TEXT) AS payment, CAST(",
                $currency,
                " AS TEXT) AS currency, CAST(",
                $quarter,
                " AS BIGINT) AS quarter, CAST(",
                $minutes,
                " AS BIGINT) AS minutes, ",
                $sums,
                " ",
                $rest
            ),
            $shop,
            $from,
            $to
        )?
    };
}

/// What happened on the day `[from, to)`.
pub async fn facts(read: &mut Read, shop: ShopId, from: Time, to: Time) -> Result<Vec<Fact>, Error> {
    let (shop, from, to) = (shop.get(), from.millis(), to.millis());
    let mut facts = Vec::new();
    let mut add = |rows: Vec<Row>, what: fn(&Row) -> What| {
        facts.extend(rows.into_iter().map(|row| {
            let what = what(&row);
            row.into_fact(what)
        }));
    };
    let carts = facts!(
        read, shop, from, to,
        mark: "CASE
            WHEN EXISTS (SELECT 1 FROM message JOIN credit ON credit.shop_id = $1
                           AND credit.message_id = message.message_id AND credit.class = 'credited'
                         WHERE message.shop_id = $1 AND message.cart_id = cart.cart_id AND message.purpose = 'reminder')
                THEN 'bought'
            WHEN EXISTS (SELECT 1 FROM message JOIN click ON click.shop_id = $1
                           AND click.message_id = message.message_id AND click.verdict = 'human'
                         WHERE message.shop_id = $1 AND message.cart_id = cart.cart_id AND message.purpose = 'reminder')
                THEN 'clicked'
            WHEN EXISTS (SELECT 1 FROM message WHERE message.shop_id = $1 AND message.cart_id = cart.cart_id
                           AND message.purpose = 'reminder' AND message.delivered_at IS NOT NULL) THEN 'delivered'
            WHEN EXISTS (SELECT 1 FROM message WHERE message.shop_id = $1 AND message.cart_id = cart.cart_id
                           AND message.purpose = 'reminder' AND message.accepted_at IS NOT NULL) THEN 'sent'
            WHEN EXISTS (SELECT 1 FROM message WHERE message.shop_id = $1 AND message.cart_id = cart.cart_id
                           AND message.purpose = 'reminder') THEN 'allowed'
            WHEN cart.reachable_at IS NOT NULL THEN 'consent'
            WHEN cart.reach = 'mobile' THEN 'mobile'
            WHEN cart.reach = 'typed' THEN 'phone'
            ELSE 'abandoned' END",
        of_text: "CAST('' AS TEXT) AS sequence, CAST(0 AS BIGINT) AS step, CAST('' AS TEXT) AS language,
            cart.country AS country, CAST(0 AS BIGINT) AS gateway, COALESCE(cart.product, '') AS product,
            COALESCE(cart.source, '') AS source",
        device: "''", payment: "''", currency: "cart.currency", quarter: "0", minutes: "0",
        sums: "CAST(COUNT(*) AS BIGINT) AS count, CAST(COALESCE(SUM(cart.total_minor), 0) AS BIGINT) AS amount,
            CAST(0 AS BIGINT) AS segments, CAST(0 AS BIGINT) AS micros",
        "FROM cart WHERE cart.shop_id = $1 AND cart.abandoned_at >= $2 AND cart.abandoned_at < $3
         GROUP BY 1, 5, 7, 8, 11"
    );
    add(carts, |row| What::Carts(reached(&row.mark)));
    let texts = facts!(
        read, shop, from, to,
        mark: "message.purpose",
        of_text: "message.sequence AS sequence, message.step AS step, COALESCE(message.language, '') AS language,
            message.country AS country, message.gateway_id AS gateway, COALESCE(cart.product, '') AS product,
            COALESCE(cart.source, '') AS source",
        device: "''", payment: "''", currency: "COALESCE(message.cost_currency, '')",
        quarter: "(message.accepted_at - $2) / 900000", minutes: "0",
        sums: "CAST(COUNT(*) AS BIGINT) AS count, CAST(0 AS BIGINT) AS amount,
            CAST(COALESCE(SUM(message.segments), 0) AS BIGINT) AS segments,
            CAST(COALESCE(SUM(message.cost_micros), 0) AS BIGINT) AS micros",
        "FROM message LEFT JOIN cart ON cart.shop_id = $1 AND cart.cart_id = message.cart_id
         WHERE message.shop_id = $1 AND message.purpose <> 'test' AND message.accepted_at >= $2
           AND message.accepted_at < $3
         GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 11, 12"
    );
    add(texts, |row| if row.mark == "reminder" { What::Reminders } else { What::ServiceTexts });
    let delivered = facts!(
        read, shop, from, to,
        mark: "''",
        of_text: "message.sequence AS sequence, message.step AS step, COALESCE(message.language, '') AS language,
            message.country AS country, message.gateway_id AS gateway, COALESCE(cart.product, '') AS product,
            COALESCE(cart.source, '') AS source",
        device: "''", payment: "''", currency: "''", quarter: "0", minutes: "0",
        sums: "CAST(COUNT(*) AS BIGINT) AS count, CAST(0 AS BIGINT) AS amount, CAST(0 AS BIGINT) AS segments,
            CAST(0 AS BIGINT) AS micros",
        "FROM message LEFT JOIN cart ON cart.shop_id = $1 AND cart.cart_id = message.cart_id
         WHERE message.shop_id = $1 AND message.purpose = 'reminder' AND message.delivered_at >= $2
           AND message.delivered_at < $3
         GROUP BY 2, 3, 4, 5, 6, 7, 8"
    );
    add(delivered, |_| What::Delivered);
    // A text counts as tapped once, at its first tap, with the device of that.
    let tapped = facts!(
        read, shop, from, to,
        mark: "''",
        of_text: "message.sequence AS sequence, message.step AS step, COALESCE(message.language, '') AS language,
            message.country AS country, message.gateway_id AS gateway, COALESCE(cart.product, '') AS product,
            COALESCE(cart.source, '') AS source",
        device: "COALESCE(tap.device, '')", payment: "''", currency: "''", quarter: "(tap.at - $2) / 900000",
        minutes: "0",
        sums: "CAST(COUNT(*) AS BIGINT) AS count, CAST(0 AS BIGINT) AS amount, CAST(0 AS BIGINT) AS segments,
            CAST(0 AS BIGINT) AS micros",
        "FROM click AS tap JOIN message ON message.shop_id = $1 AND message.message_id = tap.message_id
         LEFT JOIN cart ON cart.shop_id = $1 AND cart.cart_id = message.cart_id
         WHERE tap.shop_id = $1 AND tap.at >= $2 AND tap.at < $3 AND tap.verdict = 'human'
           AND NOT EXISTS (SELECT 1 FROM click AS earlier WHERE earlier.shop_id = $1
               AND earlier.message_id = tap.message_id AND earlier.verdict = 'human'
               AND (earlier.at < tap.at OR (earlier.at = tap.at AND earlier.click_id < tap.click_id)))
         GROUP BY 2, 3, 4, 5, 6, 7, 8, 9, 12"
    );
    add(tapped, |_| What::Tapped);
    let credits = facts!(
        read, shop, from, to,
        mark: "credit.class || CASE WHEN credit.entry = 'order' THEN '' ELSE ' back' END",
        of_text: "message.sequence AS sequence, message.step AS step, COALESCE(message.language, '') AS language,
            message.country AS country, message.gateway_id AS gateway, COALESCE(cart.product, '') AS product,
            COALESCE(cart.source, '') AS source",
        device: "COALESCE((SELECT click.device FROM click WHERE click.shop_id = $1
                  AND click.message_id = credit.message_id AND click.verdict = 'human'
                  AND click.at <= shop_order.placed_at ORDER BY click.at DESC, click.click_id DESC LIMIT 1), '')",
        payment: "COALESCE(shop_order.payment, '')", currency: "credit.currency",
        quarter: "(credit.at - $2) / 900000",
        minutes: "COALESCE((shop_order.placed_at - COALESCE(cart.abandoned_at, message.accepted_at)) / 60000, 0)",
        sums: "CAST(1 AS BIGINT) AS count, credit.amount_minor AS amount, CAST(0 AS BIGINT) AS segments,
            CAST(0 AS BIGINT) AS micros",
        "FROM credit JOIN message ON message.shop_id = $1 AND message.message_id = credit.message_id
         JOIN shop_order ON shop_order.shop_id = $1 AND shop_order.order_id = credit.order_id
         LEFT JOIN cart ON cart.shop_id = $1 AND cart.cart_id = message.cart_id
         WHERE credit.shop_id = $1 AND credit.at >= $2 AND credit.at < $3"
    );
    add(credits, |row| match row.mark.as_str() {
        "credited" => What::Credited,
        "credited back" => What::CreditedBack,
        "assisted" => What::Assisted,
        "assisted back" => What::AssistedBack,
        _ => What::Nothing,
    });
    let discounted = facts!(
        read, shop, from, to,
        mark: "''",
        of_text: "message.sequence AS sequence, message.step AS step, COALESCE(message.language, '') AS language,
            message.country AS country, message.gateway_id AS gateway, COALESCE(cart.product, '') AS product,
            COALESCE(cart.source, '') AS source",
        device: "''", payment: "''", currency: "discount_use.currency", quarter: "0", minutes: "0",
        sums: "CAST(COUNT(*) AS BIGINT) AS count, CAST(COALESCE(SUM(discount_use.amount_minor), 0) AS BIGINT) AS amount,
            CAST(0 AS BIGINT) AS segments, CAST(0 AS BIGINT) AS micros",
        "FROM discount_use JOIN message ON message.shop_id = $1 AND message.message_id = discount_use.message_id
         LEFT JOIN cart ON cart.shop_id = $1 AND cart.cart_id = message.cart_id
         WHERE discount_use.shop_id = $1 AND discount_use.at >= $2 AND discount_use.at < $3
         GROUP BY 2, 3, 4, 5, 6, 7, 8, 11"
    );
    add(discounted, |_| What::Discounted);
    let orders = facts!(
        read, shop, from, to,
        mark: "''",
        of_text: "CAST('' AS TEXT) AS sequence, CAST(0 AS BIGINT) AS step, CAST('' AS TEXT) AS language,
            CAST('' AS TEXT) AS country, CAST(0 AS BIGINT) AS gateway, CAST('' AS TEXT) AS product,
            CAST('' AS TEXT) AS source",
        device: "''", payment: "COALESCE(shop_order.payment, '')", currency: "shop_order.currency", quarter: "0",
        minutes: "0",
        sums: "CAST(COUNT(*) AS BIGINT) AS count, CAST(0 AS BIGINT) AS amount, CAST(0 AS BIGINT) AS segments,
            CAST(0 AS BIGINT) AS micros",
        "FROM shop_order WHERE shop_order.shop_id = $1 AND shop_order.placed_at >= $2 AND shop_order.placed_at < $3
         GROUP BY 10, 11"
    );
    add(orders, |_| What::Ordered);
    Ok(facts)
}

fn reached(mark: &str) -> Reached {
    Reached::ALL.into_iter().find(|known| known.name() == mark).unwrap_or(Reached::Abandoned)
}

impl Row {
    fn into_fact(self, what: What) -> Fact {
        Fact {
            what,
            sequence: self.sequence,
            step: u32::try_from(self.step).unwrap_or(0),
            language: self.language,
            country: self.country,
            gateway: self.gateway,
            product: self.product,
            source: self.source,
            device: self.device,
            payment: self.payment,
            currency: Currency::parse(&self.currency).ok(),
            count: self.count,
            amount: self.amount,
            segments: self.segments,
            micros: self.micros,
            quarter: self.quarter,
            minutes: self.minutes,
        }
    }
}

/// Keeps a day.
pub async fn put(tx: &mut Tx, shop: ShopId, day: i64, detail: &Detail) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO rollup_detail (shop_id, day, body) VALUES ($1, $2, $3)
         ON CONFLICT (shop_id, day) DO UPDATE SET body = excluded.body",
        shop.get(),
        day,
        json(detail)?
    )?;
    Ok(())
}

/// When a day was kept last, and from how many facts, where that was noted.
pub async fn made(read: &mut Read, shop: ShopId, day: i64) -> Result<Option<(Time, u64)>, Error> {
    let row = first!(
        read,
        (Option<i64>, Option<i64>),
        "SELECT made_at, facts FROM rollup_detail WHERE shop_id = $1 AND day = $2",
        shop.get(),
        day
    )?;
    Ok(row.and_then(|(at, facts)| Some((time(at?), facts?.unsigned_abs()))))
}

/// Notes when a kept day was made, and from how many facts.
pub async fn note_made(tx: &mut Tx, shop: ShopId, day: i64, (at, facts): (Time, u64)) -> Result<(), Error> {
    run!(
        tx,
        "UPDATE rollup_detail SET made_at = $3, facts = $4 WHERE shop_id = $1 AND day = $2",
        shop.get(),
        day,
        at.millis(),
        i64::try_from(facts).unwrap_or(i64::MAX)
    )?;
    Ok(())
}

/// The days `[from_day, to_day]`, added up.
pub async fn of_days(read: &mut Read, shop: ShopId, from_day: i64, to_day: i64) -> Result<Detail, Error> {
    let rows = all!(
        read,
        (String,),
        "SELECT body FROM rollup_detail WHERE shop_id = $1 AND day >= $2 AND day <= $3 ORDER BY day",
        shop.get(),
        from_day,
        to_day
    )?;
    let mut whole = Detail::default();
    for (body,) in rows {
        whole.merge(from_json("rollup", &body)?);
    }
    Ok(whole)
}
