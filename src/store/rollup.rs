//! Daily figures of a shop: recomputed for a day from the facts, read for a span without touching them.
//!
//! A day is the shop's own, given as its number since 1970-01-01 and its bounds in milliseconds. Each fact counts on the
//! day it happened: a refund on the day it was given, not on the day of its order.

use super::{
    Error, Read, Tx,
    db::{all, run},
};
use crate::domain::{
    id::{GatewayId, ShopId},
    report::{Figure, Metric},
    time::Time,
};

/// The figures of one day as one statement: as nineteen they were a quarter of all that was asked of the database. Each
/// is a metric, what it selects (step, currency, country, gateway, value) and which rows.
macro_rules! figures_of_a_day {
    ($first:literal: $select:literal, $where:literal; $($metric:literal: $selects:literal, $wheres:literal;)+) => {
        concat!(
            "INSERT INTO rollup (shop_id, day, metric, step, currency, country, gateway_id, value)
             SELECT CAST($1 AS BIGINT), CAST($2 AS BIGINT), '", $first, "', ", $select, " WHERE ", $where,
            $(
                " UNION ALL SELECT CAST($1 AS BIGINT), CAST($2 AS BIGINT), '", $metric, "', ", $selects,
                " WHERE ", $wheres,
            )+
        )
    };
}

/// One day's figures; public so that its plan can be looked at.
pub const RECOMPUTE: &str = figures_of_a_day! {
    "abandoned":
        "0, '', country, 0, CAST(COUNT(*) AS BIGINT) FROM cart",
        "shop_id = $1 AND abandoned_at >= $3 AND abandoned_at < $4 GROUP BY country";
    "abandoned_value":
        "0, currency, country, 0, CAST(SUM(total_minor) AS BIGINT) FROM cart",
        "shop_id = $1 AND abandoned_at >= $3 AND abandoned_at < $4 AND currency <> '' GROUP BY currency, country";
    "reachable":
        "0, '', country, 0, CAST(COUNT(*) AS BIGINT) FROM cart",
        "shop_id = $1 AND reachable_at >= $3 AND reachable_at < $4 GROUP BY country";
    "carts_texted":
        "0, '', country, 0, CAST(COUNT(DISTINCT cart_id) AS BIGINT) FROM message",
        "shop_id = $1 AND purpose = 'reminder' AND step = 1 AND accepted_at >= $3 AND accepted_at < $4 GROUP BY country";
    "texts":
        "step, '', country, gateway_id, CAST(COUNT(*) AS BIGINT) FROM message",
        "shop_id = $1 AND purpose = 'reminder' AND accepted_at >= $3 AND accepted_at < $4 GROUP BY step, country, gateway_id";
    "segments":
        "step, '', country, gateway_id, CAST(SUM(segments) AS BIGINT) FROM message",
        "shop_id = $1 AND purpose <> 'test' AND accepted_at >= $3 AND accepted_at < $4 GROUP BY step, country, gateway_id";
    "delivered":
        "step, '', country, gateway_id, CAST(COUNT(*) AS BIGINT) FROM message",
        "shop_id = $1 AND purpose = 'reminder' AND delivered_at >= $3 AND delivered_at < $4 GROUP BY step, country, gateway_id";
    "cost_micros":
        "step, cost_currency, country, gateway_id, CAST(SUM(cost_micros) AS BIGINT) FROM message",
        "shop_id = $1 AND purpose <> 'test' AND accepted_at >= $3 AND accepted_at < $4 AND cost_currency IS NOT NULL
         GROUP BY step, cost_currency, country, gateway_id";
    // A message counts as clicked once, on the day of its first human tap.
    "clicked":
        "message.step, '', message.country, message.gateway_id, CAST(COUNT(*) AS BIGINT)
         FROM click AS tap JOIN message ON message.shop_id = $1 AND message.message_id = tap.message_id",
        "tap.shop_id = $1 AND tap.at >= $3 AND tap.at < $4 AND tap.verdict = 'human'
           AND NOT EXISTS (SELECT 1 FROM click AS earlier WHERE earlier.shop_id = $1
               AND earlier.message_id = tap.message_id AND earlier.verdict = 'human'
               AND (earlier.at < tap.at OR (earlier.at = tap.at AND earlier.click_id < tap.click_id)))
         GROUP BY message.step, message.country, message.gateway_id";
    "recovered_orders":
        "step, currency, '', 0, CAST(COUNT(*) AS BIGINT) FROM credit",
        "shop_id = $1 AND class = 'credited' AND entry = 'order' AND at >= $3 AND at < $4 GROUP BY step, currency";
    "gross":
        "step, currency, '', 0, CAST(SUM(amount_minor) AS BIGINT) FROM credit",
        "shop_id = $1 AND class = 'credited' AND entry = 'order' AND at >= $3 AND at < $4 GROUP BY step, currency";
    "refunded":
        "step, currency, '', 0, CAST(-SUM(amount_minor) AS BIGINT) FROM credit",
        "shop_id = $1 AND class = 'credited' AND entry <> 'order' AND at >= $3 AND at < $4 GROUP BY step, currency";
    "assisted_orders":
        "step, currency, '', 0, CAST(COUNT(*) AS BIGINT) FROM credit",
        "shop_id = $1 AND class = 'assisted' AND entry = 'order' AND at >= $3 AND at < $4 GROUP BY step, currency";
    "assisted_net":
        "step, currency, '', 0, CAST(SUM(amount_minor) AS BIGINT) FROM credit",
        "shop_id = $1 AND class = 'assisted' AND at >= $3 AND at < $4 GROUP BY step, currency";
    "opt_outs":
        "0, '', '', 0, CAST(COUNT(DISTINCT phone) AS BIGINT) FROM opt_out",
        "shop_id = $1 AND at >= $3 AND at < $4 HAVING COUNT(*) > 0";
    "orders":
        "0, currency, '', 0, CAST(COUNT(*) AS BIGINT) FROM shop_order",
        "shop_id = $1 AND placed_at >= $3 AND placed_at < $4 GROUP BY currency";
    "discounts":
        "0, '', '', 0, CAST(COUNT(*) AS BIGINT) FROM discount",
        "shop_id = $1 AND made_at >= $3 AND made_at < $4 HAVING COUNT(*) > 0";
    "discounts_used":
        "step, currency, '', 0, CAST(COUNT(*) AS BIGINT) FROM discount_use",
        "shop_id = $1 AND at >= $3 AND at < $4 GROUP BY step, currency";
    "discount":
        "step, currency, '', 0, CAST(SUM(amount_minor) AS BIGINT) FROM discount_use",
        "shop_id = $1 AND at >= $3 AND at < $4 GROUP BY step, currency";
};

