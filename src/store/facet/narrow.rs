//! What a figure of the report counts, as conditions of the lists that show its rows. Each is the very expression
//! `store::breakdown` counts by, so that figure and list agree. Asked of the rows a list looks at anyway: the span of the
//! figure leads there, and they are at most `listing::LOOKED_AT`.

use crate::{
    domain::time::Time,
    store::listing::{Bind, Cond},
};

/// What a list is narrowed to by a figure. Words are as filed; "" is what was not told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facets {
    pub language: Option<String>,
    /// ISO 3166-1 alpha-2, of the text.
    pub country: Option<String>,
    pub gateway: Option<i64>,
    pub sequence: Option<String>,
    pub product: Option<String>,
    pub source: Option<String>,
    pub device: Option<String>,
    pub payment: Option<String>,
    /// Minutes from abandoned to ordered, both counted.
    pub delay: Option<(i64, i64)>,
    pub hour: Option<HourOfWeek>,
}

/// One hour of one weekday on a shop's clock, within a span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HourOfWeek {
    /// 1 is Monday.
    pub weekday: u8,
    /// 0 to 23.
    pub hour: u8,
    /// The span, cut where the clock is changed: `[from, to)` with the milliseconds the clock is ahead of UTC.
    pub pieces: Vec<(Time, Time, i64)>,
}

const HOUR_MILLIS: i64 = 3_600_000;
const DAY_MILLIS: i64 = 24 * HOUR_MILLIS;
const WEEK_MILLIS: i64 = 7 * DAY_MILLIS;
/// The 1st of January 1970 was a Thursday.
const SINCE_MONDAY_MILLIS: i64 = 3 * DAY_MILLIS;

impl HourOfWeek {
    fn cond(&self, key: &'static str) -> Cond {
        let begins = i64::from(self.weekday.saturating_sub(1)) * DAY_MILLIS + i64::from(self.hour) * HOUR_MILLIS;
        // No piece, no row.
        let (mut text, mut binds) = (String::from("(1 = 0"), Vec::new());
        for (from, to, ahead) in &self.pieces {
            for part in [" OR (", key, " >= ? AND ", key, " < ? AND (", key, " + ?) % "] {
                text.push_str(part);
            }
            text.push_str(&WEEK_MILLIS.to_string());
            for part in [" >= ? AND (", key, " + ?) % "] {
                text.push_str(part);
            }
            text.push_str(&WEEK_MILLIS.to_string());
            text.push_str(" < ?)");
            let shift = ahead + SINCE_MONDAY_MILLIS;
            let values = [from.millis(), to.millis(), shift, begins, shift, begins + HOUR_MILLIS];
            binds.extend(values.map(Bind::Int));
        }
        text.push(')');
        Cond(text.into(), binds)
    }
}

impl Facets {
    /// Of carts. The list must hold `product` and `source`.
    pub(in crate::store) fn of_carts(&self) -> Vec<Cond> {
        let mut conds = Vec::new();
        conds.extend(self.product.as_deref().map(|value| Cond::text("COALESCE(product, '') = ?", value)));
        conds.extend(self.source.as_deref().map(|value| Cond::text("COALESCE(source, '') = ?", value)));
        conds
    }

    /// Of texts, in the order of `key`. The list must hold `language`, `sequence` and `cart_id`.
    pub(in crate::store) fn of_texts(&self, key: &'static str) -> Vec<Cond> {
        macro_rules! of_cart {
            ($column:literal) => {
                concat!(
                    "COALESCE((SELECT cart.",
                    $column,
                    " FROM cart WHERE cart.shop_id = $1 AND cart.cart_id = seen.cart_id), '') = ?"
                )
            };
        }
        let mut conds = Vec::new();
        conds.extend(self.language.as_deref().map(|value| Cond::text("COALESCE(language, '') = ?", value)));
        conds.extend(self.sequence.as_deref().map(|value| Cond::text("sequence = ?", value)));
        conds.extend(self.product.as_deref().map(|value| Cond::text(of_cart!("product"), value)));
        conds.extend(self.source.as_deref().map(|value| Cond::text(of_cart!("source"), value)));
        conds.extend(self.device.as_deref().map(|value| {
            Cond::text(
                "COALESCE((SELECT click.device FROM click WHERE click.shop_id = $1
                    AND click.message_id = seen.message_id AND click.verdict = 'human'
                    ORDER BY click.at, click.click_id LIMIT 1), '') = ?",
                value,
            )
        }));
        conds.extend(self.hour.as_ref().map(|hour| hour.cond(key)));
        conds
    }

    /// Of orders and the text each is credited to, in the order of `key`.
    pub(in crate::store) fn of_orders(&self, key: &'static str) -> Vec<Cond> {
        macro_rules! of_credit {
            ($asked:literal) => {
                concat!(
                    "EXISTS (SELECT 1 FROM credit JOIN message ON message.shop_id = $1
                         AND message.message_id = credit.message_id
                     JOIN shop_order ON shop_order.shop_id = $1 AND shop_order.order_id = credit.order_id
                     LEFT JOIN cart ON cart.shop_id = $1 AND cart.cart_id = message.cart_id
                     WHERE credit.shop_id = $1 AND credit.order_id = seen.order_id AND credit.entry = 'order' AND ",
                    $asked,
                    ")"
                )
            };
        }
        let text = |sql: &'static str, value: &Option<String>| value.as_deref().map(|value| Cond::text(sql, value));
        let mut conds = Vec::new();
        conds.extend(text(of_credit!("COALESCE(message.language, '') = ?"), &self.language));
        conds.extend(text(of_credit!("message.country = ?"), &self.country));
        conds.extend(self.gateway.map(|gateway| Cond::int(of_credit!("message.gateway_id = ?"), gateway)));
        conds.extend(text(of_credit!("message.sequence = ?"), &self.sequence));
        conds.extend(text(of_credit!("COALESCE(cart.product, '') = ?"), &self.product));
        conds.extend(text(of_credit!("COALESCE(cart.source, '') = ?"), &self.source));
        conds.extend(text(
            of_credit!(
                "COALESCE((SELECT click.device FROM click WHERE click.shop_id = $1
                     AND click.message_id = credit.message_id AND click.verdict = 'human'
                     AND click.at <= shop_order.placed_at ORDER BY click.at DESC, click.click_id DESC LIMIT 1), '') = ?"
            ),
            &self.device,
        ));
        conds.extend(text(
            "EXISTS (SELECT 1 FROM shop_order AS paid WHERE paid.shop_id = $1 AND paid.order_id = seen.order_id
                 AND COALESCE(paid.payment, '') = ?)",
            &self.payment,
        ));
        conds.extend(self.delay.map(|(from, to)| {
            let sql = of_credit!(
                "COALESCE((shop_order.placed_at - COALESCE(cart.abandoned_at, message.accepted_at)) / 60000, 0)
                     BETWEEN ? AND ?"
            );
            Cond(sql.into(), vec![Bind::Int(from), Bind::Int(to)])
        }));
        conds.extend(self.hour.as_ref().map(|hour| hour.cond(key)));
        conds
    }

    /// Whether it narrows anything: a list then looks at more columns than its index holds.
    pub(in crate::store) fn is_none(&self) -> bool {
        *self == Facets::default()
    }
}
