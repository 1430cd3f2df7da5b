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

/// Recomputes one day `[from, to)` from the facts.
pub async fn recompute(tx: &mut Tx, shop: ShopId, day: i64, from: Time, to: Time) -> Result<(), Error> {
    let shop = shop.get();
    let (from, to) = (from.millis(), to.millis());
    run!(tx, "DELETE FROM rollup WHERE shop_id = $1 AND day = $2", shop, day)?;
    macro_rules! count {
        ($metric:expr, $select:literal, $where:literal) => {
            run!(
                tx,
                concat!(
                    "INSERT INTO rollup (shop_id, day, metric, step, currency, country, gateway_id, value) ",
                    "SELECT CAST($1 AS BIGINT), CAST($2 AS BIGINT), CAST($3 AS TEXT), ",
                    $select,
                    " WHERE ",
                    $where
                ),
                shop,
                day,
                $metric.name(),
                from,
                to
            )?;
        };
    }
    count!(
        Metric::Abandoned,
        "0, '', country, 0, CAST(COUNT(*) AS BIGINT) FROM cart",
        "shop_id = $1 AND abandoned_at >= $4 AND abandoned_at < $5 GROUP BY country"
    );
    count!(
        Metric::AbandonedValue,
        "0, currency, country, 0, CAST(SUM(total_minor) AS BIGINT) FROM cart",
        "shop_id = $1 AND abandoned_at >= $4 AND abandoned_at < $5 AND currency <> '' GROUP BY currency, country"
    );
    count!(
        Metric::Reachable,
        "0, '', country, 0, CAST(COUNT(*) AS BIGINT) FROM cart",
        "shop_id = $1 AND reachable_at >= $4 AND reachable_at < $5 GROUP BY country"
    );
    count!(
        Metric::CartsTexted,
        "0, '', country, 0, CAST(COUNT(DISTINCT cart_id) AS BIGINT) FROM message",
        "shop_id = $1 AND purpose = 'reminder' AND step = 1 AND accepted_at >= $4 AND accepted_at < $5 GROUP BY country"
    );
    count!(
        Metric::Texts,
        "step, '', country, gateway_id, CAST(COUNT(*) AS BIGINT) FROM message",
        "shop_id = $1 AND purpose = 'reminder' AND accepted_at >= $4 AND accepted_at < $5 GROUP BY step, country, gateway_id"
    );
    count!(
        Metric::Segments,
        "step, '', country, gateway_id, CAST(SUM(segments) AS BIGINT) FROM message",
        "shop_id = $1 AND purpose <> 'test' AND accepted_at >= $4 AND accepted_at < $5 GROUP BY step, country, gateway_id"
    );
    count!(
        Metric::Delivered,
        "step, '', country, gateway_id, CAST(COUNT(*) AS BIGINT) FROM message",
        "shop_id = $1 AND purpose = 'reminder' AND delivered_at >= $4 AND delivered_at < $5 GROUP BY step, country, gateway_id"
    );
    count!(
        Metric::CostMicros,
        "step, cost_currency, country, gateway_id, CAST(SUM(cost_micros) AS BIGINT) FROM message",
        "shop_id = $1 AND purpose <> 'test' AND accepted_at >= $4 AND accepted_at < $5 AND cost_currency IS NOT NULL
         GROUP BY step, cost_currency, country, gateway_id"
    );
    // A message counts as clicked once, on the day of its first human tap.
    count!(
        Metric::Clicked,
        "message.step, '', message.country, message.gateway_id, CAST(COUNT(*) AS BIGINT)
         FROM click AS tap JOIN message ON message.shop_id = $1 AND message.message_id = tap.message_id",
        "tap.shop_id = $1 AND tap.at >= $4 AND tap.at < $5 AND tap.verdict = 'human'
           AND NOT EXISTS (SELECT 1 FROM click AS earlier WHERE earlier.shop_id = $1
               AND earlier.message_id = tap.message_id AND earlier.verdict = 'human'
               AND (earlier.at < tap.at OR (earlier.at = tap.at AND earlier.click_id < tap.click_id)))
         GROUP BY message.step, message.country, message.gateway_id"
    );
    count!(
        Metric::RecoveredOrders,
        "step, currency, '', 0, CAST(COUNT(*) AS BIGINT) FROM credit",
        "shop_id = $1 AND class = 'credited' AND entry = 'order' AND at >= $4 AND at < $5 GROUP BY step, currency"
    );
    count!(
        Metric::Gross,
        "step, currency, '', 0, CAST(SUM(amount_minor) AS BIGINT) FROM credit",
        "shop_id = $1 AND class = 'credited' AND entry = 'order' AND at >= $4 AND at < $5 GROUP BY step, currency"
    );
    count!(
        Metric::Refunded,
        "step, currency, '', 0, CAST(-SUM(amount_minor) AS BIGINT) FROM credit",
        "shop_id = $1 AND class = 'credited' AND entry <> 'order' AND at >= $4 AND at < $5 GROUP BY step, currency"
    );
    count!(
        Metric::AssistedOrders,
        "step, currency, '', 0, CAST(COUNT(*) AS BIGINT) FROM credit",
        "shop_id = $1 AND class = 'assisted' AND entry = 'order' AND at >= $4 AND at < $5 GROUP BY step, currency"
    );
    count!(
        Metric::AssistedNet,
        "step, currency, '', 0, CAST(SUM(amount_minor) AS BIGINT) FROM credit",
        "shop_id = $1 AND class = 'assisted' AND at >= $4 AND at < $5 GROUP BY step, currency"
    );
    count!(
        Metric::OptOuts,
        "0, '', '', 0, CAST(COUNT(DISTINCT phone) AS BIGINT) FROM opt_out",
        "shop_id = $1 AND at >= $4 AND at < $5 HAVING COUNT(*) > 0"
    );
    count!(
        Metric::Orders,
        "0, currency, '', 0, CAST(COUNT(*) AS BIGINT) FROM shop_order",
        "shop_id = $1 AND placed_at >= $4 AND placed_at < $5 GROUP BY currency"
    );
    count!(
        Metric::Discounts,
        "0, '', '', 0, CAST(COUNT(*) AS BIGINT) FROM discount",
        "shop_id = $1 AND made_at >= $4 AND made_at < $5 HAVING COUNT(*) > 0"
    );
    count!(
        Metric::DiscountsUsed,
        "step, currency, '', 0, CAST(COUNT(*) AS BIGINT) FROM discount_use",
        "shop_id = $1 AND at >= $4 AND at < $5 GROUP BY step, currency"
    );
    count!(
        Metric::DiscountValue,
        "step, currency, '', 0, CAST(SUM(amount_minor) AS BIGINT) FROM discount_use",
        "shop_id = $1 AND at >= $4 AND at < $5 GROUP BY step, currency"
    );
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