/// Recomputes one day `[from, to)` from the facts.
pub async fn recompute(tx: &mut Tx, shop: ShopId, day: i64, from: Time, to: Time) -> Result<(), Error> {
    run!(tx, "DELETE FROM rollup WHERE shop_id = $1 AND day = $2", shop.get(), day)?;
    run!(tx, RECOMPUTE, shop.get(), day, from.millis(), to.millis())?;
    Ok(())
}

/// The figures of the days `[from_day, to_day]`.
pub async fn figures(read: &mut Read, shop: ShopId, from_day: i64, to_day: i64) -> Result<Vec<Figure>, Error> {
    let rows = all!(
        read,
        (i64, String, i64, String, i64),
        "SELECT day, metric, step, currency, CAST(SUM(value) AS BIGINT) FROM rollup
         WHERE shop_id = $1 AND day >= $2 AND day <= $3 GROUP BY day, metric, step, currency
         ORDER BY day, metric, step, currency",
        shop.get(),
        from_day,
        to_day
    )?;
    rows.into_iter()
        .map(|(day, metric, step, currency, value)| {
            Ok(Figure {
                day,
                metric: super::word("metric", &Metric::ALL, Metric::name, &metric)?,
                step: u32::try_from(step).unwrap_or(0),
                currency: crate::domain::money::Currency::parse(&currency).ok(),
                value,
            })
        })
        .collect()
}

/// The figures of the days `[from_day, to_day]` by country and gateway, their days summed up. "" is no country.
pub async fn figures_apart(
    read: &mut Read,
    shop: ShopId,
    from_day: i64,
    to_day: i64,
) -> Result<Vec<(String, Option<GatewayId>, Figure)>, Error> {
    let rows = all!(
        read,
        (String, i64, String, String, i64),
        "SELECT country, gateway_id, metric, currency, CAST(SUM(value) AS BIGINT) FROM rollup
         WHERE shop_id = $1 AND day >= $2 AND day <= $3 GROUP BY country, gateway_id, metric, currency
         ORDER BY country, gateway_id, metric, currency",
        shop.get(),
        from_day,
        to_day
    )?;
    rows.into_iter()
        .map(|(country, gateway, metric, currency, value)| {
            let figure = Figure {
                day: from_day,
                metric: super::word("metric", &Metric::ALL, Metric::name, &metric)?,
                step: 0,
                currency: crate::domain::money::Currency::parse(&currency).ok(),
                value,
            };
            Ok((country, (gateway != 0).then(|| GatewayId::new(gateway)), figure))
        })
        .collect()
}

/// Orders credited so far, over all shops, for the metrics page. An operator read.
pub async fn recovered_orders(read: &mut Read) -> Result<u64, Error> {
    let row = super::db::first!(
        read,
        (i64,),
        "SELECT CAST(COALESCE(SUM(value), 0) AS BIGINT) FROM rollup WHERE metric = 'recovered_orders'"
    )?;
    Ok(row.map_or(0, |(count,)| count.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::{Metric, RECOMPUTE};

    #[test]
    fn every_figure_is_recomputed_under_its_own_name() {
        for metric in Metric::ALL {
            let name = format!("'{}'", metric.name());
            assert_eq!(RECOMPUTE.matches(&name).count(), 1, "{name}");
        }
    }
}
